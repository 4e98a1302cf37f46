package figures

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/mlfmonde/cluster/fixtures/nodes/cluster"
	"github.com/mlfmonde/cluster/fixtures/nodes/machine"
)

// byHand is the same application, run by a person with docker compose and the
// volume driver's interface: no lease, no check, nothing that is told to
// anybody, no way back.
type byHand struct {
	bed     *bed
	name    string // project
	port    int
	release int
	at      *cluster.Node
	left    *cluster.Node // that it has left and where nothing was taken away yet, nil: none
}

// begin starts a project of the given name for the first time.
func (b *bed) begin(ctx context.Context, name string, port int) (*byHand, error) {
	h := &byHand{bed: b, name: name, port: port, at: b.Node(left)}
	if err := h.ready(ctx); err != nil {
		return nil, err
	}
	return h, h.compose(ctx, h.at, "up", "-d")
}

func (h *byHand) volume() string        { return h.name + "_data" }
func (h *byHand) master() *cluster.Node { return h.at }

// folder is the project's folder on a node, seen from both sides.
func (h *byHand) folder(n *cluster.Node) string { return filepath.Join(n.Machine().Dir, h.name) }

// ready takes away what the last move left, writes the same change as a push
// would bring into the project's folder of both nodes, and builds there.
func (h *byHand) ready(ctx context.Context) error {
	if err := h.clean(ctx); err != nil {
		return err
	}
	h.release++
	files, err := h.bed.files(h.name, fmt.Sprintf("%s-%d", h.name, h.release), h.port)
	if err != nil {
		return err
	}
	for _, n := range []*cluster.Node{h.bed.Node(left), h.bed.Node(right)} {
		for name, data := range files {
			path := filepath.Join(h.folder(n), name)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				return fmt.Errorf("write project: %w", err)
			}
			if err := os.WriteFile(path, data, 0o755); err != nil {
				return fmt.Errorf("write project: %w", err)
			}
		}
		if err := h.compose(ctx, n, "build", "-q"); err != nil {
			return err
		}
	}
	return nil
}

// compose runs docker compose in the project's folder.
func (h *byHand) compose(ctx context.Context, n *cluster.Node, args ...string) error {
	r, err := n.Machine().Run(ctx, machine.Command{
		Argv: append([]string{"docker-compose", "--project-directory", h.folder(n), "--project-name", h.name}, args...),
	})
	if err == nil && r.Code != 0 {
		err = fmt.Errorf("code %d: %s", r.Code, lastLines(string(r.Stdout)+string(r.Stderr)))
	}
	if err != nil {
		return fmt.Errorf("compose %s on %s: %w", args[0], n.Name, err)
	}
	return nil
}

// command is one thing that a person types.
type command struct {
	node *cluster.Node
	name string
	do   func() error
}

func carry(commands []command) ([]Phase, error) {
	var all []Phase
	for _, c := range commands {
		begin := time.Now()
		if err := c.do(); err != nil {
			return nil, fmt.Errorf("%s: %w", c.name, err)
		}
		now := time.Now()
		all = append(all, Phase{Node: c.node.Name, Name: c.name, End: now.UnixNano(), Took: now.Sub(begin)})
	}
	return all, nil
}

func (h *byHand) redeploy(ctx context.Context) ([]Phase, error) {
	return carry([]command{{h.at, "compose up -d", func() error { return h.compose(ctx, h.at, "up", "-d") }}})
}

// move is the commands of the outage.
func (h *byHand) move(ctx context.Context, to *cluster.Node) ([]Phase, error) {
	from, snapshot := h.at, ""
	phases, err := carry([]command{
		{from, "compose stop", func() error { return h.compose(ctx, from, "stop") }},
		{from, "snapshot", func() error {
			taken, err := driver(ctx, from, http.MethodPost, "Snapshot", map[string]string{"Name": h.volume()})
			snapshot = taken.Snapshot
			return err
		}},
		{from, "send", func() error { return send(ctx, from, to, snapshot) }},
		{to, "restore", func() error {
			_, err := driver(ctx, to, http.MethodPost, "Snapshot.Restore", map[string]string{"Name": snapshot, "Target": h.volume()})
			return err
		}},
		{to, "compose up -d", func() error { return h.compose(ctx, to, "up", "-d") }},
	})
	if err == nil {
		h.at, h.left = to, from
	}
	return phases, err
}

// clean takes away what is on the node that the application has left, so that
// its next stay there begins as the first.
func (h *byHand) clean(ctx context.Context) error {
	if h.left == nil {
		return nil
	}
	if err := h.compose(ctx, h.left, "down"); err != nil {
		return err
	}
	_, err := driver(ctx, h.left, http.MethodPost, "Remove", map[string]string{"Name": h.volume()})
	if err == nil {
		h.left = nil
	}
	return err
}
