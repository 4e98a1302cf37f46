// Package caddyfile reads the CADDYFILE variable of an app, in the syntax of
// Caddy v1 or v2, and gives it back as Caddy v2 text. In come a text and the
// names of the app's own containers; out go its sites, with everything the
// cluster adds, or one problem for each thing that is wrong, with its line and
// the way to write it. What is not known to be harmless is refused: the proxy
// is shared by all apps. It starts nothing and reads no file.
package caddyfile

import "fmt"

// Options is what a text is read against.
type Options struct {
	Upstreams []string // containers that proxies may reach: the app's own
}

// File is a text that was read.
type File struct {
	Sites    []Site
	Warnings []Problem // what means something else than its author may think
}

// Site is one block: who it answers for and what it does.
type Site struct {
	Addresses []string // with scheme, host in lower case, without the scheme's own port
	Line      int      // of the text, where the block begins
	body      []node   // in v2
}

// Problem is one thing that is wrong with a text.
type Problem struct {
	Line int
	Why  string
	Way  string // what to write instead, "" when there is nothing
}

// Error is the problem as one line.
func (p Problem) Error() string {
	text := fmt.Sprintf("line %d: %s", p.Line, p.Why)
	if p.Way != "" {
		text += "; write " + p.Way
	}
	return text
}
