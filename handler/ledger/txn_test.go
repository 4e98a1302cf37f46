package ledger_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/ledger"
	"github.com/mlfmonde/cluster/handler/port"
	"github.com/mlfmonde/cluster/handler/request"
)

const (
	name = "shop_main.45d3e"
	peer = "shop_dev.45d3e"
)

var (
	shop    = app.App{Repo: "https://git.example.com/team/shop", Branch: "main"}
	dev     = app.App{Repo: "https://git.example.com/team/shop", Branch: "dev"}
	ab      = app.Placement{Master: "a", Slave: "b"}
	cd      = app.Placement{Master: "c", Slave: "d"}
	times   = app.DefaultTimes()
	asked   = app.Request{ID: "r1", Kind: app.Deploy, App: shop, New: cd, Index: 40}
	history = app.History{Date: "2026-01-01T00:00:00Z"}
)

// move is a deploy a/b → c/d as a participant holds it in state.
func move(state app.State) ledger.Ours {
	return ledger.Ours{Operation: app.Operation{Seq: 7, ID: "r1", Kind: app.Deploy, App: shop, Lead: "c", Old: ab, New: cd,
		RecordIndex: 30, Generation: 6, State: state, Index: 50}}
}

func with(o ledger.Ours, change func(*ledger.Ours)) ledger.Ours { change(&o); return o }

func failover(o ledger.Ours) ledger.Ours {
	return with(o, func(o *ledger.Ours) { o.Flags.Failover = true })
}

// held is maintenance as it was read: 0 says that there was none.
func held(o ledger.Ours, by string, index uint64) ledger.Ours {
	return with(o, func(o *ledger.Ours) { o.Maintenance = port.Pair{Value: []byte(by), Modify: index} })
}

func migrate(state app.State) ledger.Ours {
	return ledger.Ours{PeerIndex: 61, Operation: app.Operation{Seq: 7, ID: "r1", Kind: app.Migrate, App: shop, Lead: "a", Old: ab, New: ab,
		RecordIndex: 30, Generation: 6, Peer: &dev, PeerAt: cd, PeerSeq: 3, PeerGeneration: 2, PeerRecordIndex: 31, State: state, Index: 50}}
}

func destroy(o ledger.Ours) ledger.Ours {
	return with(o, func(o *ledger.Ours) { o.Kind, o.New, o.Lead = app.Destroy, app.Placement{}, "a" })
}

// lines shows a transaction: verb, key, index, and of our own values the words
// that decide.
func lines(t port.Txn) []string {
	verbs := map[port.Verb]string{port.Put: "put", port.CAS: "cas", port.Check: "check", port.Absent: "absent",
		port.Delete: "delete", port.DeleteCAS: "delete-cas", port.DeleteTree: "delete-tree"}
	out := []string{t.Name}
	for _, o := range t.Ops {
		line := verbs[o.Verb] + " " + o.Key
		if slices.Contains([]port.Verb{port.CAS, port.Check, port.DeleteCAS}, o.Verb) {
			line += fmt.Sprintf(" @%d", o.Index)
		}
		out = append(out, line+shown(o))
	}
	return out
}

func shown(o port.Op) string {
	var v struct {
		State, Outcome, Reason string
		Done, Lock             bool
	}
	switch {
	case o.Value == nil:
		return ""
	case json.Unmarshal(o.Value, &v) != nil:
		return " = " + string(o.Value)
	}
	words := []string{v.State, v.Outcome, v.Reason}
	if v.Lock {
		words = append(words, "locked")
	}
	if v.Done {
		words = append(words, "tombstone")
	}
	return strings.TrimRight(" = "+strings.Join(slices.DeleteFunc(words, func(w string) bool { return w == "" }), " "), " =")
}

// The table of the protocol: what each transaction checks and what it writes.
func TestTransactions_CheckAndWriteWhatTheProtocolSays(t *testing.T) {
	l := ledger.Ledger{History: 50}
	starting := app.Ack{Node: "c", Started: true, Index: 70}
	record := app.Record{RepoURL: shop.Repo, Branch: shop.Branch, Master: "c"}
	op, mop := move("").Operation, migrate("").Operation
	request := "request/r1"
	key, ack := "operation/"+name, "ack/"+name+"/r1/"
	for _, c := range []struct {
		says string
		txn  port.Txn
		want []string
	}{
		{"begin", ledger.Begin(asked, op, 20, 0), []string{"begin", "check " + request + " @40", "cas " + key + " @20 = preparing"}},
		{"begin, first of its app", ledger.Begin(asked, op, 0, 0), []string{"begin", "check " + request + " @40", "cas " + key + " @0 = preparing"}},
		{"begin a migrate: both keys", ledger.Begin(asked, mop, 20, 21),
			[]string{"begin", "check " + request + " @40", "cas " + key + " @20 = preparing", "cas operation/" + peer + " @21 = preparing locked"}},
		{"adopt", ledger.Adopt(name, record, 30), []string{"adopt", "check app/" + name + " @30", "cas " + key + " @0 = done committed"}},
		{"refuse", ledger.Refuse(asked, "no", "now"), []string{"refuse", "cas " + request + " @40 = refused no tombstone"}},
		{"ack", ledger.Say(move(app.Preparing), app.Ack{Node: "c", Index: 70}), []string{"ack", "check " + key + " @50", "cas " + ack + "c @70"}},
		{"first ack", ledger.Say(move(app.Preparing), app.Ack{Node: "a"}), []string{"ack", "check " + key + " @50", "cas " + ack + "a @0"}},
		{"switching", ledger.Switch(move(app.Preparing)),
			[]string{"switching", "cas " + key + " @50 = switching", "cas maintenance/" + name + " @0 = r1"}},
		{"switching, a person's maintenance is left alone", ledger.Switch(held(move(app.Preparing), "me", 9)),
			[]string{"switching", "cas " + key + " @50 = switching"}},
		{"switching of a failover: the old master is absent", ledger.Switch(failover(move(app.Preparing))),
			[]string{"switching", "cas " + key + " @50 = switching", "cas maintenance/" + name + " @0 = r1", "absent node/a"}},
		{"switching of a migrate", ledger.Switch(migrate(app.Preparing)),
			[]string{"switching", "cas " + key + " @50 = switching", "cas operation/" + peer + " @61 = switching locked", "cas maintenance/" + name + " @0 = r1"}},
		{"commit", ledger.Commit(held(move(app.Switching), "r1", 55), &record, nil),
			[]string{"commit", "cas " + key + " @50 = committed", "cas app/" + name + " @30", "delete-cas maintenance/" + name + " @55"}},
		{"commit, a person's maintenance is left alone", ledger.Commit(held(move(app.Switching), "me", 9), &record, nil),
			[]string{"commit", "cas " + key + " @50 = committed", "cas app/" + name + " @30"}},
		{"commit with the catalogue's entry", ledger.Commit(move(app.Switching), &record, &app.Replica{Seq: 7, Node: "a"}),
			[]string{"commit", "cas " + key + " @50 = committed", "cas app/" + name + " @30", "put replica/" + name}},
		{"commit of a destroy: the record goes", ledger.Commit(held(destroy(move(app.Switching)), "r1", 55), nil, nil),
			[]string{"commit", "cas " + key + " @50 = committed", "delete-cas app/" + name + " @30", "delete replica/" + name, "delete-cas maintenance/" + name + " @55"}},
		{"commit of a migrate: the record stays as it was", ledger.Commit(held(migrate(app.Switching), "r1", 55), nil, nil),
			[]string{"commit", "cas " + key + " @50 = committed", "cas operation/" + peer + " @61 = committed locked", "check app/" + name + " @30",
				"delete-cas maintenance/" + name + " @55"}},
		{"commit that takes names", ledger.Claiming(ledger.Commit(move(app.Switching), &record, nil), move(app.Switching), 12),
			[]string{"commit", "cas " + key + " @50 = committed", "cas app/" + name + " @30", "cas edge/claims @12"}},
		{"abort", ledger.Abort(move(app.Preparing), "no git", nil), []string{"abort", "cas " + key + " @50 = aborted no git"}},
		{"abort against a starting N: its ack has not changed", ledger.Abort(move(app.Switching), "silent", &starting),
			[]string{"abort", "cas " + key + " @50 = aborted silent", "check " + ack + "c @70"}},
		{"abort of a migrate", ledger.Abort(migrate(app.Switching), "no", nil),
			[]string{"abort", "cas " + key + " @50 = aborted no", "cas operation/" + peer + " @61 = aborted no locked"}},
		{"close", l.Close(move(app.Committed), asked, nil, history), []string{"close", "cas " + key + " @50 = done committed",
			"put " + request + " = committed tombstone", "put history/" + name + "/7 = done committed", "delete-tree " + ack}},
		{"close after an abort: maintenance off", l.Close(held(move(app.Aborted), "r1", 55), asked, nil, history), []string{"close", "cas " + key + " @50 = done aborted",
			"put " + request + " = aborted tombstone", "put history/" + name + "/7 = done aborted", "delete-tree " + ack, "delete-cas maintenance/" + name + " @55"}},
		{"close, a person's maintenance is left alone", l.Close(held(move(app.Aborted), "me", 9), asked, nil, history), []string{"close", "cas " + key + " @50 = done aborted",
			"put " + request + " = aborted tombstone", "put history/" + name + "/7 = done aborted", "delete-tree " + ack}},
		{"close of a migrate frees the source", l.Close(migrate(app.Committed), asked, nil, history), []string{"close", "cas " + key + " @50 = done committed",
			"cas operation/" + peer + " @61 = done committed locked", "put " + request + " = committed tombstone", "put history/" + name + "/7 = done committed", "delete-tree " + ack}},
		{"close drops history beyond its bound", ledger.Ledger{History: 3}.Close(move(app.Committed), asked, nil, history), []string{"close", "cas " + key + " @50 = done committed",
			"put " + request + " = committed tombstone", "put history/" + name + "/7 = done committed", "delete-tree " + ack, "delete history/" + name + "/4"}},
		{"replica", ledger.Catalogue(move(app.Done).Operation, app.Replica{Seq: 7, Node: "d"}), []string{"replica", "check " + key + " @50", "put replica/" + name}},
	} {
		if got := lines(c.txn); !slices.Equal(got, c.want) {
			t.Errorf("%s:\n got %s\nwant %s", c.says, strings.Join(got, "\n     "), strings.Join(c.want, "\n     "))
		}
	}
}

func operationIn(t *testing.T, txn port.Txn, key string) (o app.Operation) {
	t.Helper()
	for _, op := range txn.Ops {
		if op.Key == key {
			if err := json.Unmarshal(op.Value, &o); err != nil {
				t.Fatal(err)
			}
			return o
		}
	}
	t.Fatalf("%s writes no %s", txn.Name, key)
	return o
}

func TestTransactions_KeepWhatDoesNotChange(t *testing.T) {
	before := move(app.Preparing)
	for _, txn := range []port.Txn{ledger.Switch(before), ledger.Commit(before, nil, nil), ledger.Abort(before, "", nil),
		ledger.Begin(asked, before.Operation, 0, 0), ledger.Ledger{History: 50}.Close(with(before, func(o *ledger.Ours) { o.State = app.Committed }), asked, nil, history)} {
		got := operationIn(t, txn, "operation/"+name)
		want := before.Operation
		want.State, want.Outcome, want.Index = got.State, got.Outcome, 0
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s:\n got %+v\nwant %+v", txn.Name, got, want)
		}
	}
}

func TestClose_TellsWhoIsPending(t *testing.T) {
	h := app.History{Date: "2026-01-01T00:00:00Z", Warnings: []string{"w"}, Took: map[string]map[string]int{"c": {"preparing pull": 5}}}
	o := with(move(app.Aborted), func(o *ledger.Ours) { o.Reason = "no git" })
	txn := ledger.Ledger{History: 50}.Close(o, asked, []string{"b"}, h)
	if got := operationIn(t, txn, "operation/"+name); !slices.Equal(got.Pending, []string{"b"}) || got.Runs() != ab {
		t.Errorf("operation %+v", got)
	}
	for _, op := range txn.Ops {
		switch op.Key {
		case "history/" + name + "/7":
			var got app.History
			if err := json.Unmarshal(op.Value, &got); err != nil || got.Seq != 7 || got.Took["c"]["preparing pull"] != 5 || got.Warnings[0] != "w" || got.Reason != "no git" {
				t.Errorf("history %s, %v", op.Value, err)
			}
		case "request/r1":
			got, err := request.Parse("r1", op.Value)
			if err != nil || !got.Done || got.Outcome != app.OutcomeAborted || got.Reason != "no git" || got.Finished != h.Date || got.New != cd {
				t.Errorf("tombstone %s, %v", op.Value, err)
			}
		}
	}
}

func TestMirror_IsTheSameOperationSeenFromTheOtherApp(t *testing.T) {
	o := migrate(app.Switching).Operation
	m := ledger.Mirror(o)
	if m.App != dev || *m.Peer != shop || !m.Lock || m.State != o.State || m.ID != o.ID || m.Lead != o.Lead {
		t.Errorf("mirror %+v", m)
	}
	if m.Seq != 3 || m.Generation != 2 || m.RecordIndex != 31 || m.PeerSeq != 7 || m.PeerGeneration != 6 || m.PeerRecordIndex != 30 {
		t.Errorf("the numbers of the two apps are mixed up: %+v", m)
	}
	// The source stays where it is, whatever the outcome.
	for _, outcome := range []app.Outcome{app.OutcomeCommitted, app.OutcomeAborted} {
		if m.Outcome = outcome; m.Runs() != cd || m.PeerAt != ab {
			t.Errorf("%s: the source lives at %s, the target at %s", outcome, m.Runs(), m.PeerAt)
		}
	}
	m.Outcome = ""
	back := ledger.Mirror(m)
	back.Lock = false
	if fmt.Sprint(*back.Peer, back.App) != fmt.Sprint(*o.Peer, o.App) {
		t.Errorf("mirrored twice: %+v", back)
	}
	back.Peer = o.Peer
	if fmt.Sprint(back) != fmt.Sprint(o) {
		t.Errorf("mirrored twice:\n got %+v\nwant %+v", back, o)
	}
}
