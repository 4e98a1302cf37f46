// Package consul is the real Consul behind the ports KV, Presence, Members,
// Events and Checks: one client of the agent on this node. What comes in are
// the calls of those ports; what goes out is HTTP to the local agent. It
// decides nothing, keeps nothing but the id of this node's session, and never
// sends a write twice.
package consul

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/hashicorp/consul/api"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/port"
)

// Config says which agent to talk to, and as whom.
type Config struct {
	// Address of the agent: host:port, http://host:port, https://host:port or
	// unix:///path. Empty: what CONSUL_HTTP_ADDR says, else 127.0.0.1:8500.
	Address string
	// TokenFile holds the ACL token, read once. Empty: what CONSUL_HTTP_TOKEN_FILE
	// or CONSUL_HTTP_TOKEN says, else none.
	TokenFile string
	// Node is this node's name in the cluster: the key node/<Node> is its presence.
	Node string
	// Times gives CallTimeout and SessionTTL.
	Times app.Times
	// Log hears of sessions made, lost and taken over. Nil: nobody does.
	Log *slog.Logger
}

// Consul talks to one agent. Its methods may be called side by side.
type Consul struct {
	api   *api.Client
	node  string
	times app.Times
	log   *slog.Logger

	mu      sync.Mutex
	session string            // id of the session that holds node/<node>, "" before Join and after Leave
	empty   map[string]uint64 // watched prefixes without a key when last seen → index then
}

var (
	_ port.KV       = (*Consul)(nil)
	_ port.Presence = (*Consul)(nil)
	_ port.Members  = (*Consul)(nil)
	_ port.Events   = (*Consul)(nil)
	_ port.Checks   = (*Consul)(nil)
)

// New prepares a client; it sends nothing yet. The error says what is wrong
// with c: an address or a token file that cannot be used, a bad node name.
func New(c Config) (*Consul, error) {
	if err := app.CheckNode("node", c.Node); err != nil {
		return nil, fmt.Errorf("set up consul: %w", err)
	}
	if c.Times.CallTimeout <= 0 || c.Times.SessionTTL <= 0 {
		return nil, fmt.Errorf("set up consul: call timeout %v and session TTL %v must be positive", c.Times.CallTimeout, c.Times.SessionTTL)
	}
	conf := api.DefaultConfig()
	if c.Address != "" {
		conf.Address = c.Address
	}
	if path, is := strings.CutPrefix(conf.Address, "unix://"); is {
		if !strings.HasPrefix(path, "/") {
			return nil, fmt.Errorf("set up consul: address %s: a socket has a whole path, unix:///path", conf.Address)
		}
		// The library would make a client of its own, without what ours is for.
		conf.Address = "localhost"
		conf.Transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", path)
		}
	}
	if c.TokenFile != "" {
		conf.TokenFile = c.TokenFile
	}
	hc, err := api.NewHttpClient(conf.Transport, conf.TLSConfig)
	if err != nil {
		return nil, fmt.Errorf("set up consul: %w", err)
	}
	hc.Transport = replacing{hc.Transport}
	conf.HttpClient = hc
	client, err := api.NewClient(conf)
	if err != nil {
		return nil, fmt.Errorf("set up consul: %w", err)
	}
	log := c.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Consul{api: client, node: c.Node, times: c.Times, log: log}, nil
}

// once runs f, everything a port call sends, within limit. What fails is
// explained in words of package port; nothing is sent again.
func once(ctx context.Context, limit time.Duration, what string, f func(ctx context.Context) error) error {
	bounded, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if err := f(bounded); err != nil {
		return explain(ctx, what, err)
	}
	return nil
}

// read is once for a call without any effect: it is tried again within limit,
// since an agent answers 500 while the servers elect a leader.
func read(ctx context.Context, limit time.Duration, what string, f func(ctx context.Context) error) error {
	return once(ctx, limit, what, func(ctx context.Context) error {
		var last error
		wait := backoff.NewExponentialBackOff()
		wait.InitialInterval, wait.MaxInterval = 50*time.Millisecond, time.Second
		_, err := backoff.Retry(ctx, func() (struct{}, error) {
			err := f(ctx)
			if err == nil || ctx.Err() == nil {
				last = err
			}
			if err != nil && denied(err) {
				err = backoff.Permanent(err)
			}
			return struct{}{}, err
		}, backoff.WithBackOff(wait), backoff.WithMaxElapsedTime(0))
		if err != nil && last != nil {
			return last
		}
		return err
	})
}

// explain puts err into the words of package port. The caller's own
// cancellation shows as such; our time limit does not, it is "no answer".
func explain(ctx context.Context, what string, err error) error {
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("%s: %w: %w", what, port.ErrUnknown, ctx.Err())
	case denied(err):
		return fmt.Errorf("%s: %w: %v", what, port.ErrDenied, err)
	}
	return fmt.Errorf("%s: %w: %v", what, port.ErrUnknown, err)
}

// denied reports an answer that no repetition changes.
func denied(err error) bool {
	var status api.StatusError
	if !errors.As(err, &status) {
		return false
	}
	return status.Code >= 400 && status.Code < 500 && status.Code != http.StatusNotFound && status.Code != http.StatusTooManyRequests
}

// consistent are the options of a read that no deposed leader may answer.
func consistent(ctx context.Context) *api.QueryOptions {
	return (&api.QueryOptions{RequireConsistent: true}).WithContext(ctx)
}

func writing(ctx context.Context) *api.WriteOptions {
	return (&api.WriteOptions{}).WithContext(ctx)
}
