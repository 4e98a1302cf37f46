package ledger_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/ledger"
	"github.com/mlfmonde/cluster/handler/port"
	"github.com/mlfmonde/cluster/sim"
)

// reading gives f a ledger on a KV that holds pairs.
func reading(t *testing.T, pairs map[string]string, f func(ctx context.Context, l ledger.Ledger)) {
	t.Helper()
	c := sim.New(sim.Options{Nodes: []string{"a"}})
	t.Cleanup(c.Close)
	for key, value := range pairs {
		c.Put(key, []byte(value))
	}
	done := false
	c.Shell("a", "reader", func(ctx context.Context, w port.World) {
		f(ctx, ledger.New(w.KV, times))
		done = true
	})
	if err := c.Run(func() bool { return done }); err != nil {
		t.Fatal(err)
	}
}

func text(t *testing.T, v any) string {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// strange are values that no handler of ours writes.
var strange = []string{"", "x", `{"cut`, `[]`, `"text"`, `{"state": 7}`, `{"master": {}}`, "\xff\xfe"}

func isForeign(err error, keys ...string) bool {
	var foreign *ledger.Foreign
	if !errors.As(err, &foreign) {
		return false
	}
	for _, key := range keys {
		if !strings.Contains(err.Error(), "key "+key+" ") {
			return false
		}
	}
	return true
}

func TestLedger_NamesTheKeyOfAForeignValue(t *testing.T) {
	for _, value := range strange {
		pairs := map[string]string{"operation/x": value, "app/x": value, "ack/x/r1/a": value, "replica/x": value, "history/x/1": value}
		reading(t, pairs, func(ctx context.Context, l ledger.Ledger) {
			_, operation := l.Operation(ctx, "x")
			_, _, record := l.Record(ctx, "x")
			if !isForeign(operation, "operation/x") || !isForeign(record, "app/x") {
				t.Errorf("%q: %v, %v", value, operation, record)
			}
			if strings.HasPrefix(value, "{") && value != `{"cut` {
				return // an object without a field of theirs is an empty one to acks, replicas and histories
			}
			_, _, acks := l.Acks(ctx, "x", "r1")
			_, replica := l.Replica(ctx, "x")
			_, histories := l.Histories(ctx, "x")
			if !isForeign(acks, "ack/x/r1/a") || !isForeign(replica, "replica/x") || !isForeign(histories, "history/x/1") {
				t.Errorf("%q: %v, %v, %v", value, acks, replica, histories)
			}
		})
	}
}

func TestLedger_ListsTheOthersBesideAForeignValue(t *testing.T) {
	op, rec := move(app.Switching).Operation, app.Record{RepoURL: shop.Repo, Branch: "main", Master: "a"}
	for _, value := range strange {
		pairs := map[string]string{"operation/bad": value, "operation/" + name: text(t, op), "app/bad": value, "app/" + name: text(t, rec),
			"operation/worse": value, "app/worse": value, "app/unplaced": `{"repo_url": "x"}`, "operation/stateless": `{"seq": 1}`}
		reading(t, pairs, func(ctx context.Context, l ledger.Ledger) {
			ops, names, _, err := l.Operations(ctx)
			if !isForeign(err, "operation/bad", "operation/worse", "operation/stateless") || !slices.Equal(names, []string{name}) || ops[name].Seq != 7 || ops[name].Index == 0 {
				t.Errorf("%q: operations %v, %v", value, names, err)
			}
			recs, names, err := l.Records(ctx)
			if !isForeign(err, "app/bad", "app/worse", "app/unplaced") || !slices.Equal(names, []string{name}) || recs[name].Master != "a" {
				t.Errorf("%q: records %v, %v", value, names, err)
			}
		})
	}
}

func TestLedger_WithoutAKeyIsTheZeroValue(t *testing.T) {
	reading(t, nil, func(ctx context.Context, l ledger.Ledger) {
		o, err := l.Operation(ctx, name)
		if err != nil || o.Index != 0 || o.Seq != 0 {
			t.Errorf("operation %+v, %v", o, err)
		}
		if _, index, err := l.Record(ctx, name); err != nil || index != 0 {
			t.Errorf("record at %d, %v", index, err)
		}
		if acks, index, err := l.Acks(ctx, name, "r1"); err != nil || len(acks) != 0 || index == 0 {
			t.Errorf("acks %v at %d, %v", acks, index, err)
		}
		if r, err := l.Replica(ctx, name); err != nil || r.Index != 0 {
			t.Errorf("replica %+v, %v", r, err)
		}
		if p, err := l.Policy(ctx, name); err != nil || p != nil {
			t.Errorf("policy %q, %v", p, err)
		}
		if all, err := l.Histories(ctx, name); err != nil || len(all) != 0 {
			t.Errorf("histories %v, %v", all, err)
		}
		if ops, names, index, err := l.Operations(ctx); err != nil || ops == nil || len(names) != 0 || index == 0 {
			t.Errorf("operations %v, %v", names, err)
		}
	})
}

func TestLedger_AcksAndHistoryAreThoseOfTheAppAlone(t *testing.T) {
	ack := func(node string) string { return text(t, app.Ack{Node: node, Prepared: true}) }
	pairs := map[string]string{
		"ack/x/r1/a": ack("a"), "ack/x/r1/b": ack("b"), "ack/x/r2/a": ack("z"), "ack/xy/r1/c": ack("c"),
		"policy/x": "exceptions",
	}
	for _, seq := range []uint64{2, 10, 1, 9} {
		pairs[fmt.Sprintf("history/x/%d", seq)] = text(t, app.History{Operation: app.Operation{Seq: seq}})
	}
	reading(t, pairs, func(ctx context.Context, l ledger.Ledger) {
		acks, _, err := l.Acks(ctx, "x", "r1")
		if err != nil || len(acks) != 2 || acks["a"].Node != "a" || !acks["b"].Prepared || acks["b"].Index == 0 {
			t.Errorf("acks %+v, %v", acks, err)
		}
		all, err := l.Histories(ctx, "x")
		var order []uint64
		for _, h := range all {
			order = append(order, h.Seq)
		}
		if err != nil || !slices.Equal(order, []uint64{1, 2, 9, 10}) {
			t.Errorf("histories %v, %v", order, err)
		}
		if p, err := l.Policy(ctx, "x"); err != nil || string(p) != "exceptions" {
			t.Errorf("policy %q, %v", p, err)
		}
	})
}

func TestRead_TakesAllThatATransactionChecks(t *testing.T) {
	o := migrate(app.Switching).Operation
	pairs := map[string]string{"operation/" + name: text(t, o), "operation/" + peer: text(t, ledger.Mirror(o)), "maintenance/" + name: "me"}
	reading(t, pairs, func(ctx context.Context, l ledger.Ledger) {
		ours, err := l.Read(ctx, name)
		if err != nil || ours.Index == 0 || ours.PeerIndex == 0 || ours.PeerIndex == ours.Index || string(ours.Maintenance.Value) != "me" {
			t.Fatalf("%+v, %v", ours, err)
		}
		if _, err := l.KV.Apply(ctx, ledger.Abort(ours, "no", nil)); err != nil {
			t.Errorf("what was read does not fit: %v", err)
		}
		if _, err := l.KV.Apply(ctx, ledger.Abort(ours, "again", nil)); !errors.Is(err, port.ErrRefused) {
			t.Errorf("what was read long ago fits: %v", err)
		}
		for _, key := range []string{name, peer} {
			if now, err := l.Operation(ctx, key); err != nil || now.State != app.Aborted || now.Reason != "no" {
				t.Errorf("%s: %+v, %v", key, now, err)
			}
		}
	})
}

func TestEncodeRecord_KeepsTheBytesOfExistingClusters(t *testing.T) {
	for _, file := range []string{"record.json", "record-empty.json"} {
		want, err := os.ReadFile("../app/testdata/" + file)
		if err != nil {
			t.Fatal(err)
		}
		var r app.Record
		if err := json.Unmarshal(want, &r); err != nil {
			t.Fatal(err)
		}
		if got := string(ledger.EncodeRecord(r)); got != strings.TrimSpace(string(want)) {
			t.Errorf("%s:\n%s\nwant\n%s", file, got, want)
		}
	}
}

func TestEncodeRecord_HasNoNullWhereTemplatesRange(t *testing.T) {
	got := string(ledger.EncodeRecord(app.Record{RepoURL: "https://h.example/a?b&c<d>", Master: "a"}))
	keys := []string{"haproxy", "caddyfile", "repo_url", "branch", "deploy_date", "deploy_id", "previous_deploy_id", "domains", "urls", "ip", "master", "slave", "ct", "volumes", "generation"}
	last := -1
	for _, key := range keys {
		at := strings.Index(got, "\n  \""+key+"\": ")
		if at <= last {
			t.Errorf("%s is not there or not in its place:\n%s", key, got)
		}
		last = at
	}
	for _, want := range []string{`"haproxy": {}`, `"domains": []`, `"ct": {}`, `"volumes": []`, `"slave": null`, `"previous_deploy_id": null`} {
		if !strings.Contains(got, want) {
			t.Errorf("no %s in\n%s", want, got)
		}
	}
	var back app.Record
	if err := json.Unmarshal([]byte(got), &back); err != nil || back.RepoURL != "https://h.example/a?b&c<d>" {
		t.Errorf("read back %+v, %v", back, err)
	}
	if got := ledger.EncodeRecord(app.Record{HAProxy: json.RawMessage(`{"cut`)}); json.Valid(got) && strings.Contains(string(got), "cut") {
		t.Errorf("a record that cannot be encoded became %s", got)
	}
}
