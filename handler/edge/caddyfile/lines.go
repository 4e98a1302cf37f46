package caddyfile

import (
	"slices"
	"strings"
)

// Lines are the site's directives of the given names alone, as they stand in
// its block: what else is to answer for the site keeps its certificates so.
func (s Site) Lines(names ...string) string {
	var b strings.Builder
	for i, n := range s.body {
		if !n.words[0].quoted && slices.Contains(names, n.name()) {
			write(&b, s.body[i:i+1], 1)
		}
	}
	return b.String()
}
