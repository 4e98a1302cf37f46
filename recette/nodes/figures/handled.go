package figures

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mlfmonde/cluster/fixtures/nodes"
	"github.com/mlfmonde/cluster/fixtures/nodes/cluster"
	"github.com/mlfmonde/cluster/handler/app"
)

// subject is one application on the bed, handled by the handler or by hand.
type subject interface {
	// volume is the full name of its one volume.
	volume() string
	// master is the node that it runs on.
	master() *cluster.Node
	// ready prepares a change that redeploy then brings; nobody is disturbed.
	ready(ctx context.Context) error
	// redeploy brings the change on the node that it runs on.
	redeploy(ctx context.Context) ([]Phase, error)
	// move brings the application to another node.
	move(ctx context.Context, to *cluster.Node) ([]Phase, error)
}

// handled is an application that the handler runs.
type handled struct {
	bed      *bed
	app      app.App
	branch   string
	port     int
	release  int
	at, rest *cluster.Node // master and slave
}

const repository = "figures"

// deploy makes an application of the given branch and deploys it for the first
// time.
func (b *bed) deploy(ctx context.Context, branch string, port int) (*handled, error) {
	h := &handled{bed: b, branch: branch, port: port, at: b.Node(left), rest: b.Node(right)}
	// The git server is asked without the relay before it, too.
	url := strings.Replace(b.Git().HTTP(repository), "git.example.com", b.Git().Address, 1)
	var err error
	if h.app, err = app.Parse(url, branch); err != nil {
		return nil, err
	}
	if err := b.named(ctx, branch); err != nil {
		return nil, err
	}
	if err := h.ready(ctx); err != nil {
		return nil, err
	}
	_, err = h.ask(ctx, h.at, h.rest)
	return h, err
}

// named makes the domain of an application known on every node. Consul asks it
// as a check, and lets nobody register the application again while it waits
// for the name.
func (b *bed) named(ctx context.Context, name string) error {
	for _, n := range b.All() {
		if err := sh(ctx, n, "echo 127.0.0.1 %s >> /etc/hosts", domain(name)); err != nil {
			return fmt.Errorf("name %s: %w", name, err)
		}
	}
	return nil
}

func domain(name string) string { return name + ".example.com" }

func (h *handled) volume() string        { return h.app.Volume("data") }
func (h *handled) master() *cluster.Node { return h.at }

// ready pushes a commit whose containers differ by one variable.
func (h *handled) ready(ctx context.Context) error {
	h.release++
	name := fmt.Sprintf("%s-%d", h.branch, h.release)
	files, err := h.bed.files(h.branch, name, h.port)
	if err != nil {
		return err
	}
	_, err = h.bed.Git().Push(ctx, repository, h.branch, name, files)
	return err
}

// ask asks for a placement, as an operator does, and waits until it is done.
func (h *handled) ask(ctx context.Context, master, slave *cluster.Node) ([]Phase, error) {
	since := time.Now()
	r, err := h.bed.Node(viewer).Handler(ctx, "deploy", "--repo", h.app.Repo, "--branch", h.branch, "--master", master.Name, "--slave", slave.Name)
	if err != nil {
		return nil, err
	}
	if r.Code != 0 {
		return nil, fmt.Errorf("deploy %s to %s: code %d: %s", h.app.Name(), master.Name, r.Code, lastLines(string(r.Stdout)+string(r.Stderr)))
	}
	var all []Phase
	for _, n := range h.bed.All() {
		phases, err := ReadPhases(agentLog(n), h.app.Name(), since)
		if err != nil {
			return nil, err
		}
		all = append(all, phases...)
	}
	slices.SortFunc(all, func(a, b Phase) int { return cmp.Compare(a.Begin(), b.Begin()) })
	return all, nil
}

// lastLines is the end of what a command said.
func lastLines(text string) string {
	return strings.TrimSpace(text[max(0, len(text)-1200):])
}

func (h *handled) redeploy(ctx context.Context) ([]Phase, error) { return h.ask(ctx, h.at, h.rest) }

func (h *handled) move(ctx context.Context, to *cluster.Node) ([]Phase, error) {
	phases, err := h.ask(ctx, to, h.at)
	if err == nil {
		h.at, h.rest = to, h.at
	}
	return phases, err
}

// files are those of hello as an application of its own: name is in its
// domain, release in its answers.
func (b *bed) files(name, release string, port int) (map[string][]byte, error) {
	files, err := b.Files(cluster.Hello{Release: release, Port: port})
	if err != nil {
		return nil, err
	}
	const compose = "docker-compose.yml"
	if b.Edge {
		if err := nodes.Edit(files, "http://hello.example.com {", "http://hello.example.com, https://hello.example.com {"); err != nil {
			return nil, err
		}
	}
	files[compose] = []byte(strings.ReplaceAll(string(files[compose]), "hello.example.com", domain(name)))
	return files, nil
}
