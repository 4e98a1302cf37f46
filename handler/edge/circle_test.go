package edge_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/edge"
)

// history is a KV while one app moves about between nodes that each see it as
// it was when they last published.
type history struct {
	t     *testing.T
	chaos *rand.Rand
	index uint64
	keys  map[string]edge.Pair
	op    app.Operation
	views map[string]edge.State
	seen  map[string]uint64
}

func (h *history) put(key string, value any) {
	h.index++
	data, err := json.Marshal(value)
	if err != nil {
		h.t.Fatal(err)
	}
	h.keys[key] = edge.Pair{Key: key, Value: data, Index: h.index}
}

func (h *history) publish(node string) {
	var pairs []edge.Pair
	for _, p := range h.keys {
		pairs = append(pairs, p)
	}
	h.views[node], h.seen[node] = edge.Read(pairs), h.index
	h.put("node/"+node, app.Member{Name: node, Address: "10.0.0." + node[1:], Published: h.seen[node]})
}

// advance takes the operation one step on. Its end waits for the new master's
// edge, as the protocol does.
func (h *history) advance(nodes []string) {
	switch h.op.State {
	case app.Preparing:
		h.op.State = app.Switching
	case app.Switching:
		h.op.State = app.Committed
		h.put("app/shop", app.Record{Master: h.op.New.Master, IP: "10.0.0." + h.op.New.Master[1:], Domains: []string{"shop.example.com"}})
	case app.Committed:
		if h.seen[h.op.New.Master] < h.keys["app/shop"].Index {
			return
		}
		h.op.State, h.op.Outcome = app.Done, app.OutcomeCommitted
	case app.Done:
		h.op = app.Operation{Seq: h.op.Seq + 1, ID: fmt.Sprint("op", h.op.Seq+1), Old: h.op.New, New: app.Placement{Master: nodes[h.chaos.IntN(len(nodes))]}, State: app.Preparing}
	}
	h.put("operation/shop", h.op)
}

// way is the nodes that a request sees which comes in at node.
func (h *history) way(node string) (way []string, circle bool) {
	for !slices.Contains(way, node) {
		way = append(way, node)
		next := h.views[node].Apps[0].At(node).Master
		if next == node {
			return way, false
		}
		node = next
	}
	return append(way, node), true
}

func TestRoutes_NeverGoInACircle(t *testing.T) {
	nodes := []string{"n1", "n2", "n3", "n4"}
	hops := 0
	for seed := range uint64(200) {
		h := &history{t: t, chaos: rand.New(rand.NewPCG(seed, 1)), keys: map[string]edge.Pair{}, views: map[string]edge.State{}, seen: map[string]uint64{}}
		h.op = app.Operation{Seq: 1, ID: "op1", New: app.Placement{Master: "n1"}, State: app.Done, Outcome: app.OutcomeCommitted}
		h.put("app/shop", app.Record{Master: "n1", IP: "10.0.0.1", Domains: []string{"shop.example.com"}})
		h.put("operation/shop", h.op)
		for range 2 { // once to be there, once to know the others
			for _, n := range nodes {
				h.publish(n)
			}
		}
		for range 60 {
			if h.chaos.IntN(2) == 0 {
				h.advance(nodes)
			} else {
				h.publish(nodes[h.chaos.IntN(len(nodes))])
			}
			for _, n := range nodes {
				way, circle := h.way(n)
				if circle {
					t.Fatalf("seed %d: a request goes %v", seed, way)
				}
				hops = max(hops, len(way))
			}
		}
	}
	if hops < 3 {
		t.Errorf("no request ever went further than %d nodes: nothing was tried", hops)
	}
}
