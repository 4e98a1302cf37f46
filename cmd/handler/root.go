package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// shell is what a command gets of the process that runs it.
type shell struct {
	in       io.Reader
	out, err io.Writer
	env      func(string) string
}

// newRoot is the command line as a value.
func newRoot(sh shell) *cobra.Command {
	root := &cobra.Command{
		Use:   "handler",
		Short: "runs applications on a small cluster, and asks for them",
		Long: `handler runs on every node of a cluster (agent, guard, watch), and is what people
ask for things with (deploy, destroy, migrate, status, plan, check,
render).

Exit codes: 0 done or committed, 1 failed or aborted, 2 bad input or refused
(nothing was touched), 3 no answer from Consul: the outcome is not known.`,
		SilenceErrors: true, SilenceUsage: true,
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return bad(cmd, fmt.Errorf("no verb given; known are %s", strings.Join(verbs(cmd), ", ")))
		},
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
	}
	root.SetIn(sh.in)
	root.SetOut(sh.out)
	root.SetErr(sh.err)
	root.SetFlagErrorFunc(bad)
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error { return fromEnv(sh, cmd.Flags()) }
	root.AddCommand(newAgent(sh), newGuard(sh), newWatch(sh), newDeploy(sh), newDestroy(sh), newMigrate(sh),
		newStatus(sh), newPlan(sh), newCheck(sh), newRender(sh), newVersion(sh))
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

// envOf is the annotation with the variables that set a flag.
const envOf = "env"

// env lets variables of the environment set the flag called name, besides
// HANDLER_<NAME>; the first that is not empty counts.
func env(flags *pflag.FlagSet, name string, more ...string) {
	f := flags.Lookup(name)
	names := append([]string{"HANDLER_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))}, more...)
	f.Annotations = map[string][]string{envOf: names}
	f.Usage += " [" + strings.Join(names, ", ") + "]"
}

// fromEnv sets the flags that were not given from the environment.
func fromEnv(sh shell, flags *pflag.FlagSet) (err error) {
	flags.VisitAll(func(f *pflag.Flag) {
		for _, name := range f.Annotations[envOf] {
			value := sh.env(name)
			if f.Changed || value == "" || err != nil {
				continue
			}
			if set := flags.Set(f.Name, value); set != nil {
				err = exit(exitBad, "environment %s: %w", name, set)
			}
		}
	})
	return err
}
