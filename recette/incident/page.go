package incident

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// box is a rectangle of the picture with words.
type box struct {
	ID         string
	X, Y, W, H int
	Class      string
	Text       string
	About      string // shown when the pointer rests on it
}

// arrow is a line from one lane to another.
type arrow struct {
	X1, Y1, X2, Y2 int
	Class          string
	About          string
}

// stamp is a time beside the picture.
type stamp struct {
	Y    int
	Text string
}

// row is one line of the list.
type row struct {
	ID, At, Lane, Text, Class string
	Step                      uint64
}

// fact is a line of the head.
type fact struct{ Name, Text string }

// page is what the template draws.
type page struct {
	Title, Verdict, Sentence string
	Failed                   bool
	Facts                    []fact
	Width, Height            int
	Lanes                    []lane
	Bands, Boxes             []box
	Arrows                   []arrow
	Times                    []stamp
	Folds                    []box
	Flag                     box
	List                     []row
	Left                     int // things of the beginning that are left out
}

// builder makes a page of a recording.
type builder struct {
	r     *Recording
	s     *story
	l     *lanes
	x     *axis
	p     page
	first int // place at which the picture begins
	begin []*anchor
	end   []*anchor
	bands [][2]*anchor
	arrow [][2]*anchor
	last  *anchor
}

// shownMost is how many things a picture shows: the last ones.
const shownMost = 3000

func (r *Recording) page() page {
	b := &builder{r: r, s: r.tell(), x: &axis{}}
	apps := r.appNames()
	b.l = newLanes(r.Nodes, apps)
	if n := len(b.s.items) - shownMost; n > 0 {
		b.p.Left, b.first = n, b.s.items[n].from.Place
		b.s.items = b.s.items[n:]
	}
	b.anchors()
	b.x.lay()
	b.head()
	b.backgrounds()
	b.things()
	b.writes()
	b.links()
	b.margin()
	b.p.Width, b.p.Height, b.p.Lanes = b.l.width, int(b.x.height)+90, b.l.all
	return b.p
}

// appNames are the applications of the run, sorted.
func (r *Recording) appNames() (all []string) {
	for _, a := range r.names.apps {
		all = append(all, called(a))
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// anchors gives everything that is shown its moment on the axis.
func (b *builder) anchors() {
	for _, it := range b.s.items {
		x, _ := b.l.place(it)
		b.begin = append(b.begin, b.x.add(it.from, fmt.Sprint(x)))
		end := (*anchor)(nil)
		if it.to.Place != 0 {
			end = b.x.add(it.to, "")
		}
		b.end = append(b.end, end)
	}
	for _, band := range b.r.Bands {
		b.bands = append(b.bands, [2]*anchor{b.x.add(b.after(band.From), ""), b.x.add(b.after(band.To), "")})
	}
	for _, l := range b.s.links {
		b.arrow = append(b.arrow, [2]*anchor{b.x.add(b.after(l.begin), ""), b.x.add(b.after(l.end), "")})
	}
	end := Moment{Place: len(b.r.Entries) + 1, Step: b.r.Step}
	for _, a := range b.x.anchors {
		end.At = max(end.At, a.At)
	}
	b.last = b.x.add(end, "")
}

// after is m, or where the picture begins if that is later.
func (b *builder) after(m Moment) Moment {
	if m.Place < b.first {
		return b.s.items[0].from
	}
	return m
}

// head says what run it is and how it ended.
func (b *builder) head() {
	r := b.r
	b.p.Title, b.p.Verdict = strings.TrimSuffix(r.Play.Name, ".txtar"), "It holds."
	if r.Err != nil {
		b.p.Failed = true
		b.p.Verdict, b.p.Sentence = "It does not hold.", r.names.short(r.Err.Error())
		b.p.Flag = box{Y: int(b.x.height), Text: b.p.Sentence, About: fmt.Sprintf("step %d", r.Step)}
	}
	b.p.Facts = []fact{
		{"nodes", strings.Join(r.Nodes, " ")}, {"seed", fmt.Sprint(r.Seed)}, {"strategy", r.Strategy.String()}, {"code", unknown(r.Code)},
		{"steps", fmt.Sprint(r.Step)}, {"time", b.last.At.Round(time.Millisecond).String()}, {"hash", fmt.Sprintf("%016x", r.Hash)},
	}
}

// things draws the items and lists them.
func (b *builder) things() {
	for i, it := range b.s.items {
		x, w := b.l.place(it)
		id := fmt.Sprintf("i%d", i)
		text, at := it.text, fmt.Sprintf("%.3f", it.from.At.Seconds())
		if it.times > 0 {
			text += fmt.Sprintf(" ×%d", it.times+1)
		}
		y := int(b.begin[i].y)
		h := labelHeight - 1
		step := slices.Contains([]string{kindStep, kindWait, kindBad, kindCut}, it.kind)
		if end := b.end[i]; step {
			to := b.x.height
			if end != nil {
				to = end.y
			}
			h = max(h, int(to)-y)
		}
		about := strings.TrimSpace(fmt.Sprintf("%s\n%s\n%s · step %d · %s s", text, it.about, it.lane, it.from.Step, at))
		if it.to.Place != 0 {
			about += fmt.Sprintf(" until %.3f s", it.to.At.Seconds())
		}
		b.p.Boxes = append(b.p.Boxes, box{ID: id, X: x + 1, Y: y, W: w - 2, H: h, Class: it.kind, Text: text, About: about})
		if it.kind != kindCall {
			b.p.List = append(b.p.List, row{ID: id, At: at, Lane: it.lane, Text: text, Class: it.kind, Step: it.from.Step})
		}
	}
}

// links draws what went from one lane to another.
func (b *builder) links() {
	for i, l := range b.s.links {
		if l.end.Place < b.first {
			continue
		}
		from, to := b.l.lane(l.from).part(l.fromPart), b.l.lane(l.to).part(l.toPart)
		a := arrow{X1: from.X + from.W/2, X2: to.X + to.W/2, Class: l.kind, About: l.about}
		if a.X1 < a.X2 {
			a.X2 = to.X
		} else {
			a.X2 = to.X + to.W
		}
		if l.kind == "apply" {
			a.X1 = from.X
		}
		a.Y1, a.Y2 = int(b.arrow[i][0].y)+labelHeight/2, int(b.arrow[i][1].y)+labelHeight/2
		b.p.Arrows = append(b.p.Arrows, a)
	}
}

// margin writes the times at the left, and where they are folded.
func (b *builder) margin() {
	free, was := math.Inf(-1), time.Duration(-1)
	for _, a := range b.x.anchors {
		if a.At != was && a.y >= free {
			b.p.Times = append(b.p.Times, stamp{Y: int(a.y), Text: fmt.Sprintf("%.3f", a.At.Seconds())})
			free, was = a.y+labelHeight, a.At
		}
	}
	for _, f := range b.x.folds {
		b.p.Folds = append(b.p.Folds, box{Y: int(f.y), H: int(f.height), W: b.l.width, Text: f.text})
	}
}
