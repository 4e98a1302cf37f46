package porttest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/mlfmonde/cluster/handler/port"
)

func consulWrites() []Clause[Consul] {
	return []Clause[Consul]{
		{Method: "KV.Apply", Says: "CAS with index 0 creates and never overwrites", Check: txnCreate},
		{Method: "KV.Apply", Says: "CAS changes a key at its index, once, and no missing one", Check: txnCAS},
		{Method: "KV.Apply", Says: "Put sets a key whatever it was, also to nothing", Check: txnPut},
		{Method: "KV.Apply", Says: "an identical Put or CAS is applied and changes no index", Check: txnIdentical},
		{Method: "KV.Apply", Says: "Check holds for the index of a key that exists only", Check: txnCheck},
		{Method: "KV.Apply", Says: "Absent holds for a missing key only", Check: txnAbsent},
		{Method: "KV.Apply", Says: "a refused transaction applies nothing, wherever the check stands", Check: txnAtomic},
		{Method: "KV.Apply", Says: "operations run in order, each sees the ones before it", Check: txnOrder},
		{Method: "KV.Apply", Says: "the index is that of every key it changed, good for the next CAS", Check: txnIndex},
		{Method: "KV.Apply", Says: "a cancelled call is unknown and says why", Check: txnCancelled},
	}
}

func txnCreate(ctx context.Context, t T, e Consul) {
	e.apply(ctx, t, port.Op{Verb: port.CAS, Key: "txn/a", Value: []byte("1")})
	e.refuse(ctx, t, "create what exists", port.Op{Verb: port.CAS, Key: "txn/a", Value: []byte("2")})
	e.refuse(ctx, t, "create what exists with its own value", port.Op{Verb: port.CAS, Key: "txn/a", Value: []byte("1")})
	e.holds(ctx, t, "txn/a", "1")
}

func txnCAS(ctx context.Context, t T, e Consul) {
	first := e.put(ctx, t, "txn/a", "1")
	second := port.Op{Verb: port.CAS, Key: "txn/a", Value: []byte("2"), Index: first}
	e.apply(ctx, t, second)
	e.refuse(ctx, t, "the same CAS again", second)
	e.refuse(ctx, t, "CAS of an index to come", port.Op{Verb: port.CAS, Key: "txn/a", Value: []byte("3"), Index: first + 100000})
	e.refuse(ctx, t, "CAS of a missing key", port.Op{Verb: port.CAS, Key: "txn/b", Value: []byte("3"), Index: first})
	e.holds(ctx, t, "txn/a", "2")
	e.holds(ctx, t, "txn/b", "")
}

func txnPut(ctx context.Context, t T, e Consul) {
	first := e.put(ctx, t, "txn/a", "1")
	second := e.apply(ctx, t, port.Op{Verb: port.Put, Key: "txn/a", Value: []byte("2"), Index: first + 100000})
	e.holds(ctx, t, "txn/a", "2")
	e.apply(ctx, t, port.Op{Verb: port.Put, Key: "txn/a"})
	if p := e.get(ctx, t, "txn/a"); len(p.Value) != 0 || p.Modify <= second {
		t.Errorf("pair %+v, want an empty value later than %d", p, second)
	}
}

func txnIdentical(ctx context.Context, t T, e Consul) {
	first := e.put(ctx, t, "txn/a", "1")
	e.put(ctx, t, "txn/b", "moves the KV's index on")
	if again := e.put(ctx, t, "txn/a", "1"); again != first {
		t.Errorf("an identical Put returned index %d, want %d", again, first)
	}
	if again := e.apply(ctx, t, port.Op{Verb: port.CAS, Key: "txn/a", Value: []byte("1"), Index: first}); again != first {
		t.Errorf("an identical CAS returned index %d, want %d", again, first)
	}
	if p := e.get(ctx, t, "txn/a"); p.Modify != first || p.Create != first {
		t.Errorf("pair %+v, want both indexes %d", p, first)
	}
}

func txnCheck(ctx context.Context, t T, e Consul) {
	index := e.put(ctx, t, "txn/a", "1")
	write := port.Op{Verb: port.Put, Key: "txn/b", Value: []byte("1")}
	e.apply(ctx, t, port.Op{Verb: port.Check, Key: "txn/a", Index: index}, write)
	if got := e.apply(ctx, t, port.Op{Verb: port.Check, Key: "txn/a", Index: index}); got > e.index(ctx, t, "") {
		t.Errorf("a transaction of checks returned index %d, beyond the KV's", got)
	}
	e.put(ctx, t, "txn/a", "2")
	e.refuse(ctx, t, "Check of an old index", port.Op{Verb: port.Check, Key: "txn/a", Index: index}, write)
	e.refuse(ctx, t, "Check alone of an old index", port.Op{Verb: port.Check, Key: "txn/a", Index: index})
	e.refuse(ctx, t, "Check of a missing key", port.Op{Verb: port.Check, Key: "txn/c", Index: index}, write)
}

func txnAbsent(ctx context.Context, t T, e Consul) {
	write := port.Op{Verb: port.Put, Key: "txn/b", Value: []byte("1")}
	e.apply(ctx, t, port.Op{Verb: port.Absent, Key: "txn/a"}, write)
	e.holds(ctx, t, "txn/b", "1")
	e.put(ctx, t, "txn/a", "1")
	e.refuse(ctx, t, "Absent of a key", port.Op{Verb: port.Absent, Key: "txn/a"}, port.Op{Verb: port.Delete, Key: "txn/b"})
	e.apply(ctx, t, port.Op{Verb: port.Delete, Key: "txn/a"})
	e.apply(ctx, t, port.Op{Verb: port.Absent, Key: "txn/a"})
	e.holds(ctx, t, "txn/b", "1")
}

func txnAtomic(ctx context.Context, t T, e Consul) {
	index := e.put(ctx, t, "txn/a", "1")
	e.put(ctx, t, "txn/tree/x", "1")
	ops := []port.Op{
		{Verb: port.Put, Key: "txn/a", Value: []byte("2")},
		{Verb: port.CAS, Key: "txn/new", Value: []byte("2")},
		{Verb: port.DeleteTree, Key: "txn/tree/"},
		{Verb: port.Check, Key: "txn/no", Index: 7},
	}
	for at := range ops {
		ops[at], ops[len(ops)-1] = ops[len(ops)-1], ops[at]
		e.refuse(ctx, t, fmt.Sprintf("check at %d", at), ops...)
		e.holds(ctx, t, "txn/a", "1")
		e.holds(ctx, t, "txn/new", "")
		e.holds(ctx, t, "txn/tree/x", "1")
		if p := e.get(ctx, t, "txn/a"); p.Modify != index {
			t.Errorf("check at %d: index %d, want %d", at, p.Modify, index)
		}
	}
}

func txnOrder(ctx context.Context, t T, e Consul) {
	e.put(ctx, t, "txn/a", "1")
	e.apply(ctx, t,
		port.Op{Verb: port.Delete, Key: "txn/a"},
		port.Op{Verb: port.Absent, Key: "txn/a"},
		port.Op{Verb: port.CAS, Key: "txn/a", Value: []byte("2")})
	e.holds(ctx, t, "txn/a", "2")
	e.refuse(ctx, t, "Absent after Put",
		port.Op{Verb: port.Put, Key: "txn/b", Value: []byte("1")},
		port.Op{Verb: port.Absent, Key: "txn/b"})
	e.holds(ctx, t, "txn/b", "")
}

func txnIndex(ctx context.Context, t T, e Consul) {
	old := e.put(ctx, t, "txn/a", "1")
	kept := e.put(ctx, t, "txn/kept", "1")
	index := e.apply(ctx, t,
		port.Op{Verb: port.Check, Key: "txn/kept", Index: kept},
		port.Op{Verb: port.CAS, Key: "txn/a", Value: []byte("2"), Index: old},
		port.Op{Verb: port.CAS, Key: "txn/b", Value: []byte("2")})
	for _, key := range []string{"txn/a", "txn/b"} {
		if p := e.get(ctx, t, key); p.Modify != index || index <= kept {
			t.Errorf("key %s has index %d, Apply returned %d", key, p.Modify, index)
		}
		e.apply(ctx, t, port.Op{Verb: port.CAS, Key: key, Value: []byte("3"), Index: index})
	}
	if p := e.get(ctx, t, "txn/kept"); p.Modify != kept {
		t.Errorf("a checked key moved from index %d to %d", kept, p.Modify)
	}
	unchanged := e.apply(ctx, t,
		port.Op{Verb: port.Check, Key: "txn/b", Index: e.get(ctx, t, "txn/b").Modify},
		port.Op{Verb: port.Put, Key: "txn/kept", Value: []byte("1")})
	if unchanged != kept {
		t.Errorf("an identical Put beside a Check returned index %d, want the key's own %d", unchanged, kept)
	}
}

func txnCancelled(ctx context.Context, t T, e Consul) {
	ended, cancel := context.WithCancel(ctx)
	cancel()
	_, err := e.KV.Apply(ended, port.Txn{Name: "clause", Ops: []port.Op{{Verb: port.Put, Key: "txn/a"}}})
	if !errors.Is(err, context.Canceled) || !errors.Is(err, port.ErrUnknown) {
		t.Errorf("error %v, want one that wraps the context's and unknown", err)
	}
}

func consulDeletes() []Clause[Consul] {
	return []Clause[Consul]{
		{Method: "KV.Apply", Says: "Delete takes a key away, a missing one too", Check: txnDelete},
		{Method: "KV.Apply", Says: "DeleteCAS takes a key away at its index; one that is gone is fine", Check: txnDeleteCAS},
		{Method: "KV.Apply", Says: "DeleteTree takes away what begins with the prefix and nothing else", Check: txnDeleteTree},
		{Method: "KV.Apply", Says: "a key made again has new indexes, so an old CAS is refused", Check: txnAgain},
	}
}

func txnDelete(ctx context.Context, t T, e Consul) {
	put := e.put(ctx, t, "txn/a", "1")
	e.put(ctx, t, "txn/a/b", "1")
	if index := e.apply(ctx, t, port.Op{Verb: port.Delete, Key: "txn/a"}); index != 0 && index <= put {
		t.Errorf("deleted at index %d, want later than %d", index, put)
	}
	e.apply(ctx, t, port.Op{Verb: port.Delete, Key: "txn/a"})
	e.holds(ctx, t, "txn/a", "")
	e.holds(ctx, t, "txn/a/b", "1")
}

func txnDeleteCAS(ctx context.Context, t T, e Consul) {
	old := e.put(ctx, t, "txn/a", "1")
	index := e.put(ctx, t, "txn/a", "2")
	e.refuse(ctx, t, "DeleteCAS of an old index", port.Op{Verb: port.DeleteCAS, Key: "txn/a", Index: old})
	e.holds(ctx, t, "txn/a", "2")
	e.apply(ctx, t, port.Op{Verb: port.DeleteCAS, Key: "txn/a", Index: index})
	e.holds(ctx, t, "txn/a", "")
	e.apply(ctx, t, port.Op{Verb: port.DeleteCAS, Key: "txn/a", Index: index})
}

func txnDeleteTree(ctx context.Context, t T, e Consul) {
	for _, key := range []string{"tree/a", "tree/a/b", "tree/ab", "tree/b", "tree"} {
		e.put(ctx, t, key, "1")
	}
	e.apply(ctx, t, port.Op{Verb: port.DeleteTree, Key: "tree/a/"})
	e.holds(ctx, t, "tree/a/b", "")
	e.holds(ctx, t, "tree/a", "1")
	e.apply(ctx, t, port.Op{Verb: port.DeleteTree, Key: "tree/a"})
	e.holds(ctx, t, "tree/a", "")
	e.holds(ctx, t, "tree/ab", "")
	e.holds(ctx, t, "tree/b", "1")
	e.holds(ctx, t, "tree", "1")
	e.apply(ctx, t, port.Op{Verb: port.DeleteTree, Key: "tree/none/"})
}

func txnAgain(ctx context.Context, t T, e Consul) {
	old := e.put(ctx, t, "txn/a", "1")
	e.apply(ctx, t, port.Op{Verb: port.Delete, Key: "txn/a"})
	index := e.put(ctx, t, "txn/a", "1")
	if p := e.get(ctx, t, "txn/a"); index <= old || p.Create != index || p.Modify != index {
		t.Errorf("pair %+v put at %d, want both indexes later than %d", p, index, old)
	}
	e.refuse(ctx, t, "CAS of the key before", port.Op{Verb: port.CAS, Key: "txn/a", Value: []byte("2"), Index: old})
}

func consulBounds() []Clause[Consul] {
	return []Clause[Consul]{
		{Method: "KV.Apply", Says: "128 operations are applied, one more is not and the error names the transaction", Check: txnOps},
		{Method: "KV.Apply", Says: "256 KiB are applied, more than 512 KiB are not and the error names the transaction", Check: txnBytes},
	}
}

// never checks that ops can not be applied for their size, and that the caller
// does not take it for a check that failed.
func (e Consul) never(ctx context.Context, t T, ops []port.Op) {
	t.Helper()
	_, err := e.KV.Apply(ctx, port.Txn{Name: "too-much", Ops: ops})
	if err == nil || errors.Is(err, port.ErrRefused) || !strings.Contains(err.Error(), "too-much") {
		t.Errorf("error %v, want one that names the transaction and is not refused", err)
	}
	e.holds(ctx, t, ops[0].Key, "")
}

func txnOps(ctx context.Context, t T, e Consul) {
	many := func(prefix string, n int) []port.Op {
		var ops []port.Op
		for i := range n {
			ops = append(ops, port.Op{Verb: port.CAS, Key: fmt.Sprintf("%s/%03d", prefix, i), Value: []byte("1")})
		}
		return ops
	}
	e.never(ctx, t, many("more", 129))
	e.apply(ctx, t, many("most", 128)...)
	e.holds(ctx, t, "most/127", "1")
}

func txnBytes(ctx context.Context, t T, e Consul) {
	half := bytes.Repeat([]byte("x"), 128<<10)
	e.apply(ctx, t, port.Op{Verb: port.Put, Key: "big/a", Value: half}, port.Op{Verb: port.Put, Key: "big/b", Value: half})
	if p := e.get(ctx, t, "big/b"); !bytes.Equal(p.Value, half) {
		t.Errorf("%d bytes came back, want %d", len(p.Value), len(half))
	}
	whole := bytes.Repeat([]byte("x"), 512<<10)
	e.never(ctx, t, []port.Op{{Verb: port.Put, Key: "big/c", Value: append(whole, 'x')}})
	e.never(ctx, t, []port.Op{{Verb: port.Put, Key: "big/d", Value: whole[:300<<10]}, {Verb: port.Put, Key: "big/e", Value: whole[:300<<10]}})
}
