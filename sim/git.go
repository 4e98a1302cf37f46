package sim

import (
	"context"
	"crypto/sha1" // the shape of git's commit ids; nothing secret hangs on it
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/port"
)

// Behaviour is how an application's commit behaves when it is built and run.
// The zero value is a good one.
type Behaviour struct {
	PullFails, BuildFails bool
	Exits                 bool          // its containers end right after their start
	NeverHealthy          bool          // where it has a health check
	Health                time.Duration // from start to healthy; 0: Timing.Health
	StopTakes             time.Duration // after SIGTERM; 0: Timing.Stop
	UpdateFails           bool          // update.sh, after it has written its mark
	MigrateFails          bool          // post_migrate.sh, likewise
	ScriptTakes           time.Duration // 0: Timing.Script
}

// commit is one state of a branch.
type commit struct {
	id    string
	files port.Files
	how   Behaviour
}

// remote is a git repository that nodes clone from.
type remote struct {
	branches map[string]*commit
	pushes   int
	denied   bool
	down     bool
}

// Push makes files the content of repo's branch and returns the commit.
func (c *Cluster) Push(repo, branch string, files port.Files, how Behaviour) string {
	r := c.remote(repo)
	r.pushes++
	h := sha1.New()
	fmt.Fprintf(h, "%s %s %d\n", repo, branch, r.pushes)
	for _, path := range slices.Sorted(maps.Keys(files)) {
		fmt.Fprintf(h, "%s %d\n%s", path, len(files[path]), files[path])
	}
	k := &commit{id: hex.EncodeToString(h.Sum(nil)), files: maps.Clone(files), how: how}
	r.branches[branch] = k
	return k.id
}

// RemoteDenied makes repo refuse everybody.
func (c *Cluster) RemoteDenied(repo string, denied bool) { c.remote(repo).denied = denied }

// RemoteDown makes repo unreachable for everybody; [Channel] Git does so for one node.
func (c *Cluster) RemoteDown(repo string, down bool) { c.remote(repo).down = down }

// DeleteBranch takes a branch away.
func (c *Cluster) DeleteBranch(repo, branch string) { delete(c.remote(repo).branches, branch) }

func (c *Cluster) remote(repo string) *remote {
	key := strings.TrimSuffix(strings.TrimSuffix(repo, ".git"), "/")
	r := c.remotes[key]
	if r == nil {
		r = &remote{branches: map[string]*commit{}}
		c.remotes[key] = r
	}
	return r
}

// disk is what a node keeps of code and memory.
type disk struct {
	checkouts map[string]*checkout
	journal   map[string]app.Journal
}

func newDisk() disk {
	return disk{checkouts: map[string]*checkout{}, journal: map[string]app.Journal{}}
}

// checkout is one clone. Its files are replaced as a whole, never changed.
type checkout struct {
	commit *commit
	files  port.Files
	model  *stackFile // parsed, until files change
}

// SetCheckout lays a checkout on node's disk, as found there.
func (c *Cluster) SetCheckout(node, dir string, files port.Files, how Behaviour) {
	k := &commit{id: c.Push("local:"+dir, "main", files, how), files: files, how: how}
	c.node(node).disk.checkouts[dir] = &checkout{commit: k, files: maps.Clone(files)}
	c.changes.Node++
}

type sourcePort struct{ p *process }

var _ port.Source = sourcePort{}

var errNetwork = errors.New("could not connect")

func (s sourcePort) Checkout(ctx context.Context, a app.App, dir string) (string, error) {
	f, err := s.p.enter(ctx, callCheckout, dir)
	var id string
	if err == nil {
		id, err = s.clone(ctx, a, dir)
	}
	if err = s.p.leave(f, callCheckout, dir, err); err != nil {
		return "", fmt.Errorf("check out %s of %s: %w", a.Branch, a.Repo, err)
	}
	return id, nil
}

func (s sourcePort) clone(ctx context.Context, a app.App, dir string) (string, error) {
	n, c := s.p.n, s.p.c
	if _, err := app.Parse(a.Repo, a.Branch); err != nil {
		return "", fmt.Errorf("%w: %w", port.ErrDenied, err)
	}
	if err := s.p.sleep(ctx, c.o.Timing.Git); err != nil {
		return "", err
	}
	r := c.remotes[a.Repo]
	switch {
	case !n.reaches(Git) || r != nil && r.down:
		return "", errNetwork
	case n.denied || r != nil && r.denied:
		return "", port.ErrDenied
	case r == nil || r.branches[a.Branch] == nil:
		return "", port.ErrNotFound
	case n.full:
		return "", port.ErrNoSpace
	}
	k := r.branches[a.Branch]
	n.disk.checkouts[dir] = &checkout{commit: k, files: k.files}
	c.changes.Node++
	return k.id, nil
}

type checkoutsPort struct{ p *process }

var _ port.Checkouts = checkoutsPort{}

// Bounds of what inspection reads.
const (
	maxFile  = 256 << 10
	maxDepth = 4
)

// decisive reports whether leaving out the file at path would change the
// application silently.
func decisive(path string) bool {
	switch path {
	case "docker-compose.yml", "docker-compose.yaml", "compose.yml", "compose.yaml", ".env", "service.json", "update.sh", "post_migrate.sh":
		return true
	}
	return false
}

// checkoutOK reports whether dir can be the folder of a checkout.
func checkoutOK(dir string) bool {
	return dir != "" && dir[0] != '.' && !strings.Contains(dir, "/")
}

var errName = errors.New("not the name of a checkout")

// inspected reports whether inspection reads the file at path.
func inspected(path string) bool {
	if strings.Count(path, "/") >= maxDepth {
		return false
	}
	base := path[strings.LastIndex(path, "/")+1:]
	return decisive(path) || strings.HasSuffix(base, ".yml") || strings.HasSuffix(base, ".yaml") || strings.HasSuffix(base, ".env") || strings.HasPrefix(base, ".env")
}

func (s checkoutsPort) Read(ctx context.Context, dir string) (port.Files, error) {
	return call(ctx, s.p, callRead, dir, 0, func() (port.Files, error) {
		k := s.p.n.disk.checkouts[dir]
		if k == nil {
			return nil, fmt.Errorf("read checkout %s: %w", dir, port.ErrNotFound)
		}
		files := make(port.Files, len(k.files))
		for path, content := range k.files {
			switch {
			case !inspected(path):
			case len(content) <= maxFile:
				files[path] = content
			case decisive(path):
				return nil, fmt.Errorf("read checkout %s: %s is larger than %d bytes", dir, path, maxFile)
			}
		}
		return files, nil
	})
}

func (s checkoutsPort) Write(ctx context.Context, dir string, files port.Files) error {
	return act(ctx, s.p, callWrite, dir, 0, func() error {
		k := s.p.n.disk.checkouts[dir]
		switch {
		case k == nil:
			return fmt.Errorf("write to checkout %s: %w", dir, port.ErrNotFound)
		case s.p.n.full:
			return fmt.Errorf("write to checkout %s: %w", dir, port.ErrNoSpace)
		}
		for path := range files {
			if !fs.ValidPath(path) {
				return fmt.Errorf("write %s to checkout %s: not a path inside it", path, dir)
			}
		}
		all := maps.Clone(k.files)
		if all == nil {
			all = port.Files{}
		}
		for path, content := range files {
			all[path] = slices.Clone(content)
		}
		s.p.n.disk.checkouts[dir] = &checkout{commit: k.commit, files: all}
		s.p.c.changes.Node++
		return nil
	})
}

func (s checkoutsPort) List(ctx context.Context) ([]string, error) {
	return call(ctx, s.p, callCheckouts, "", 0, func() ([]string, error) {
		return slices.Sorted(maps.Keys(s.p.n.disk.checkouts)), nil
	})
}

func (s checkoutsPort) Remove(ctx context.Context, dir string) error {
	return act(ctx, s.p, callUncheckout, dir, 0, func() error {
		if !checkoutOK(dir) {
			return fmt.Errorf("remove checkout %q: %w", dir, errName)
		}
		delete(s.p.n.disk.checkouts, dir)
		s.p.c.changes.Node++
		return nil
	})
}
