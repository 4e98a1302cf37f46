package sim

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/mlfmonde/cluster/handler/port"
)

// Consul's bounds of a transaction.
const (
	maxOps   = 128
	maxBytes = 512 << 10
)

func (k kvPort) Apply(ctx context.Context, t port.Txn) (uint64, error) {
	id := k.p.c.sites.txn(t.Name)
	arg := ""
	if len(t.Ops) > 0 {
		arg = t.Ops[0].Key
	}
	f, err := k.p.enter(ctx, id, arg)
	if err == nil {
		err = k.p.c.kv.answers(ctx, k.p)
	}
	var index uint64
	switch {
	case err != nil:
		err = unknown(err)
	case f != nil && f.Phase == Late:
		k.late(t, f.delay(k.p.c))
	default:
		index, err = k.p.c.kv.apply(t.Ops)
	}
	if err = k.p.leave(f, id, arg, err); err != nil {
		return 0, fmt.Errorf("apply %s: %w", t.Name, err)
	}
	return index, nil
}

// late applies the transaction after d, its checks included.
func (k kvPort) late(t port.Txn, d time.Duration) {
	c := k.p.c
	c.busy++
	c.sched.At(nil, c.Now()+d, "late "+t.Name, func() {
		c.busy--
		c.note(k.p.n, "late KV.Apply:"+t.Name)
		_, _ = c.kv.apply(t.Ops)
		c.stepped()
	})
}

// apply runs the operations in order, all or nothing, under one index.
func (s *store) apply(ops []port.Op) (uint64, error) {
	if err := bounds(ops); err != nil {
		return 0, err
	}
	var (
		undo    []*entry // as it was; create 0: it was not there
		changed []string
		top     uint64
		next    = s.index + 1
	)
	for i, op := range ops {
		e := s.get(op.Key)
		if !holds(op, e) {
			s.rollback(undo)
			return 0, fmt.Errorf("operation %d on %s: %w", i, op.Key, port.ErrRefused)
		}
		switch op.Verb {
		case port.Put, port.CAS:
			if e != nil && bytes.Equal(e.value, op.Value) {
				top = max(top, e.modify)
				continue
			}
			undo = append(undo, was(e, op.Key))
			s.put(op.Key, bytes.Clone(op.Value), next)
			changed = append(changed, op.Key)
		case port.Delete, port.DeleteCAS:
			if e != nil {
				undo = append(undo, e)
				s.remove(op.Key)
				changed = append(changed, op.Key)
			}
		case port.DeleteTree:
			a, b := s.below(op.Key)
			for _, e := range s.entries[a:b] {
				undo = append(undo, e)
				changed = append(changed, e.key)
			}
			s.entries = append(s.entries[:a:a], s.entries[b:]...)
		}
	}
	if len(changed) > 0 {
		s.index, top = next, next
		for _, key := range changed {
			if s.get(key) == nil {
				s.bury(key, next)
			}
			s.touched(key)
		}
	}
	if top == 0 {
		top = s.index
	}
	return top, nil
}

func was(e *entry, key string) *entry {
	if e == nil {
		return &entry{key: key}
	}
	return e
}

// holds reports whether op's check does.
func holds(op port.Op, e *entry) bool {
	switch op.Verb {
	case port.CAS:
		if op.Index == 0 {
			return e == nil
		}
		return e != nil && e.modify == op.Index
	case port.Check:
		return e != nil && e.modify == op.Index
	case port.DeleteCAS:
		return e == nil || e.modify == op.Index
	case port.Absent:
		return e == nil
	}
	return true
}

func (s *store) rollback(undo []*entry) {
	for i := len(undo) - 1; i >= 0; i-- {
		e := undo[i]
		if e.create == 0 {
			s.remove(e.key)
			continue
		}
		j, ok := s.find(e.key)
		if ok {
			s.entries[j] = e
			continue
		}
		s.entries = append(s.entries, nil)
		copy(s.entries[j+1:], s.entries[j:])
		s.entries[j] = e
	}
}

func bounds(ops []port.Op) error {
	if len(ops) > maxOps {
		return fmt.Errorf("transaction of %d operations, at most %d: %w", len(ops), maxOps, port.ErrUnknown)
	}
	size := 0
	for _, op := range ops {
		size += len(op.Key) + len(op.Value)
	}
	if size > maxBytes {
		return fmt.Errorf("transaction of %d bytes, at most %d: %w", size, maxBytes, port.ErrUnknown)
	}
	return nil
}
