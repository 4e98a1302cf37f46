package recette_test

import (
	"testing"
	"time"

	"github.com/mlfmonde/cluster/handler/inspect"
	"github.com/mlfmonde/cluster/recette"
)

// BenchmarkDeploy is a whole deploy on three nodes, from the request to the
// close, with the invariants after every step.
func BenchmarkDeploy(b *testing.B) {
	memo := &inspect.Memo{}
	b.ReportAllocs()
	steps, simulated := uint64(0), time.Duration(0)
	for n := b.N; n > 0; n -= 20 {
		s, err := recette.Bench(min(n, 20), memo)
		if err != nil {
			b.Fatal(err)
		}
		steps += s.Tally().Steps
		simulated += s.Now()
		s.Close()
	}
	b.ReportMetric(float64(steps)/float64(b.N), "steps/op")
	b.ReportMetric(simulated.Seconds()/float64(b.N), "simulated-s/op")
}

// BenchmarkCell is a cell of the matrix: setting the scene, the move, the
// checks of every node at rest, events again, and a fresh deploy.
func BenchmarkCell(b *testing.B) {
	row, column := recette.Rows()[0], recette.Columns()[0]
	o := recette.Options{Seed: 1, Memo: &inspect.Memo{}}
	b.ReportAllocs()
	for range b.N {
		if c := recette.Play(row, column, o); c.Verdict != recette.Pass {
			b.Fatal(c.Reason)
		}
	}
}

// BenchmarkIdle is a simulated second of three nodes to which nothing happens.
func BenchmarkIdle(b *testing.B) {
	s, err := recette.NewScene(recette.Setting{Seed: 1, Mute: true})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	b.ReportAllocs()
	b.ResetTimer()
	if err := s.Pass(b.Context(), time.Duration(b.N)*time.Second); err != nil {
		b.Fatal(err)
	}
}
