package haproxy

import (
	"fmt"
	"slices"
	"strings"
)

// Claim is a name that only one app may have, and the key path that asks for it.
type Claim struct{ Name, Path string }

// Claims are what an app takes for itself.
type Claims struct {
	Sections []Claim // names of frontends and backends
	Binds    []Claim // as written, one address each
}

// Add puts an entry to what earlier services said under the same name, and its
// claims to claims. A backend that is there already is refused and left out;
// the mode of the first one stays.
func (c Config) Add(name string, e Entry, claims *Claims) Report {
	var r Report
	kept := e.Backends[:0:0]
	for i, b := range e.Backends {
		key, where := Section(name, b.Label()), fmt.Sprintf("%s.backends[%d]", name, i)
		if slices.ContainsFunc(claims.Sections, func(o Claim) bool { return o.Name == key }) {
			r.Problems = append(r.Problems, Problem{Path: where + ".name", Why: "backend " + key + " is there twice"})
			continue
		}
		kept = append(kept, b)
		claims.Sections = append(claims.Sections, Claim{Name: key, Path: where + ".name"})
	}
	if e.Frontend != nil && !Own(name) {
		for _, b := range e.Frontend.Bind {
			claims.Binds = append(claims.Binds, Claim{Name: b, Path: name + ".frontend.bind"})
		}
	}
	old, known := c[name]
	if !known {
		e.Backends = kept
		c[name] = e
		if !Own(name) {
			claims.Sections = append(claims.Sections, Claim{Name: Front(name), Path: name})
		}
		return r
	}
	if old.Frontend != nil && e.Frontend != nil {
		if old.Frontend.Mode != e.Frontend.Mode {
			r.Warnings = append(r.Warnings, Problem{Path: name + ".frontend.mode",
				Why: fmt.Sprintf("%s is ignored, an earlier service says %s", e.Frontend.Mode, old.Frontend.Mode)})
		}
		old.Frontend = &Frontend{Mode: old.Frontend.Mode, Bind: slices.Concat(old.Frontend.Bind, e.Frontend.Bind),
			Options: slices.Concat(old.Frontend.Options, e.Frontend.Options)}
	}
	old.Backends = slices.Concat(old.Backends, kept)
	c[name] = old
	return r
}

// Finish sorts what has no order: binds, and claims of them. Options stay in
// their order, for HAProxy evaluates them so; each is there once.
func (c Config) Finish(claims *Claims) {
	for _, e := range c {
		if f := e.Frontend; f != nil {
			slices.Sort(f.Bind)
			f.Bind = slices.Compact(f.Bind)
			f.Options = unique(f.Options)
		}
	}
	slices.SortFunc(claims.Binds, func(a, b Claim) int { return strings.Compare(a.Name, b.Name) })
	claims.Binds = slices.CompactFunc(claims.Binds, func(a, b Claim) bool { return a.Name == b.Name })
}

// unique drops what is there already, keeping the order.
func unique(list []string) []string {
	seen := map[string]bool{}
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool {
		dup := seen[s]
		seen[s] = true
		return dup
	})
}
