package nodes

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/mlfmonde/cluster/recette"
)

// onOne plays on one cluster until all is played or it is broken.
func (r *run) onOne(ctx context.Context) (err error) {
	begin := time.Now()
	b, err := Open(ctx, Setup{Log: r.Log, Record: r.Record != "", Filler: r.Filler, Trial: r.trial})
	if err != nil {
		return err
	}
	r.say("the cluster is there after %.1f s", time.Since(begin).Seconds())
	defer func() {
		err = errors.Join(err, b.keep(filepath.Join(r.Record, filepath.Base(b.cluster.Dir))), b.Close())
		r.say("the cluster is gone")
	}()
	r.broken = nil
	var wait sync.WaitGroup
	for {
		jobs, err := r.next(ctx)
		if err != nil || jobs == nil {
			wait.Wait()
			if err == nil && r.broken == nil {
				err = b.Whole(ctx)
			}
			return err
		}
		r.begin(ctx, b, jobs, &wait)
	}
}

// next are the plays to begin now: a batch, or one. nil: there is nothing more
// to be played on this cluster.
func (r *run) next(ctx context.Context) ([]job, error) {
	for {
		r.mu.Lock()
		jobs, more := r.pick()
		changed := r.changed
		r.mu.Unlock()
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

// ahead is how many batches are under way at once: while one is struck or comes
// to rest the next can be prepared.
const ahead = 2

// pick takes the next jobs that there is room for; more reports whether there
// will be any. The caller holds the lock.
func (r *run) pick() (jobs []job, more bool) {
	if r.broken != nil {
		return nil, false
	}
	free := r.Side - r.active
	switch {
	case len(r.batches) > 0 && r.windows < ahead && len(r.batches[0]) <= free:
		jobs, r.batches = r.batches[0], r.batches[1:]
		r.windows++
	case len(r.singles) > 0 && free > 0 && !(len(r.batches) > 0 && r.windows < ahead && r.active > 0):
		jobs, r.singles = r.singles[:1:1], r.singles[1:]
		if jobs[0].learn {
			r.lessons++
		}
	}
	r.active += len(jobs)
	return jobs, len(r.singles)+len(r.batches)+r.lessons > 0
}

// end notes that plays are over.
func (r *run) end(change func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change()
	close(r.changed)
	r.changed = make(chan struct{})
}

// begin begins plays that belong together.
func (r *run) begin(ctx context.Context, b *Bench, jobs []job, wait *sync.WaitGroup) {
	var together *batch
	if exclusive(jobs[0].trouble) {
		together = newBatch(b, jobs[0].trouble)
	}
	wait.Go(func() {
		var all sync.WaitGroup
		if together != nil {
			defer r.end(func() { r.windows-- })
		}
		plays := make([]*Play, len(jobs))
		for i, j := range jobs {
			p, err := b.Play(ctx, r.places[j.cell].Row, j.ssh)
			if err != nil {
				r.over(b, j, 0, "", err, nil)
				continue
			}
			plays[i] = p
			if together != nil {
				together.join(p)
			}
		}
		for i, j := range jobs {
			if plays[i] != nil {
				all.Go(func() { r.one(ctx, b, plays[i], j) })
			}
		}
		if together != nil {
			if err := together.run(ctx); err != nil {
				r.say("the batch of %s: %v", together.what, err)
			}
		}
		all.Wait()
	})
}

// one plays a turn to its end.
func (r *run) one(ctx context.Context, b *Bench, p *Play, j job) {
	place := r.places[j.cell]
	began := time.Now()
	r.say("%s begins: %s, %s, %s: %s", p.token, place.Row.Name, place.Column.Name, j.turn, j.trouble)
	limited, cancel := context.WithTimeout(ctx, playMax)
	defer cancel()
	column := place.Column
	if j.learn {
		column = recette.Columns()[0] // no fault
	}
	proof, err := recette.PlayTurn(limited, p, place.Row, column, j.turn)
	if j.learn && err == nil {
		r.end(func() { r.sweeps(j, p) })
	}
	if ctx.Err() != nil { // the cluster goes as it is
		p.batch.finish(p)
		return
	}
	if err != nil {
		err = errors.Join(err, r.evidence(ctx, b, p, j, err))
	}
	closing, stop := context.WithTimeout(context.WithoutCancel(ctx), playMax)
	defer stop()
	left := p.Close(closing)
	r.over(b, j, time.Since(began), proof, err, left)
}

// over notes how a turn ended.
func (r *run) over(b *Bench, j job, took time.Duration, proof string, err, left error) {
	place := r.places[j.cell]
	r.say("%s, %s, %s: %s after %.1f s: %s", place.Row.Name, place.Column.Name, j.turn, word(errors.Join(err, left)), took.Seconds(), proof)
	r.end(func() {
		if r.active--; j.learn {
			r.lessons--
		}
		c := &r.cells[j.cell]
		if left != nil {
			r.broken = fmt.Errorf("%s, %s: %w", place.Row.Name, place.Column.Name, left)
			left = fmt.Errorf("%w: this cluster was taken away", left)
		}
		switch {
		case j.learn && err == nil && left == nil:
		case j.maybe && proof == "" && left == nil: // its call did not come
			r.say("%s, %s, %s: in vain", place.Row.Name, place.Column.Name, j.turn)
		default:
			c.Note(j.turn, proof, errors.Join(err, left))
		}
		c.Seconds += took.Seconds()
		c.Commit, c.Date = r.Commit, time.Now().UTC().Format(time.RFC3339)
		if r.left[j.cell]--; r.left[j.cell] > 0 {
			return
		}
		if c.Cause != nil {
			c.Replay = fmt.Sprintf("bin/sim matrix --world nodes --row %q --column %q", c.Row, c.Column)
		}
		if err := r.state.write(*c); err != nil {
			r.say("%v", err)
		}
		if r.Done != nil {
			r.Done(*c)
		}
	})
}

func word(err error) string {
	if err != nil {
		return "FAILS: " + err.Error()
	}
	return "passes"
}

// evidence keeps what is known of a failure, and says where.
func (r *run) evidence(ctx context.Context, b *Bench, p *Play, j job, cause error) error {
	place := r.places[j.cell]
	if r.Evidence != "" {
		if err := os.MkdirAll(r.Evidence, 0o755); err != nil {
			return fmt.Errorf("keep evidence: %w", err)
		}
	}
	dir, err := b.cluster.Evidence(ctx, r.Evidence)
	if err != nil {
		return err
	}
	text := fmt.Sprintf("%s, %s, %s: %s\nplay %s\n%s\n", place.Row.Name, place.Column.Name, j.turn, j.trouble, p.token, cause)
	if err := os.WriteFile(filepath.Join(dir, "cell.txt"), []byte(text), 0o600); err != nil {
		return fmt.Errorf("keep evidence: %w", err)
	}
	return fmt.Errorf("evidence of it is in %s", dir)
}
