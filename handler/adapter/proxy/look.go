package proxy

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/mlfmonde/cluster/handler/edge"
	"github.com/mlfmonde/cluster/handler/port"
)

// decisive are the prefixes whose changes an edge is published up to. What
// nodes say of themselves is not among them: it is what publishing leads to.
func decisive() []string { return []string{records, maintenances, swarms, operations} }

// rounds bounds how often the KV is read for a picture of one moment.
const rounds = 5

// sheet is a prefix as it was last listed.
type sheet struct {
	pairs  []port.Pair
	listed uint64
	newest uint64 // index of the newest change that was seen, removals too
}

// sheets are the KV as an edge last saw it.
type sheets struct {
	kv    port.KV
	of    map[string]sheet
	index uint64 // up to which they hold every change
}

// look reads what moved and reports whether anything did. All prefixes are of
// one moment: after a change the others are asked once more. Where that moment
// is not found, the index stays.
func (s *sheets) look(ctx context.Context) (moved bool, err error) {
	for range rounds {
		again := false
		for _, prefix := range decisive() {
			m, err := s.list(ctx, prefix)
			if err != nil {
				return moved, err
			}
			again = again || m
		}
		moved = moved || again
		if again {
			continue
		}
		for _, prefix := range decisive() {
			s.index = max(s.index, s.of[prefix].newest)
		}
		break
	}
	told, err := s.list(ctx, nodes)
	return moved || told, err
}

// list fetches prefix when its index has moved, which is cheap to ask for, and
// reports whether a key is another one.
func (s *sheets) list(ctx context.Context, prefix string) (moved bool, err error) {
	now, err := s.kv.Wait(ctx, prefix, 0, 0) // from 0 it does not wait
	if err != nil {
		return false, err
	}
	last, known := s.of[prefix]
	if known && now == last.listed {
		return false, nil
	}
	pairs, listed, err := s.kv.List(ctx, prefix)
	if err != nil {
		return false, err
	}
	next := sheet{pairs: pairs, listed: listed, newest: last.newest}
	for _, p := range pairs {
		next.newest = max(next.newest, p.Modify)
	}
	if gone(last.pairs, pairs) {
		next.newest = max(next.newest, listed)
	}
	s.of[prefix] = next
	return !slices.EqualFunc(last.pairs, pairs, func(a, b port.Pair) bool { return a.Key == b.Key && a.Modify == b.Modify }), nil
}

// gone reports that a key of was is not in is.
func gone(was, is []port.Pair) bool {
	left := map[string]bool{}
	for _, p := range was {
		left[p.Key] = true
	}
	for _, p := range is {
		delete(left, p.Key)
	}
	return len(left) > 0
}

// pairs is all of it for the edge. Of apps in unwaited it says no index: nobody
// waits for their new master's edge any more.
func (s *sheets) pairs(unwaited map[string]bool) []edge.Pair {
	var all []edge.Pair
	for _, prefix := range slices.Sorted(maps.Keys(s.of)) {
		for _, p := range s.of[prefix].pairs {
			index := p.Modify
			if prefix == records && unwaited[strings.TrimPrefix(p.Key, records)] {
				index = 0
			}
			all = append(all, edge.Pair{Key: p.Key, Value: p.Value, Index: index})
		}
	}
	return all
}

// has reports that there is a key below prefix for name.
func (s *sheets) has(prefix, name string) bool {
	_, found := slices.BinarySearchFunc(s.of[prefix].pairs, prefix+name, func(p port.Pair, key string) int { return strings.Compare(p.Key, key) })
	return found
}
