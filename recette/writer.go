package recette

import (
	"cmp"
	"context"
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
	c.mu.Lock()
	defer c.mu.Unlock()
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
	s.Every(d, "writer of "+c.short, func(ctx context.Context) bool {
		c.mu.Lock()
		on := w.on
		c.mu.Unlock()
		if !on {
			return false
		}
		refused, err := s.Write(ctx, "", c.App)
		c.mu.Lock()
		defer c.mu.Unlock()
		if w.on {
			w.note(s, c, cmp.Or(refused, err))
		}
		return w.on
	})
}

// note keeps when an outage begins and ends: it is over when a write through
// every edge in turn was acknowledged. The caller holds the lock of c.
func (w *writer) note(s *Scene, c *cast, err error) {
	ever, _ := s.Written(c.App)
	switch {
	case err != nil && !w.open && ever > 0:
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
func (s *Scene) write(ctx context.Context, c *cast, n int) error {
	for done, tries := 0, 0; done < n; tries++ {
		refused, err := s.Write(ctx, "", c.App)
		switch {
		case err != nil:
			return err
		case refused == nil:
			done++
		case tries > 10+10*n:
			return fmt.Errorf("%d of %d writes acknowledged: %w", done, n, refused)
		}
		if err := s.Pass(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
	s.say(ctx, "users: %d writes to %s, all acknowledged", n, c.short)
	return nil
}

// Summary is a scene in figures.
type Summary struct {
	Acknowledged int      // writes that a user was told are done
	Refused      int      // writes that were not
	Outages      []Outage // as a user who writes all the time saw them
	Operations   map[string]int
	Steps        uint64        // after each of which the invariants were looked at
	Rests        int           // checks of every node at rest
	Time         time.Duration // since the cluster was there; of the simulator virtual
	Hash         uint64
}

// Summary of the scene so far. The error says that the cluster does not tell.
func (s *Scene) Summary(ctx context.Context) (Summary, error) {
	err := s.count(ctx)
	now := s.Tally()
	sum := Summary{Operations: s.verdicts, Steps: now.Looks, Rests: s.rests, Time: s.Now(), Hash: now.Hash}
	for _, c := range s.apps {
		acknowledged, refused := s.Written(c.App)
		sum.Acknowledged += acknowledged
		sum.Refused += refused
		c.mu.Lock()
		if c.writer != nil {
			c.writer.close(s.Now())
			sum.Outages = append(sum.Outages, c.writer.outages...)
		}
		c.mu.Unlock()
	}
	return sum, err
}

// count adds up how the operations of the tombstones ended.
func (s *Scene) count(ctx context.Context) error {
	all, err := s.requests(ctx)
	if err != nil {
		return err
	}
	clear(s.verdicts)
	for _, r := range all {
		if r.Done {
			s.verdicts[string(r.Outcome)]++
		}
	}
	return nil
}
