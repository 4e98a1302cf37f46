package consul_test

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/hashicorp/consul/api"

	"github.com/mlfmonde/cluster/handler/adapter/consul"
	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/port"
)

// TestAgent_Details runs what the ports promise nothing about, but the protocol
// counts on, on one real agent.
func TestAgent_Details(t *testing.T) {
	s := agent(t, "node-a", "")
	for name, f := range map[string]func(t *testing.T, address string){
		"the session is as the protocol has it":            sessionFields,
		"a session with the default lock-delay loses too":  sessionForeign,
		"an earlier incarnation that leaves takes nothing": sessionEarlier,
		"the largest transaction that is sent is applied":  largest,
		"a refusal says which check did not hold":          refusalText,
		"a key that no session can take is an error":       keyHeld,
		"an address with a scheme reaches the agent":       scheme,
		"a definition that the agent refuses is an error":  definitionRefused,
	} {
		t.Run(name, func(t *testing.T) {
			wipe(t, raw(t, s.HTTPAddr))
			f(t, s.HTTPAddr)
		})
	}
}

func sessionFields(t *testing.T, address string) {
	c := connect(t, address, "node-a")
	ctx := context.Background()
	if err := c.Join(ctx, app.Member{Name: "node-a"}); err != nil {
		t.Fatal(err)
	}
	if err := c.Join(ctx, app.Member{Name: "node-a", Published: 2}); err != nil {
		t.Fatal(err)
	}
	all, _, err := raw(t, address).Session().List(nil)
	if err != nil || len(all) != 1 {
		t.Fatalf("%d sessions and error %v, want one", len(all), err)
	}
	if e := all[0]; e.TTL != "10s" || e.LockDelay != 0 || e.Behavior != "delete" || len(e.NodeChecks) != 0 || e.Node != "node-a" {
		t.Errorf("session %+v, want TTL 10s, lock-delay 0, behaviour delete, no checks", e)
	}
}

// holder makes a session as the client library makes it by default, with a
// lock-delay of 15 s, and lets it hold key.
func holder(t *testing.T, c *api.Client, key string) string {
	t.Helper()
	id, _, err := c.Session().Create(&api.SessionEntry{Behavior: "delete", TTL: "10s"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	ok, _, err := c.KV().Acquire(&api.KVPair{Key: key, Value: []byte("{}"), Session: id}, nil)
	if err != nil || !ok {
		t.Fatalf("acquire: %v, %v", ok, err)
	}
	return id
}

func sessionForeign(t *testing.T, address string) {
	look := raw(t, address)
	id := holder(t, look, "node/node-a")
	if err := connect(t, address, "node-a").Join(context.Background(), app.Member{Name: "node-a"}); err != nil {
		t.Fatalf("join beside an earlier session: %v", err)
	}
	if old, _, err := look.Session().Info(id, nil); err != nil || old != nil {
		t.Errorf("the earlier session is %+v, error %v; want it gone", old, err)
	}
	p, _, err := look.KV().Get("node/node-a", nil)
	if err != nil || p == nil || p.Session == "" || p.Session == id {
		t.Errorf("key %+v, error %v; want it held by a new session", p, err)
	}
}

func sessionEarlier(t *testing.T, address string) {
	ctx := context.Background()
	earlier, later := connect(t, address, "node-a"), connect(t, address, "node-a")
	for _, c := range []*consul.Consul{earlier, later} {
		if err := c.Join(ctx, app.Member{Name: "node-a"}); err != nil {
			t.Fatal(err)
		}
	}
	if err := earlier.Leave(ctx); err != nil {
		t.Fatal(err)
	}
	if p, err := later.Get(ctx, "node/node-a"); err != nil || p.Modify == 0 {
		t.Errorf("key %+v and error %v, want it held by the later one", p, err)
	}
}

// largest looks for the largest value that the adapter sends, and for the
// agent's word on it: the two must draw the line at the same place.
func largest(t *testing.T, address string) {
	c := connect(t, address, "node-a")
	apply := func(n int) error {
		_, err := c.Apply(context.Background(), port.Txn{Name: "largest", Ops: []port.Op{
			{Verb: port.Put, Key: "big", Value: bytes.Repeat([]byte("x"), n)},
		}})
		return err
	}
	low, high := 380_000, 400_000 // sent, not sent
	for high-low > 1 {
		mid := (low + high) / 2
		err := apply(mid)
		if errors.Is(err, port.ErrUnknown) {
			t.Fatalf("%d bytes were sent and the agent said %v", mid, err)
		}
		if err == nil {
			low = mid
		} else {
			high = mid
		}
	}
	t.Logf("one value of %d bytes is applied", low)
	if err := apply(393_000); err != nil {
		t.Errorf("393,000 bytes: %v", err)
	}
}

func refusalText(t *testing.T, address string) {
	_, err := connect(t, address, "node-a").Apply(context.Background(), port.Txn{Name: "begin", Ops: []port.Op{
		{Verb: port.Put, Key: "a"}, {Verb: port.Check, Key: "operation/x", Index: 3},
	}})
	if want := `apply begin: refused: failed to check index, key "operation/x" doesn't exist`; err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}

// keyHeld: a key under lock-delay cannot be taken, whoever asks.
func keyHeld(t *testing.T, address string) {
	look := raw(t, address)
	if _, err := look.Session().Destroy(holder(t, look, "node/node-b"), nil); err != nil {
		t.Fatal(err)
	}
	if err := connect(t, address, "node-b").Join(context.Background(), app.Member{Name: "node-b"}); err == nil {
		t.Errorf("joined although the key may not be taken for 15 s")
	}
}

func scheme(t *testing.T, address string) {
	if _, err := connect(t, "http://"+address, "node-a").Get(context.Background(), "a"); err != nil {
		t.Error(err)
	}
}

func definitionRefused(t *testing.T, address string) {
	c := connect(t, address, "node-a")
	if err := c.Register(context.Background(), "own", nil, []byte(`{"Name":""}`)); !errors.Is(err, port.ErrDenied) {
		t.Errorf("no name: error %v, want denied", err)
	}
	script := []byte(`{"Name":"own","Checks":[{"Args":["/bin/true"],"Interval":"60s"}]}`)
	if err := c.Register(context.Background(), "own", nil, script); err == nil {
		t.Errorf("an agent as it comes took a script as a check")
	}
	if names, err := c.Registered(context.Background()); err != nil || len(names) != 0 {
		t.Errorf("services %v and error %v, want none", names, err)
	}
}
