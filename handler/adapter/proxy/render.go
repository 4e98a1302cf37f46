package proxy

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/edge"
)

// read is what the KV says. A record that nobody can read is as it was before.
func (o *Own) read(left left) edge.State {
	state := edge.Read(o.sheets.pairs(o.unwaited))
	left.faults(state.Faults)
	known := map[string]bool{}
	for _, a := range state.Apps {
		known[a.Name] = true
	}
	var old []edge.Pair
	for _, f := range state.Faults {
		if r, ok := o.memory.apps[f.App]; ok && !known[f.App] && f.Part == edge.PartRecord && r.Master != "" {
			old = append(old, edge.Pair{Key: records + f.App, Value: r.record()})
		}
	}
	if len(old) > 0 {
		all := slices.DeleteFunc(o.sheets.pairs(o.unwaited), func(p edge.Pair) bool {
			return slices.ContainsFunc(old, func(q edge.Pair) bool { return p.Key == q.Key })
		})
		state = edge.Read(append(all, old...))
	}
	state.Caddy = o.config.Options
	o.forget(state)
	return state
}

// record is what was good of an app, as a record.
func (r remembered) record() []byte {
	old := app.Record{Master: r.Master, IP: r.Address}
	for _, f := range []*edge.Fields{r.HAProxy, r.Caddy} {
		if f != nil {
			old.Domains, old.URLs, old.Caddyfile, old.HAProxy, old.Ct = f.Domains, f.URLs, f.Caddyfile, f.HAProxy, f.Ct
		}
	}
	if r.HAProxy != nil {
		old.HAProxy = r.HAProxy.HAProxy
	}
	value, err := json.Marshal(old)
	if err != nil {
		return nil // fields that came out of JSON go into it again
	}
	return value
}

// forget drops what is known of apps that the KV has no more.
func (o *Own) forget(state edge.State) {
	there := map[string]bool{}
	for _, a := range state.Apps {
		there[a.Name] = true
	}
	for name := range o.memory.apps {
		if !there[name] && !o.sheets.has(records, name) {
			o.memory.set(name, func(r *remembered) { *r = remembered{} })
		}
	}
}

// tries bounds how often parts are put back: the app's own, the one before,
// none, and once more for who only the others' parts were in the way of.
const tries = 4

// routes are what HAProxy is to run.
type routes struct {
	proxy   edge.Proxy
	without map[string]bool
	bad     map[string]bool // apps whose own part is not in it
	left    left
	err     error
}

// routes renders what state says until HAProxy takes it. An app whose part is
// refused, by edge or by HAProxy, keeps the one before.
func (o *Own) routes(ctx context.Context, state edge.State) routes {
	r := routes{left: left{}, without: map[string]bool{}}
	p, faults := edge.HAProxy(state, o.config.Node, o.config.Template)
	r.bad = r.left.faults(faults)
	put := substitutes{good: func(name string) *edge.Fields { return o.memory.apps[name].HAProxy }, level: map[string]int{}}
	state = put.back(state, r.bad)
	if doubtful := o.doubtful(state, r.left); len(doubtful) > 0 {
		state = put.next(state, doubtful)
		maps.Copy(r.bad, doubtful)
	}
	if len(r.bad) > 0 {
		p, _ = edge.HAProxy(state, o.config.Node, o.config.Template)
	}
	for i := range tries {
		refused, err := o.config.HAProxy.Check(ctx, p)
		if r.proxy, r.err = p, err; err != nil || len(refused) == 0 {
			return r
		}
		for name, why := range refused {
			r.left.add(name, edge.PartHAProxy, why)
			r.bad[name] = true
		}
		if i == tries-1 {
			r.without = keys(refused)
			return r
		}
		state = put.next(state, keys(refused))
		p, _ = edge.HAProxy(state, o.config.Node, o.config.Template)
	}
	return r
}

func keys(m map[string]string) map[string]bool {
	set := map[string]bool{}
	for k := range m {
		set[k] = true
	}
	return set
}

// substitutes puts fields that were good in the place of those that are not.
type substitutes struct {
	good  func(name string) *edge.Fields
	level map[string]int // 0: its own, 1: those before, 2: none
}

// back is state with the fields before for each of bad that has some.
func (s *substitutes) back(state edge.State, bad map[string]bool) edge.State {
	for _, name := range slices.Sorted(maps.Keys(bad)) {
		if f := s.good(name); f != nil && s.level[name] == 0 && !reflect.DeepEqual(*f, fieldsOf(state, name)) {
			s.level[name] = 1
			state = state.With(name, *f)
		}
	}
	return state
}

// next is state with the next older fields for each of refused: those before,
// then none.
func (s *substitutes) next(state edge.State, refused map[string]bool) edge.State {
	was := maps.Clone(s.level)
	state = s.back(state, refused)
	for name := range refused {
		if s.level[name] == was[name] {
			s.level[name] = 2
			state = state.With(name, edge.Fields{})
		}
	}
	return state
}

func fieldsOf(state edge.State, name string) edge.Fields {
	for _, a := range state.Apps {
		if a.Name == name {
			return a.Fields
		}
	}
	return edge.Fields{}
}

// rememberRoutes keeps what HAProxy took whole of its apps. A closed app's
// entries were not shown, so nothing is known of them.
func (o *Own) rememberRoutes(state edge.State, r routes) {
	seen := make(map[string]*edge.App, len(state.Apps))
	for i := range state.Apps {
		seen[state.Apps[i].Name] = &state.Apps[i]
	}
	for i := range r.proxy.Parts {
		part := &r.proxy.Parts[i]
		if a := seen[part.App]; !r.bad[part.App] && part.Whole && a != nil && !a.Closed {
			o.memory.set(part.App, func(m *remembered) {
				m.HAProxy, m.Master, m.Address = &part.Fields, a.Master, a.Address
			})
		}
	}
}

// shown are the sites that Caddy has.
type shown struct {
	sites []edge.Site
	bad   map[string]bool // apps whose own text is not in it
}

// caddy makes Caddy serve what state says.
func (o *Own) caddy(ctx context.Context, state edge.State, left left) (s shown, err error) {
	var faults []edge.Fault
	s.sites, faults = edge.Sites(state, o.config.Node, o.served())
	s.bad = left.faults(faults)
	put := substitutes{good: func(name string) *edge.Fields { return o.memory.apps[name].Caddy }, level: map[string]int{}}
	if state = put.back(state, s.bad); len(s.bad) > 0 {
		s.sites, _ = edge.Sites(state, o.config.Node, o.served())
	}
	o.waiting(s.sites)
	o.hold(s.sites)
	refused, err := o.config.Caddy.Apply(ctx, s.sites)
	if err != nil {
		return s, err
	}
	for name, why := range refused {
		left.add(name, edge.PartCaddy, why)
		s.bad[name] = true
	}
	if len(refused) > 0 { // Caddy keeps what it has; what it lost in a restart is put back
		state = put.back(state, keys(refused))
		s.sites, _ = edge.Sites(state, o.config.Node, o.served())
		if _, err := o.config.Caddy.Apply(ctx, s.sites); err != nil {
			return s, err
		}
	}
	if o.marker, err = o.config.Caddy.Running(ctx); err == nil && o.marker == "" {
		err = errors.New("Caddy was restarted while it got its sites")
	}
	return s, err
}

// served are the apps whose requests this Caddy has, or had not long ago.
func (o *Own) served() []string {
	var names []string
	for name, mode := range o.modes {
		if mode != edge.Pass {
			names = append(names, name)
		}
	}
	for name, since := range o.passed {
		if time.Since(since) < o.config.Pass {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
