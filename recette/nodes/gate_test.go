package nodes

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"
)

// soon is a context of a test that must not wait for ever.
func soon(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestGate_OpensAWindowWhenNobodyIsInside(t *testing.T) {
	g, ctx := newGate(), soon(t)
	must(t, g.enter(ctx))
	must(t, g.enter(ctx))
	opened := make(chan error, 1)
	go func() { opened <- g.open(ctx) }()
	g.leave()
	select {
	case <-opened:
		t.Fatal("the window opened with one inside")
	default:
	}
	g.leave()
	must(t, <-opened)
	g.shut(1)
	if g.inside != 1 || g.window {
		t.Errorf("after the window %d are inside, window %v", g.inside, g.window)
	}
}

func TestGate_LetsNobodyInWhileAWindowIsWanted(t *testing.T) {
	g, ctx := newGate(), soon(t)
	must(t, g.enter(ctx))
	opened := make(chan error, 1)
	go func() { opened <- g.open(ctx) }()
	must(t, g.until(ctx, func() bool { return g.waiting == 1 }, func() {}))
	hasty, cancel := context.WithCancel(ctx)
	cancel()
	if err := g.enter(hasty); !errors.Is(err, context.Canceled) {
		t.Errorf("entered before the window: %v", err)
	}
	g.leave()
	must(t, <-opened)
	if err := g.enter(hasty); !errors.Is(err, context.Canceled) {
		t.Errorf("entered the window: %v", err)
	}
	g.shut(0)
	must(t, g.enter(ctx))
}

func TestGate_AWindowGivenUpIsNotWaitedFor(t *testing.T) {
	g, ctx := newGate(), soon(t)
	must(t, g.enter(ctx))
	gone, cancel := context.WithCancel(ctx)
	cancel()
	if err := g.open(gone); err == nil {
		t.Fatal("opened with one inside")
	}
	must(t, g.enter(ctx))
}

func TestGate_ManyAtOnce(t *testing.T) {
	g, ctx := newGate(), soon(t)
	var alone, inside int
	var mu sync.Mutex
	var wait sync.WaitGroup
	note := func(in, all int) {
		mu.Lock()
		defer mu.Unlock()
		inside, alone = inside+in, alone+all
		if alone > 1 || alone == 1 && inside > 0 {
			t.Errorf("%d windows with %d inside", alone, inside)
		}
	}
	for i := range 40 {
		wait.Go(func() {
			if i%4 > 0 {
				must(t, g.enter(ctx))
				note(1, 0)
				note(-1, 0)
				g.leave()
				return
			}
			must(t, g.open(ctx))
			note(0, 1)
			note(0, -1)
			g.shut(0)
		})
	}
	wait.Wait()
}
