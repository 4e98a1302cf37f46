package single_test

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"

	"github.com/mlfmonde/cluster/recette/nodes/single"
)

// figures are what the specs measured, in the order of the specs.
type figures struct {
	mu    sync.Mutex
	lines []string
}

var measured = &figures{}

func figure(what string, took time.Duration) {
	measured.mu.Lock()
	defer measured.mu.Unlock()
	measured.lines = append(measured.lines, fmt.Sprintf("%8.2f s  %s", took.Seconds(), what))
}

var _ = ReportAfterSuite("figures", func(Report) {
	fmt.Println("\nfigures of the real node:")
	for _, l := range measured.lines {
		fmt.Println(l)
	}
})

// tick is one question of the client that polls.
type tick struct {
	sent, done time.Time
	release    string // "" when there was no good answer
	why        string
}

// client asks every 20 ms who answers, and once in a while writes a record.
type client struct {
	world  *single.World
	write  bool
	mu     sync.Mutex
	ticks  []tick
	acked  []string // texts of the acknowledged records
	stop   context.CancelFunc
	ended  sync.WaitGroup
	number int
}

const pause = 20 * time.Millisecond

// watch starts a client; with write each tenth question appends a record.
func watch(w *single.World, write bool) *client {
	ctx, stop := context.WithCancel(context.Background())
	c := &client{world: w, write: write, stop: stop}
	c.ended.Go(func() { c.run(ctx) })
	return c
}

func (c *client) run(ctx context.Context) {
	defer GinkgoRecover()
	every := time.NewTicker(pause)
	defer every.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-every.C:
			c.ask(ctx)
		}
	}
}

// ask waits for at most two seconds: a client that hangs counts as not served.
func (c *client) ask(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	c.number++
	text := ""
	if c.write && c.number%10 == 0 {
		text = fmt.Sprintf("poll %d", c.number)
	}
	t := tick{sent: time.Now()}
	a, err := c.world.Ask(ctx, c.world.Client(), text)
	t.done = time.Now()
	switch {
	case err != nil:
		t.why = err.Error()
	case a.Status != http.StatusOK:
		t.why = fmt.Sprint(a.Status)
	default:
		t.release = a.Release
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ticks = append(c.ticks, t)
	if t.release != "" && text != "" {
		c.acked = append(c.acked, text)
	}
}

// end stops the client and waits for its last question.
func (c *client) end() {
	c.stop()
	c.ended.Wait()
	// The last one may have been cut off by the stop.
	if n := len(c.ticks); n > 0 && c.ticks[n-1].release == "" {
		c.ticks = c.ticks[:n-1]
	}
}

// first is when the release first answered, zero when it never did.
func (c *client) first(release string) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, t := range c.ticks {
		if t.release == release {
			return t.done
		}
	}
	return time.Time{}
}

// outage is the longest time between two good answers with a bad one between,
// 0 when all were good.
func (c *client) outage() (longest time.Duration) {
	var last time.Time
	failed := false
	for _, t := range c.ticks {
		if t.release == "" {
			failed = true
			continue
		}
		if failed && !last.IsZero() {
			longest = max(longest, t.done.Sub(last))
		}
		last, failed = t.done, false
	}
	return longest
}

// failures lists the bad answers.
func (c *client) failures() (all []string) {
	for _, t := range c.ticks {
		if t.release == "" {
			all = append(all, t.why)
		}
	}
	return all
}
