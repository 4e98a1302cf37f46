package consul

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/hashicorp/consul/api"

	"github.com/mlfmonde/cluster/handler/port"
)

// An agent refuses transactions beyond either. The bytes are those of the
// request's body, where values are in base64: 393,000 bytes of values fit.
const (
	maxOps   = 128
	maxBytes = 512 << 10
)

// Apply implements port.KV. The index is the one at which the keys that t put
// were last changed, as Get would return it; that of an unchanged key is its
// old one, so it is only good for CAS on a key that did change. A transaction
// that puts nothing returns an index at or after its own, 0 when that could
// not be learned.
//
// An error that wraps neither port.ErrRefused nor port.ErrUnknown means that t
// can never be applied and was not sent.
func (c *Consul) Apply(ctx context.Context, t port.Txn) (uint64, error) {
	what := "apply " + t.Name
	ops, err := encode(t)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", what, err)
	}
	var index uint64
	var refusal error
	err = once(ctx, c.times.CallTimeout, what, func(ctx context.Context) error {
		ok, answer, _, err := c.api.Txn().Txn(ops, consistent(ctx))
		switch {
		case err != nil:
			return err
		case !ok:
			refusal = refused(what, answer.Errors)
			return nil
		}
		index = c.written(ctx, t, answer.Results)
		return nil
	})
	if err == nil {
		err = refusal
	}
	return index, err
}

// encode translates t and refuses what an agent would refuse anyway.
func encode(t port.Txn) (api.TxnOps, error) {
	if len(t.Ops) == 0 || len(t.Ops) > maxOps {
		return nil, fmt.Errorf("%d operations, an agent takes 1 to %d", len(t.Ops), maxOps)
	}
	ops := make(api.TxnOps, 0, len(t.Ops))
	for _, o := range t.Ops {
		verb := verbOf(o.Verb)
		if verb == "" || o.Key == "" {
			return nil, fmt.Errorf("verb %d of key %q is none", o.Verb, o.Key)
		}
		kv := &api.KVTxnOp{Verb: verb, Key: o.Key, Index: o.Index}
		if o.Verb == port.Put || o.Verb == port.CAS {
			kv.Value = o.Value
		}
		if o.Verb == port.Put {
			kv.Index = 0
		}
		ops = append(ops, &api.TxnOp{KV: kv})
	}
	body, err := json.Marshal(ops)
	if err != nil {
		return nil, err
	}
	if len(body) >= maxBytes {
		return nil, fmt.Errorf("%d bytes, an agent takes less than %d", len(body), maxBytes)
	}
	return ops, nil
}

func verbOf(v port.Verb) api.KVOp {
	switch v {
	case port.Put:
		return api.KVSet
	case port.CAS:
		return api.KVCAS
	case port.Check:
		return api.KVCheckIndex
	case port.Absent:
		return api.KVCheckNotExists
	case port.Delete:
		return api.KVDelete
	case port.DeleteCAS:
		return api.KVDeleteCAS
	case port.DeleteTree:
		return api.KVDeleteTree
	}
	return ""
}

// refused says which checks did not hold. An agent answers with the same
// status when the token may not write: that is no check, and reading again
// does not help.
func refused(what string, faults api.TxnErrors) error {
	var why []string
	kind := port.ErrRefused
	for _, f := range faults {
		why = append(why, f.What)
		if strings.Contains(f.What, "Permission denied") {
			kind = port.ErrDenied
		}
	}
	text := strings.Join(why, "; ")
	if kind == port.ErrDenied {
		return fmt.Errorf("%s: %w: %w: %s", what, port.ErrUnknown, port.ErrDenied, text)
	}
	return fmt.Errorf("%s: %w: %s", what, kind, text)
}

// written finds the index of an applied transaction. The answer names the
// index of every key that was put or checked, of deleted ones nothing: then a
// read that comes after it has to do, whose failure changes nothing.
func (c *Consul) written(ctx context.Context, t port.Txn, results api.TxnResults) uint64 {
	put, away := map[string]bool{}, ""
	for _, o := range t.Ops {
		switch o.Verb {
		case port.Put, port.CAS:
			put[o.Key] = true
		case port.Delete, port.DeleteCAS, port.DeleteTree:
			away = o.Key
		case port.Check, port.Absent:
		}
	}
	var index uint64
	for _, r := range results {
		if r.KV != nil && (put[r.KV.Key] || len(put) == 0) {
			index = max(index, r.KV.ModifyIndex)
		}
	}
	if len(put) > 0 || away == "" {
		return index
	}
	_, meta, err := c.api.KV().Get(away, consistent(ctx))
	if err != nil {
		return 0
	}
	return meta.LastIndex
}
