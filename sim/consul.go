package sim

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mlfmonde/cluster/handler/port"
	"github.com/mlfmonde/cluster/sim/sched"
)

// entry is one key of Consul's store. It is replaced, never changed but for
// what is known of its value.
type entry struct {
	key            string
	value          []byte
	create, modify uint64
	holder         *session // who holds it as a lock
	read, open     bool     // decoded, and under way
}

func (e *entry) pair() port.Pair {
	return port.Pair{Key: e.key, Value: e.value, Create: e.create, Modify: e.modify}
}

// prefix is a key prefix that somebody watches.
type prefix struct {
	name    string
	index   uint64 // of the last change below it
	waiters []*sched.Task
}

// store is Consul's key-value store and its state as a cluster.
type store struct {
	c        *Cluster
	index    uint64
	entries  []*entry // sorted by key
	prefixes []*prefix
	byPrefix map[string]*prefix
	graves   []entry // keys that were deleted lately
	reaped   uint64  // deletions up to here are forgotten
	sessions []*session
	away     bool              // no server answers anybody
	election time.Duration     // no leader until then
	hands    map[string]uint64 // key → index of a person's last write
}

func (s *store) find(key string) (int, bool) {
	return slices.BinarySearchFunc(s.entries, key, func(e *entry, k string) int { return cmp.Compare(e.key, k) })
}

func (s *store) get(key string) *entry {
	if i, ok := s.find(key); ok {
		return s.entries[i]
	}
	return nil
}

// below is the range of entries whose key has the prefix.
func (s *store) below(p string) (int, int) {
	i, _ := s.find(p)
	j := i
	for j < len(s.entries) && strings.HasPrefix(s.entries[j].key, p) {
		j++
	}
	return i, j
}

func (s *store) list(p string) []port.Pair {
	i, j := s.below(p)
	pairs := make([]port.Pair, 0, j-i)
	for ; i < j; i++ {
		pairs = append(pairs, s.entries[i].pair())
	}
	return pairs
}

// watch finds or makes what a watcher of the prefix waits on.
func (s *store) watch(name string) *prefix {
	if p := s.byPrefix[name]; p != nil {
		return p
	}
	if len(s.prefixes) >= 64 {
		s.prefixes = slices.DeleteFunc(s.prefixes, func(p *prefix) bool {
			if len(p.waiters) == 0 {
				delete(s.byPrefix, p.name)
			}
			return len(p.waiters) == 0
		})
	}
	p := &prefix{name: name, index: s.since(name)}
	s.byPrefix[name] = p
	s.prefixes = append(s.prefixes, p)
	return p
}

// since is the index of a prefix: of the last change below it, or that of the
// store when there is nothing and was nothing lately.
func (s *store) since(name string) uint64 {
	if p := s.byPrefix[name]; p != nil {
		return p.index
	}
	if name == "" {
		return max(s.index, 1)
	}
	var index uint64
	for i, j := s.below(name); i < j; i++ {
		index = max(index, s.entries[i].modify)
	}
	for i := range s.graves {
		if strings.HasPrefix(s.graves[i].key, name) {
			index = max(index, s.graves[i].modify)
		}
	}
	if index == 0 {
		return max(s.index, 1)
	}
	return max(index, s.reaped)
}

// bury remembers a deletion, for a while.
func (s *store) bury(key string, index uint64) {
	if len(s.graves) >= 128 {
		s.reaped = s.graves[63].modify
		s.graves = append(s.graves[:0], s.graves[64:]...)
	}
	s.graves = append(s.graves, entry{key: key, modify: index})
}

// touched tells the watchers of key.
func (s *store) touched(key string) {
	for _, p := range s.prefixes {
		if strings.HasPrefix(key, p.name) {
			p.index = s.index
			for _, t := range p.waiters {
				s.c.sched.Wake(t)
			}
		}
	}
}

// disturb wakes every watcher: its connection broke or came back.
func (s *store) disturb() {
	for _, p := range s.prefixes {
		for _, t := range p.waiters {
			s.c.sched.Wake(t)
		}
	}
}

// put sets key at index without telling anybody; who holds it goes on to.
func (s *store) put(key string, value []byte, index uint64) *entry {
	i, ok := s.find(key)
	e := &entry{key: key, value: value, create: index, modify: index}
	if ok {
		e.create, e.holder = s.entries[i].create, s.entries[i].holder
		s.entries[i] = e
		return e
	}
	s.entries = slices.Insert(s.entries, i, e)
	return e
}

func (s *store) remove(key string) {
	if i, ok := s.find(key); ok {
		s.entries = slices.Delete(s.entries, i, i+1)
	}
}

// write sets one key outside a transaction; an identical value changes nothing.
func (s *store) write(key string, value []byte) {
	if e := s.get(key); e != nil && bytes.Equal(e.value, value) {
		return
	}
	s.index++
	s.put(key, bytes.Clone(value), s.index)
	s.touched(key)
}

// erase deletes one key outside a transaction.
func (s *store) erase(key string) {
	if s.get(key) != nil {
		s.index++
		s.remove(key)
		s.bury(key, s.index)
		s.touched(key)
	}
}

// answers waits as a client of n does for a Consul that may not answer.
func (s *store) answers(ctx context.Context, p *process) error {
	for {
		limit := p.c.o.Times.CallTimeout
		switch {
		case s.away || p.n.agent.down:
			return fmt.Errorf("consul: connection refused: %w", port.ErrUnknown)
		case !p.n.reaches(Consul):
			if err := p.sleep(ctx, limit); err != nil {
				return unknown(err)
			}
			return fmt.Errorf("consul: no answer within %v: %w", limit, port.ErrUnknown)
		case s.election <= p.c.Now():
			return nil
		}
		left := s.election - p.c.Now()
		if err := p.sleep(ctx, min(left, limit)); err != nil {
			return unknown(err)
		}
		if left > limit {
			return fmt.Errorf("consul: no cluster leader: %w", port.ErrUnknown)
		}
	}
}

// unknown says that a call ended without telling whether it had its effect.
func unknown(err error) error {
	if err == nil || err == ErrDead {
		return err
	}
	return fmt.Errorf("%w: %w", port.ErrUnknown, err)
}

type kvPort struct{ p *process }

var _ port.KV = kvPort{}

func (k kvPort) Get(ctx context.Context, key string) (port.Pair, error) {
	f, err := k.p.enter(ctx, callGet, key)
	if err == nil {
		err = k.p.c.kv.answers(ctx, k.p)
	}
	pair := port.Pair{Key: key}
	if err == nil {
		if e := k.p.c.kv.get(key); e != nil {
			pair = e.pair()
		}
	}
	if err = k.p.leave(f, callGet, key, err); err != nil {
		return port.Pair{}, fmt.Errorf("get %s: %w", key, err)
	}
	return pair, nil
}

func (k kvPort) List(ctx context.Context, prefix string) ([]port.Pair, uint64, error) {
	f, err := k.p.enter(ctx, callList, prefix)
	if err == nil {
		err = k.p.c.kv.answers(ctx, k.p)
	}
	var pairs []port.Pair
	var index uint64
	if err == nil {
		pairs, index = k.p.c.kv.list(prefix), k.p.c.kv.since(prefix)
	}
	if err = k.p.leave(f, callList, prefix, err); err != nil {
		return nil, 0, fmt.Errorf("list %s: %w", prefix, err)
	}
	return pairs, index, nil
}

func (k kvPort) Wait(ctx context.Context, prefix string, index uint64, most time.Duration) (uint64, error) {
	f, err := k.p.enter(ctx, callWait, prefix)
	var next uint64
	if err == nil {
		next, err = k.wait(ctx, prefix, index, most)
	}
	if err = k.p.leave(f, callWait, prefix, err); err != nil {
		return 0, fmt.Errorf("wait for %s: %w", prefix, err)
	}
	return next, nil
}

func (k kvPort) wait(ctx context.Context, name string, index uint64, most time.Duration) (uint64, error) {
	s := &k.p.c.kv
	w := s.watch(name)
	t := k.p.c.sched.Current()
	deadline := k.p.c.Now() + most + k.p.c.roll(most/16)
	for {
		if err := s.answers(ctx, k.p); err != nil {
			return 0, err
		}
		switch {
		case w.index < index:
			return 0, nil
		case w.index > index || k.p.c.Now() >= deadline:
			return w.index, nil
		}
		w.waiters = append(w.waiters, t)
		err := k.p.c.sched.Park(ctx, deadline)
		i := slices.Index(w.waiters, t)
		w.waiters = slices.Delete(w.waiters, i, i+1)
		if err != nil {
			return 0, gone(err)
		}
	}
}
