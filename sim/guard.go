package sim

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/port"
)

// leased reports whether the lease file is there. Its end is the guard's
// business: dockerd looks only at the file.
func (n *node) leased(project string, seq uint64) bool {
	_, ok := n.lease(project, seq)
	return ok
}

func (n *node) lease(project string, seq uint64) (int, bool) {
	return slices.BinarySearchFunc(n.leases, app.Lease{Project: project, Seq: seq}, func(a, b app.Lease) int {
		return cmp.Or(strings.Compare(a.Project, b.Project), cmp.Compare(a.Seq, b.Seq))
	})
}

type guardPort struct{ p *process }

var _ port.Guard = guardPort{}

func (s guardPort) Grant(ctx context.Context, l app.Lease) error {
	return act(ctx, s.p, callGrant, l.Project, 0, func() error {
		n := s.p.n
		i, ok := n.lease(l.Project, l.Seq)
		if ok {
			n.leases[i] = l
		} else {
			n.leases = slices.Insert(n.leases, i, l)
		}
		s.p.c.changes.Containers++
		return nil
	})
}

func (s guardPort) Release(ctx context.Context, project string, seq uint64) error {
	s.p.touches(callRelease, project, false, seq)
	return act(ctx, s.p, callRelease, project, 0, func() error {
		n := s.p.n
		if i, ok := n.lease(project, seq); ok {
			n.leases = slices.Delete(n.leases, i, i+1)
			s.p.c.changes.Containers++
		}
		return nil
	})
}

func (s guardPort) List(ctx context.Context) ([]app.Lease, error) {
	f, err := s.p.enter(ctx, callLeases, "")
	var all []app.Lease
	if err == nil {
		all = slices.Clone(s.p.n.leases)
	}
	return answer(all, s.p.leave(f, callLeases, "", err))
}

var errNoMark = errors.New("the guard has never looked")

func (s guardPort) Mark(ctx context.Context) (time.Duration, error) {
	f, err := s.p.enter(ctx, callMark, "")
	var age time.Duration
	if err == nil {
		if age = s.p.n.boottime() - s.p.n.mark; !s.p.n.marked {
			err = errors.Join(errNoMark, port.ErrNotFound)
		}
	}
	return answer(age, s.p.leave(f, callMark, "", err))
}

type wardenPort struct{ p *process }

var _ port.Warden = wardenPort{}

func (s wardenPort) Touch(ctx context.Context) error {
	f, err := s.p.enter(ctx, callTouch, "")
	if err == nil {
		s.p.n.marked, s.p.n.mark = true, s.p.n.boottime()
	}
	return s.p.leave(f, callTouch, "", err)
}

// Slay kills by pid. dockerd sees a container that ended by itself: what its
// policy restarts, it restarts if it may.
func (s wardenPort) Slay(ctx context.Context, project string, seq uint64, containers bool) error {
	return act(ctx, s.p, callSlay, project, 0, func() error {
		n := s.p.n
		for _, r := range slices.Clone(n.docker.scripts) {
			if r.project == project && r.seq == seq {
				n.kill(r)
			}
		}
		if !containers {
			return nil
		}
		for _, k := range n.docker.of(project) {
			if !k.Running || k.Seq != seq {
				continue
			}
			n.fall(k, 137)
			if k.restart != "" && k.restart != "no" && !n.docker.down {
				k.Restarts++
				_ = n.launch(k) // refused without its lease file
			}
		}
		return nil
	})
}

type journalPort struct{ p *process }

var _ port.Journal = journalPort{}

func (s journalPort) Read(ctx context.Context, name string) (app.Journal, error) {
	return call(ctx, s.p, callJournal, name, 0, func() (app.Journal, error) { return clone(s.p.n.disk.journal[name]), nil })
}

// clone separates an entry on disk from the one in memory.
func clone(j app.Journal) app.Journal {
	j.Made, j.Rollback = slices.Clone(j.Made), slices.Clone(j.Rollback)
	return j
}

func (s journalPort) Write(ctx context.Context, name string, j app.Journal) error {
	return act(ctx, s.p, callWriteJournal, name, 0, func() error {
		if s.p.n.full {
			return port.ErrNoSpace
		}
		s.p.n.disk.journal[name] = clone(j)
		s.p.c.changes.Node++
		return nil
	})
}

func (s journalPort) Forget(ctx context.Context, name string) error {
	return act(ctx, s.p, callForget, name, 0, func() error {
		delete(s.p.n.disk.journal, name)
		s.p.c.changes.Node++
		return nil
	})
}

func (s journalPort) List(ctx context.Context) ([]string, error) {
	return call(ctx, s.p, callJournals, "", 0, func() ([]string, error) {
		return slices.Sorted(maps.Keys(s.p.n.disk.journal)), nil
	})
}
