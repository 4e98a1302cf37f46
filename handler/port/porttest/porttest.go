// Package porttest is the promises of the ports as clauses that every
// implementation passes: the simulator's fakes and the real adapters. What
// comes in is an environment with a port in a known state; what goes out is a
// verdict per clause. It never knows which implementation it talks to.
package porttest

import (
	"context"
	"testing"
)

// T is what a clause needs of a test: *testing.T and ginkgo's both have it.
type T interface {
	Helper()
	Name() string
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
	Logf(format string, args ...any)
	Cleanup(func())
	TempDir() string
}

// Clause is one promise of one method.
type Clause[E any] struct {
	Method string // "Snapshots.Send"
	Says   string // the promise, a sentence
	// Range: more than one behaviour is right (an event may or may not reach
	// a node that was down); the check accepts each of them.
	Range bool
	Check func(ctx context.Context, t T, e E)
}

// Runner makes a fresh environment and runs body in it: directly for a real
// adapter, inside a simulated task for a fake.
type Runner[E any] func(t T, body func(ctx context.Context, e E))

// Each runs every clause as a subtest of t. With PORTTEST_OUT naming a folder
// the verdicts are also written there, for comparing implementations.
func Each[E any](t *testing.T, clauses []Clause[E], run Runner[E]) {
	for _, c := range clauses {
		t.Run(c.Method+"/"+c.Says, func(t *testing.T) {
			Note(t, c.Method, c.Says)
			run(t, func(ctx context.Context, e E) { c.Check(ctx, t, e) })
		})
	}
}
