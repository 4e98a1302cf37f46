package ledger

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/port"
	"github.com/mlfmonde/cluster/handler/request"
)

func sortHistory(all []app.History) {
	slices.SortFunc(all, func(a, b app.History) int { return cmp.Compare(a.Seq, b.Seq) })
}

// encode is JSON without HTML escapes. Every value of ours can be encoded.
func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return []byte(`{"unencodable":true}`)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// EncodeRecord is a record as app/<name> holds it: two spaces of indent, keys
// in the order of existing clusters.
func EncodeRecord(r app.Record) []byte {
	if len(r.HAProxy) == 0 {
		r.HAProxy = json.RawMessage(`{}`)
	}
	var b bytes.Buffer
	if err := json.Indent(&b, encode(r), "", "  "); err != nil {
		return encode(r)
	}
	return b.Bytes()
}

// moved is o's key replaced, provided that nobody changed it since o was read.
func moved(name string, o, next app.Operation) port.Op {
	return port.Op{Verb: port.CAS, Key: OperationKey(name), Value: encode(next), Index: o.Index}
}

// Ours is an operation as a participant holds it: the key that decides, and
// for a migrate the locked key of the other app, written together.
type Ours struct {
	app.Operation
	PeerIndex   uint64    // ModifyIndex of the peer's key
	Maintenance port.Pair // maintenance/<name> as it was read with the operation
	name        string    // App.Name, which costs a hash
}

// Name is the app's name.
func (o Ours) Name() string {
	if o.name != "" {
		return o.name
	}
	return o.App.Name()
}

// change writes next over o, and the same state over the peer's lock.
func (o Ours) change(next app.Operation) []port.Op {
	ops := []port.Op{moved(o.Name(), o.Operation, next)}
	if o.Peer != nil {
		ops = append(ops, port.Op{Verb: port.CAS, Key: OperationKey(o.Peer.Name()), Value: encode(Mirror(next)), Index: o.PeerIndex})
	}
	return ops
}

// Mirror is the value of the source's key during a migrate: locked, with the
// state of the target's operation. PeerAt is the source's own placement, which
// the operation does not change; its data neither, so its users are never held.
func Mirror(o app.Operation) app.Operation {
	target := o.App
	m := o
	m.App, m.Peer, m.Lock = *o.Peer, &target, true
	m.Seq, m.Generation, m.RecordIndex = o.PeerSeq, o.PeerGeneration, o.PeerRecordIndex
	m.PeerSeq, m.PeerGeneration, m.PeerRecordIndex = o.Seq, o.Generation, o.RecordIndex
	m.Old, m.New, m.PeerAt, m.Hold = o.PeerAt, o.PeerAt, o.Old, ""
	return m
}

// Begin is the transaction that makes a request an operation: req unchanged,
// every app it names at rest as prev says.
func Begin(req app.Request, op app.Operation, prev, prevPeer uint64) port.Txn {
	op.State = app.Preparing
	ops := []port.Op{{Verb: port.Check, Key: RequestKey(req.ID), Index: req.Index},
		{Verb: port.CAS, Key: OperationKey(op.App.Name()), Value: encode(op), Index: prev}}
	if op.Peer != nil {
		ops = append(ops, port.Op{Verb: port.CAS, Key: OperationKey(op.Peer.Name()), Value: encode(Mirror(op)), Index: prevPeer})
	}
	return port.Txn{Name: "begin", Ops: ops}
}

// Adopt makes the key that decides for an app of the old tool: done, seq 0.
func Adopt(name string, r app.Record, index uint64) port.Txn {
	op := app.Operation{ID: r.DeployID, Kind: app.Deploy, App: r.App(), New: r.Placement(), Lead: r.Master,
		State: app.Done, Outcome: app.OutcomeCommitted}
	return port.Txn{Name: "adopt", Ops: []port.Op{{Verb: port.Check, Key: RecordKey(name), Index: index},
		{Verb: port.CAS, Key: OperationKey(name), Value: encode(op)}}}
}

func tombstone(req app.Request, outcome app.Outcome, reason, date string) port.Op {
	req.Done, req.Outcome, req.Reason, req.Finished = true, outcome, reason, date
	return port.Op{Verb: port.Put, Key: RequestKey(req.ID), Value: request.Encode(req)}
}

// on turns maintenance on. A key with another value than the operation's id is
// a person's and is left alone.
func (o Ours) on() []port.Op {
	if o.Maintenance.Modify != 0 {
		return nil
	}
	return []port.Op{{Verb: port.CAS, Key: MaintenanceKey(o.Name()), Value: []byte(o.ID)}}
}

// off turns the operation's own maintenance off.
func (o Ours) off() []port.Op {
	if o.Maintenance.Modify == 0 || (string(o.Maintenance.Value) != o.ID && string(o.Maintenance.Value) != o.Hold) {
		return nil
	}
	return []port.Op{{Verb: port.DeleteCAS, Key: MaintenanceKey(o.Name()), Index: o.Maintenance.Modify}}
}

// Refuse ends a request that may not begin. Nothing but its tombstone changes.
func Refuse(req app.Request, reason, date string) port.Txn {
	t := tombstone(req, app.OutcomeRefused, reason, date)
	t.Verb, t.Index = port.CAS, req.Index
	return port.Txn{Name: "refuse", Ops: []port.Op{t}}
}

// Say writes a participant's ack, provided that the operation is as o says and
// the ack as it was when last seen (a.Index).
func Say(o Ours, a app.Ack) port.Txn {
	return port.Txn{Name: "ack", Ops: []port.Op{
		{Verb: port.Check, Key: OperationKey(o.Name()), Index: o.Index},
		{Verb: port.CAS, Key: AckKey(o.Name(), o.ID, a.Node), Value: encode(a), Index: a.Index},
	}}
}

// Switch moves o to switching and turns maintenance on. A failover demands
// that the old master is absent.
func Switch(o Ours) port.Txn {
	next := o.Operation
	next.State = app.Switching
	ops := append(o.change(next), o.on()...)
	if o.Failover() {
		ops = append(ops, port.Op{Verb: port.Absent, Key: NodeKey(o.Old.Master)})
	}
	return port.Txn{Name: "switching", Ops: ops}
}

// Commit is the one outcome: state, record and routes in one transaction. rec
// nil deletes the record (destroy); replica, when not nil, becomes the
// catalogue's entry.
func Commit(o Ours, rec *app.Record, replica *app.Replica) port.Txn {
	next := o.Operation
	next.State = app.Committed
	ops := o.change(next)
	key := RecordKey(o.Name())
	switch {
	case o.Kind == app.Migrate:
		ops = append(ops, port.Op{Verb: port.Check, Key: key, Index: o.RecordIndex})
	case rec == nil:
		ops = append(ops, port.Op{Verb: port.DeleteCAS, Key: key, Index: o.RecordIndex},
			port.Op{Verb: port.Delete, Key: ReplicaKey(o.Name())})
	default:
		ops = append(ops, port.Op{Verb: port.CAS, Key: key, Value: EncodeRecord(*rec), Index: o.RecordIndex})
	}
	if replica != nil {
		ops = append(ops, port.Op{Verb: port.Put, Key: ReplicaKey(o.Name()), Value: encode(replica)})
	}
	return port.Txn{Name: "commit", Ops: append(ops, o.off()...)}
}

// claim is the value of [Claims].
type claim struct {
	App string `json:"app"`
	Seq uint64 `json:"seq"`
	ID  string `json:"id"`
}

// Claiming is o's commit on the condition that no app has taken or given back
// names since the index of [Claims].
func Claiming(commit port.Txn, o Ours, index uint64) port.Txn {
	value := encode(claim{App: o.Name(), Seq: o.Seq, ID: o.ID})
	commit.Ops = append(commit.Ops, port.Op{Verb: port.CAS, Key: Claims, Value: value, Index: index})
	return commit
}

// Abort ends o without its effect. Against a starting N the old master also
// gives N's ack as it saw it: it must not have changed.
func Abort(o Ours, reason string, started *app.Ack) port.Txn {
	next := o.Operation
	next.State, next.Reason = app.Aborted, reason
	ops := o.change(next)
	if started != nil {
		ops = append(ops, port.Op{Verb: port.Check, Key: AckKey(o.Name(), o.ID, started.Node), Index: started.Index})
	}
	return port.Txn{Name: "abort", Ops: ops}
}

// Close ends the operation: done, told in the history, acks away, the request
// a tombstone. pending names the nodes that have not finished their part.
func (l Ledger) Close(o Ours, req app.Request, pending []string, h app.History) port.Txn {
	next := o.Operation
	next.State, next.Pending = app.Done, pending
	next.Outcome = app.OutcomeCommitted
	if o.State == app.Aborted {
		next.Outcome = app.OutcomeAborted
	}
	if o.Hold != o.ID {
		next.Hold = ""
	}
	h.Operation = next
	ops := append(o.change(next),
		tombstone(req, next.Outcome, o.Reason, h.Date),
		port.Op{Verb: port.Put, Key: HistoryKey(o.Name(), o.Seq), Value: encode(h)},
		port.Op{Verb: port.DeleteTree, Key: AckTree(o.Name(), o.ID)})
	if o.Hold != o.ID {
		ops = append(ops, o.off()...)
	}
	if old := int64(o.Seq) - int64(l.History); old > 0 {
		ops = append(ops, port.Op{Verb: port.Delete, Key: HistoryKey(o.Name(), uint64(old))})
	}
	return port.Txn{Name: "close", Ops: ops}
}

// Lift ends a maintenance that was held beyond the close of o.
func Lift(o Ours) port.Txn {
	next := o.Operation
	next.Hold = ""
	return port.Txn{Name: "lift", Ops: append([]port.Op{moved(o.Name(), o.Operation, next)}, o.off()...)}
}

// Catalogue writes the newest complete replica, provided that o has not moved.
func Catalogue(o app.Operation, r app.Replica) port.Txn {
	return port.Txn{Name: "replica", Ops: []port.Op{
		{Verb: port.Check, Key: OperationKey(o.App.Name()), Index: o.Index},
		{Verb: port.Put, Key: ReplicaKey(o.App.Name()), Value: encode(r)},
	}}
}

// Read reads all that a transaction on name's operation checks.
func (l Ledger) Read(ctx context.Context, name string) (Ours, error) {
	o := Ours{name: name}
	var err error
	if o.Operation, err = l.Operation(ctx, name); err != nil {
		return o, err
	}
	if o.Maintenance, err = l.KV.Get(ctx, MaintenanceKey(name)); err != nil {
		return o, fmt.Errorf("read maintenance of %s: %w", name, err)
	}
	if o.Peer == nil {
		return o, nil
	}
	peer, err := l.Operation(ctx, o.Peer.Name())
	if err != nil {
		return o, fmt.Errorf("read the other app of the migrate: %w", err)
	}
	o.PeerIndex = peer.Index
	return o, nil
}
