package figures

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/mlfmonde/cluster/fixtures/nodes"
	"github.com/mlfmonde/cluster/fixtures/nodes/cluster"
)

const (
	rate = 50 // requests a second
	// patience is how long a request may take: an answer takes about a
	// millisecond, and one that waits for an ARP question fails.
	patience = 500 * time.Millisecond
	// before and after are how long the client asks around a run.
	before = time.Second
	after  = 2 * time.Second

	handledPort = 18080
	byHandPort  = 18090
)

// other is where a move goes.
func (b *bed) other(n *cluster.Node) *cluster.Node {
	if n.Name == left {
		return b.Node(right)
	}
	return b.Node(left)
}

// measureOutages does everything in turn: with the kernel's pause between two
// ARP questions and with a short one, redeploys and moves, by the handler and
// by hand.
func measureOutages(ctx context.Context, o Options, keep func(Sample) error) (err error) {
	b, err := newBed(ctx, o, 8<<30, false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	const size = 100 * mib
	h, err := b.deploy(ctx, "hello", handledPort)
	if err != nil {
		return err
	}
	m, err := b.begin(ctx, "byhand", byHandPort)
	if err != nil {
		return err
	}
	subjects := map[string]subject{Handler: h, Hand: m}
	for _, s := range subjects {
		if err := fill(ctx, s.master(), s.volume(), size); err != nil {
			return err
		}
	}
	for run := range o.Runs {
		for _, arp := range []time.Duration{usualARP, quickARP} {
			for _, what := range []string{Redeploy, Move} {
				for _, by := range inTurn(run, Handler, Hand) {
					series := Series{What: what, By: by, Size: size, ARP: int(arp.Milliseconds())}
					if err := b.run(ctx, series, subjects[by], keep); err != nil {
						return err
					}
				}
			}
		}
	}
	return nil
}

// inTurn lets another one begin in every run.
func inTurn(run int, all ...string) []string {
	first := run % len(all)
	return append(append([]string{}, all[first:]...), all[:first]...)
}

// run measures once and keeps the sample. Who is told of an error is told what
// was under way.
func (b *bed) run(ctx context.Context, s Series, on subject, keep func(Sample) error) error {
	x, err := b.measure(ctx, s, on)
	if err == nil {
		b.say("%s by %s, %d MiB, ARP %d ms: %.3f s, %d requests failed in %d gaps, routed %.3f s, done %.2f s, busy before %.0f %% %v",
			s.What, s.By, s.Size/mib, s.ARP, x.Outage, x.Failed, x.Gaps, x.Routed, x.Done, 100*x.Busy, x.Causes)
		err = keep(x)
	}
	if err != nil {
		return fmt.Errorf("measure a %s by %s: %w", s.What, s.By, err)
	}
	return nil
}

// measure prepares, starts the client, does what is measured and looks at what
// the client saw.
func (b *bed) measure(ctx context.Context, s Series, on subject) (Sample, error) {
	x := Sample{Series: s, Old: on.master().Name}
	if err := b.retransmit(ctx, time.Duration(s.ARP)*time.Millisecond); err != nil {
		return x, err
	}
	if err := on.ready(ctx); err != nil {
		return x, err
	}
	if err := warm(ctx, on.master(), b.other(on.master()), on.volume()); err != nil {
		return x, err
	}
	if err := b.quiet(ctx); err != nil {
		return x, err
	}
	x.Busy = calm(ctx)
	p, err := b.probe(ctx, b.client(on))
	if err != nil {
		return x, err
	}
	_ = nodes.Pause(ctx, before)
	begin := time.Now()
	if s.What == Move {
		x.Phases, err = on.move(ctx, b.other(on.master()))
	} else {
		x.Phases, err = on.redeploy(ctx)
	}
	x.Done = time.Since(begin).Seconds()
	_ = nodes.Pause(ctx, after)
	w, failed := p.end(ctx)
	if err := errors.Join(err, failed); err != nil {
		return x, err
	}
	x.New = on.master().Name
	return x, x.see(w)
}

// client asks the application on both nodes that it may be on.
func (b *bed) client(on subject) Probe {
	p := Probe{Targets: map[string]string{}, Every: time.Second / rate, Most: patience}
	port := byHandPort
	if h, is := on.(*handled); is {
		port = h.port
		p.Consul, p.App = strings.TrimPrefix(b.Node(viewer).Consul(), "unix://"), h.app.Name()
	}
	for _, name := range []string{left, right} {
		p.Targets[name] = b.Node(name).URL(port)
	}
	return p
}

// see fills in what the client saw.
func (x *Sample) see(w Watch) error {
	gaps := w.Direct()
	longest := Longest(gaps)
	if longest.To == 0 {
		return errNoOutage
	}
	x.From, x.Outage, x.Failed, x.Gaps = longest.From, longest.Length().Seconds(), Failed(gaps), len(gaps)
	if len(w.Routes) > 0 {
		routed := w.Routed()
		x.Routed, x.Lost = Longest(routed).Length().Seconds(), Failed(routed)
	}
	x.Causes = map[string]int{}
	for _, t := range w.Ticks {
		if !t.OK && t.Sent >= longest.From && t.Sent < longest.To {
			x.Causes[t.Node+": "+t.Why]++
		}
	}
	return nil
}
