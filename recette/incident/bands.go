package incident

import (
	"fmt"
	"slices"
)

// backgrounds draws the bands, and where two nodes run one application.
func (b *builder) backgrounds() {
	for i, band := range b.r.Bands {
		if band.To.Place < b.first {
			continue
		}
		y, to := int(b.bands[i][0].y), int(b.bands[i][1].y)
		if band.To.Place >= len(b.r.Entries) {
			to = int(b.x.height)
		}
		x, w := b.spot(band)
		text := band.Text
		if band.App != "" {
			text = band.App + " " + text
		}
		about := fmt.Sprintf("%s\n%s · %.3f to %.3f s", text, named(band.Node), band.From.At.Seconds(), band.To.At.Seconds())
		b.p.Bands = append(b.p.Bands, box{X: x, Y: y, W: w, H: max(to-y, 3), Class: band.Kind, Text: text, About: about})
	}
	b.twice()
}

func named(node string) string {
	if node == "" {
		return consul
	}
	return node
}

// spot is where a band stands.
func (b *builder) spot(band Band) (x, w int) {
	n := b.l.lane(named(band.Node))
	switch band.Kind {
	case bandRuns:
		lease, driver := n.part(""), n.part(driverPart)
		return b.l.share(lease.X+lease.W, driver.X+driver.W-lease.X-lease.W, band.App)
	case bandLease:
		c := n.part("")
		return b.l.share(c.X, c.W, band.App)
	case bandDown, bandFrozen:
		for _, p := range []string{handlerPart, guardPart} {
			if len(band.Text) >= len(p) && band.Text[:len(p)] == p {
				c := n.part(p)
				return c.X, c.W
			}
		}
	case bandCut:
		return n.X + n.W - 14, 14
	case bandMaintenance:
		return n.X + n.W - 12, 12
	case bandOperation:
		return b.l.share(n.X, n.W-12, band.App)
	}
	return n.X, n.W
}

// twice marks when more than one node runs an application.
func (b *builder) twice() {
	for i, one := range b.r.Bands {
		for j, other := range b.r.Bands[:i] {
			if one.Kind != bandRuns || other.Kind != bandRuns || one.App != other.App || one.Node == other.Node {
				continue
			}
			from, to := max(one.From.Place, other.From.Place), min(one.To.Place, other.To.Place)
			if from >= to && !(from == to && to >= len(b.r.Entries)) || to < b.first {
				continue
			}
			y := max(b.bands[i][0].y, b.bands[j][0].y)
			bottom := min(b.bands[i][1].y, b.bands[j][1].y)
			if to >= len(b.r.Entries) {
				bottom = b.x.height
			}
			nodes := []string{one.Node, other.Node}
			slices.Sort(nodes)
			x := b.l.lane(b.r.Nodes[0]).X
			text := fmt.Sprintf("%s runs on %s and %s at once", one.App, nodes[0], nodes[1])
			b.p.Bands = append(b.p.Bands, box{X: x - 3, Y: int(y), W: b.l.width - x, H: max(int(bottom-y), labelHeight), Class: "twice", Text: "⚠ " + text, About: text})
		}
	}
}

// writes draws what users were told: a tick for each, and a word for each time
// in which they were refused.
func (b *builder) writes() {
	c := b.l.lane(users).Columns[0]
	var run []Answer
	flush := func() {
		if len(run) == 0 {
			return
		}
		y, to := int(b.x.at(run[0].At)), int(b.x.at(run[len(run)-1].At))
		text, class, told := fmt.Sprintf("✓ %d", len(run)), "acked", "acknowledged"
		x := c.X + c.W - 72
		if run[0].Error != "" {
			text, class, x = fmt.Sprintf("✗ %d", len(run)), "refused", c.X+c.W-38
			told = "refused: " + run[len(run)-1].Error
		}
		about := fmt.Sprintf("%d writes to %s %s\n%.3f to %.3f s", len(run), run[0].App, told, run[0].At.Seconds(), run[len(run)-1].At.Seconds())
		b.p.Bands = append(b.p.Bands, box{X: x, Y: y, W: 34, H: max(to-y, 11), Class: class, Text: text, About: about})
		run = nil
	}
	begin := b.x.anchors[0].At
	for _, w := range b.r.Writes {
		if w.At < begin {
			continue
		}
		if len(run) > 0 && ((run[0].Error == "") != (w.Error == "") || run[0].App != w.App) {
			flush()
		}
		run = append(run, w)
	}
	flush()
}
