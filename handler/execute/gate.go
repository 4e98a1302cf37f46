package execute

import (
	"context"
	"sync"
	"time"
)

// gate lets at most n through at a time.
type gate struct {
	mu   sync.Mutex
	free int
}

func newGate(n int) *gate { return &gate{free: max(n, 1)} }

func (g *gate) try() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.free == 0 {
		return false
	}
	g.free--
	return true
}

func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.free++
}

// build waits for a free place and runs f. Waiting polls: builds last minutes.
func (n *Node) build(ctx context.Context, f func() error) error {
	for !n.builds.try() {
		if err := n.Clock.Sleep(ctx, time.Second); err != nil {
			return err
		}
	}
	defer n.builds.leave()
	return f()
}
