package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/port"
	"github.com/mlfmonde/cluster/handler/request"
)

// Foreign says that the value of Key is not one of ours: other JSON,
// truncated, or of another version. Other apps are not concerned.
type Foreign struct {
	Key string
	Err error
}

func (f *Foreign) Error() string {
	return fmt.Sprintf("key %s does not hold what the handler writes there: %v", f.Key, f.Err)
}

func (f *Foreign) Unwrap() error { return f.Err }

// Ledger reads and writes the cluster's state in a KV.
type Ledger struct {
	KV      port.KV
	History int // finished operations kept per app
	ops     *cache[app.Operation]
	recs    *cache[app.Record]
	reqs    *cache[app.Request]
	acks    *cache[app.Ack]
}

// New is a ledger with the history bound of t.
func New(kv port.KV, t app.Times) Ledger {
	return Ledger{KV: kv, History: t.HistoryKept, ops: newCache[app.Operation](), recs: newCache[app.Record](), reqs: newCache[app.Request](), acks: newCache[app.Ack]()}
}

func decode(p port.Pair, v any) error {
	if err := json.Unmarshal(p.Value, v); err != nil {
		return &Foreign{Key: p.Key, Err: err}
	}
	return nil
}

// Operation reads operation/<name>; without the key it is the zero Operation.
func (l Ledger) Operation(ctx context.Context, name string) (app.Operation, error) {
	p, err := l.KV.Get(ctx, OperationKey(name))
	if err != nil {
		return app.Operation{}, fmt.Errorf("read operation of %s: %w", name, err)
	}
	return l.operation(p)
}

func (l Ledger) operation(p port.Pair) (app.Operation, error) {
	return l.ops.get(p, operation)
}

func operation(p port.Pair) (app.Operation, error) {
	var o app.Operation
	if p.Modify == 0 {
		return o, nil
	}
	if err := decode(p, &o); err != nil {
		return o, err
	}
	switch o.State {
	case app.Preparing, app.Switching, app.Committed, app.Aborted, app.Done:
	default:
		return o, &Foreign{Key: p.Key, Err: fmt.Errorf("unknown state %q", o.State)}
	}
	o.Index = p.Modify
	return o, nil
}

// Operations reads every operation, sorted by name, and the index to wait
// from. Values that are not ours are joined into the error, the others are
// returned all the same.
func (l Ledger) Operations(ctx context.Context) (map[string]app.Operation, []string, uint64, error) {
	pairs, index, err := l.KV.List(ctx, Operations)
	if err != nil {
		return nil, nil, 0, fmt.Errorf("list operations: %w", err)
	}
	ops, names := map[string]app.Operation{}, []string{}
	var foreign error
	for _, p := range pairs {
		o, err := l.operation(p)
		if err != nil {
			foreign = errors.Join(foreign, err)
			continue
		}
		name := strings.TrimPrefix(p.Key, Operations)
		ops[name], names = o, append(names, name)
	}
	return ops, names, index, foreign
}

// Record reads app/<name> and its index; 0: there is none.
func (l Ledger) Record(ctx context.Context, name string) (app.Record, uint64, error) {
	p, err := l.KV.Get(ctx, RecordKey(name))
	if err != nil {
		return app.Record{}, 0, fmt.Errorf("read record of %s: %w", name, err)
	}
	r, err := l.recs.get(p, record)
	return r, p.Modify, err
}

func record(p port.Pair) (app.Record, error) {
	var r app.Record
	if p.Modify == 0 {
		return r, nil
	}
	if err := decode(p, &r); err != nil {
		return r, err
	}
	if r.Master == "" || r.RepoURL == "" {
		return r, &Foreign{Key: p.Key, Err: errors.New("no master or no repo_url")}
	}
	return r, nil
}

// Records reads all records by name, with the names sorted. Values that are
// not ours are joined into the error, the others are returned all the same.
func (l Ledger) Records(ctx context.Context) (map[string]app.Record, []string, error) {
	pairs, _, err := l.KV.List(ctx, Records)
	if err != nil {
		return nil, nil, fmt.Errorf("list records: %w", err)
	}
	recs, names := map[string]app.Record{}, []string{}
	var foreign error
	for _, p := range pairs {
		r, err := l.recs.get(p, record)
		if err != nil {
			foreign = errors.Join(foreign, err)
			continue
		}
		name := strings.TrimPrefix(p.Key, Records)
		recs[name], names = r, append(names, name)
	}
	return recs, names, foreign
}

// Request decodes a pair of request/, with the indexes that order it.
func (l Ledger) Request(p port.Pair) (app.Request, error) {
	return l.reqs.get(p, func(p port.Pair) (app.Request, error) {
		r, err := request.Parse(strings.TrimPrefix(p.Key, Requests), p.Value)
		if err != nil {
			return r, &Foreign{Key: p.Key, Err: err}
		}
		r.Created, r.Index = p.Create, p.Modify
		return r, nil
	})
}

// Acks reads what the participants of operation id of name have said, by node.
func (l Ledger) Acks(ctx context.Context, name, id string) (map[string]app.Ack, uint64, error) {
	pairs, index, err := l.KV.List(ctx, AckTree(name, id))
	if err != nil {
		return nil, 0, fmt.Errorf("read acks of %s: %w", name, err)
	}
	acks := make(map[string]app.Ack, len(pairs))
	for _, p := range pairs {
		a, err := l.acks.get(p, ack)
		if err != nil {
			return nil, 0, err
		}
		acks[p.Key[len(AckTree(name, id)):]] = a
	}
	return acks, index, nil
}

// Wrote remembers the ack that txn, made by Say, has written as index: nobody
// has to decode what it said itself.
func (l Ledger) Wrote(txn port.Txn, a app.Ack, index uint64) {
	op := txn.Ops[len(txn.Ops)-1]
	a.Index = index
	l.acks.put(port.Pair{Key: op.Key, Value: op.Value, Modify: index}, a)
}

func ack(p port.Pair) (app.Ack, error) {
	var a app.Ack
	if err := decode(p, &a); err != nil {
		return a, err
	}
	a.Index = p.Modify
	return a, nil
}

// Replica reads the catalogue entry of name; without one Seq and Node are zero.
func (l Ledger) Replica(ctx context.Context, name string) (app.Replica, error) {
	var r app.Replica
	p, err := l.KV.Get(ctx, ReplicaKey(name))
	if err != nil {
		return r, fmt.Errorf("read replica of %s: %w", name, err)
	}
	if p.Modify == 0 {
		return r, nil
	}
	if err := decode(p, &r); err != nil {
		return r, err
	}
	r.Index = p.Modify
	return r, nil
}

// Policy reads what the operator grants to name, nil for nothing.
func (l Ledger) Policy(ctx context.Context, name string) ([]byte, error) {
	p, err := l.KV.Get(ctx, PolicyKey(name))
	if err != nil {
		return nil, fmt.Errorf("read policy of %s: %w", name, err)
	}
	return p.Value, nil
}

// ClaimsIndex is when an app last took names or gave some back; 0: never.
func (l Ledger) ClaimsIndex(ctx context.Context) (uint64, error) {
	p, err := l.KV.Get(ctx, Claims)
	if err != nil {
		return 0, fmt.Errorf("read who has taken names last: %w", err)
	}
	return p.Modify, nil
}

// Swarm reads the values of the keys below swarm/, by key.
func (l Ledger) Swarm(ctx context.Context) (map[string][]byte, error) {
	pairs, _, err := l.KV.List(ctx, Swarm)
	if err != nil {
		return nil, fmt.Errorf("list swarm keys: %w", err)
	}
	values := make(map[string][]byte, len(pairs))
	for _, p := range pairs {
		values[p.Key] = p.Value
	}
	return values, nil
}

// History reads the finished operations of name, oldest first.
func (l Ledger) Histories(ctx context.Context, name string) ([]app.History, error) {
	pairs, _, err := l.KV.List(ctx, Histories+name+"/")
	if err != nil {
		return nil, fmt.Errorf("read history of %s: %w", name, err)
	}
	var all []app.History
	for _, p := range pairs {
		var h app.History
		if err := decode(p, &h); err != nil {
			return nil, err
		}
		all = append(all, h)
	}
	sortHistory(all)
	return all, nil
}
