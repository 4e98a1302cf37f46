package nodes

import (
	"context"
	"sync"
)

// gate lets plays go on side by side, or one window in which a whole node is
// struck and nobody else does anything.
type gate struct {
	mu      sync.Mutex
	inside  int // plays that do something
	waiting int // windows that want to begin
	window  bool
	changed chan struct{} // closed and made anew with every change
}

func newGate() *gate { return &gate{changed: make(chan struct{})} }

// until waits for may, then does take; both hold the lock.
func (g *gate) until(ctx context.Context, may func() bool, take func()) error {
	for {
		g.mu.Lock()
		if may() {
			take()
			g.change()
			g.mu.Unlock()
			return nil
		}
		changed := g.changed
		g.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// change wakes everybody; the caller holds the lock.
func (g *gate) change() {
	close(g.changed)
	g.changed = make(chan struct{})
}

func (g *gate) set(do func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	do()
	g.change()
}

// enter waits until no window is open or wanted.
func (g *gate) enter(ctx context.Context) error {
	return g.until(ctx, func() bool { return !g.window && g.waiting == 0 }, func() { g.inside++ })
}

// leave lets a window begin when nobody else is inside.
func (g *gate) leave() { g.set(func() { g.inside-- }) }

// open waits until nobody is inside and opens the window.
func (g *gate) open(ctx context.Context) error {
	g.set(func() { g.waiting++ })
	err := g.until(ctx, func() bool { return !g.window && g.inside == 0 }, func() { g.waiting--; g.window = true })
	if err != nil {
		g.set(func() { g.waiting-- })
	}
	return err
}

// shut ends the window; n plays are inside from then on.
func (g *gate) shut(n int) { g.set(func() { g.window, g.inside = false, g.inside+n }) }
