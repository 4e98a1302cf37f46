// Command sim plays a whole cluster in one process: the production handler on
// every node, and a simulated world that fails on demand. Scripts, rows and
// faults come in; what goes out is what happened, a verdict, and an exit code
// that says what kind of thing went wrong. It touches nothing of the machine it
// runs on, but for "run --world nodes", which makes a real cluster and takes it
// away again.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mlfmonde/cluster/recette"
)

func main() {
	debug.SetGCPercent(400) // a cluster is small and short-lived: collecting it often costs a third of the speed
	os.Exit(Execute(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// The exit codes.
const (
	exitOK             = 0
	exitFailed         = 1 // a file that cannot be read or written
	exitBad            = 2 // a command line or a script that was not understood
	exitNondeterminism = 10
	exitSafety         = 11
	exitLiveness       = 12
	exitPanic          = 13
	exitVacuous        = 14
	exitAbsent         = 15 // a world that this machine cannot have
)

// shell is what a command gets of the process that runs it.
type shell struct {
	in       io.Reader
	out, err io.Writer
}

// errBad wraps what is wrong with a command line.
var errBad = errors.New("bad command line")

// errAbsent wraps why this machine cannot have a world.
var errAbsent = errors.New("this machine cannot have real nodes")

// errPlayed wraps the error of a play or scenario: its kind picks the code.
var errPlayed = errors.New("it does not hold")

// Execute runs the command line args and returns its exit code: 0 ok, 2 not
// understood, 10 nondeterminism, 11 safety, 12 liveness, 13 panic, 14 vacuous,
// 15 a world that this machine cannot have.
func Execute(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	root := newRoot(shell{in: stdin, out: stdout, err: stderr})
	root.SetArgs(args)
	err := root.Execute()
	if err != nil {
		fmt.Fprintln(stderr, "sim: "+err.Error())
	}
	return code(err)
}

func code(err error) int {
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errBad), errors.Is(err, recette.ErrUsage), errors.Is(err, recette.ErrCannot):
		return exitBad
	case errors.Is(err, errAbsent):
		return exitAbsent
	case errors.Is(err, errPlayed):
		return codeOf(recette.KindOf(err))
	}
	return exitFailed
}

func codeOf(k recette.Kind) int {
	switch k {
	case "":
		return exitOK
	case recette.Nondeterminism:
		return exitNondeterminism
	case recette.Liveness:
		return exitLiveness
	case recette.Panicked:
		return exitPanic
	case recette.Unstruck:
		return exitVacuous
	}
	return exitSafety
}

func newRoot(sh shell) *cobra.Command {
	root := &cobra.Command{
		Use:   "sim",
		Short: "plays a whole cluster in one process, and everything that can go wrong in it",
		Long: `sim runs the production handler on simulated nodes under a virtual clock. Every
invariant is looked at after every step, and a seed fixes a run to the byte.

Exit codes: 0 ok, 2 not understood, 10 nondeterminism, 11 safety, 12 liveness,
13 panic, 14 a fault that was asked for never struck, 15 a world that this
machine cannot have.`,
		SilenceErrors: true, SilenceUsage: true,
		Args: given(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return fmt.Errorf("%w: no verb given; known are %s", errBad, strings.Join(verbs(cmd), ", "))
		},
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
	}
	root.SetIn(sh.in)
	root.SetOut(sh.out)
	root.SetErr(sh.err)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return fmt.Errorf("%w: %w\nsee: %s --help", errBad, err, cmd.CommandPath())
	})
	root.AddCommand(newRun(sh), newMatrix(sh), newReplay(sh), newDiff(sh), newPlayback(sh), newShrink(sh), newExplore(sh), newCanary(sh), newBench(sh))
	return root
}

func verbs(cmd *cobra.Command) []string {
	var names []string
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() && c.Name() != "help" {
			names = append(names, c.Name())
		}
	}
	return names
}

// given checks the number of arguments of a command.
func given(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return fmt.Errorf("%w: %w\nsee: %s --help", errBad, err, cmd.CommandPath())
		}
		return nil
	}
}
