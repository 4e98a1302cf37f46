package consul_test

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"
	"github.com/hashicorp/consul/sdk/testutil"

	"github.com/mlfmonde/cluster/fixtures/tools"
	"github.com/mlfmonde/cluster/handler/adapter/consul"
	"github.com/mlfmonde/cluster/handler/app"
)

// needConsul finds the binary, in PATH or where fixtures/tools/build keeps it.
func needConsul(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("a real agent is started only without -short")
	}
	t.Setenv("PATH", filepath.Dir(tools.Need(t, "consul"))+string(os.PathListSeparator)+os.Getenv("PATH"))
}

// agent starts an agent on loopback, which ends with t: a server, or with join
// a client of the server at that address.
func agent(t *testing.T, node, join string) *testutil.TestServer {
	t.Helper()
	needConsul(t)
	s, err := testutil.NewTestServerConfigT(t, func(c *testutil.TestServerConfig) {
		c.NodeName = node
		c.LogLevel = "warn"
		c.Stdout, c.Stderr = io.Discard, io.Discard
		c.ReadyTimeout = 30 * time.Second
		c.Connect = nil
		if join != "" {
			c.Server, c.Bootstrap, c.RetryJoin = false, false, []string{join}
		}
	})
	if err != nil {
		t.Fatalf("start agent %s: %v", node, err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Logf("stop agent %s: %v", node, err)
		}
	})
	return s
}

// times are the protocol's with the shortest TTL that Consul takes.
func times() app.Times {
	ts := app.DefaultTimes()
	ts.SessionTTL = 10 * time.Second
	return ts
}

// connect is the adapter under test.
func connect(t interface {
	Fatalf(format string, args ...any)
}, address, node string,
) *consul.Consul {
	c, err := consul.New(consul.Config{Address: address, Node: node, Times: times()})
	if err != nil {
		t.Fatalf("connect to %s: %v", address, err)
	}
	return c
}

// raw is Consul's own client, to see what the adapter did.
func raw(t *testing.T, address string) *api.Client {
	t.Helper()
	c, err := api.NewClient(&api.Config{Address: address})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// clock is the machine's.
type clock struct{ start time.Time }

func (c clock) Now() time.Time { return time.Now().UTC() }

func (c clock) Boot() time.Duration { return time.Since(c.start) }

func (c clock) Sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// tasks are goroutines that can be waited for.
type tasks struct{ sync.WaitGroup }

func (ts *tasks) Go(ctx context.Context, _ string, f func(context.Context)) {
	ts.WaitGroup.Go(func() { f(ctx) })
}
