package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/mlfmonde/cluster/recette"
	"github.com/mlfmonde/cluster/recette/explore"
	"github.com/mlfmonde/cluster/recette/incident"
	"github.com/mlfmonde/cluster/recette/swarm"
)

// explorer is what explore was asked for.
type explorer struct {
	shell
	explore.Options
	asJSON   bool
	evidence string
}

func newExplore(sh shell) *cobra.Command {
	e := explorer{shell: sh}
	cmd := &cobra.Command{
		Use:   "explore",
		Short: "every fault at every call of every transition, then pairs, triples, random runs",
		Long: `explore plays each transition once to learn its port calls, and then again with
faults: with --faults 1 every kind of fault at every call, once and for ever;
with 2 every pair and with 3 every triple, until --for or --plans is used up, in
an order that takes any beginning evenly from everywhere. With --random it plays
scenarios that are drawn whole from consecutive seeds.

A plan is the text of a scenario. What does not hold is shown with its plan and
the command that plays it again. One plan in twenty is played twice, and the
traces must not differ. Ctrl-C ends it with what was covered so far.`,
		Example: "  sim explore --faults 1 --json\n  sim explore --faults 2 --for 10m\n  sim explore --rows 'a-b_to_*' --fault 'a Snapshots.Send half nth 2'\n  sim explore --random 1000 --seed 7",
		Args:    given(cobra.NoArgs),
		RunE:    func(cmd *cobra.Command, _ []string) error { return e.run(cmd) },
	}
	f := cmd.Flags()
	f.StringArrayVar(&e.Rows, "rows", nil, "only transitions of these names; * stands for anything; repeatable")
	f.IntVar(&e.Faults, "faults", 1, "how many at once: 0, 1, 2 or 3")
	f.StringArrayVar(&e.Lines, "fault", nil, "exactly this one instead, in the words of scenarios; repeatable for several at once")
	f.Uint64Var(&e.Random, "random", 0, "so many random scenarios instead")
	f.Uint64Var(&e.Seed, "seed", 1, "of the order of plans; the first of random scenarios")
	f.DurationVar(&e.For, "for", 0, "begin no more plans after that time")
	f.Uint64Var(&e.Plans, "plans", 0, "play so many at most")
	f.IntVar(&e.StopAt, "stop-at", 0, "end at so many violations")
	f.IntVar(&e.Workers, "workers", 0, "plans at once (default one per core)")
	f.StringVar(&e.evidence, "evidence", "", "leave a folder below this one for each violation: plan, tape, trace, state, timeline")
	f.BoolVar(&e.asJSON, "json", false, "the report as JSON on standard output")
	return cmd
}

func (e *explorer) run(cmd *cobra.Command) error {
	if e.Faults < 0 || e.Faults > 3 {
		return fmt.Errorf("%w: --faults %d: there are 0, 1, 2 and 3", errBad, e.Faults)
	}
	if _, err := explore.Transitions(e.Rows); err != nil {
		return fmt.Errorf("%w: %w", errBad, err)
	}
	ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	e.Source = swarm.Scenario
	e.Progress = e.progress()
	if e.evidence != "" {
		e.Found = e.keep
	}
	report, err := explore.Run(ctx, e.Options)
	if err != nil && report.Transitions == nil {
		return err
	}
	return errors.Join(err, e.tell(report), found(report))
}

// keep leaves the evidence of a violation. That the recorded run ended
// otherwise is in the evidence, and worth a word.
func (e *explorer) keep(v explore.Violation) (string, error) {
	sc, err := recette.ParseScenario(v.Transition, []byte(v.Plan))
	if err != nil {
		return "", err
	}
	set := explore.Setting()
	set.Strict = v.Strict
	in, err := incident.Write(e.evidence, incident.OfScenario(sc, set), v.Err, commit())
	if errors.Is(err, recette.ErrNondeterminism) {
		fmt.Fprintln(e.err, "sim: "+err.Error())
		return in.Dir, nil
	}
	return in.Dir, err
}

// progress says on a terminal how far it is.
func (e *explorer) progress() func(uint64, int) {
	f, ok := e.err.(*os.File)
	if !ok || !terminal(f) {
		return nil
	}
	began := time.Now()
	return func(plans uint64, violations int) {
		fmt.Fprintf(e.err, "\r%d plans, %d violations, %.0f a second\x1b[K", plans, violations, float64(plans)/time.Since(began).Seconds())
	}
}

func (e *explorer) tell(r explore.Report) error {
	if !e.asJSON {
		_, err := fmt.Fprint(e.out, r)
		return err
	}
	out := json.NewEncoder(e.out)
	out.SetIndent("", "  ")
	out.SetEscapeHTML(false)
	return out.Encode(r)
}

// found is the worst thing of a report, by the order of the exit codes.
func found(r explore.Report) error {
	replay, worst := r.Worst()
	if worst == nil {
		return nil
	}
	return fmt.Errorf("%w: %d violations, %d plans without a strike; %w\nplay it again: %s", errPlayed, len(r.Violations), len(r.NotFired), worst, replay)
}
