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

// end notes that plays are over.
func (r *run) end(change func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change()
	close(r.changed)
	r.changed = make(chan struct{})
}

// begin begins plays that belong together.
func (s *stand) begin(ctx context.Context, b *Bench, jobs []job, wait *sync.WaitGroup) {
	var together *batch
	if exclusive(jobs[0].trouble) {
		together = newBatch(b, jobs[0].trouble)
	}
	wait.Go(func() {
		var all sync.WaitGroup
		if together != nil {
			defer s.end(func() { s.windows-- })
		}
		plays := make([]*Play, len(jobs))
		for i, j := range jobs {
			p, err := b.Play(ctx, s.places[j.cell].Row, j.ssh)
			if err != nil {
				s.over(b, j, 0, "", err, nil)
				continue
			}
			plays[i] = p
			if together != nil {
				together.join(p)
			}
		}
		for i, j := range jobs {
			if plays[i] != nil {
				all.Go(func() { s.one(ctx, b, plays[i], j) })
			}
		}
		if together != nil {
			if err := together.run(ctx); err != nil {
				s.say("the batch of %s: %v", together.what, err)
			}
		}
		all.Wait()
	})
}

// one plays a turn to its end.
func (s *stand) one(ctx context.Context, b *Bench, p *Play, j job) {
	place := s.places[j.cell]
	began := time.Now()
	s.say("%s begins: %s, %s, %s: %s", p.token, place.Row.Name, place.Column.Name, j.turn, j.trouble)
	limited, cancel := context.WithTimeout(ctx, playMax)
	defer cancel()
	column := place.Column
	if j.learn {
		column = recette.Columns()[0] // no fault
	}
	proof, err := recette.PlayTurn(limited, p, place.Row, column, j.turn)
	if j.learn && err == nil {
		s.end(func() { s.sweeps(j, p) })
	}
	if ctx.Err() != nil { // the cluster goes as it is
		p.batch.finish(p)
		return
	}
	if err != nil {
		err = errors.Join(err, s.evidence(ctx, b, p, j, err))
	}
	closing, stop := context.WithTimeout(context.WithoutCancel(ctx), playMax)
	defer stop()
	left := p.Close(closing)
	s.over(b, j, time.Since(began), proof, err, left)
}

// over notes how a turn ended.
func (s *stand) over(b *Bench, j job, took time.Duration, proof string, err, left error) {
	place := s.places[j.cell]
	s.say("%s, %s, %s: %s after %.1f s: %s", place.Row.Name, place.Column.Name, j.turn, word(errors.Join(err, left)), took.Seconds(), proof)
	s.end(func() {
		if s.active--; j.learn {
			s.lessons--
		}
		c := &s.cells[j.cell]
		if left != nil {
			s.broken = fmt.Errorf("%s, %s: %w", place.Row.Name, place.Column.Name, left)
			left = fmt.Errorf("%w: this cluster was taken away", left)
		}
		switch {
		case j.learn && err == nil && left == nil:
		case j.maybe && proof == "" && left == nil: // its call did not come
			s.say("%s, %s, %s: in vain", place.Row.Name, place.Column.Name, j.turn)
		default:
			c.Note(j.turn, proof, errors.Join(err, left))
		}
		c.Seconds += took.Seconds()
		c.Commit, c.Date = s.Commit, time.Now().UTC().Format(time.RFC3339)
		if s.left[j.cell]--; s.left[j.cell] > 0 {
			return
		}
		if c.Cause != nil {
			c.Replay = fmt.Sprintf("bin/sim matrix --world nodes --row %q --column %q", c.Row, c.Column)
		}
		if err := s.state.write(*c); err != nil {
			s.say("%v", err)
		}
		if s.Done != nil {
			s.Done(*c)
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
