package app

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// WholeEdge stands for every app where the reason concerns the edge itself: a
// proxy that is away or does not take what it is given.
const WholeEdge = "*"

// MoreLeft is the key that counts what a node does not name one by one.
const MoreLeft = "…"

// What a node says of its edge has to fit into a value that is written often.
const (
	leftNamed = 16  // apps
	leftBytes = 300 // of a reason
)

// Published is how far a node's edge has come, and what it could not show as
// the KV has it.
type Published struct {
	Index uint64            `json:"index"`
	Left  map[string]string `json:"left,omitempty"` // app, or WholeEdge → why
}

// Same reports that nobody has to be told of p after o.
func (p Published) Same(o Published) bool { return p.Index == o.Index && maps.Equal(p.Left, o.Left) }

// Shown is Left as a node tells it to the others: the edge itself first, then
// the first apps by name, each reason on one line and cut, the rest counted.
func (p Published) Shown() map[string]string {
	if len(p.Left) == 0 {
		return nil
	}
	names := slices.Sorted(maps.Keys(p.Left)) // WholeEdge sorts before every name
	shown := map[string]string{}
	for _, name := range names[:min(len(names), leftNamed)] {
		shown[name] = short(p.Left[name])
	}
	if more := len(names) - leftNamed; more > 0 {
		shown[MoreLeft] = fmt.Sprintf("and %d more, in this node's log", more)
	}
	return shown
}

func short(reason string) string {
	line := strings.Join(strings.Fields(strings.ToValidUTF8(reason, "?")), " ")
	if len(line) <= leftBytes {
		return line
	}
	return strings.ToValidUTF8(line[:leftBytes], "") + " …"
}
