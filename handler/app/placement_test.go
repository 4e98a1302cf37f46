package app_test

import (
	"testing"

	"github.com/mlfmonde/cluster/handler/app"
)

func TestPlacement_Role(t *testing.T) {
	for _, c := range []struct {
		at   app.Placement
		node string
		want app.Role
		says string
	}{
		{app.Placement{}, "a", app.Nothing, "nothing"},
		{app.Placement{}, "", app.Nothing, "nothing"},
		{app.Placement{Master: "a"}, "a", app.Master, "master"},
		{app.Placement{Master: "a"}, "b", app.Nothing, "nothing"},
		{app.Placement{Master: "a"}, "", app.Nothing, "nothing"},
		{app.Placement{Master: "a", Slave: "b"}, "a", app.Master, "master"},
		{app.Placement{Master: "a", Slave: "b"}, "b", app.Slave, "slave"},
		{app.Placement{Master: "a", Slave: "b"}, "c", app.Nothing, "nothing"},
		{app.Placement{Master: "a", Slave: "b"}, "A", app.Nothing, "nothing"},
	} {
		if got := c.at.Role(c.node); got != c.want || got.String() != c.says {
			t.Errorf("%s: %q is %s, want %s", c.at, c.node, got, c.says)
		}
	}
}

func TestPlacement_Text(t *testing.T) {
	for want, p := range map[string]app.Placement{"–": {}, "a/–": {Master: "a"}, "a/b": {Master: "a", Slave: "b"}} {
		if p.String() != want || p.IsZero() != (want == "–") {
			t.Errorf("got %s, zero %v; want %s", p, p.IsZero(), want)
		}
	}
}
