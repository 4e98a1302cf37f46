package figures

import (
	"cmp"
	"slices"
	"time"
)

// Tick is one request of the client to one node.
type Tick struct {
	Number  int           `json:"number"` // of the moment: every node is asked at each
	Node    string        `json:"node"`
	Sent    int64         `json:"sent"` // Unix nanoseconds
	Took    time.Duration `json:"took"`
	OK      bool          `json:"ok"`
	Release string        `json:"release,omitempty"` // which release answered
	Why     string        `json:"why,omitempty"`
}

// Done is when the answer, or the failure, was there.
func (t Tick) Done() int64 { return t.Sent + int64(t.Took) }

// Route is where an edge that follows the KV sends users from a moment on.
type Route struct {
	At          int64  `json:"at"` // Unix nanoseconds
	Master      string `json:"master"`
	Maintenance bool   `json:"maintenance"`
}

// Watch is what the client saw and what the KV said meanwhile.
type Watch struct {
	Ticks  []Tick
	Routes []Route
}

// Gap is a time in which nobody was served: from the sending of the first
// request that failed to the answer of the first one that did not.
type Gap struct {
	From, To int64 // Unix nanoseconds; To is 0 when it never ended
	Failed   int   // requests
}

// Length of a gap, 0 for one that never ended.
func (g Gap) Length() time.Duration {
	if g.To == 0 {
		return 0
	}
	return time.Duration(g.To - g.From)
}

// Direct lists the gaps of users who find the application wherever it answers:
// a moment counts as served when any node's application answered it.
func (w Watch) Direct() []Gap {
	return w.gaps(func(t Tick) bool { return t.OK })
}

// Routed lists the gaps of users behind an edge that follows the KV at once: a
// request counts as served when it was sent outside maintenance and the
// recorded master's application answered it.
func (w Watch) Routed() []Gap {
	return w.gaps(func(t Tick) bool {
		r := w.route(t.Sent)
		return t.OK && !r.Maintenance && r.Master == t.Node
	})
}

// route is the one in force at a moment.
func (w Watch) route(at int64) (now Route) {
	for _, r := range w.Routes {
		if r.At > at {
			break
		}
		now = r
	}
	return now
}

// moment is what became of the requests of one moment.
type moment struct {
	number     int
	sent, done int64
	ok         bool
}

// moments puts the ticks of each moment together, in their order. The earliest
// good answer counts, without one the last failure.
func (w Watch) moments(served func(Tick) bool) []moment {
	at := map[int]moment{}
	for _, t := range w.Ticks {
		m, known := at[t.Number]
		if !known {
			m = moment{number: t.Number, sent: t.Sent, done: t.Done()}
		}
		m.sent = min(m.sent, t.Sent)
		switch ok := served(t); {
		case ok && !m.ok:
			m.ok, m.done = true, t.Done()
		case ok:
			m.done = min(m.done, t.Done())
		case !m.ok:
			m.done = max(m.done, t.Done())
		}
		at[t.Number] = m
	}
	all := make([]moment, 0, len(at))
	for _, m := range at {
		all = append(all, m)
	}
	slices.SortFunc(all, func(a, b moment) int { return cmp.Compare(a.number, b.number) })
	return all
}

func (w Watch) gaps(served func(Tick) bool) (all []Gap) {
	open := false
	for _, m := range w.moments(served) {
		switch {
		case m.ok && open:
			all[len(all)-1].To = m.done
			open = false
		case !m.ok && !open:
			all = append(all, Gap{From: m.sent, Failed: 1})
			open = true
		case !m.ok:
			all[len(all)-1].Failed++
		}
	}
	return all
}

// Longest is the longest of some gaps, one that never ended before any other;
// the zero Gap of none.
func Longest(gaps []Gap) (longest Gap) {
	for _, g := range gaps {
		if g.To == 0 {
			return g
		}
		if g.Length() > longest.Length() {
			longest = g
		}
	}
	return longest
}

// Failed counts the requests that nobody served.
func Failed(gaps []Gap) (n int) {
	for _, g := range gaps {
		n += g.Failed
	}
	return n
}
