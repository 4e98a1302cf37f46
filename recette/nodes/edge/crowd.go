package edge

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mlfmonde/cluster/fixtures/nodes/cluster"
)

// Visit is one request of a user.
type Visit struct {
	Sent    time.Time
	Took    time.Duration
	Release string // that answered, "" when there was no good answer
	Why     string // of a bad one
	Wrote   string // a record that was acknowledged
	Body    string
}

// Visit asks once, or with a text appends a record.
func visit(ctx context.Context, client *http.Client, url, text string) Visit {
	v := Visit{Sent: time.Now()}
	method := http.MethodGet
	if text != "" {
		method = http.MethodPost
	}
	q, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(text))
	if err == nil {
		err = v.ask(client, q)
	}
	v.Took = time.Since(v.Sent)
	switch {
	case err != nil:
		v.Release, v.Why = "", err.Error()
	case text != "":
		v.Wrote = text
	}
	return v
}

func (v *Visit) ask(client *http.Client, q *http.Request) error {
	resp, err := client.Do(q)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	v.Body, v.Release = string(body), resp.Header.Get("Release")
	if resp.StatusCode != http.StatusOK || v.Release == "" {
		return fmt.Errorf("%s: %.60q", resp.Status, body)
	}
	return nil
}

// visitMax is how long a user waits: longer than requests are held.
const visitMax = 45 * time.Second

// Visit is one request that enters at a node.
func (s *Site) Visit(ctx context.Context, at *cluster.Node, scheme, text string) Visit {
	ctx, cancel := context.WithTimeout(ctx, visitMax)
	defer cancel()
	return visit(ctx, at.Door(at), s.URL(scheme), text)
}

// Crowd are users who come at a steady rate, whatever became of those before.
type Crowd struct {
	url    string
	token  string // in every record of its users
	client *http.Client
	every  time.Duration
	stop   context.CancelFunc
	ended  sync.WaitGroup
	mu     sync.Mutex
	visits []Visit
}

// Of users of a crowd, each fifth writes.
const writes = 5

// Crowd lets users come who enter at a node, so many a second. With keep they
// come again on connections that they have, as browsers do.
func (s *Site) Crowd(at *cluster.Node, scheme string, rate int, keep bool) *Crowd {
	ctx, stop := context.WithCancel(context.Background())
	c := &Crowd{url: s.URL(scheme), token: rand.Text(), client: at.Door(at), every: time.Second / time.Duration(rate), stop: stop}
	if t, ok := c.client.Transport.(*http.Transport); ok && keep {
		t.DisableKeepAlives, t.MaxIdleConnsPerHost = false, rate
	}
	c.ended.Go(func() { c.come(ctx) })
	return c
}

func (c *Crowd) come(ctx context.Context) {
	moments := time.NewTicker(c.every)
	defer moments.Stop()
	for number := 0; ; number++ {
		select {
		case <-ctx.Done():
			return
		case <-moments.C:
		}
		text := ""
		if number%writes == 0 {
			text = fmt.Sprintf("%s %s %d", c.url, c.token, number)
		}
		c.ended.Go(func() {
			// Who came before the end is waited for.
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), visitMax)
			defer cancel()
			v := visit(ctx, c.client, c.url, text)
			v.Body = ""
			c.mu.Lock()
			defer c.mu.Unlock()
			c.visits = append(c.visits, v)
		})
	}
}

// Seen counts the visits that are over.
func (c *Crowd) Seen() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.visits)
}

// Leave ends the crowd, waits for everybody, and returns what became of them.
func (c *Crowd) Leave() Visits {
	c.stop()
	c.ended.Wait()
	c.client.CloseIdleConnections()
	slices.SortFunc(c.visits, func(a, b Visit) int { return a.Sent.Compare(b.Sent) })
	return c.visits
}

// Visits are those of a crowd, in the order in which they came.
type Visits []Visit

// Failed lists why visits failed, each once with its count and when the first
// of them came.
func (all Visits) Failed() error {
	count, first := map[string]int{}, map[string]time.Time{}
	for _, v := range all {
		if v.Why == "" {
			continue
		}
		if count[v.Why]++; count[v.Why] == 1 {
			first[v.Why] = v.Sent
		}
	}
	var faults []error
	for _, why := range slices.Sorted(maps.Keys(count)) {
		faults = append(faults, fmt.Errorf("%d of %d, from %s on: %s", count[why], len(all), first[why].UTC().Format("15:04:05.000"), why))
	}
	return errors.Join(faults...)
}

// Cut takes those out whose new connection Caddy closed without a word: it does
// so with one whose first request it reads just after it was given another
// configuration, docs/edge.md.
func (all Visits) Cut() (rest Visits, cut int) {
	rest = slices.DeleteFunc(slices.Clone(all), func(v Visit) bool {
		return strings.HasSuffix(v.Why, ": EOF") || strings.Contains(v.Why, "connection reset by peer") || strings.HasPrefix(v.Why, "502 ")
	})
	return rest, len(all) - len(rest)
}

// Worst is how long the slowest took.
func (all Visits) Worst() (worst time.Duration) {
	for _, v := range all {
		worst = max(worst, v.Took)
	}
	return worst
}

// held is from when on a request has waited for an operation: nothing else
// takes that long.
const held = 250 * time.Millisecond

// Held counts those that waited.
func (all Visits) Held() (n int) {
	for _, v := range all {
		if v.Why == "" && v.Took > held {
			n++
		}
	}
	return n
}

// Releases lists whoever answered, in the order of their first answer.
func (all Visits) Releases() (names []string) {
	for _, v := range all {
		if v.Release != "" && !slices.Contains(names, v.Release) {
			names = append(names, v.Release)
		}
	}
	return names
}

// Kept checks that every acknowledged record is there exactly once.
func (all Visits) Kept(body string) error {
	var faults []error
	for _, v := range all {
		if n := strings.Count(body, "\t"+v.Wrote+"\n"); v.Wrote != "" && n != 1 {
			faults = append(faults, fmt.Errorf("record %q is there %d times", v.Wrote, n))
		}
	}
	return errors.Join(faults...)
}
