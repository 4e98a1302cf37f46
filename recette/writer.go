package recette

import (
	"fmt"
	"strings"
	"time"
)

// Outage is a time in which users got no answer from an application.
type Outage struct {
	App      string
	From, To time.Duration
	Reason   string // of the last refusal
}

// writer is a user who writes at an interval, and what the user noticed.
type writer struct {
	on      bool
	outages []Outage
	open    bool
	again   int // writes in a row that were acknowledged, while open
	back    time.Duration
}

// writes lets a user write to c every d, 0: not any more.
func (s *Scene) writes(c *cast, d time.Duration) {
	if c.writer != nil {
		c.writer.on = false
		c.writer.close(s.Now())
	}
	if d == 0 {
		return
	}
	w := &writer{on: true}
	if c.writer != nil {
		w.outages = c.writer.outages
	}
	c.writer = w
	s.Every(d, "writer of "+c.short, func() bool {
		if w.on {
			_, err := s.Write(c.Name())
			w.note(s, c, err)
		}
		return w.on
	})
}

// note keeps when an outage begins and ends: it is over when a write through
// every edge in turn was acknowledged.
func (w *writer) note(s *Scene, c *cast, err error) {
	switch {
	case err != nil && !w.open && len(s.Acked(c.Name())) > 0:
		w.open, w.again = true, 0
		w.outages = append(w.outages, Outage{App: c.short, From: s.Now()})
		fallthrough
	case err != nil && w.open:
		reason := err.Error()
		w.again = 0
		w.outages[len(w.outages)-1].Reason = reason[strings.LastIndex(reason, ": ")+2:]
	case err == nil && w.open:
		if w.again++; w.again == 1 {
			w.back = s.Now()
		}
		if w.again >= len(s.Nodes()) {
			w.close(w.back)
		}
	}
}

func (w *writer) close(now time.Duration) {
	if w.open {
		w.open = false
		w.outages[len(w.outages)-1].To = now
	}
}

// write lets users write until n writes are acknowledged, one every 100 ms.
func (s *Scene) write(c *cast, n int) error {
	for done, tries := 0, 0; done < n; tries++ {
		_, err := s.Write(c.Name())
		switch {
		case err == nil:
			done++
		case tries > 10+10*n:
			return fmt.Errorf("%d of %d writes acknowledged: %w", done, n, err)
		}
		if err := s.pass(100 * time.Millisecond); err != nil {
			return err
		}
	}
	s.say("users: %d writes to %s, all acknowledged", n, c.short)
	return nil
}

// Summary is a scene in figures.
type Summary struct {
	Acknowledged int      // writes that a user was told are done
	Refused      int      // writes that were not
	Outages      []Outage // as a user who writes all the time saw them
	Operations   map[string]int
	Steps        uint64 // after each of which the invariants were looked at
	Rests        int    // checks of every node at rest
	Virtual      time.Duration
	Hash         uint64
}

// Summary of the scene so far.
func (s *Scene) Summary() Summary {
	sum := Summary{Operations: s.verdicts, Steps: s.checked, Rests: s.rests, Virtual: s.Now(), Hash: s.Hash()}
	for _, c := range s.apps {
		sum.Acknowledged += len(s.Acked(c.Name()))
		sum.Refused += s.Refused(c.Name())
		if c.writer != nil {
			c.writer.close(s.Now())
			sum.Outages = append(sum.Outages, c.writer.outages...)
		}
	}
	s.count()
	return sum
}

// count adds up how the operations of the tombstones ended.
func (s *Scene) count() {
	clear(s.verdicts)
	for _, r := range s.requests() {
		if r.Done {
			s.verdicts[string(r.Outcome)]++
		}
	}
}
