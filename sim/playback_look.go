package sim

import "slices"

// What a node has is looked at by kind. The first look at a kind takes what it
// finds: it was there before the recording. After somebody has touched a kind
// the next look takes anything.

// knows reports that everything of kind on node has been seen, or with which
// a part of it.
func (p *player) knows(kind, node, which string) bool {
	return p.seen[kind+" "+node] || which != "" && p.seen[kind+" "+node+" "+which]
}

// cutShort is the end of the calls that node's handler has under way: what
// they are about may be half done, now or later, and is taken as it is seen next.
func (p *player) cutShort(node string) take {
	var keys []string
	for _, d := range p.pending {
		if !d.Back() && d.Node == node {
			keys = append(keys, p.touches(d)...)
		}
	}
	return p.touch(keys)
}

// touches are the kinds of things that d may have changed, and where.
func (p *player) touches(d *deed) (keys []string) {
	for _, kind := range d.how.about {
		keys = append(keys, "touched "+kind+" "+d.Node)
	}
	for _, n := range p.c.nodes {
		if d.Call.Call == "Snapshots.Send" && n.address == arg[string](p, d, 1) {
			keys = append(keys, "touched snapshot "+n.name)
		}
	}
	return keys
}

func (p *player) touch(keys []string) take {
	return take{do: func() {
		for _, key := range keys {
			p.seen[key] = true
		}
	}}
}

// doubted takes d's answer as it is when it may show what a call without a
// clear answer has left. Each such call explains once.
func (p *player) doubted(d *deed) bool {
	m := p.mark()
	for _, c := range p.deeds {
		if !c.how.effect || !c.excused || c.doubted || c.start > d.end || !p.near(c, d) {
			continue
		}
		set(p, &c.doubted, true)
		p.take(p.touch(p.touches(c)))
		if v := d.how.call(p, d); len(v.diffs) == 0 {
			p.accept(d, v)
			return true
		}
	}
	p.rewind(m)
	return false
}

// found is about something that is recorded and that the fake has not.
func (p *player) found(d *deed, v *verdict, kind, which, what string, do func()) {
	switch {
	case !p.knows(kind, d.Node, which):
		v.takes = append(v.takes, take{why: kind + " found at the first look", do: do})
	case p.seen["touched "+kind+" "+d.Node]:
		v.takes = append(v.takes, take{why: kind + " that somebody made", do: do})
	default:
		v.differs("%s %s: recorded, the fake has none", kind, what)
	}
}

// missing is about something that the fake has and the recording has not.
func (p *player) missing(d *deed, v *verdict, kind, what string, do func()) {
	if p.seen["touched "+kind+" "+d.Node] {
		v.takes = append(v.takes, take{why: kind + " that somebody removed", do: do})
		return
	}
	v.differs("%s %s: the fake has it, the recording does not", kind, what)
}

// looked notes that everything of kind has been seen once, or with which a part.
func (p *player) looked(d *deed, v *verdict, kind, which string) {
	key := kind + " " + d.Node
	if which != "" {
		key += " " + which
	}
	touched := "touched " + kind + " " + d.Node
	if !p.knows(kind, d.Node, which) || p.seen[touched] {
		v.takes = append(v.takes, take{do: func() { p.seen[key] = true; delete(p.seen, touched) }})
	}
}

// names compares two lists of names.
func (p *player) names(d *deed, kind string, was, is []string, v *verdict, found, missing func(name string)) {
	for _, name := range was {
		if !slices.Contains(is, name) {
			p.found(d, v, kind, "", name, func() { found(name) })
		}
	}
	for _, name := range is {
		if !slices.Contains(was, name) {
			p.missing(d, v, kind, name, func() { missing(name) })
		}
	}
	p.looked(d, v, kind, "")
}
