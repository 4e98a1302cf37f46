package sim

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/witness"
)

// listLeases compares lease files. One whose time is over may be gone: the
// guard, of which there is no recording, takes it away.
func listLeases(p *player, d *deed, was, is []app.Lease, v *verdict) {
	for _, w := range was {
		if !slices.Contains(is, w) {
			p.found(d, v, "lease", "", fmt.Sprintf("%+v", w), func() { p.lease(d.Node, w) })
		}
	}
	for _, l := range is {
		end := func() {
			n := p.c.node(d.Node)
			n.leases = slices.DeleteFunc(n.leases, func(x app.Lease) bool { return x == l })
		}
		switch {
		case slices.Contains(was, l):
		case l.Until != 0 && l.Until <= int64(d.Call.End):
			v.takes = append(v.takes, take{why: "lease ended by the guard", nature: true, do: end})
		default:
			p.missing(d, v, "lease", fmt.Sprintf("%+v", l), end)
		}
	}
	p.looked(d, v, "lease", "")
}

func (p *player) lease(node string, l app.Lease) {
	n := p.c.node(node)
	i, _ := n.lease(l.Project, l.Seq)
	n.leases = slices.Insert(n.leases, i, l)
}

// marked lets the guard have looked where the answer says so.
func marked(p *player, d *deed) (v verdict) {
	switch is := p.c.node(d.Node).marked; {
	case d.failed("ErrNotFound") && is:
		v.differs("recorded that the guard has never looked, the fake has its mark")
	case !d.failed() && !is:
		v.takes = append(v.takes, take{why: "guard's first look", do: func() { p.c.node(d.Node).marked = true }})
	case d.failed() && !d.failed("ErrNotFound"):
		v.differs("recorded error %q, the fake has none", d.Error.Text)
	}
	return v
}

func readJournal(p *player, d *deed, was, is app.Journal, v *verdict) {
	name := arg[string](p, d, 0)
	if a, b := text(was), text(is); a != b {
		p.found(d, v, "journal", name, "of "+name+" "+a+" instead of "+b, func() { p.c.node(d.Node).disk.journal[name] = was })
	}
	p.looked(d, v, "journal", name)
}

func text(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(data)
}

func listJournals(p *player, d *deed, was, is []string, v *verdict) {
	p.names(d, "list of journals", was, is, v, func(name string) { p.c.node(d.Node).disk.journal[name] = app.Journal{} },
		func(name string) { delete(p.c.node(d.Node).disk.journal, name) })
}

// happening plays a line of what no handler did.
func (p *player) happening(h witness.Happening, offset time.Duration) {
	d := &deed{start: h.Start + offset, end: h.End + offset, until: h.End + offset}
	d.Call = witness.Call{Node: h.Node, Call: h.World, End: h.End, Where: "world"}
	d.how = method{effect: true, call: func(p *player, _ *deed) verdict {
		if err := p.happens(h); err != nil {
			p.fail(err)
		}
		return verdict{}
	}}
	switch h.World {
	case witness.Put, witness.Delete:
		d.how.consul, d.Task = true, h.Key
		if h.Value != nil {
			d.Answer = json.RawMessage(*h.Value)
		}
	case witness.PowerOff:
		d.how.before = func(p *player, _ *deed) []take { return []take{p.cutShort(h.Node)} }
	case witness.Push:
		if p.seed.pushed == nil {
			p.seed.pushed = map[string]bool{}
		}
		p.seed.pushed[h.Repo+" "+h.Branch] = true
	case witness.Said:
		return
	}
	if h.Node != "" && !slices.Contains(p.nodes, h.Node) {
		p.nodes = append(p.nodes, h.Node)
	}
	p.world = append(p.world, d)
}

var errHappening = errors.New("no such kind of happening")

func (p *player) happens(h witness.Happening) error {
	switch h.World {
	case witness.Push:
		p.pushed(h.Repo, h.Branch, h.Commit, h.Files)
	case witness.Put:
		if h.Value != nil {
			p.c.kv.write(h.Key, *h.Value)
		}
	case witness.Delete:
		p.c.kv.erase(h.Key)
	case witness.PowerOff:
		p.c.PowerCut(h.Node)
	case witness.PowerOn:
		p.c.Boot(h.Node)
		return p.c.RunFor(0)
	case witness.Touched:
		p.touched(h)
	default:
		return fmt.Errorf("%q: %w", h.World, errHappening)
	}
	return nil
}

// touched lets the next look find anything.
func (p *player) touched(h witness.Happening) {
	kinds := map[string]string{
		"containers": "container", "volumes": "volume", "snapshots": "snapshot", "schedules": "schedule",
		"checkouts": "checkout", "services": "service", "leases": "lease", "journal": "journal",
	}
	kind, ok := kinds[h.What]
	if !ok {
		p.fail(fmt.Errorf("touched %q: %w", h.What, errHappening))
	}
	p.seen["touched "+kind+" "+h.Node] = true
}
