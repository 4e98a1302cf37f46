package witness

import (
	"context"
	"time"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/port"
)

type sourcePort struct {
	w    *Witness
	next port.Source
}

func (p sourcePort) Checkout(ctx context.Context, a app.App, dir string) (string, error) {
	return do(ctx, p.w, "Source.Checkout", of(a, dir), plain[string], func() (string, error) { return p.next.Checkout(ctx, a, dir) })
}

type checkoutsPort struct {
	w    *Witness
	next port.Checkouts
}

func (p checkoutsPort) Read(ctx context.Context, dir string) (port.Files, error) {
	return look(ctx, p.w, "Checkouts.Read", of(dir), digests, func() (port.Files, error) { return p.next.Read(ctx, dir) })
}

func (p checkoutsPort) Write(ctx context.Context, dir string, files port.Files) error {
	return act(ctx, p.w, "Checkouts.Write", of(dir, digests(files)), func() error { return p.next.Write(ctx, dir, files) })
}

func (p checkoutsPort) List(ctx context.Context) ([]string, error) {
	return look(ctx, p.w, "Checkouts.List", nil, plain[[]string], func() ([]string, error) { return p.next.List(ctx) })
}

func (p checkoutsPort) Remove(ctx context.Context, dir string) error {
	return act(ctx, p.w, "Checkouts.Remove", of(dir), func() error { return p.next.Remove(ctx, dir) })
}

type imagesPort struct {
	w    *Witness
	next port.Images
}

func (p imagesPort) Pull(ctx context.Context, s app.Stack) error {
	return act(ctx, p.w, "Images.Pull", of(s), func() error { return p.next.Pull(ctx, s) })
}

func (p imagesPort) Build(ctx context.Context, s app.Stack) (map[string]string, error) {
	return do(ctx, p.w, "Images.Build", of(s), plain[map[string]string], func() (map[string]string, error) { return p.next.Build(ctx, s) })
}

func (p imagesPort) Drop(ctx context.Context, s app.Stack) error {
	return act(ctx, p.w, "Images.Drop", of(s), func() error { return p.next.Drop(ctx, s) })
}

type stackPort struct {
	w    *Witness
	next port.Stack
}

func (p stackPort) Up(ctx context.Context, s app.Stack) error {
	return act(ctx, p.w, "Stack.Up", of(s), func() error { return p.next.Up(ctx, s) })
}

func (p stackPort) Stop(ctx context.Context, project string, grace time.Duration) error {
	return act(ctx, p.w, "Stack.Stop", of(project, grace), func() error { return p.next.Stop(ctx, project, grace) })
}

type containersPort struct {
	w    *Witness
	next port.Containers
}

func (p containersPort) List(ctx context.Context, project string) ([]app.Container, error) {
	return look(ctx, p.w, "Containers.List", of(project), plain[[]app.Container], func() ([]app.Container, error) { return p.next.List(ctx, project) })
}

func (p containersPort) Kill(ctx context.Context, project string, seq uint64) error {
	return act(ctx, p.w, "Containers.Kill", of(project, seq), func() error { return p.next.Kill(ctx, project, seq) })
}

func (p containersPort) Remove(ctx context.Context, project string, local bool) error {
	return act(ctx, p.w, "Containers.Remove", of(project, local), func() error { return p.next.Remove(ctx, project, local) })
}

func (p containersPort) Pin(ctx context.Context, project string) error {
	return act(ctx, p.w, "Containers.Pin", of(project), func() error { return p.next.Pin(ctx, project) })
}

type scriptsPort struct {
	w    *Witness
	next port.Scripts
}

func (p scriptsPort) Run(ctx context.Context, s port.Script) error {
	return act(ctx, p.w, "Scripts.Run", of(s), func() error { return p.next.Run(ctx, s) })
}
