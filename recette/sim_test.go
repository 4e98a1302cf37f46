package recette_test

import (
	"encoding/json"
	"testing"

	"github.com/mlfmonde/cluster/recette"
)

func TestTry(t *testing.T) {
	r := recette.PlayAll(recette.Options{Seed: 1}, func(_ recette.Row, c recette.Column) bool { return c.Sweep == "" })
	for _, c := range r.Cells {
		if c.Verdict != recette.Pass {
			b, _ := json.Marshal(c)
			t.Errorf("%s", b)
		}
	}
	t.Logf("%+v", r.Totals)
}

func TestSweeps(t *testing.T) {
	r := recette.PlayAll(recette.Options{Seed: 1}, func(_ recette.Row, c recette.Column) bool { return c.Sweep != "" })
	plays := 0
	for _, c := range r.Cells {
		plays += c.Plays
		if c.Verdict != recette.Pass {
			b, _ := json.Marshal(c)
			t.Errorf("%s", b)
		}
	}
	t.Logf("%+v %d plays", r.Totals, plays)
}
