package canary

import (
	"context"
	"fmt"
	"io/fs"
	"path"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/mlfmonde/cluster/fixtures"
	"github.com/mlfmonde/cluster/handler/inspect"
	"github.com/mlfmonde/cluster/recette"
	"github.com/mlfmonde/cluster/recette/explore"
)

// Stored plays the scenarios of the fixtures, those that must hold, until one
// does not, and so many at most (0: all). The report is the same with any number
// of cores: it is of the first one in their order.
func Stored(ctx context.Context, most uint64) (explore.Report, error) {
	all, err := scenarios()
	if err != nil {
		return explore.Report{}, err
	}
	all = upTo(all, most)
	r := explore.Report{Of: uint64(len(all)), Violations: []explore.Violation{}, NotFired: []string{}}
	first, failed := race(ctx, len(all), func(i int, memo *inspect.Memo) error {
		s, err := all[i].Play(recette.Setting{Seed: 1, Memo: memo})
		if s != nil {
			_ = s.Close() // of a simulated cluster: it has no error
		}
		return counted(err)
	})
	if r.Plans = uint64(first); failed != nil {
		name := all[first].Name
		r.Plans++
		r.Violations = append(r.Violations, explore.Violation{Transition: name, Plan: name,
			Kind: recette.KindOf(failed), Reason: failed.Error(), Replay: "bin/sim run " + strings.TrimSuffix(name, ".txtar")})
	}
	r.Interrupted = ctx.Err() != nil
	return r, nil
}

// Cells plays the cells of the matrix, but for those that crash a node at every
// call, until one fails, and so many at most (0: all): first every transition
// without a fault.
func Cells(ctx context.Context, most uint64) (explore.Report, error) {
	places := slices.DeleteFunc(recette.Places(recette.WorldSim), func(p recette.Place) bool { return p.Column.Sweep != "" })
	slices.SortStableFunc(places, func(x, y recette.Place) int { return plain(x) - plain(y) })
	places = upTo(places, most)
	cells := make([]recette.Cell, len(places))
	first, failed := race(ctx, len(places), func(i int, memo *inspect.Memo) error {
		cells[i] = recette.Play(places[i].Row, places[i].Column, recette.Options{Seed: 1, Memo: memo})
		return counted(cells[i].Cause)
	})
	r := explore.Report{Of: uint64(len(places)), Violations: []explore.Violation{}, NotFired: []string{}, Interrupted: ctx.Err() != nil}
	for i := range min(first+1, len(cells)) {
		r.Plans += uint64(cells[i].Plays)
	}
	if failed != nil {
		c := cells[first]
		r.Violations = append(r.Violations, explore.Violation{Transition: c.Row, Plan: c.Row + ", " + c.Column,
			Kind: recette.KindOf(failed), Reason: failed.Error(), Replay: c.Replay})
	}
	return r, nil
}

// upTo are the first of all.
func upTo[T any](all []T, most uint64) []T {
	if most > 0 && most < uint64(len(all)) {
		return all[:most]
	}
	return all
}

// plain is 0 where nothing goes wrong.
func plain(p recette.Place) int {
	if p.Column.Name == "no fault" {
		return 0
	}
	return 1
}

// counted is err if it shows a broken promise.
func counted(err error) error {
	if Broken(err) {
		return err
	}
	return nil
}

// elsewhere is how the recette says that a scenario waits for a step or a state
// that never comes.
const elsewhere = "it never came to"

// Broken reports whether err shows a broken promise. A mistake that keeps a
// fault from striking or breaks the simulator is not seen by that. Nor is it by
// a scenario whose directions do not fit any more, which waits for a moment that
// never comes.
func Broken(err error) bool {
	switch recette.KindOf(err) {
	case recette.Safety:
		return true
	case recette.Liveness:
		return !strings.Contains(err.Error(), elsewhere)
	}
	return false
}

// scenarios are those that must hold.
func scenarios() (all []recette.Scenario, err error) {
	for _, pattern := range []string{"*.txtar", "regress/*.txtar"} {
		names, err := fs.Glob(fixtures.Scenarios(), pattern)
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			data, err := fs.ReadFile(fixtures.Scenarios(), name)
			if err != nil {
				return nil, err
			}
			sc, err := recette.ParseScenario(path.Base(name), data)
			if err != nil {
				return nil, fmt.Errorf("scenario %s: %w", name, err)
			}
			for i, line := range sc.Lines { // what a log says is no promise
				if strings.HasPrefix(line, "expect log ") || strings.HasPrefix(line, "expect no log ") {
					sc.Lines[i] = ""
				}
			}
			all = append(all, sc)
		}
	}
	return all, nil
}

// race plays 0 to n-1 on all cores until one fails, and returns the first that
// does: every one before it was played. Without any it returns n, or where ctx
// ended it.
func race(ctx context.Context, n int, play func(int, *inspect.Memo) error) (first int, failed error) {
	var mu sync.Mutex
	var wait sync.WaitGroup
	next, end := 0, n
	take := func() (int, bool) {
		mu.Lock()
		defer mu.Unlock()
		if ctx.Err() != nil {
			end = min(end, next)
		}
		next++
		return next - 1, next <= end
	}
	for range runtime.GOMAXPROCS(0) {
		wait.Go(func() {
			memo := &inspect.Memo{}
			for i, more := take(); more; i, more = take() {
				err := play(i, memo)
				mu.Lock()
				if err != nil && i < end {
					end, failed = i, err
				}
				mu.Unlock()
			}
		})
	}
	wait.Wait()
	return end, failed
}
