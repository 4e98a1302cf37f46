package nodes

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/mlfmonde/cluster/fixtures/nodes/cluster"
)

// errHopeless: no cluster can be had any more.
var errHopeless = errors.New("give up")

// clusters is how many may be lost before the run ends.
const clusters = 12

// play plays everything, on two clusters where that pays: while one waits in
// the window of a batch, the other has the machine.
func (r *run) play(ctx context.Context) (err error) {
	if !r.more() {
		return nil
	}
	stands := r.Clusters
	if stands == 0 {
		stands = 1 + min(1, (len(r.singles)+len(r.batches))/pays)
	}
	if stands > 1 {
		if r.daemon, err = cluster.Share(ctx, r.Log); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, r.daemon.Close()) }()
	}
	all, ctx := errgroup.WithContext(ctx)
	for i := range stands {
		all.Go(func() error { return (&stand{run: r, number: i}).play(ctx) })
	}
	return all.Wait()
}

// more reports whether anything is still to be played.
func (r *run) more() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.waits()
}

// waits is more for who holds the lock.
func (r *run) waits() bool { return len(r.singles)+len(r.batches)+r.lessons > 0 }

// stand is one cluster of a run at a time, and what is under way on it. The lock
// of the run is its lock.
type stand struct {
	*run
	number  int
	active  int   // plays under way
	windows int   // batches under way
	broken  error // why this cluster is to be taken away
}

// play plays on one cluster after the other, a fresh one after each that was
// left broken, until there is nothing more to play.
func (s *stand) play(ctx context.Context) error {
	for s.more() && ctx.Err() == nil {
		if err := s.lose(); err != nil {
			return err
		}
		if err := s.onOne(ctx); err != nil {
			return err
		}
	}
	return context.Cause(ctx)
}

// lose counts the clusters before this one.
func (s *stand) lose() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken != nil {
		s.lost++
	}
	if s.lost >= clusters {
		return fmt.Errorf("%w after %d clusters: %w", errHopeless, s.lost, s.broken)
	}
	s.broken = nil
	return nil
}

// numbers is how many plays a stand may count before it comes to those of the
// next one.
const numbers = 2000

// onOne plays on one cluster until all is played or it is broken.
func (s *stand) onOne(ctx context.Context) (err error) {
	begin := time.Now()
	b, err := Open(ctx, Setup{
		Log: s.Log, Record: s.Record != "", Filler: s.Filler, Trial: s.trial, Daemon: s.daemon, First: s.number * numbers,
		Edge: s.Edge,
	})
	if err != nil {
		return err
	}
	s.say("the cluster is there after %.1f s", time.Since(begin).Seconds())
	defer func() {
		err = errors.Join(err, b.keep(filepath.Join(s.Record, filepath.Base(b.cluster.Dir))), b.Close())
		s.say("the cluster is gone")
	}()
	var wait sync.WaitGroup
	for {
		jobs, err := s.next(ctx)
		if err != nil || jobs == nil {
			wait.Wait()
			if err == nil && s.broken == nil {
				err = b.Whole(ctx)
			}
			return err
		}
		s.begin(ctx, b, jobs, &wait)
	}
}

// next are the plays to begin now: a batch, or one. nil: there is nothing more
// to be played on this cluster.
func (s *stand) next(ctx context.Context) ([]job, error) {
	for {
		s.mu.Lock()
		jobs, more := s.pick()
		changed := s.changed
		s.mu.Unlock()
		if jobs != nil || !more {
			return jobs, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// ahead is how many batches are under way at once on a cluster: while one is
// struck or comes to rest the next can be prepared.
const ahead = 2

// pick takes the next jobs that there is room for; more reports whether there
// will be any. The caller holds the lock.
func (s *stand) pick() (jobs []job, more bool) {
	if s.broken != nil {
		return nil, false
	}
	free := s.Side - s.active
	switch {
	case len(s.batches) > 0 && s.windows < ahead && len(s.batches[0]) <= free:
		jobs, s.batches = s.batches[0], s.batches[1:]
		s.windows++
	case len(s.singles) > 0 && free > 0 && !(len(s.batches) > 0 && s.windows < ahead && s.active > 0):
		jobs, s.singles = s.singles[:1:1], s.singles[1:]
		if jobs[0].learn {
			s.lessons++
		}
	}
	s.active += len(jobs)
	return jobs, s.waits()
}
