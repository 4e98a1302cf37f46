package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/mlfmonde/cluster/recette"
	"github.com/mlfmonde/cluster/recette/incident"
	"github.com/mlfmonde/cluster/sim/sched"
)

// player plays something again: a scenario, an incident, one turn of a cell.
type player struct {
	shell
	cell   incident.Cell
	nodes  []string
	random bool
	strict bool
	until  uint64
	tape   string
	html   string
	keep   string
	quiet  bool
	noise  bool
}

func newReplay(sh shell) *cobra.Command {
	p := player{shell: sh}
	cmd := &cobra.Command{
		Use:   "replay [FILE.txtar|INCIDENT|NAME|-]",
		Short: "a scenario, an incident or a cell again, with its trace",
		Long: `replay plays something twice, prints what happened, and fails when the two runs
differ. A FILE or NAME is a scenario; an INCIDENT is the folder that a failing run
left, whose tape chooses who is next as it did then. Where the tape does not fit
any more, because the code has changed, replay says so and goes on by the plan.
Without an argument it is one turn of a cell of the matrix, by the flags of the
line that a failed cell ends with.

With --until it plays once, up to that step of the trace, and prints how
everything stands then.`,
		Example: "  sim replay incidents/story-0a1b2c3d\n  sim replay story --until 2000 -q\n  sim replay failing.txtar --html timeline.html\n" +
			"  sim replay --row a-b_to_b-a --column 'crash of new master' --fault 'b Stack.Up 1 crash-after'",
		Args: given(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error { return p.play(cmd.Flags(), args) },
	}
	f := cmd.Flags()
	f.StringVar(&p.cell.Row, "row", "", "row of the matrix")
	f.StringVar(&p.cell.Column, "column", "no fault", "column of the matrix")
	f.IntVar(&p.cell.Turn.Move, "move", 1, "which move of the row")
	f.IntVar(&p.cell.Turn.Variant, "variant", 1, "which variant of the column")
	f.StringVar(&p.cell.Fault, "fault", "", `which fault, for columns that strike every call: "node call nth phase"`)
	f.Uint64Var(&p.cell.Seed, "seed", 1, "of everything random, where the file names none")
	f.StringSliceVar(&p.nodes, "nodes", nil, "names of the nodes, where the file names none (default n1,n2,n3)")
	f.BoolVar(&p.random, "random", false, "tasks take turns at random, by the seed, where the file does not say")
	f.BoolVar(&p.strict, "strict", false, "an operation must be true at the moment it is closed, not only at rest")
	f.Uint64Var(&p.until, "until", 0, "stop after this step of the trace and print how everything stands")
	f.StringVar(&p.tape, "tape", "", "this tape chooses who is next")
	f.StringVar(&p.html, "html", "", "write the timeline to this file")
	f.StringVar(&p.keep, "incident", "", "leave a folder in this one when it fails")
	f.BoolVarP(&p.quiet, "quiet", "q", false, "no trace")
	f.BoolVar(&p.noise, "all", false, "also the calls that go on when nothing happens")
	return cmd
}

func (p *player) play(flags *pflag.FlagSet, args []string) error {
	found, err := p.find(flags, args)
	if err != nil {
		return err
	}
	if p.tape != "" {
		data, err := os.ReadFile(p.tape)
		if err != nil {
			return err
		}
		if found.Head, found.Tape, err = incident.ReadTape(p.tape, data); err != nil {
			return fmt.Errorf("%w: %w", errBad, err)
		}
	}
	first := p.once(found)
	if unclear(first.Err) {
		return first.Err
	}
	if first.Err != nil && len(first.Entries) == 0 {
		return fmt.Errorf("%w: it did not begin: %w", errBad, first.Err)
	}
	if !p.quiet {
		p.trace(first)
	}
	p.fits(found, first)
	if p.html != "" {
		page, err := first.Timeline()
		if err == nil {
			err = os.WriteFile(p.html, page, 0o644)
		}
		if err != nil {
			return fmt.Errorf("write timeline: %w", err)
		}
	}
	if p.until > 0 {
		return p.stopped(first)
	}
	return p.verdict(found, first)
}

// once plays it with everything written down.
func (p *player) once(found incident.Found) *incident.Recording {
	r := incident.Record(found.Play, incident.Options{Tape: found.Tape, Last: p.until})
	r.Code = commit()
	return r
}

// unclear reports that nothing was played: the file was not understood.
func unclear(err error) bool {
	return errors.Is(err, recette.ErrUsage) || errors.Is(err, recette.ErrCannot)
}

// find is what the command line names.
func (p *player) find(flags *pflag.FlagSet, args []string) (f incident.Found, err error) {
	if len(args) == 0 {
		if p.cell.Row == "" {
			return f, fmt.Errorf("%w: what? name a scenario, an incident, or --row and --column of a cell", errBad)
		}
		if f.Play, err = p.cell.Play(); err != nil {
			return f, fmt.Errorf("%w: %w", errBad, err)
		}
		return f, nil
	}
	for _, name := range []string{"row", "column", "move", "variant", "fault"} {
		if flags.Changed(name) {
			return f, fmt.Errorf("%w: --%s is of a cell, and %s is none", errBad, name, args[0])
		}
	}
	set := recette.Setting{Seed: p.cell.Seed, Nodes: p.nodes, Strict: p.strict}
	if p.random {
		set.Strategy = sched.Strategy{Kind: sched.Random, Seed: p.cell.Seed}
	}
	if incident.IsIncident(args[0]) {
		return incident.Open(args[0], set)
	}
	if info, err := os.Stat(args[0]); err == nil && info.IsDir() {
		return f, fmt.Errorf("%w: %s is not the folder of an incident: it has no %s and %s", errBad, args[0], incident.PlanFile, incident.TapeFile)
	}
	data, err := (&runner{shell: p.shell}).read(args[0])
	if err != nil {
		return f, err
	}
	f.Play, err = incident.Read(args[0], data, set)
	return f, err
}

// fits says whether the tape still fits the code.
func (p *player) fits(found incident.Found, r *incident.Recording) {
	if found.Tape == nil {
		return
	}
	switch {
	case r.Misfit != nil:
		fmt.Fprintf(p.out, "the tape (of code %s) does not fit any more: %s; from there on by the plan: %s\n", found.Head.Code, r.Misfit, r.Strategy)
	case p.until > 0:
	case r.Unplayed > 0:
		fmt.Fprintf(p.out, "the tape (of code %s) fits, but the run ended %d of its choices early\n", found.Head.Code, r.Unplayed)
	case r.Hash != found.Head.Hash:
		fmt.Fprintf(p.out, "the tape (of code %s) fits, and yet the run is another: hash %016x, was %016x; sim diff shows where they part\n", found.Head.Code, r.Hash, found.Head.Hash)
	default:
		fmt.Fprintf(p.out, "the same run as the tape's: hash %016x, %d choices\n", r.Hash, len(found.Tape))
	}
}

// stopped prints how everything stood after the last step.
func (p *player) stopped(r *incident.Recording) error {
	state, err := r.State.Text()
	if err != nil {
		return err
	}
	if _, err := p.out.Write(state); err != nil {
		return err
	}
	if errors.Is(r.Err, sched.ErrStopped) {
		return nil
	}
	fmt.Fprintf(p.out, "it ended before step %d: the last is %d\n", p.until, r.Step)
	return played(r.Err)
}

// verdict plays it once more and says how it ended.
func (p *player) verdict(found incident.Found, first *incident.Recording) error {
	if again := p.once(found); again.Hash != first.Hash {
		return fmt.Errorf("%w: %w: hashes %016x and %016x", errPlayed, recette.ErrNondeterminism, first.Hash, again.Hash)
	}
	fmt.Fprintf(p.out, "%s: two runs of %d steps, hash %016x\n", strings.TrimSuffix(found.Name, ".txtar"), first.Step, first.Hash)
	if first.Err != nil {
		if p.keep != "" {
			p.leave(p.keep, found.Play, first.Err)
		}
		return played(first.Err)
	}
	if first.Proof != "" {
		fmt.Fprintf(p.out, "struck: %s\n", first.Proof)
	}
	fmt.Fprintln(p.out, "pass")
	return nil
}

func (p *player) trace(r *incident.Recording) {
	for _, e := range r.Entries {
		if p.noise || !incident.Background(e) {
			fmt.Fprintln(p.out, incident.Show(e))
		}
	}
}
