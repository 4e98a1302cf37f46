package nodes

import (
	"context"
	"testing"
	"time"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/recette"
	"github.com/mlfmonde/cluster/sim"
)

// jobsOf are the jobs of every cell of the full size.
func jobsOf(t *testing.T, o Options) *run {
	t.Helper()
	r, err := newRun(o)
	must(t, err)
	return r
}

func TestRun_EveryTurnIsPlayedOnceAndBatchesShareOneTrouble(t *testing.T) {
	for _, full := range []bool{true, false} {
		r := jobsOf(t, Options{Full: full})
		turns := map[int]int{}
		for _, j := range r.singles {
			turns[j.cell]++
			if exclusive(j.trouble) {
				t.Errorf("%s is played beside others", j.trouble)
			}
		}
		for _, b := range r.batches {
			slow := 0
			for _, j := range b {
				turns[j.cell]++
				if !exclusive(j.trouble) || !together(b[0].trouble, j.trouble) && len(b) > 1 {
					t.Errorf("%s and %s in one batch", b[0].trouble, j.trouble)
				}
				if hasty(j) {
					slow++
				}
			}
			if slow > 1 || len(b) > most {
				t.Errorf("a batch of %d, %d of which cannot wait", len(b), slow)
			}
		}
		for i, n := range r.left {
			if turns[i] != n || n == 0 {
				t.Errorf("%s, %s: %d of %d turns", r.cells[i].Row, r.cells[i].Column, turns[i], n)
			}
		}
	}
}

func TestRun_ShardsAreAllOfIt(t *testing.T) {
	all, err := Select(Options{Full: true})
	must(t, err)
	seen := map[string]int{}
	for _, shard := range []string{"0/3", "1/3", "2/3"} {
		part, err := Select(Options{Full: true, Shard: shard})
		must(t, err)
		for _, p := range part {
			seen[p.Row.Name+"\n"+p.Column.Name]++
		}
	}
	for _, p := range all {
		if n := seen[p.Row.Name+"\n"+p.Column.Name]; n != 1 {
			t.Errorf("%s, %s is in %d shards", p.Row.Name, p.Column.Name, n)
		}
	}
}

func TestRun_WithoutAClusterEveryCellIsSkipped(t *testing.T) {
	result := jobsOf(t, Options{}).skipped("no loop devices")
	if result.Totals.Skipped != len(result.Cells) || len(result.Cells) == 0 || result.Absent[recette.WorldNodes] != "no loop devices" {
		t.Errorf("%+v", result)
	}
}

func TestRun_ResumesWhatPassedAtTheCommit(t *testing.T) {
	file := t.TempDir() + "/state"
	o := Options{Rows: []string{"chain"}, Columns: []string{"*"}, State: file, Commit: "one"}
	first := jobsOf(t, o)
	for i, verdict := range []recette.Verdict{recette.Pass, recette.Fail} {
		c := first.cells[i]
		c.Verdict, c.Commit = verdict, "one"
		must(t, first.state.write(c))
	}
	o.Resume = true
	left := func(o Options) (n int) {
		for _, l := range jobsOf(t, o).left {
			if l > 0 {
				n++
			}
		}
		return n
	}
	if got := left(o); got != len(first.cells)-1 {
		t.Errorf("%d of %d cells are played again", got, len(first.cells))
	}
	o.Commit = "two"
	if got := left(o); got != len(first.cells) {
		t.Errorf("at another commit %d of %d cells are played", got, len(first.cells))
	}
}

// waiting is a batch in its window, whose strike is up to the test.
func waiting(what recette.Trouble, n int) (*batch, []*Play) {
	b := newBatch(&Bench{gate: newGate()}, what)
	var plays []*Play
	for range n {
		p := &Play{}
		b.join(p)
		plays = append(plays, p)
	}
	return b, plays
}

func TestBatch_WaitsForAllWhoCanStillCome(t *testing.T) {
	ctx := soon(t)
	b, plays := waiting(recette.Trouble{What: recette.HandlerGone, At: recette.Call{Name: "Stack.Up"}}, 3)
	b.set(func() { b.opened = true })
	some := make(chan bool, 1)
	go func() { some <- b.gathered(ctx) }()
	back := make(chan struct{}, 1)
	go func() { b.arrive(ctx, b.members[plays[0]]); back <- struct{}{} }()
	must(t, b.until(ctx, func() bool { return !b.members[plays[0]].arrived.IsZero() }))
	b.set(func() { b.members[plays[1]].past = true })
	select {
	case <-some:
		t.Fatal("one who can still come was not waited for")
	case <-back:
		t.Fatal("went on before anything struck")
	case <-time.After(20 * time.Millisecond):
	}
	b.finish(plays[2])
	if !<-some {
		t.Error("nobody had come")
	}
	b.set(func() { b.struck, b.proof = true, "killed" })
	<-back
	if got := b.proofOf(plays[1]); got != "" {
		t.Errorf("who was past is said to be struck: %q", got)
	}
}

func TestBatch_NobodyCame(t *testing.T) {
	b, plays := waiting(recette.Trouble{What: recette.Reboot, At: recette.Call{Name: "Stack.Up"}}, 2)
	b.set(func() { b.opened = true })
	b.set(func() { b.members[plays[0]].past = true })
	b.finish(plays[1])
	if b.gathered(soon(t)) {
		t.Error("somebody came")
	}
}

func TestBatch_AnErrorEndsEveryWait(t *testing.T) {
	b, plays := waiting(recette.Trouble{What: recette.Reboot, At: recette.Call{Name: "Stack.Up"}}, 2)
	ended := make(chan error, 2)
	for _, p := range plays {
		go func() { ended <- b.heal(soon(t), p) }()
	}
	b.set(func() {
		for _, m := range b.members {
			m.armed = true
		}
	})
	go func() { _, err := b.arm(soon(t), plays[0], b.what); ended <- err }()
	_ = b.fail(context.DeadlineExceeded)
	if err := <-ended; err == nil && <-ended == nil {
		t.Error("nobody heard of it")
	}
}

func TestPhase_WhatKillsTheCallerCutsTheCall(t *testing.T) {
	for what, want := range map[recette.What]string{recette.HandlerGone: "crash-before", recette.Reboot: "power-before", recette.Paused: "hook", recette.DiskFull: "hook"} {
		if got := phase(recette.Trouble{What: what}); string(got) != want {
			t.Errorf("%s: %s, want %s", what, got, want)
		}
	}
	if got := phase(recette.Trouble{What: recette.CallStrikes, Phase: sim.CrashAfter}); got != "crash-after" {
		t.Error(got)
	}
}

func TestParse_NumbersAreTheUsersOwn(t *testing.T) {
	got, err := parse("1\t#7 p0001x\n2\tfree text\n3\t#9 p0001x\n4\t#1")
	must(t, err)
	var numbers []uint64
	for _, r := range got {
		numbers = append(numbers, r.Number)
	}
	if len(numbers) != 3 || numbers[0] != 7 || numbers[1] != 2 || numbers[2] != 9 {
		t.Errorf("%v: the last line was still being written", numbers)
	}
}

func TestApproach_IsACallThatTheMoveMakes(t *testing.T) {
	for kind, want := range map[app.Kind]string{app.Deploy: "Stack.Up", app.Migrate: "Stack.Up", app.Destroy: "Stack.Stop"} {
		if got := approach("KV.Apply:commit", kind); got != want {
			t.Errorf("before the commit of a %s: %q, want %q", kind, got, want)
		}
	}
	if got := approach("KV.Apply:ack", app.Deploy); got != "" {
		t.Errorf("before an ack: %q", got)
	}
}

func TestArriving_OnlyWhatIsNotWhole(t *testing.T) {
	whole := sim.SnapshotState{Complete: true}
	if arriving(sim.Observation{Snapshots: []sim.SnapshotState{whole}}) || !arriving(sim.Observation{Snapshots: []sim.SnapshotState{whole, {}}}) {
		t.Error("what arrives is not told from what is there")
	}
}
