package sim

import "slices"

// tries bounds how many orders are tried for one answer.
const tries = 80

// open is the beginning of a call.
func (p *player) open(d *deed) {
	d.opened = true
	switch {
	case d.how.call == nil:
		p.result.Left++
		d.done = true
	case d.failed("ErrBlocked") && p.blocked(d):
		p.result.Excused++
		d.done = true
	case d.how.effect:
		if d.excused {
			p.result.Excused++
		}
		p.pending = append(p.pending, d)
	case d.excused:
		p.result.Excused++
		d.done = true
	default:
		p.result.Compared++
		if p.try(d); !d.done {
			p.waiting = append(p.waiting, d)
		}
	}
}

// blocked reports that an earlier call for d's volume has had no answer: then
// d was turned away without a look.
func (p *player) blocked(d *deed) bool {
	return slices.ContainsFunc(p.pending, func(c *deed) bool {
		return c.optional && c.Node == d.Node && (c.Call.Call == "Volumes.Restore" || c.Call.Call == "Volumes.Remove")
	})
}

// close is the end of a call: an effect has happened by now, an answer was
// true at some moment until now.
func (p *player) close(d *deed) {
	if !d.how.effect {
		if !d.done && d.how.call != nil {
			p.settle(d)
		}
		p.waiting = slices.DeleteFunc(p.waiting, func(x *deed) bool { return x.done })
		return
	}
	if !d.done && !d.optional {
		p.force(d)
	}
	p.pending = slices.DeleteFunc(p.pending, func(x *deed) bool { return x.done })
	p.commit()
}

// commit forgets how to go back: nothing before this moment is tried again.
func (p *player) commit() { p.undo = p.undo[:0] }

// try looks whether the answer is true now.
func (p *player) try(d *deed) {
	if !p.reached(d.need) {
		return
	}
	if v := d.how.call(p, d); len(v.diffs) == 0 && !v.natural() {
		p.accept(d, v)
	}
}

func (p *player) accept(d *deed, v verdict) {
	set(p, &d.done, true)
	for _, t := range v.takes {
		p.take(t)
	}
}

func (p *player) take(t take) {
	if t.why != "" {
		n := p.result.Taken[t.why]
		p.undo = append(p.undo, func() { p.result.Taken[t.why] = n })
		p.result.Taken[t.why] = n + 1
	}
	t.do()
	p.did(t.do)
}

// apply makes an effect, those first that Consul had before it, and reports
// what is different.
func (p *player) apply(d *deed) []string {
	if d.index != 0 {
		p.advance(d.index - 1)
	}
	if d.done {
		return nil
	}
	if !d.excused && d.N != 0 {
		set(p, &p.result.Compared, p.result.Compared+1)
	}
	if d.how.before != nil {
		for _, t := range d.how.before(p, d) {
			p.take(t)
		}
	}
	set(p, &d.done, true)
	v := d.how.call(p, d)
	p.did(func() { d.how.call(p, d) })
	if !d.excused {
		for _, t := range v.takes {
			p.take(t)
		}
	}
	p.retest()
	if d.excused {
		return nil
	}
	return v.diffs
}

// retest looks at the reads that wait.
func (p *player) retest() {
	for _, d := range p.waiting {
		if !d.done {
			p.try(d)
		}
	}
}

// advance makes the writes of the KV up to index, in their order.
func (p *player) advance(index uint64) {
	for _, d := range p.order {
		if d.index > index {
			return
		}
		if d.done {
			continue
		}
		if !d.opened {
			return
		}
		if diffs := p.apply(d); len(diffs) > 0 {
			p.differ(d, diffs)
		}
	}
}

// reached reports that every write of the KV up to index is made.
func (p *player) reached(index uint64) bool {
	for _, d := range p.order {
		if d.index > index {
			break
		}
		if !d.done {
			return false
		}
	}
	return true
}

// force makes an effect whose call has ended.
func (p *player) force(d *deed) {
	m := p.mark()
	diffs := p.apply(d)
	if len(diffs) == 0 {
		return
	}
	p.rewind(m)
	if p.explain(d) {
		return
	}
	if diffs = p.apply(d); len(diffs) > 0 {
		p.differ(d, diffs)
	}
}

// settle explains an answer whose call has ended: by what was under way, by
// what the world does by itself, by a slow call that it saw half done.
func (p *player) settle(d *deed) {
	if d.how.consul {
		p.advance(d.need)
		if p.try(d); d.done {
			return
		}
	}
	if p.explain(d) {
		return
	}
	v := d.how.call(p, d)
	switch {
	case len(v.diffs) == 0:
		p.accept(d, v)
	case !d.how.consul && p.doubted(d):
	case p.between(d):
		p.result.Between++
	default:
		p.differ(d, v.diffs)
	}
	d.done = true
}

// explain finds the fewest effects under way, in any order, after which d's
// answer is right. Without any it leaves the fakes as they were.
func (p *player) explain(d *deed) bool {
	left := tries
	for depth := 1; depth <= 3; depth++ {
		if p.seek(d, depth, &left) {
			return true
		}
	}
	return false
}

// seek tries at most depth effects.
func (p *player) seek(d *deed, depth int, left *int) bool {
	for _, c := range p.candidates(d) {
		m := p.mark()
		for _, part := range p.parts(c) {
			if *left--; *left < 0 {
				p.rewind(m)
				return false
			}
			if !part() {
				break
			}
			if p.explained(d) || depth > 1 && c.done && p.seek(d, depth-1, left) {
				return true
			}
		}
		p.rewind(m)
	}
	return false
}

// explained reports that d's answer is right as things are now.
func (p *player) explained(d *deed) bool {
	if d.done || !d.how.effect {
		return d.done
	}
	m := p.mark()
	if len(p.apply(d)) == 0 {
		return true
	}
	p.rewind(m)
	return false
}

// parts are the steps in which c can be made. A transfer leaves a part first.
func (p *player) parts(c *deed) []func() bool {
	whole := func() bool { return len(p.apply(c)) == 0 }
	if c.Call.Call != "Snapshots.Send" || c.begun {
		return []func() bool{whole}
	}
	half := func() bool { p.half(c); return true }
	return []func() bool{half, whole}
}

// candidates are the effects under way that d may have seen.
func (p *player) candidates(d *deed) []*deed {
	var all []*deed
	for _, c := range p.pending {
		switch {
		case c == d, c.done, c.how.consul != d.how.consul, !d.how.consul && !p.near(c, d):
		case d.need != 0 && c.index != 0: // made already, or newer than what d shows
		default:
			all = append(all, c)
		}
	}
	slices.SortStableFunc(all, func(a, b *deed) int { // what is not even sure to have happened comes last
		switch {
		case a.optional == b.optional:
			return 0
		case a.optional:
			return 1
		}
		return -1
	})
	return all
}

// near reports that c has an effect on d's node.
func (p *player) near(c, d *deed) bool {
	if c.Node == d.Node {
		return true
	}
	return c.Call.Call == "Snapshots.Send" && arg[string](p, c, 1) == p.c.node(d.Node).address
}

// between reports that a slow call was under way while d was.
func (p *player) between(d *deed) bool {
	return !d.how.consul && slices.ContainsFunc(p.deeds, func(c *deed) bool {
		return c != d && c.how.slow && c.start <= d.until && c.until >= d.start && p.near(c, d)
	})
}
