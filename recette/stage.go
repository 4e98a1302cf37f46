// Package recette is the acceptance matrix: one table of transitions and of
// things that go wrong, the checks that every cell makes on every node, and
// the invariants that hold after every step. A world (the simulator, or real
// nodes) plays the cells. What comes in is a cell, what goes out a verdict
// with its reason and the way to replay it.
package recette

import (
	"context"
	"fmt"
	"io/fs"

	"github.com/mlfmonde/cluster/fixtures"
	"github.com/mlfmonde/cluster/handler"
	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/execute"
	"github.com/mlfmonde/cluster/handler/inspect"
	"github.com/mlfmonde/cluster/handler/port"
	"github.com/mlfmonde/cluster/sim"
)

// Edit changes an agent before it runs: tests take steps out of its plans.
type Edit func(*handler.Agent)

// Programs are the production handler and guard as the simulator runs them.
// memo may be shared by clusters.
func Programs(t app.Times, memo *inspect.Memo, edit Edit) (agent, guard sim.Program) {
	agent = func(node string) func(context.Context, port.World) error {
		return func(ctx context.Context, w port.World) error {
			c := execute.DefaultConfig(node)
			c.Times = t
			a := handler.New(c, w, incarnation(w), memo)
			if edit != nil {
				edit(a)
			}
			return a.Run(ctx)
		}
	}
	guard = func(string) func(context.Context, port.World) error {
		return func(ctx context.Context, w port.World) error { return handler.Guard(ctx, w, t) }
	}
	return agent, guard
}

// incarnation differs at each start of a handler: the boot clock goes on, and
// a boot changes the wall clock.
func incarnation(w port.World) string {
	return fmt.Sprintf("%d-%d", w.Clock.Now().UnixNano(), w.Clock.Boot())
}

// Files are those of a good application of the fixtures.
func Files(name string) (port.Files, error) {
	sub, err := fs.Sub(fixtures.Apps(), "good/"+name)
	if err != nil {
		return nil, fmt.Errorf("application %s: %w", name, err)
	}
	files := port.Files{}
	err = fs.WalkDir(sub, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		files[path], err = fs.ReadFile(sub, path)
		return err
	})
	return files, err
}
