package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/mlfmonde/cluster/recette"
	"github.com/mlfmonde/cluster/recette/shrink"
)

// shrinker is what shrink was asked for.
type shrinker struct {
	shell
	seed   uint64
	strict bool
	plans  int
	limit  time.Duration
	to     string
}

func newShrink(sh shell) *cobra.Command {
	c := shrinker{shell: sh}
	cmd := &cobra.Command{
		Use:   "shrink FILE.txtar|NAME|-",
		Short: "a scenario that does not hold, in as few lines as possible",
		Long: `shrink plays a scenario that does not hold again and again, each time without some
of its commands, faults, nodes, applications or files, or with smaller numbers, and
keeps what still breaks the same rule. It prints the small scenario on standard
output and what it took on standard error. Ctrl-C prints what it has by then.
A scenario that is to be played by every run of the recette belongs into
fixtures/scenarios/regress.`,
		Example: "  sim shrink failure.txtar -o fixtures/scenarios/regress/name.txtar",
		Args:    given(cobra.ExactArgs(1)),
		RunE:    func(cmd *cobra.Command, args []string) error { return c.shrink(cmd.Context(), args[0]) },
	}
	cmd.Flags().Uint64Var(&c.seed, "seed", 1, "of everything random, where the scenario names none")
	cmd.Flags().BoolVar(&c.strict, "strict", false, "an operation must be true at the moment it is closed, not only at rest")
	cmd.Flags().IntVar(&c.plans, "plans", 2000, "play at most so many scenarios")
	cmd.Flags().DurationVar(&c.limit, "for", time.Minute, "and at most for so long")
	cmd.Flags().StringVarP(&c.to, "output", "o", "", "also write the small scenario to this file")
	return cmd
}

func (c *shrinker) shrink(ctx context.Context, name string) error {
	text, err := (&runner{shell: c.shell}).read(name)
	if err != nil {
		return err
	}
	if c.plans < 1 {
		return fmt.Errorf("%w: --plans %d: at least 1", errBad, c.plans)
	}
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, c.limit)
	defer cancel()
	began := time.Now()
	set := recette.Setting{Seed: c.seed, Strict: c.strict}
	r, err := shrink.Shrink(ctx, filepath.Base(name), text, shrink.Options{Setting: set, Plays: c.plans})
	if err != nil {
		return unshrunk(err)
	}
	if _, err := c.out.Write(r.Text); err != nil {
		return err
	}
	more := ""
	if !r.Whole {
		more = "; it ended before everything was tried"
	}
	fmt.Fprintf(c.err, "%s: %s\n%d → %d lines in %d plays, %.2f s%s\n", r.Kind, r.Reason, r.Before, r.After, r.Plays, time.Since(began).Seconds(), more)
	if c.to == "" {
		return nil
	}
	return os.WriteFile(c.to, r.Text, 0o644)
}

// unshrunk says of an error why there is nothing to be made smaller.
func unshrunk(err error) error {
	switch {
	case errors.Is(err, shrink.ErrHolds):
		return fmt.Errorf("%w: %w", errBad, err)
	case errors.Is(err, recette.ErrNondeterminism):
		return fmt.Errorf("%w: %w", errPlayed, err)
	}
	return err
}
