package app_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/mlfmonde/cluster/handler/app"
)

func TestPublished_TellsTheOthersInBoundedWords(t *testing.T) {
	p := app.Published{Left: map[string]string{app.WholeEdge: "Caddy is away"}}
	for i := range 500 {
		p.Left[fmt.Sprintf("app%03d_main.00000", i)] = "line 3:\n\tunknown directive " + strings.Repeat("é", 4000)
	}
	shown := p.Shown()
	data, err := json.Marshal(shown)
	if err != nil || len(data) > 8<<10 {
		t.Errorf("%d bytes, %v", len(data), err)
	}
	if shown[app.WholeEdge] != "Caddy is away" || !strings.HasPrefix(shown["app000_main.00000"], "line 3: unknown directive é") {
		t.Errorf("%q", shown)
	}
	if got := shown[app.MoreLeft]; !strings.Contains(got, "485 more") {
		t.Errorf("the rest is %q", got)
	}
	if again := p.Shown(); !maps.Equal(shown, again) {
		t.Error("the same says something else")
	}
	if shown := (app.Published{Index: 4}).Shown(); shown != nil {
		t.Errorf("nothing left out says %q", shown)
	}
}

func TestMember_IsTheSameWithTheSameWords(t *testing.T) {
	m := app.Member{Name: "a", Version: "1", Published: 3, Edge: map[string]string{"x": "bad"}}
	same := m
	same.Edge = map[string]string{"x": "bad"}
	if !m.Same(same) {
		t.Error("equal members differ")
	}
	for _, other := range []app.Member{
		{Name: "b", Version: "1", Published: 3, Edge: m.Edge}, {Name: "a", Version: "2", Published: 3, Edge: m.Edge},
		{Name: "a", Version: "1", Published: 4, Edge: m.Edge}, {Name: "a", Version: "1", Published: 3},
		{Name: "a", Version: "1", Published: 3, Edge: m.Edge, Address: "::1"}, {Name: "a", Version: "1", Published: 3, Edge: m.Edge, Present: true},
	} {
		if m.Same(other) {
			t.Errorf("%+v is taken for %+v", other, m)
		}
	}
}
