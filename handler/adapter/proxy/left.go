package proxy

import (
	"maps"
	"slices"
	"strings"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/edge"
)

// left is what a publication leaves out or shows as it was before: app → part →
// why. The first reason of a part counts: what comes after it follows from it.
type left map[string]map[string]string

func (l left) add(name, part, why string) {
	if l[name] == nil {
		l[name] = map[string]string{}
	}
	if l[name][part] == "" {
		l[name][part] = why
	}
}

// faults adds what edge says, and returns the apps that it says it of.
func (l left) faults(all []edge.Fault) map[string]bool {
	names := map[string]bool{}
	for _, f := range all {
		l.add(f.App, f.Part, f.Reason)
		names[f.App] = true
	}
	return names
}

// merge adds what other says.
func (l left) merge(other left) {
	for name, parts := range other {
		for part, why := range parts {
			l.add(name, part, why)
		}
	}
}

// texts is one reason for each app.
func (l left) texts() map[string]string {
	texts := map[string]string{}
	for name, parts := range l {
		var all []string
		for _, part := range slices.Sorted(maps.Keys(parts)) {
			all = append(all, part+": "+parts[part])
		}
		if name == app.WholeEdge || name == "" {
			name = "?" // a key that nobody can have as an app
		}
		texts[name] = strings.Join(all, "; ")
	}
	return texts
}
