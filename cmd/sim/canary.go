package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/mlfmonde/cluster/recette/canary"
	"github.com/mlfmonde/cluster/recette/explore"
)

// watcher is what canary was asked for.
type watcher struct {
	shell
	source     string
	budget     canary.Budget
	list, diff bool
	asJSON     bool
}

func newCanary(sh shell) *cobra.Command {
	w := watcher{shell: sh}
	cmd := &cobra.Command{
		Use:   "canary [NAME...]",
		Short: "known mistakes that the harness must find",
		Long: `canary builds the simulator anew with one known mistake in the production code, a
small diff in fixtures/canaries, and lets it look for what does not hold: first the
stored scenarios, then every single fault, then random runs. It does so for each
mistake and says after how many plans it was found. One that survives shows that
the harness is blind there.

It needs the source tree and the go command. What was built is kept in the user's
cache folder, and plays what it found again.`,
		Example: "  sim canary\n  sim canary 'c1*' --json\n  sim canary delete-before-commit --diff",
		RunE:    func(cmd *cobra.Command, args []string) error { return w.watch(cmd.Context(), args) },
	}
	cmd.Flags().StringVar(&w.source, "source", ".", "a folder of the source tree")
	cmd.Flags().BoolVar(&w.list, "list", false, "only say which there are")
	cmd.Flags().BoolVar(&w.diff, "diff", false, "only show the diffs")
	cmd.Flags().BoolVar(&w.asJSON, "json", false, "the findings as JSON on standard output")
	cmd.Flags().Uint64Var(&w.budget.Plans, "plans", 0, "look for each with so many plans at most; 0: no limit")
	cmd.Flags().DurationVar(&w.budget.For, "for", time.Minute, "and for so long at most; 0: no limit")
	cmd.Flags().BoolVar(&w.budget.Blind, "blind", false, "leave out the stored scenarios: they were written for mistakes like these")
	cmd.AddCommand(newSearch(sh, "scenarios", "the stored scenarios", canary.Stored), newSearch(sh, "cells", "the cells of the matrix", canary.Cells))
	return cmd
}

// newSearch is a search that a simulator with a mistake in it begins with.
func newSearch(sh shell, name, short string, search func(context.Context, uint64) (explore.Report, error)) *cobra.Command {
	var plans uint64
	var limit time.Duration
	cmd := &cobra.Command{
		Use: name, Hidden: true, Short: short + " until one does not hold, as JSON", Args: given(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := context.WithCancel(cmd.Context())
			defer stop()
			if limit > 0 {
				time.AfterFunc(limit, stop)
			}
			r, err := search(ctx, plans)
			return errors.Join(err, printed(sh, r))
		},
	}
	cmd.Flags().Uint64Var(&plans, "plans", 0, "play so many at most")
	cmd.Flags().DurationVar(&limit, "for", 0, "begin no more after that time")
	return cmd
}

func printed(sh shell, v any) error {
	out := json.NewEncoder(sh.out)
	out.SetIndent("", "  ")
	out.SetEscapeHTML(false)
	return out.Encode(v)
}

func (w *watcher) watch(ctx context.Context, names []string) error {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	tree, err := canary.Open(ctx, w.source)
	if err != nil {
		return err
	}
	all, err := canary.Load(tree.Dir)
	if err != nil {
		return err
	}
	if all, err = canary.Choose(all, names); err != nil {
		return fmt.Errorf("%w: %w", errBad, err)
	}
	if w.list || w.diff {
		w.show(all)
		return nil
	}
	findings := tree.Try(ctx, all, w.budget, w.tell)
	if w.asJSON {
		err = printed(w.shell, map[string]any{"canaries": findings})
	}
	return errors.Join(err, survived(all, findings))
}

// show says what the canaries are.
func (w *watcher) show(all []canary.Canary) {
	for _, c := range all {
		fmt.Fprintf(w.out, "%s: %s\n", c.Name, c.Mistake)
		fmt.Fprintf(w.out, "  from %s; breaks: %s\n", c.From, c.Breaks)
		if w.diff {
			fmt.Fprintf(w.out, "\n%s\n", c.Diff)
		}
	}
}

// tell says of one canary what became of it.
func (w *watcher) tell(f canary.Finding) {
	if w.asJSON {
		return
	}
	if !f.Found {
		fmt.Fprintf(w.out, "%-34s SURVIVES %d plans, %.1f s: %s\n", f.Name, f.Plans, f.Seconds, f.Why)
		return
	}
	fmt.Fprintf(w.out, "%-34s found after %d plans, %.1f s, by %s\n", f.Name, f.Plans, f.Seconds, f.Search)
	fmt.Fprintf(w.out, "    %s: %s\n    %s\n", f.Kind, strings.ReplaceAll(f.Broken, "\n", "\n    "), f.Replay)
}

// survived is an error unless each was found.
func survived(all []canary.Canary, findings []canary.Finding) error {
	var left []string
	for _, f := range findings {
		if !f.Found {
			left = append(left, f.Name)
		}
	}
	if len(findings) < len(all) {
		return fmt.Errorf("ended after %d of %d canaries", len(findings), len(all))
	}
	if len(left) > 0 {
		return fmt.Errorf("%w: %d of %d canaries survive: %s", errPlayed, len(left), len(all), strings.Join(left, ", "))
	}
	return nil
}
