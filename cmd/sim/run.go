package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mlfmonde/cluster/fixtures"
	"github.com/mlfmonde/cluster/recette"
	"github.com/mlfmonde/cluster/sim/sched"
)

// runner is what run was asked for.
type runner struct {
	shell
	seed   uint64
	nodes  []string
	calls  bool
	random bool
	prompt bool
	world  string
	edge   bool
	keep   string
}

func newRun(sh shell) *cobra.Command {
	r := runner{shell: sh}
	cmd := &cobra.Command{
		Use:   "run [FILE.txtar|FILE.txt|NAME|-]",
		Short: "a short story, a scenario, or a prompt",
		Long: `run plays a scenario on simulated nodes and prints a line for each step of each
node. Without an argument it is a short story: deploy, write, move, pull the
plug in the middle of a move, come back. A NAME is one of fixtures/scenarios.
With -i commands are read from the keyboard; "help" lists them.

With --world nodes the cluster is real: containers on this machine with dockerd,
BTRFS, Consul, ssh and the production image (root, Linux). The commands are the
same, time is real too, and without a file they are read from standard input.
"down", the end of the input, Ctrl-C or a kill takes all of it away.`,
		Example: "  sim run\n  sim run my.txtar\n  sim run -i\n  echo 'deploy app n1 n2\nuntil idle\ncheck' | sim run -\n  sim run --world nodes",
		Args:    given(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch r.world {
			case recette.WorldSim:
				return r.run(cmd.Context(), args)
			case recette.WorldNodes:
				return r.real(cmd, args)
			}
			return fmt.Errorf("%w: --world %q: there are %s and %s", errBad, r.world, recette.WorldSim, recette.WorldNodes)
		},
	}
	cmd.Flags().StringVar(&r.world, "world", recette.WorldSim, "sim, or nodes: real ones")
	cmd.Flags().BoolVar(&r.edge, "edge", false, "nodes: with HAProxy and Caddy on every node, which the handlers configure")
	cmd.Flags().BoolVarP(&r.prompt, "prompt", "i", false, "read commands from the keyboard, after the scenario if one is named")
	cmd.Flags().BoolVar(&r.prompt, "interactive", false, "the same")
	cmd.Flags().BoolVar(&r.calls, "calls", false, "every port call is a line")
	cmd.Flags().BoolVar(&r.random, "random", false, "tasks take turns at random, by the seed")
	cmd.Flags().Uint64Var(&r.seed, "seed", 1, "of everything random")
	cmd.Flags().StringVar(&r.keep, "incident", "", "sim: leave a folder in this one when the scenario does not hold")
	cmd.Flags().StringSliceVar(&r.nodes, "nodes", nil, "names of the nodes (default n1,n2,n3; real ones also n4)")
	return cmd
}

func (r *runner) run(ctx context.Context, args []string) error {
	began := time.Now()
	p := newPrinter(r.out)
	set := recette.Setting{Nodes: r.nodes, Seed: r.seed, Calls: r.calls, Tell: p.line}
	if r.random {
		set.Strategy = sched.Strategy{Kind: sched.Random, Seed: r.seed}
	}
	sc, err := r.scenario(args)
	if err != nil {
		return err
	}
	s, err := sc.Play(set)
	if s != nil {
		defer s.Close()
	}
	if err == nil && r.prompt {
		err = r.ask(ctx, s, p, r.typed())
	}
	if s != nil && (len(s.Trace()) > 0 || err == nil) {
		sum, failed := s.Summary(ctx)
		if failed != nil {
			return errors.Join(err, failed)
		}
		p.summary(sum, time.Since(began), err)
	}
	if !r.prompt && err != nil && !unclear(err) {
		r.again(args, sc, set, err)
	}
	return played(err)
}

// played says of an error that is not one of the script's words that the
// cluster did not hold.
func played(err error) error {
	if err == nil || errors.Is(err, recette.ErrUsage) || errors.Is(err, recette.ErrCannot) {
		return err
	}
	return fmt.Errorf("%w: %w", errPlayed, err)
}

// scenario reads what is to be played; with a prompt alone it is empty.
func (r *runner) scenario(args []string) (recette.Scenario, error) {
	name := "story"
	switch {
	case len(args) == 1:
		name = args[0]
	case r.prompt:
		return recette.Scenario{Name: "prompt"}, nil
	}
	data, err := r.read(name)
	if err != nil {
		return recette.Scenario{}, err
	}
	return recette.ParseScenario(filepath.Base(name), data)
}

// read finds a scenario: standard input, a file, or one of the fixtures.
func (r *runner) read(name string) ([]byte, error) {
	if name == "-" {
		return io.ReadAll(r.in)
	}
	data, err := os.ReadFile(name)
	if err == nil || !errors.Is(err, fs.ErrNotExist) || strings.ContainsAny(name, "/\\") {
		return data, err
	}
	data, found := fixtures.Scenario(name)
	if found == nil {
		return data, nil
	}
	return nil, err
}

// source is where commands come from: one line, false at the end.
type source func() (line string, more bool, err error)

// typed are the lines of standard input.
func (r *runner) typed() source {
	in := bufio.NewScanner(r.in)
	return func() (string, bool, error) {
		more := in.Scan()
		return in.Text(), more, in.Err()
	}
}

// sits reports whether somebody sits before the prompt.
func (r *runner) sits() bool {
	f, ok := r.in.(*os.File)
	return ok && terminal(f)
}

// ask reads commands until quit or the end of the input. What was not
// understood or does not hold is said, and the prompt comes back.
func (r *runner) ask(ctx context.Context, s *recette.Scene, p *printer, from source) error {
	sits := r.sits()
	if sits {
		fmt.Fprintf(r.out, "help lists the commands; try: deploy app %s, then until idle.\n", strings.Join(s.Nodes()[:min(2, len(s.Nodes()))], " "))
	}
	var broken error
	for {
		if sits {
			p.prompt = func() { fmt.Fprintf(r.out, "%s ", p.paint(faint, fmt.Sprintf("%.3f>", s.Now().Seconds()))) }
			p.prompt()
		}
		line, more, err := from()
		p.prompt = nil
		if !more {
			return errors.Join(broken, err)
		}
		err = s.Do(ctx, line)
		switch {
		case errors.Is(err, recette.ErrQuit):
			return broken
		case ctx.Err() != nil:
			return errors.Join(broken, err)
		case errors.Is(err, recette.ErrUsage), errors.Is(err, recette.ErrCannot):
			fmt.Fprintln(r.out, p.paint(red, "? "+err.Error()))
		case err != nil:
			fmt.Fprintln(r.out, p.paint(red, "! "+err.Error()))
			broken = err
		}
	}
}

// summary is the end of a scene in a few lines.
func (p *printer) summary(s recette.Summary, took time.Duration, err error) {
	row := func(what, format string, args ...any) {
		fmt.Fprintf(p.out, "  %-22s %s\n", what, fmt.Sprintf(format, args...))
	}
	verdict := p.paint(green, "It holds.")
	found := ", every one found"
	if s.Steps == 0 && s.Rests == 0 {
		verdict, found = "Nobody has checked.", ""
	}
	if err != nil {
		verdict, found = p.paint(red, "It does not hold."), ""
	}
	fmt.Fprintf(p.out, "\n%s\n", verdict)
	row("records acknowledged", "%d%s", s.Acknowledged, found)
	row("writes refused", "%d", s.Refused)
	for i, o := range s.Outages {
		what := ""
		if i == 0 {
			what = "outages"
		}
		row(what, "%-8s from %.1f s: %s, %s", round(o.To-o.From), o.From.Seconds(), o.App, o.Reason)
	}
	var ops []string
	for _, o := range []string{"committed", "aborted", "refused"} {
		if n := s.Operations[o]; n > 0 {
			ops = append(ops, fmt.Sprintf("%d %s", n, o))
		}
	}
	row("operations", "%s", or(strings.Join(ops, ", "), "none"))
	if s.Steps == 0 {
		row("nodes", "looked at %d times at rest", s.Rests)
		row("time", "%s on real nodes", round(s.Time))
		return
	}
	row("invariants", "looked at %d times, and every node at rest %d times", s.Steps, s.Rests)
	row("time", "%s simulated, %.2f s on this machine", round(s.Time), took.Seconds())
	row("trace", "hash %016x", s.Hash)
}

// round writes a duration to a tenth of a second.
func round(d time.Duration) string { return d.Round(100 * time.Millisecond).String() }
