package nodes

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	fixture "github.com/mlfmonde/cluster/fixtures/nodes"
	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/ledger"
	"github.com/mlfmonde/cluster/sim"
)

// edge is what sends users on at one node: a follower of the KV as the node's
// own agent has it, which goes on with what it saw last while that does not
// answer.
type edge struct {
	agent *agent
	mu    sync.Mutex
	last  map[string]route
}

// route is where an application is, as an edge knows it.
type route struct {
	master string // "": nowhere
	closed bool   // in maintenance
	seq    uint64 // of the operation
	over   bool   // which was committed or done
}

func newEdge(a *agent) *edge { return &edge{agent: a, last: map[string]route{}} }

// edgeMax is how long an edge waits for its agent: it is not asked for each
// request that a real one gets.
const edgeMax = 2 * time.Second

func (e *edge) route(ctx context.Context, name string) route {
	ctx, cancel := context.WithTimeout(ctx, edgeMax)
	defer cancel()
	now, err := e.look(ctx, name)
	e.mu.Lock()
	defer e.mu.Unlock()
	if err == nil {
		e.last[name] = now
	}
	return e.last[name]
}

// look reads until the operation is the same before and after: a write that
// comes in after a commit must not be taken for one before it.
func (e *edge) look(ctx context.Context, name string) (route, error) {
	for {
		var o, again app.Operation
		var rec app.Record
		if err := e.agent.decode(ctx, ledger.OperationKey(name), &o); err != nil {
			return route{}, err
		}
		closed, err := e.agent.value(ctx, ledger.MaintenanceKey(name))
		if err == nil {
			err = e.agent.decode(ctx, ledger.RecordKey(name), &rec)
		}
		if err == nil {
			err = e.agent.decode(ctx, ledger.OperationKey(name), &again)
		}
		if err != nil || o.ID == again.ID && o.State == again.State {
			return route{master: rec.Master, closed: closed != nil, seq: o.Seq, over: o.State == app.Committed || o.State == app.Done}, err
		}
	}
}

// Answers of an application that does not take a write.
var (
	errUnrouted    = errors.New("no route")
	errMaintenance = errors.New("503: maintenance")
	errOff         = errors.New("the node of the edge is off")
)

// writeMax is how long a user waits.
const writeMax = 4 * time.Second

// Write implements recette.People.
func (p *Play) Write(ctx context.Context, node string, a app.App) (refused, err error) {
	s, err := p.site(a)
	if err != nil {
		return nil, err
	}
	p.writing.Lock()
	defer p.writing.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	p.mu.Lock()
	p.number++
	number := p.number
	p.mu.Unlock()
	r, refused := p.send(ctx, node, s, number)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if refused != nil {
		return fmt.Errorf("record %d to %s at %s: %w", number, a.Name(), node, refused), nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.acks[a.Name()] = append(p.acks[a.Name()], ack{
		Ack: sim.Ack{Number: number, At: time.Since(p.began), Edge: node, Node: r.master, Volumes: s.volumes()}, seq: r.seq, over: r.over,
	})
	return nil, nil
}

// send is one request on its way: to the edge of node, and from there to the
// master.
func (p *Play) send(ctx context.Context, node string, s site, number uint64) (route, error) {
	ctx, cancel := context.WithTimeout(ctx, writeMax)
	defer cancel()
	at := p.bench.cluster.Node(node)
	if at.Root(ctx) == "" {
		return route{}, errOff
	}
	r := p.bench.edges[node].route(ctx, s.Name())
	switch {
	case r.closed && !p.bench.proxied: // whoever comes to a real edge is held
		return r, errMaintenance
	case r.master == "":
		return r, errUnrouted
	}
	client, url := at.Client(), p.bench.cluster.Node(r.master).URL(s.port)
	if p.bench.proxied {
		client, url = p.bench.door(node, r.master), s.url(number)
	}
	text := fmt.Sprintf("#%d %s", number, p.token)
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(text))
	if err != nil {
		return r, err
	}
	resp, err := client.Do(q)
	if err != nil {
		return r, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	switch {
	case err != nil:
		return r, err
	case resp.StatusCode != http.StatusOK:
		return r, fmt.Errorf("%s: %s", resp.Status, strings.TrimSpace(string(body)))
	case !strings.HasSuffix(string(body), "\t"+text+"\n"):
		return r, fmt.Errorf("answered %q", body)
	}
	return r, nil
}

// door is where users enter HAProxy who come to a node: there, unless it is the
// master, and then at the next one that is on.
func (b *Bench) door(node, master string) *http.Client {
	names := b.names()
	for i := range names {
		at := names[(slices.Index(names, node)+i)%len(names)]
		if n := b.cluster.Node(at); at != master && !slices.Contains(n.Broken(), "off") {
			return n.Door(n)
		}
	}
	n := b.cluster.Node(node)
	return n.Door(n)
}

// url is where the site is behind the edge, over http and https in turn.
func (s site) url(number uint64) string {
	if number%2 == 0 {
		return "http://" + s.domain + "/"
	}
	return "https://" + s.domain + "/"
}

// Users implements recette.People.
func (p *Play) Users(ctx context.Context, a app.App) (func(context.Context) error, error) {
	if _, err := p.site(a); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- p.use(ctx, a) }()
	return func(stopping context.Context) error {
		cancel()
		select {
		case err := <-ended:
			return err
		case <-stopping.Done():
			return context.Cause(stopping)
		}
	}, nil
}

// Of users that come now and then.
const (
	enough    = 40 // writes that were acknowledged
	nowAndNow = 200 * time.Millisecond
)

// use writes through every edge in turn until ctx ends, which is no error, or
// enough writes were acknowledged.
func (p *Play) use(ctx context.Context, a app.App) error {
	nodes := p.Nodes()
	for i, done := 0, 0; done < enough && ctx.Err() == nil; i++ {
		refused, err := p.Write(ctx, nodes[i%len(nodes)], a)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return err
		case refused == nil:
			done++
		}
		if fixture.Pause(ctx, nowAndNow) != nil {
			return nil
		}
	}
	return nil
}

// routes are what the edge of a node shows, and what it shows as closed.
func (e *edge) routes(ctx context.Context) (routes map[string]string, closed []string, err error) {
	records, err := e.agent.pairs(ctx, ledger.Records, "")
	if err != nil {
		return nil, nil, err
	}
	routes = map[string]string{}
	for _, pair := range records {
		var rec struct{ Master string }
		if err := json.Unmarshal(pair.Value, &rec); err != nil {
			return nil, nil, fmt.Errorf("%w: %s", errOdd, pair.Key)
		}
		routes[strings.TrimPrefix(pair.Key, ledger.Records)] = rec.Master
	}
	maintained, err := e.agent.pairs(ctx, ledger.Maintenance, "")
	for _, pair := range maintained {
		closed = append(closed, strings.TrimPrefix(pair.Key, ledger.Maintenance))
	}
	return routes, closed, err
}
