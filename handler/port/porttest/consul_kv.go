package porttest

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/mlfmonde/cluster/handler/port"
)

func consulReads() []Clause[Consul] {
	return []Clause[Consul]{
		{Method: "KV.Get", Says: "a missing key is a pair with index 0 and no error", Check: kvGetMissing},
		{Method: "KV.Get", Says: "sees at once what another node wrote, with both indexes", Check: kvGetConsistent},
		{Method: "KV.Get", Says: "a cancelled call says so", Check: kvGetCancelled},
		{Method: "KV.List", Says: "returns the pairs below the prefix and no others, sorted by key", Check: kvListSorted},
		{Method: "KV.List", Says: "a prefix without keys is an empty list with an index to wait from", Check: kvListEmpty},
	}
}

func kvGetMissing(ctx context.Context, t T, e Consul) {
	p, err := e.KV.Get(ctx, "get/missing")
	if err != nil || p.Modify != 0 || p.Value != nil || p.Key != "get/missing" {
		t.Errorf("pair %+v and error %v, want the key alone", p, err)
	}
}

func kvGetConsistent(ctx context.Context, t T, e Consul) {
	first := e.put(ctx, t, "get/a", "1")
	second := e.put(ctx, t, "get/a", "2")
	p := e.get(ctx, t, "get/a")
	if string(p.Value) != "2" || p.Create != first || p.Modify != second || second <= first {
		t.Errorf("pair %+v, want value 2 created at %d and changed at %d", p, first, second)
	}
}

func kvGetCancelled(ctx context.Context, t T, e Consul) {
	ended, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := e.KV.Get(ended, "get/a"); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want one that wraps the context's", err)
	}
}

func kvListSorted(ctx context.Context, t T, e Consul) {
	for _, key := range []string{"list/b", "list/a/z", "list/a", "lis", "list/a-", "listing", "other/list/a"} {
		e.put(ctx, t, key, "v:"+key)
	}
	for prefix, want := range map[string][]string{
		"list/": {"list/a", "list/a-", "list/a/z", "list/b"},
		"list":  {"list/a", "list/a-", "list/a/z", "list/b", "listing"},
	} {
		pairs, _, err := e.KV.List(ctx, prefix)
		if err != nil || len(pairs) != len(want) {
			t.Fatalf("list %s: %d pairs %+v and error %v, want %v", prefix, len(pairs), pairs, err, want)
		}
		for i, p := range pairs {
			got := e.get(ctx, t, want[i])
			if p.Key != want[i] || string(p.Value) != "v:"+want[i] || p.Create != got.Create || p.Modify != got.Modify {
				t.Errorf("list %s: pair %d is %+v, want %+v as Get returns it", prefix, i, p, got)
			}
		}
	}
}

func kvListEmpty(ctx context.Context, t T, e Consul) {
	pairs, index, err := e.KV.List(ctx, "nothing/")
	if err != nil || len(pairs) != 0 || index == 0 {
		t.Errorf("%d pairs, index %d, error %v; want none, an index and no error", len(pairs), index, err)
	}
}

func consulWaits() []Clause[Consul] {
	return []Clause[Consul]{
		{Method: "KV.Wait", Says: "returns at once with a higher index when something changed before the call", Check: kvWaitBehind},
		{Method: "KV.Wait", Says: "wakes when another task writes below the prefix", Check: kvWaitWakes},
		{Method: "KV.Wait", Says: "wakes when a key below the prefix goes", Check: kvWaitDelete},
		{Method: "KV.Wait", Says: "wakes every task that waits when the last key below the prefix goes", Check: kvWaitTwo},
		{Method: "KV.Wait", Says: "returns after max, or earlier, when nothing changed", Range: true, Check: kvWaitMax},
		{Method: "KV.Wait", Says: "a write elsewhere does not move the index of a prefix that has keys", Range: true, Check: kvWaitElsewhere},
		{Method: "KV.Wait", Says: "an identical write moves no index", Range: true, Check: kvWaitIdentical},
		{Method: "KV.Wait", Says: "an index that went backwards is reset to 0", Check: kvWaitBackwards},
		{Method: "KV.Wait", Says: "a cancelled call says so", Check: kvWaitCancelled},
	}
}

// wait calls Wait, which must not fail nor take longer than it may.
func (e Consul) wait(ctx context.Context, t T, prefix string, index uint64, most time.Duration) uint64 {
	t.Helper()
	var next uint64
	var err error
	took := e.took(func() { next, err = e.KV.Wait(ctx, prefix, index, most) })
	if err != nil {
		t.Fatalf("wait for %s from %d: %v", prefix, index, err)
	}
	if took > most+most/16+consulSlack {
		t.Errorf("waited %v for %s, at most %v was asked", took, prefix, most)
	}
	return next
}

func kvWaitBehind(ctx context.Context, t T, e Consul) {
	e.put(ctx, t, "wait/a", "1")
	index := e.index(ctx, t, "wait/")
	e.put(ctx, t, "wait/a", "2")
	var next uint64
	took := e.took(func() { next = e.wait(ctx, t, "wait/", index, time.Minute) })
	if next <= index || took > consulSlack {
		t.Errorf("index %d after %v, want more than %d at once", next, took, index)
	}
}

func kvWaitWakes(ctx context.Context, t T, e Consul) {
	e.put(ctx, t, "wait/a", "1")
	e.wakes(ctx, t, "wait/", port.Op{Verb: port.CAS, Key: "wait/b", Value: []byte("1")})
}

func kvWaitDelete(ctx context.Context, t T, e Consul) {
	e.put(ctx, t, "wait/a", "1")
	e.put(ctx, t, "wait/b", "1")
	e.wakes(ctx, t, "wait/", port.Op{Verb: port.Delete, Key: "wait/b"})
}

func kvWaitTwo(ctx context.Context, t T, e Consul) {
	e.wait(ctx, t, "wait/", e.index(ctx, t, "wait/"), time.Millisecond) // it was empty once
	e.put(ctx, t, "wait/a", "1")
	e.waken(ctx, t, "wait/", port.Op{Verb: port.Delete, Key: "wait/a"}, 2)
}

// wakes checks that a task which waits for prefix hears of op within seconds.
func (e Consul) wakes(ctx context.Context, t T, prefix string, op port.Op) {
	t.Helper()
	e.waken(ctx, t, prefix, op, 1)
}

// waken is wakes for many tasks at once.
func (e Consul) waken(ctx context.Context, t T, prefix string, op port.Op, tasks int) {
	t.Helper()
	index := e.index(ctx, t, prefix)
	all := make([]atomic.Uint64, tasks)
	for i := range all {
		e.waits(ctx, prefix, index, &all[i])
	}
	if err := e.Clock.Sleep(ctx, 300*time.Millisecond); err != nil {
		t.Fatalf("sleep: %v", err)
	}
	e.apply(ctx, t, op)
	for i := range all {
		if !e.until(ctx, consulSlack, func() bool { return all[i].Load() > index }) {
			t.Errorf("waiting task %d has index %d, want more than %d", i, all[i].Load(), index)
		}
	}
}

// waits begins a task that waits for prefix from index, and notes what it gets.
func (e Consul) waits(ctx context.Context, prefix string, index uint64, next *atomic.Uint64) {
	e.Tasks.Go(ctx, "waiting", func(ctx context.Context) {
		for n := index; n <= index && ctx.Err() == nil; { // an early return is allowed
			got, err := e.KV.Wait(ctx, prefix, index, time.Minute)
			if err != nil {
				return
			}
			n = got
			next.Store(got)
		}
	})
}

func kvWaitMax(ctx context.Context, t T, e Consul) {
	e.put(ctx, t, "wait/a", "1")
	index := e.index(ctx, t, "wait/")
	if next := e.wait(ctx, t, "wait/", index, time.Second); next != index {
		t.Errorf("index %d, want %d: nothing was written", next, index)
	}
}

func kvWaitElsewhere(ctx context.Context, t T, e Consul) {
	e.put(ctx, t, "wait/a", "1")
	index := e.index(ctx, t, "wait/")
	e.put(ctx, t, "elsewhere/a", "1")
	e.put(ctx, t, "wait", "1")
	if next := e.wait(ctx, t, "wait/", index, time.Second); next != index {
		t.Errorf("index %d, want %d: nothing was written below wait/", next, index)
	}
}

func kvWaitIdentical(ctx context.Context, t T, e Consul) {
	e.put(ctx, t, "wait/a", "1")
	index := e.index(ctx, t, "wait/")
	e.put(ctx, t, "wait/a", "1")
	if next := e.wait(ctx, t, "wait/", index, time.Second); next != index {
		t.Errorf("index %d, want %d: the value is the same", next, index)
	}
}

func kvWaitBackwards(ctx context.Context, t T, e Consul) {
	e.put(ctx, t, "wait/a", "1")
	index := e.index(ctx, t, "wait/")
	if next := e.wait(ctx, t, "wait/", index+100000, 500*time.Millisecond); next != 0 {
		t.Errorf("index %d, want 0: the KV is at %d", next, index)
	}
	if next := e.wait(ctx, t, "wait/", 0, time.Minute); next != index {
		t.Errorf("index %d from 0, want %d", next, index)
	}
}

func kvWaitCancelled(ctx context.Context, t T, e Consul) {
	ended, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := e.KV.Wait(ended, "wait/", 1, time.Minute); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want one that wraps the context's", err)
	}
}
