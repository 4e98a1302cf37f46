package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/client"
)

func TestAll_ShowsTheEdgeOfEachNode(t *testing.T) {
	const shop = "shop_main.12345"
	var out bytes.Buffer
	o := client.Overview{Nodes: []client.Node{
		{Name: "n1", Present: true, Edge: client.Edge{Published: 9, Newest: 9}},
		{Name: "n2", Present: true, Edge: client.Edge{Published: 9, Newest: 9, Left: map[string]string{shop: "caddy: line 3: unknown directive"}}},
		{Name: "n3", Present: true, Edge: client.Edge{Published: 4, Newest: 9, Behind: true}},
		{Name: "n4", Present: true, Edge: client.Edge{Published: 4, Newest: 9, Behind: true, Left: map[string]string{app.WholeEdge: "HAProxy does not answer"}}},
		{Name: "n5"},
	}}
	all(&out, o)
	for _, want := range []string{"up to date\n", "up to date, but for what is below", "behind: at 4 of 9", "held up", "away     –",
		shop + "        n2  caddy: line 3: unknown directive", "all changes            n4  HAProxy does not answer"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, out.String())
		}
	}
	out.Reset()
	if leftOut(&out, o, "other"); strings.Contains(out.String(), shop) || !strings.Contains(out.String(), "all changes") {
		t.Errorf("of another app:\n%s", out.String())
	}
	out.Reset()
	if leftOut(&out, client.Overview{Nodes: o.Nodes[:1]}, ""); out.Len() != 0 {
		t.Errorf("with nothing left out: %q", out.String())
	}
}
