package consul_test

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/mlfmonde/cluster/handler/port"
	"github.com/mlfmonde/cluster/handler/port/porttest"
)

// TestContract runs the clauses on two real agents: a server on this node and
// a client on another.
func TestContract(t *testing.T) {
	here := agent(t, "node-a", "")
	there := agent(t, "node-b", here.LANAddr)
	look := raw(t, here.HTTPAddr)
	deadline := time.Now().Add(30 * time.Second)
	for nodes := 0; nodes < 2; {
		if time.Now().After(deadline) {
			t.Fatalf("%d nodes in the catalogue", nodes)
		}
		found, _, err := look.Catalog().Nodes(nil)
		if err == nil {
			nodes = len(found)
		}
	}
	porttest.Each(t, porttest.ConsulClauses(), func(t porttest.T, body func(context.Context, porttest.Consul)) {
		wipe(t, look)
		ctx, cancel := context.WithCancel(context.Background())
		ts := &tasks{}
		defer func() { cancel(); ts.Wait() }()
		mine, other := connect(t, here.HTTPAddr, "node-a"), connect(t, there.HTTPAddr, "node-b")
		body(ctx, porttest.Consul{
			KV: mine, Presence: mine, Members: mine, Events: mine, Checks: mine,
			Node: "node-a", Idle: "node-b", TTL: times().SessionTTL,
			Reborn: func() port.Presence { return connect(t, here.HTTPAddr, "node-a") },
			Lose:   func(context.Context) error { return endSessions(look) },
			Other:  porttest.ConsulPeer{KV: other, Members: other, Events: other},
			Clock:  clock{time.Now()}, Tasks: ts,
			Checked: func(_ context.Context, service string) (map[string]time.Duration, error) {
				return checked(here.Config.DataDir, service)
			},
		})
	})
}

// wipe takes away what an earlier clause left.
func wipe(t porttest.T, c *api.Client) {
	if err := endSessions(c); err != nil {
		t.Fatalf("end the sessions: %v", err)
	}
	if _, err := c.KV().DeleteTree("", nil); err != nil {
		t.Fatalf("empty the KV: %v", err)
	}
	services, err := c.Agent().Services()
	if err != nil {
		t.Fatalf("list services: %v", err)
	}
	for id := range services {
		if err := c.Agent().ServiceDeregister(id); err != nil {
			t.Fatalf("deregister %s: %v", id, err)
		}
	}
}

// endSessions destroys every session there is.
func endSessions(c *api.Client) error {
	sessions, _, err := c.Session().List(&api.QueryOptions{RequireConsistent: true})
	if err != nil {
		return err
	}
	for _, s := range sessions {
		if _, err := c.Session().Destroy(s.ID, nil); err != nil {
			return err
		}
	}
	return nil
}

// checked reads what the agent with that data directory checks for service: its
// API tells the interval of a check and not the URL.
func checked(dir, service string) (map[string]time.Duration, error) {
	found := map[string]time.Duration{}
	files, err := os.ReadDir(filepath.Join(dir, "checks"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, f := range files {
		text, err := os.ReadFile(filepath.Join(dir, "checks", f.Name()))
		if err != nil {
			return nil, err
		}
		var kept struct {
			Check   struct{ ServiceName string }
			ChkType struct {
				HTTP     string
				Interval time.Duration
			}
		}
		if err := json.Unmarshal(text, &kept); err != nil {
			return nil, err
		}
		if kept.Check.ServiceName == service {
			found[kept.ChkType.HTTP] = kept.ChkType.Interval
		}
	}
	return found, nil
}
