package witness

import (
	"context"
	"time"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/port"
)

type guardPort struct {
	w    *Witness
	next port.Guard
}

func (p guardPort) Grant(ctx context.Context, l app.Lease) error {
	return act(ctx, p.w, "Guard.Grant", of(l), func() error { return p.next.Grant(ctx, l) })
}

func (p guardPort) Release(ctx context.Context, project string, seq uint64) error {
	return act(ctx, p.w, "Guard.Release", of(project, seq), func() error { return p.next.Release(ctx, project, seq) })
}

func (p guardPort) List(ctx context.Context) ([]app.Lease, error) {
	return look(ctx, p.w, "Guard.List", nil, plain[[]app.Lease], func() ([]app.Lease, error) { return p.next.List(ctx) })
}

func (p guardPort) Mark(ctx context.Context) (time.Duration, error) {
	return look(ctx, p.w, "Guard.Mark", nil, plain[time.Duration], func() (time.Duration, error) { return p.next.Mark(ctx) })
}

type wardenPort struct {
	w    *Witness
	next port.Warden
}

func (p wardenPort) Touch(ctx context.Context) error {
	return act(ctx, p.w, "Warden.Touch", nil, func() error { return p.next.Touch(ctx) })
}

func (p wardenPort) Slay(ctx context.Context, project string, seq uint64, containers bool) error {
	return act(ctx, p.w, "Warden.Slay", of(project, seq, containers), func() error { return p.next.Slay(ctx, project, seq, containers) })
}

type journalPort struct {
	w    *Witness
	next port.Journal
}

func (p journalPort) Read(ctx context.Context, name string) (app.Journal, error) {
	return look(ctx, p.w, "Journal.Read", of(name), plain[app.Journal], func() (app.Journal, error) { return p.next.Read(ctx, name) })
}

func (p journalPort) Write(ctx context.Context, name string, j app.Journal) error {
	return act(ctx, p.w, "Journal.Write", of(name, j), func() error { return p.next.Write(ctx, name, j) })
}

func (p journalPort) Forget(ctx context.Context, name string) error {
	return act(ctx, p.w, "Journal.Forget", of(name), func() error { return p.next.Forget(ctx, name) })
}

func (p journalPort) List(ctx context.Context) ([]string, error) {
	return look(ctx, p.w, "Journal.List", nil, plain[[]string], func() ([]string, error) { return p.next.List(ctx) })
}

type edgePort struct {
	w    *Witness
	next port.Edge
}

func (p edgePort) Publish(ctx context.Context) (app.Published, error) {
	return do(ctx, p.w, "Edge.Publish", nil, plain[app.Published], func() (app.Published, error) { return p.next.Publish(ctx) })
}
