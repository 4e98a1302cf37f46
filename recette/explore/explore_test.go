package explore_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/mlfmonde/cluster/handler"
	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/plan"
	"github.com/mlfmonde/cluster/recette"
	"github.com/mlfmonde/cluster/recette/explore"
	"github.com/mlfmonde/cluster/sim"
)

// run explores and fails the test on an error of exploring itself.
func run(t *testing.T, o explore.Options) explore.Report {
	t.Helper()
	r, err := explore.Run(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// said is a report without the time it took.
func said(t *testing.T, r explore.Report) string {
	t.Helper()
	r.WallSeconds = 0
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestTransitions(t *testing.T) {
	all, err := explore.Transitions(nil)
	if err != nil || len(all) != 35 {
		t.Fatalf("%d transitions, want 35: %v", len(all), err)
	}
	chain, err := explore.Transitions([]string{"chain"})
	if err != nil || len(chain) != 4 || chain[3].Name != "chain.4" {
		t.Fatalf("the moves of chain: %v: %v", chain, err)
	}
	if _, err = explore.Transitions([]string{"a_to_*", "nowhere"}); err == nil || !strings.Contains(err.Error(), `"nowhere"`) {
		t.Errorf("a pattern that fits nothing: %v", err)
	}
}

func TestTransitions_AreScenariosThatHold(t *testing.T) {
	r := run(t, explore.Options{Faults: 0, Rows: []string{"*"}})
	for _, v := range r.Violations {
		t.Errorf("%s: %s\n%s", v.Transition, v.Reason, v.Plan)
	}
	if r.Plans != 39 || r.Fired != 0 {
		t.Errorf("%d plans, %d faults, want 39 and none", r.Plans, r.Fired)
	}
}

func TestPhases(t *testing.T) {
	for call, want := range map[string]int{"KV.Get": 5, "KV.Wait": 8, "KV.Apply:commit": 9, "Snapshots.Send": 10, "Stack.Up": 9} {
		if got := explore.Phases(call); len(got) != want {
			t.Errorf("%s: %v, want %d", call, got, want)
		}
	}
}

// One small transition as a whole: everything strikes, everything holds.
func TestRun_SinglesOfATransition(t *testing.T) {
	if testing.Short() {
		t.Skip("thousands of plans")
	}
	r := run(t, explore.Options{Rows: []string{"destroy_a"}, Faults: 1})
	for _, v := range r.Violations {
		t.Errorf("%s\n%s\nplay it again: %s", v.Reason, v.Plan, v.Replay)
	}
	if len(r.NotFired) > 0 {
		t.Errorf("%d plans without a strike, the first: %s", len(r.NotFired), r.NotFired[0])
	}
	c := r.Transitions[0]
	if r.Nondeterministic > 0 || r.Twice == 0 || c.Share != 1 || len(c.Unfired) > 0 || uint64(c.Faults+1) != r.Plans {
		t.Errorf("covered: %+v", c)
	}
}

// A handler that does not start the old release after an abort must be found:
// the pass that would mend it comes later.
func TestRun_FindsAPlantedMistake(t *testing.T) {
	forgetful := func(a *handler.Agent) {
		a.Plan = func(o app.Operation, self string) []plan.Step {
			return slices.DeleteFunc(plan.For(o, self), func(s plan.Step) bool { return s.In == app.Aborted && s.Verb == plan.Start })
		}
	}
	r := run(t, explore.Options{Rows: []string{"a_to_b"}, Faults: 1, StopAt: 1, Plans: 2000, Edit: forgetful})
	if len(r.Violations) != 1 || r.Violations[0].Kind != recette.Safety {
		t.Fatalf("violations: %v", r.Violations)
	}
	if v := r.Violations[0]; !strings.Contains(v.Plan, "deploy app b") || !strings.Contains(v.Replay, "--rows a_to_b") || v.Err == nil {
		t.Errorf("violation: %+v", v)
	}
}

func TestRun_IsTheSameWithAnyNumberOfWorkers(t *testing.T) {
	for _, o := range []explore.Options{
		{Rows: []string{"a_to_b", "destroy_a"}, Faults: 1, Plans: 30},
		{Rows: []string{"a_to_b", "destroy_a"}, Faults: 2, Plans: 30, Seed: 3},
		{Random: 40, Source: drawn, StopAt: 3},
	} {
		one, many := o, o
		one.Workers, many.Workers = 1, 4
		if a, b := said(t, run(t, one)), said(t, run(t, many)); a != b {
			t.Errorf("one worker:\n%s\nfour:\n%s", a, b)
		}
	}
}

// drawn is a scenario of which every fourth does not hold.
func drawn(seed uint64) ([]byte, string) {
	text := fmt.Sprintf("seed %d\ndeploy app n1 n2\nuntil idle\n", seed)
	if seed%4 == 0 {
		text += "expect aborted\n"
	}
	return []byte(text), fmt.Sprintf("by %d", seed)
}

func TestRun_Random(t *testing.T) {
	var found []string
	r := run(t, explore.Options{Random: 9, Seed: 1, Source: drawn, Found: func(v explore.Violation) (string, error) {
		found = append(found, v.Knobs)
		return "there", nil
	}})
	if r.Plans != 9 || len(r.Violations) != 2 || strings.Join(found, ", ") != "by 4, by 8" {
		t.Errorf("%d plans, found %q: %+v", r.Plans, found, r.Violations)
	}
	if v := r.Violations[0]; v.Evidence != "there" || v.Replay != "bin/sim explore --random 1 --seed 4" {
		t.Errorf("violation: %+v", v)
	}
}

// A handler that remembers earlier runs cannot be played twice, and that comes
// before whatever else is wrong with it.
func TestRun_FindsNondeterminism(t *testing.T) {
	made := 0
	moody := func(a *handler.Agent) {
		if made++; made%2 == 0 {
			a.Plan = func(app.Operation, string) []plan.Step { return nil }
		}
	}
	r := run(t, explore.Options{Random: 60, Workers: 1, Source: drawn, Edit: moody})
	_, err := r.Worst()
	if r.Nondeterministic == 0 || r.Twice < r.Nondeterministic || recette.KindOf(err) != recette.Nondeterminism {
		t.Errorf("%d of %d plans differed; the worst: %v", r.Nondeterministic, r.Twice, err)
	}
}

func TestRun_EndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	r, err := explore.Run(ctx, explore.Options{Random: 1 << 40, Workers: 2, Source: func(seed uint64) ([]byte, string) {
		if seed == 20 {
			cancel()
		}
		return drawn(1)
	}})
	if err == nil || !r.Interrupted || r.Plans == 0 || r.Plans > 30 {
		t.Errorf("interrupted %v after %d plans: %v", r.Interrupted, r.Plans, err)
	}
}

func TestRun_PlaysTheFaultsItIsGiven(t *testing.T) {
	r := run(t, explore.Options{Rows: []string{"a_to_b"}, Lines: []string{"b Stack.Up error nth 1"}})
	if r.Plans != 1 || r.Fired != 1 || len(r.Violations) > 0 {
		t.Errorf("%s", r)
	}
	r = run(t, explore.Options{Rows: []string{"a_to_b"}, Lines: []string{"b Stack.Up error nth 9"}})
	if replay, err := r.Worst(); recette.KindOf(err) != recette.Unstruck || !strings.Contains(replay, "nth 9") || len(r.NotFired) != 1 {
		t.Errorf("%v: %s", err, r)
	}
}

func TestFault_InTheWordsOfScenarios(t *testing.T) {
	for _, c := range []struct {
		f    explore.Fault
		want string
	}{
		{explore.Fault{Node: "a", Call: "KV.Get", Nth: 2, Phase: sim.Hang}, "a KV.Get hang nth 2"},
		{explore.Fault{Node: "a", Call: "Volumes.Restore", Nth: 1, Phase: sim.Hang, Ever: true}, "a Volumes.Restore hang nth 1 for 12m times ever"},
		{explore.Fault{Node: "a", Call: "KV.Get", Nth: 2, Phase: sim.Slow}, "a KV.Get slow nth 2 for 4s"},
		{explore.Fault{Node: "b", Process: sim.Guard, Call: "Guard.List", Nth: 1, Phase: sim.Slow}, "b Guard.List slow nth 1 for 20s guard"},
	} {
		if got := c.f.String(); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}
