package canary

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/mlfmonde/cluster/handler/adapter/process"
	"github.com/mlfmonde/cluster/recette"
	"github.com/mlfmonde/cluster/recette/explore"
)

// Finding is what became of a canary.
type Finding struct {
	Name    string       `json:"name"`
	Found   bool         `json:"found"`
	Plans   uint64       `json:"plans"` // played until it was found, or in vain
	Search  string       `json:"search,omitempty"`
	Plan    string       `json:"plan,omitempty"` // the scenario that shows it
	Kind    recette.Kind `json:"kind,omitempty"`
	Broken  string       `json:"broken,omitempty"` // what did not hold
	Replay  string       `json:"replay,omitempty"` // plays the plan again, mistake and all
	Why     string       `json:"why,omitempty"`    // it was not found
	Seconds float64      `json:"seconds"`          // the building too
	Built   float64      `json:"built"`            // of them
}

// Budget is how a canary is looked for, and how long. What is 0 has no limit.
type Budget struct {
	Plans uint64
	For   time.Duration
	Blind bool // without the stored scenarios, which know where to look
}

// search is one way in which a simulator looks for what does not hold: a
// command of its own, that prints an [explore.Report].
type search struct {
	name string
	args []string
}

// searches are tried in their order, the cheap one first.
func (b Budget) searches() []search {
	all := []search{
		{"scenarios", []string{"canary", "scenarios"}},
		{"cells of the matrix", []string{"canary", "cells"}},
		{"single faults", []string{"explore", "--faults", "1", "--stop-at", "1", "--json"}},
		{"random runs", []string{"explore", "--random", "1000000", "--stop-at", "1", "--json"}},
	}
	if b.Blind {
		return all[1:]
	}
	return all
}

// errBudget says that a search ended because nothing more may be spent on it.
var errBudget = errors.New("the budget is over")

// Search lets the program look for its own mistake.
func (t *Tree) Search(ctx context.Context, name, program string, b Budget) Finding {
	f := Finding{Name: name}
	began := time.Now()
	var why []string
	for _, s := range b.searches() {
		args := s.args
		if b.Plans > 0 {
			args = append(args, "--plans", fmt.Sprint(b.Plans-f.Plans))
		}
		if b.For > 0 {
			args = append(args, "--for", (b.For - time.Since(began)).Round(time.Millisecond).String())
		}
		r, err := t.ask(ctx, program, args)
		f.Plans += r.Plans
		if len(r.Violations) > 0 {
			v := r.Violations[0]
			no := t.excuse(ctx, v)
			if no == "" {
				f.Found, f.Search, f.Plan, f.Kind, f.Broken = true, s.name, v.Plan, v.Kind, v.Reason
				f.Replay = program + strings.TrimPrefix(v.Replay, simulator)
				return f
			}
			why = append(why, fmt.Sprintf("%s: %s: %s: %s", s.name, no, v.Replay, v.Reason))
		}
		if err != nil {
			why = append(why, s.name+": "+err.Error())
		}
		if ctx.Err() != nil || b.over(f.Plans, time.Since(began)) {
			why = append(why, errBudget.Error())
			break
		}
	}
	f.Why = strings.Join(append(why, "everything held"), "; ")
	return f
}

// faultless is the program without a mistake.
const faultless = "faultless"

// simulator is how the lines that play a plan again begin.
const simulator = "bin/sim"

// excuse is why a violation is no finding, "" when it is one: it must be a
// broken promise, and the same plan must hold without the mistake.
func (t *Tree) excuse(ctx context.Context, v explore.Violation) string {
	if v.Kind != recette.Safety && v.Kind != recette.Liveness {
		return fmt.Sprintf("%s is no broken promise", v.Kind)
	}
	args, err := words(strings.TrimPrefix(v.Replay, simulator))
	if err != nil {
		return fmt.Sprintf("nobody understands the line that plays it again (%v)", err)
	}
	program, err := t.Build(ctx, Canary{Name: faultless})
	if err != nil {
		return err.Error()
	}
	_, err = t.run.Run(ctx, process.Command{Name: program, Args: args, Dir: t.Dir, Env: os.Environ()})
	if err != nil {
		return "it does not hold without the mistake either"
	}
	return ""
}

// words splits a line of words, some of them in Go's quotes.
func words(line string) (all []string, err error) {
	for line = strings.TrimSpace(line); line != ""; line = strings.TrimSpace(line) {
		word, rest, _ := strings.Cut(line, " ")
		if strings.HasPrefix(line, `"`) {
			quoted, err := strconv.QuotedPrefix(line)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", line, err)
			}
			rest = line[len(quoted):]
			if word, err = strconv.Unquote(quoted); err != nil {
				return nil, err
			}
		}
		all, line = append(all, word), rest
	}
	return all, nil
}

func (b Budget) over(plans uint64, spent time.Duration) bool {
	return b.Plans > 0 && plans >= b.Plans || b.For > 0 && spent >= b.For
}

// ask runs the program and reads its report. That something did not hold is in
// the report, and no error.
func (t *Tree) ask(ctx context.Context, program string, args []string) (r explore.Report, err error) {
	out, failed := t.run.Run(ctx, process.Command{Name: program, Args: args, Dir: t.Dir, Env: os.Environ(), Limit: 64 << 20})
	if err := json.Unmarshal(out, &r); err != nil {
		if failed == nil {
			failed = err
		}
		return r, fmt.Errorf("no report: %w", failed)
	}
	return r, nil
}

// Try builds each canary and looks for its mistake, while the next one is being
// built. tell gets each finding as it is there. It ends early with ctx.
func (t *Tree) Try(ctx context.Context, all []Canary, b Budget, tell func(Finding)) []Finding {
	found := []Finding{}
	type built struct {
		program string
		err     error
		took    time.Duration
	}
	queue := make(chan built, 1)
	go func() {
		defer close(queue)
		_, _ = t.Build(ctx, Canary{Name: faultless}) // whoever needs it builds it again, and hears why not
		for _, c := range all {
			began := time.Now()
			program, err := t.Build(ctx, c)
			select {
			case queue <- built{program, err, time.Since(began)}:
			case <-ctx.Done():
				return
			}
		}
	}()
	for _, c := range all {
		x, more := <-queue
		if !more || ctx.Err() != nil {
			break
		}
		began := time.Now()
		f := Finding{Name: c.Name}
		if x.err != nil {
			f.Why = x.err.Error()
		} else {
			f = t.Search(ctx, c.Name, x.program, b)
		}
		f.Built, f.Seconds = seconds(x.took), seconds(x.took+time.Since(began))
		found = append(found, f)
		tell(f)
	}
	for range queue { // what was being built takes its folder away
		continue
	}
	return found
}

func seconds(d time.Duration) float64 {
	return float64(d.Round(100*time.Millisecond)) / float64(time.Second)
}
