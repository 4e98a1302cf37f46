package storage

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"time"

	"github.com/caddyserver/certmagic"
	"github.com/hashicorp/consul/api"
	"go.uber.org/zap"
)

// How long one question for a taken lock waits, and how soon what did not work
// is tried again.
const (
	patience = 30 * time.Second
	retry    = time.Second
	again    = 100 * time.Millisecond
)

// holding is a lock that this process has: a key that belongs to a session,
// which Consul ends, key and all, when nobody renews it.
type holding struct {
	key, session string
	stop         context.CancelFunc
}

// Lock waits until this process has the lock called name, or ctx ends. While
// Consul does not answer it waits, too.
func (s *Storage) Lock(ctx context.Context, name string) error {
	if _, err := s.obtain(ctx, name, true); err != nil {
		return fmt.Errorf("lock %s: %w", name, err)
	}
	return nil
}

// TryLock takes the lock called name if nobody has it.
func (s *Storage) TryLock(ctx context.Context, name string) (bool, error) {
	got, err := s.obtain(ctx, name, false)
	if err != nil {
		return false, fmt.Errorf("try to lock %s: %w", name, err)
	}
	return got, nil
}

// Unlock gives back what Lock or TryLock took. A lock that was lost meanwhile,
// because Consul did not hear of this process for long, needs no giving back.
func (s *Storage) Unlock(ctx context.Context, name string) error {
	s.mutex.Lock()
	h := s.held[name]
	delete(s.held, name)
	s.mutex.Unlock()
	if h == nil {
		return fmt.Errorf("unlock %s: this process does not hold it", name)
	}
	h.stop()
	done, answer, err := s.transact(ctx,
		&api.TxnOp{KV: &api.KVTxnOp{Verb: api.KVCheckSession, Key: h.key, Session: h.session}},
		&api.TxnOp{KV: &api.KVTxnOp{Verb: api.KVUnlock, Key: h.key, Session: h.session}},
		&api.TxnOp{KV: &api.KVTxnOp{Verb: api.KVDelete, Key: h.key}})
	if err != nil {
		return fmt.Errorf("unlock %s (it ends by itself within %s): %w", name, 2*s.session, err)
	}
	if !done {
		s.log.Warn("a lock was lost before it was given back", zap.String("lock", name), zap.Error(refused(answer)))
	}
	s.end(ctx, h.session)
	return nil
}

// obtain takes the lock; one that is patient waits for it.
func (s *Storage) obtain(ctx context.Context, name string, patient bool) (bool, error) {
	// Readable, and different for different names.
	key := fmt.Sprintf("%s/locks/%s-%x", s.prefix, certmagic.StorageKeys.Safe(name), sha256.Sum256([]byte(name)))
	var index uint64
	var said bool
	for {
		taken, next, err := s.taken(ctx, key, index)
		var h *holding
		if index = next; err == nil && !taken {
			if h, err = s.acquire(ctx, key); h != nil {
				s.hold(ctx, name, h)
				return true, nil
			}
			index = 0
		}
		switch {
		case ctx.Err() != nil:
			return false, ctx.Err()
		case !patient:
			return false, err
		case err != nil:
			if !said {
				s.log.Warn("waiting for a lock while Consul does not answer", zap.String("lock", name), zap.Error(err))
			}
			said = true
			err = wait(ctx, retry)
		case !taken: // another was faster
			err = wait(ctx, again)
		}
		if err != nil {
			return false, err
		}
	}
}

// taken reports whether somebody has the lock. With the index of an earlier
// answer it waits for another one.
func (s *Storage) taken(ctx context.Context, key string, index uint64) (bool, uint64, error) {
	limit := s.timeout
	if index > 0 {
		limit += patience + patience/16 // Consul adds a sixteenth
	}
	limited, stop := context.WithTimeout(ctx, limit)
	defer stop()
	options := &api.QueryOptions{RequireConsistent: true, WaitIndex: index, WaitTime: patience}
	pair, meta, err := s.client.KV().Get(key, options.WithContext(limited))
	if err != nil {
		return false, 0, err
	}
	return pair != nil && pair.Session != "", meta.LastIndex, nil
}

// acquire makes a session and gives it the key; nil when another was faster.
func (s *Storage) acquire(ctx context.Context, key string) (*holding, error) {
	limited, stop := context.WithTimeout(ctx, s.timeout)
	defer stop()
	options := (&api.WriteOptions{}).WithContext(limited)
	session, _, err := s.client.Session().CreateNoChecks(&api.SessionEntry{
		Name: "caddy.storage.consul", TTL: s.session.String(), Behavior: api.SessionBehaviorDelete, LockDelay: time.Millisecond,
	}, options)
	if err != nil {
		return nil, err
	}
	host, _ := os.Hostname() // only for people who look at the key
	pair := &api.KVPair{Key: key, Session: session, Value: []byte(host + " " + time.Now().UTC().Format(time.RFC3339))}
	got, _, err := s.client.KV().Acquire(pair, options)
	if err != nil || !got {
		s.end(context.WithoutCancel(ctx), session)
		return nil, err
	}
	s.heard(ctx, nil)
	return &holding{key: key, session: session}, nil
}

// hold keeps the session of a lock alive until Unlock. The work outlives ctx:
// whoever has the lock gives it back even when it was told to stop.
func (s *Storage) hold(ctx context.Context, name string, h *holding) {
	keeping, stop := context.WithCancel(context.WithoutCancel(ctx))
	h.stop = stop
	s.mutex.Lock()
	s.held[name] = h
	s.mutex.Unlock()
	go func() {
		for wait(keeping, s.session/3) == nil {
			if s.lost(keeping, h) {
				s.log.Error("a lock was lost: Consul ended its session", zap.String("lock", name))
				return
			}
		}
	}()
}

// lost renews the session of h and reports whether it has ended.
func (s *Storage) lost(ctx context.Context, h *holding) bool {
	limited, stop := context.WithTimeout(ctx, min(s.timeout, s.session/3))
	defer stop()
	entry, _, err := s.client.Session().Renew(h.session, (&api.WriteOptions{}).WithContext(limited))
	return err == nil && entry == nil
}

// end ends a session. One that cannot be told ends by itself.
func (s *Storage) end(ctx context.Context, session string) {
	limited, stop := context.WithTimeout(ctx, s.timeout)
	defer stop()
	if _, err := s.client.Session().Destroy(session, (&api.WriteOptions{}).WithContext(limited)); err != nil {
		s.log.Warn("cannot end a session; Consul does it later", zap.String("session", session), zap.Error(err))
	}
}

// wait lasts until d is over or ctx ends.
func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
