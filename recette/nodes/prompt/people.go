package prompt

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/ledger"
	"github.com/mlfmonde/cluster/handler/port"
	"github.com/mlfmonde/cluster/handler/request"
	"github.com/mlfmonde/cluster/recette"
	"github.com/mlfmonde/cluster/sim"
)

// site is an application that somebody pushed.
type site struct {
	app.App
	label  string // of its host name on this machine
	port   int    // published on its master, and the same on every node
	pushes int
}

// firstPort is that of the first application.
const firstPort = 20000

// ack is a write that a user was told is done, and what the KV said of the
// application as it came in.
type ack struct {
	sim.Ack
	seq  uint64 // of the operation
	over bool   // which was committed or done
}

// site is the application that a is, new or known.
func (g *Ground) site(a app.App) site {
	g.mu.Lock()
	defer g.mu.Unlock()
	return *g.find(a)
}

// find is site for who holds the lock.
func (g *Ground) find(a app.App) *site {
	i := slices.IndexFunc(g.sites, func(s site) bool { return s.App == a })
	if i < 0 {
		label := strings.TrimSuffix(filepath.Base(a.Repo), ".git")
		if a.Branch != "main" {
			label += "-" + a.Branch
		}
		i = len(g.sites)
		g.sites = append(g.sites, site{App: a, label: label, port: firstPort + i})
	}
	return &g.sites[i]
}

// Remote implements recette.Public.
func (g *Ground) Remote(short string) string { return g.cluster.Git().HTTP(short) }

// repository is the name of a repository of the cluster's git server.
func (g *Ground) repository(a app.App) (string, error) {
	for _, root := range []string{g.cluster.Git().HTTP(""), g.cluster.Git().SSH("")} {
		if name, ours := strings.CutPrefix(a.Repo, root); ours && name != "" && !strings.Contains(name, "/") {
			return strings.TrimSuffix(name, ".git"), nil
		}
	}
	return "", fmt.Errorf("repository %s: %w: real nodes clone from %sNAME or %sNAME", a.Repo, recette.ErrCannot,
		g.cluster.Git().HTTP(""), g.cluster.Git().SSH(""))
}

// Push implements recette.Public: the files with a published port, and edited
// so that they behave like how.
func (g *Ground) Push(ctx context.Context, a app.App, files port.Files, how sim.Behaviour) (string, error) {
	repo, err := g.repository(a)
	if err != nil {
		return "", err
	}
	g.mu.Lock()
	s := g.find(a)
	s.pushes++
	release := Release{Port: s.port, Secure: g.cluster.Edge, Name: fmt.Sprintf("%s-%d", s.label, s.pushes), Behaviour: how}
	g.mu.Unlock()
	edited, err := release.Files(files)
	if err != nil {
		return "", fmt.Errorf("push to %s: %w", repo, err)
	}
	if edited["hello"] == nil && strings.Contains(string(edited["Dockerfile"]), "COPY hello ") {
		if edited["hello"], err = os.ReadFile(filepath.Join(g.cluster.Dir, "bin", "hello")); err != nil {
			return "", fmt.Errorf("push to %s: %w", repo, err)
		}
	}
	commit, err := g.cluster.Git().Push(ctx, repo, a.Branch, release.Name, edited)
	if err != nil {
		return "", err
	}
	return commit, g.pushable(repo)
}

// pushable lets people push to a repository too.
func (g *Ground) pushable(repo string) error {
	config := filepath.Join(g.cluster.Dir, "git", "git", "team", repo+".git", "config")
	data, err := os.ReadFile(config)
	if err == nil && !strings.Contains(string(data), "receivepack") {
		err = os.WriteFile(config, append(data, "[http]\n\treceivepack = true\n"...), 0o644)
	}
	if err != nil {
		return fmt.Errorf("let people push to %s: %w", repo, err)
	}
	return nil
}

// Ask implements recette.Public.
func (g *Ground) Ask(ctx context.Context, node string, r app.Request) (string, error) {
	r.ID = strings.ToLower(rand.Text())
	err := g.any(ctx, func(ctx context.Context, c *api.Client) error {
		_, _, err := c.KV().CAS(&api.KVPair{Key: ledger.RequestKey(r.ID), Value: request.Encode(r)}, write(ctx))
		return err // applied twice it is nothing
	})
	if err != nil {
		return "", fmt.Errorf("ask for %s of %s: %w", r.Kind, r.App.Name(), err)
	}
	g.ear.note("", fmt.Sprintf("operator: %s %s %s", r.Kind, r.App.Name(), r.New))
	_, err = g.Fire(ctx, node, string(r.Kind), fmt.Appendf(nil, `{"ref":%q}`, r.ID))
	return r.ID, err
}

// Fire implements recette.Public. Where the node's agent does not answer,
// another one's is asked.
func (g *Ground) Fire(ctx context.Context, node, name string, payload []byte) (id string, err error) {
	first := g.edges[node]
	fire := func(ctx context.Context, c *api.Client) error {
		id, _, err = c.Event().Fire(&api.UserEvent{Name: name, Payload: payload}, write(ctx))
		return err
	}
	if first != nil && on(first.node) {
		one, cancel := context.WithTimeout(ctx, answerMax)
		defer cancel()
		if fire(one, first.consul) == nil {
			return id, nil
		}
	}
	if err := g.any(ctx, fire); err != nil {
		return "", fmt.Errorf("fire %s: %w", name, err)
	}
	return id, nil
}

// Answers of an application that does not take a write.
var (
	errUnrouted    = errors.New("no route")
	errMaintenance = errors.New("503: maintenance")
	errOff         = errors.New("the node of the edge does not answer")
)

// writeMax is how long a user waits.
const writeMax = 4 * time.Second

// firstNumber is above what the application itself counts to: people may write
// to it past us.
const firstNumber = 1_000_000

// Write implements recette.Public.
func (g *Ground) Write(ctx context.Context, node string, a app.App) (refused, err error) {
	g.writing.Lock()
	defer g.writing.Unlock()
	s := g.site(a)
	number, edge := g.next(node)
	refused = errOff
	var r route
	if edge != nil {
		node = edge.node.Name
		r, refused = g.send(ctx, edge, s, fmt.Sprintf("#%d by a user at %s", number, node))
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if refused != nil {
		g.refused[a.Name()]++
		return fmt.Errorf("write %d to %s at %s: %w", number, s.label, node, refused), nil
	}
	done := sim.Ack{Number: number, At: g.Now(), Edge: node, Node: r.master, Volumes: []string{a.Volume("data")}}
	g.acks[a.Name()] = append(g.acks[a.Name()], ack{Ack: done, seq: r.seq, over: r.over})
	return nil, nil
}

// next is the number of a new write and the edge that it comes in at: that of
// node, or the next one that can be asked. nil: none can.
func (g *Ground) next(node string) (uint64, *edge) {
	all := g.Nodes()
	g.mu.Lock()
	defer g.mu.Unlock()
	g.number = max(g.number+1, firstNumber)
	if node != "" {
		if e := g.edges[node]; on(e.node) {
			return g.number, e
		}
		return g.number, nil
	}
	for range all {
		g.turn++
		if e := g.edges[all[g.turn%len(all)]]; on(e.node) {
			return g.number, e
		}
	}
	return g.number, nil
}

// send is one request on its way: to the edge of a node, and from there to the
// master.
func (g *Ground) send(ctx context.Context, e *edge, s site, text string) (route, error) {
	ctx, cancel := context.WithTimeout(ctx, writeMax)
	defer cancel()
	r := e.route(ctx, s.Name())
	if err := r.open(); err != nil {
		return r, err
	}
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, g.cluster.Node(r.master).URL(s.port), strings.NewReader(text))
	if err != nil {
		return r, err
	}
	resp, err := e.node.Client().Do(q)
	if err != nil {
		return r, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = errors.New(resp.Status)
	}
	if err == nil && !strings.Contains(string(body), text) {
		err = fmt.Errorf("a strange answer: %.60q", body)
	}
	return r, err
}

// Written implements recette.Notice.
func (g *Ground) Written(a app.App) (acknowledged, refused int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.acks[a.Name()]), g.refused[a.Name()]
}
