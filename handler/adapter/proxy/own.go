package proxy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/edge"
	"github.com/mlfmonde/cluster/handler/port"
)

// HAProxy runs the configuration of a node's HAProxy.
type HAProxy interface {
	// Check returns the apps whose parts HAProxy does not take, and why;
	// without these it takes p. An error is about no app.
	Check(ctx context.Context, p edge.Proxy) (refused map[string]string, err error)
	// Run makes HAProxy run text and returns when it does. An error with a
	// method Kept() bool that is true says that HAProxy does not start with it
	// and goes on with what it had.
	Run(ctx context.Context, text []byte) error
	// Proven is nil when HAProxy runs what Run was given last.
	Proven(ctx context.Context) error
}

// Caddy runs the sites of a node's Caddy.
type Caddy interface {
	// Apply makes Caddy serve exactly sites. left says of each app that Caddy
	// does not take why; the version before goes on. An error is about no app.
	Apply(ctx context.Context, sites []edge.Site) (left map[string]string, err error)
	// Running stands for what Caddy runs; "" when it was restarted since Apply.
	Running(ctx context.Context) (marker string, err error)
	// Drain waits until no request is under way where app was last served
	// from, at most max; left counts those that remain.
	Drain(ctx context.Context, app string, max time.Duration) (left int, err error)
}

// Config is what an Own works with.
type Config struct {
	KV      port.KV
	Node    string // this node
	HAProxy HAProxy
	Caddy   Caddy
	Hold    Hold // where requests wait; nil: nowhere
	// Template is the static part of HAProxy's configuration; nil: the embedded one.
	Template *edge.Template
	Options  edge.CaddyOptions
	// Dir is the folder of what was good before.
	Dir string
	// EdgeWait is how long requests wait for the edge of a new master.
	EdgeWait time.Duration
	// Drain bounds the wait for requests under way when an app is switched; 0: 10 s.
	Drain time.Duration
	// Pass is how long late requests are passed on after an app has gone; 0: 10 min.
	Pass time.Duration
	// Again is how long an app waits for another try that passes every check
	// and that HAProxy does not start with; 0: 1 min.
	Again time.Duration
	Log   *slog.Logger
}

// gap is between two publications: a burst of changes becomes two, one at once
// and one for the rest.
const gap = 30 * time.Millisecond

// Own renders both proxies of this node. Its methods may be called side by side.
type Own struct {
	config Config
	asked  atomic.Uint64 // calls of Publish so far
	turn   chan struct{} // held by the one who publishes

	// With the turn only:
	sheets   sheets
	memory   *memory
	latest   outcome
	marker   string               // of Caddy, after the last Apply
	modes    map[string]edge.Mode // of the sites of the last Apply
	opened   map[string]string    // apps that waited → where their requests go
	doubted  map[string]doubt     // apps that HAProxy would not start with
	targets  map[string]string    // app → door of the node that has it
	passed   map[string]time.Time // apps that have gone, since when
	late     map[string]time.Time // apps whose new master's edge is waited for, since when
	unwaited map[string]bool      // those that were waited for long enough
	ended    time.Time            // of the last publication
	stale    bool                 // what was shown last is not what is to be shown

	drains sync.WaitGroup
	busy   atomic.Int64 // drains under way
	first  sync.Once
	ready  chan struct{}
}

// outcome is how a publication went.
type outcome struct {
	seen  uint64 // calls of Publish that it answers
	shown app.Published
	err   error
}

var _ port.Edge = (*Own)(nil)

// NewOwn is a node's edge. It starts nothing. A memory that cannot be read is
// begun anew.
func NewOwn(c Config) *Own {
	c.Drain, c.Pass = cmp.Or(c.Drain, 10*time.Second), cmp.Or(c.Pass, 10*time.Minute)
	c.Again = cmp.Or(c.Again, again)
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	kept, err := load(c.Dir)
	if err != nil {
		c.Log.Warn("what the edge showed before is not known", "node", c.Node, "err", err)
	}
	o := &Own{
		config: c, turn: make(chan struct{}, 1), ready: make(chan struct{}), memory: kept,
		sheets: sheets{kv: c.KV, of: map[string]sheet{}}, modes: map[string]edge.Mode{}, opened: map[string]string{},
		passed: map[string]time.Time{}, late: map[string]time.Time{}, unwaited: map[string]bool{}, doubted: map[string]doubt{},
	}
	for name, r := range kept.apps {
		if r.Served {
			o.passed[name] = time.Now()
		}
	}
	return o
}

// Ready is closed when a publication has said which requests have to wait.
func (o *Own) Ready() <-chan struct{} { return o.ready }

// Publish implements port.Edge. Calls that come while one is under way are
// answered together by the next. It returns when requests of apps that are
// switched have ended, or have had their time.
func (o *Own) Publish(ctx context.Context) (app.Published, error) {
	mine := o.asked.Add(1)
	shown, err := o.publish(ctx, mine)
	if err != nil {
		return app.Published{}, fmt.Errorf("publish: %w", err)
	}
	o.drained(ctx)
	return shown, ctx.Err()
}

// publish takes the turn, unless a publication that began after the call has
// answered it by then.
func (o *Own) publish(ctx context.Context, mine uint64) (app.Published, error) {
	select {
	case o.turn <- struct{}{}:
	case <-ctx.Done():
		return app.Published{}, context.Cause(ctx)
	}
	defer func() { <-o.turn }()
	if o.latest.seen >= mine && o.latest.err == nil {
		return o.latest.shown, nil
	}
	if err := pause(ctx, gap-time.Since(o.ended)); err != nil {
		return app.Published{}, err
	}
	next := outcome{seen: o.asked.Load(), shown: o.latest.shown}
	next.shown, next.err = o.follow(ctx, o.latest.shown)
	o.ended = time.Now()
	if next.err == nil {
		o.latest = next
	}
	return next.shown, next.err
}

// pause waits for d, at once when it is over.
func pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// follow brings both proxies to what the KV says now. Only a KV that does not
// answer, or a call that was given up, is an error: proxies that are away are
// said in what is left out.
func (o *Own) follow(ctx context.Context, last app.Published) (app.Published, error) {
	moved, err := o.sheets.look(ctx)
	o.stale = o.stale || moved
	if err != nil {
		return last, err
	}
	if !o.due() && last.Left[app.WholeEdge] == "" && o.proven(ctx) == nil {
		last.Index = o.sheets.index
		return last, nil
	}
	left := left{}
	err = o.show(ctx, left)
	if ctx.Err() != nil {
		return last, context.Cause(ctx)
	}
	o.stale = false
	if kept := o.memory.save(); kept != nil {
		o.config.Log.Warn("a restart would not know what was good", "node", o.config.Node, "err", kept)
	}
	next := app.Published{Index: o.sheets.index, Left: left.texts()}
	if err != nil {
		next.Index = last.Index
		next.Left[app.WholeEdge] = strings.ReplaceAll(err.Error(), "\n", "; ")
		return next, nil
	}
	o.open()
	return next, nil
}

// show renders both proxies. HAProxy's binary checks while Caddy loads, but
// HAProxy sends requests to a place only when Caddy there has the site.
func (o *Own) show(ctx context.Context, left left) error {
	state := o.read(left)
	o.targets = targets(state)
	checked := make(chan routes, 1)
	go func() { checked <- o.routes(ctx, state) }()
	s, failed := o.caddy(ctx, state, left)
	r := <-checked
	left.merge(r.left)
	if failed == nil {
		o.applied(ctx, s)
	}
	if r.err != nil {
		return errors.Join(failed, r.err)
	}
	r, err := o.start(ctx, state, r)
	left.merge(r.left)
	if err != nil {
		return errors.Join(failed, err)
	}
	o.rememberRoutes(state, r)
	return failed
}

// proven asks both running proxies whether they are as they were left.
func (o *Own) proven(ctx context.Context) error {
	marker, err := o.config.Caddy.Running(ctx)
	if err == nil && (marker == "" || marker != o.marker) {
		err = errors.New("Caddy runs something else than this node's sites")
	}
	return errors.Join(err, o.config.HAProxy.Proven(ctx))
}
