package client

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/ledger"
	"github.com/mlfmonde/cluster/handler/port"
	"github.com/mlfmonde/cluster/handler/request"
)

// Client asks a cluster for things and looks at it. KV, Members, Clock and
// Times are required.
type Client struct {
	KV      port.KV
	Events  port.Events // nil: no event is fired; the handlers watch the KV anyway
	Members port.Members
	Clock   port.Clock
	Times   app.Times
	HTTP    bool // repositories by plain http are allowed
	// NewID makes the id of a request; nil: 128 random bits in hex.
	NewID func() string
	// Steps lists the steps of a node in an operation, in order and each as
	// "<state> <step>", so that steps told together are told in order; nil:
	// they are sorted by name.
	Steps func(o app.Operation, node string) []string
}

// Sent is a request that the KV holds.
type Sent struct {
	ID      string `json:"id"`
	Name    string `json:"name"`              // of the app
	Warning string `json:"warning,omitempty"` // "" or what did not work and stops nothing
}

// tries bounds how often a write without an answer is sent: the key is ours
// alone and is written only where it is missing, so once more is safe.
const tries = 3

// Submit checks payload, the documented JSON of a request of that kind, writes
// it as request/<id> and wakes the handlers. Nothing was written when the error
// is an [*app.FieldError]; an error that wraps port.ErrUnknown says that Consul
// did not answer, and Sent.ID names the request if it may have been written.
func (c *Client) Submit(ctx context.Context, kind app.Kind, payload []byte) (Sent, error) {
	r, err := request.Decode(string(kind), c.id(), payload, request.Options{AllowHTTP: c.HTTP})
	if err != nil {
		return Sent{}, err
	}
	nodes, err := c.nodes(ctx)
	if err != nil {
		return Sent{}, err
	}
	if err := (request.Options{AllowHTTP: c.HTTP, Nodes: nodes}).Check(r); err != nil {
		return Sent{}, err
	}
	sent := Sent{ID: r.ID, Name: r.App.Name()}
	if err := c.write(ctx, r); err != nil {
		return sent, fmt.Errorf("write request %s: %w", r.ID, err)
	}
	if c.Events != nil {
		if err := c.Events.Fire(ctx, string(kind), request.Wake(r.ID)); err != nil {
			sent.Warning = fmt.Sprintf("the event could not be fired, the handlers find the request in the KV: %v", err)
		}
	}
	return sent, nil
}

func (c *Client) nodes(ctx context.Context) ([]string, error) {
	members, err := c.Members.Members(ctx)
	if err != nil {
		return nil, fmt.Errorf("list the cluster's nodes: %w", err)
	}
	names := make([]string, len(members))
	for i, m := range members {
		names[i] = m.Name
	}
	return names, nil
}

func (c *Client) id() string {
	if c.NewID != nil {
		return c.NewID()
	}
	var b [16]byte
	_, _ = rand.Read(b[:]) // it cannot fail
	return hex.EncodeToString(b[:])
}

// write puts r into the KV. Without an answer it reads first, and writes again
// only where nothing is.
func (c *Client) write(ctx context.Context, r app.Request) error {
	key, value := ledger.RequestKey(r.ID), request.Encode(r)
	txn := port.Txn{Name: "request", Ops: []port.Op{{Verb: port.CAS, Key: key, Value: value}}}
	for try := 1; ; try++ {
		_, err := c.KV.Apply(ctx, txn)
		if err == nil {
			return nil
		}
		there, reading := c.KV.Get(ctx, key)
		switch {
		case reading == nil && there.Modify != 0:
			return c.same(there, r, value)
		case ctx.Err() != nil, try == tries, errors.Is(err, port.ErrDenied):
			return err
		case !errors.Is(err, port.ErrUnknown):
			return err
		}
		if err := c.Clock.Sleep(ctx, c.Times.Beat); err != nil {
			return err
		}
	}
}

// same accepts what is there when it is r, which a handler may have finished
// by now.
func (c *Client) same(there port.Pair, r app.Request, value []byte) error {
	if bytes.Equal(there.Value, value) {
		return nil
	}
	found, err := request.Parse(r.ID, there.Value)
	if err == nil && found.Done && found.Kind == r.Kind && found.App == r.App {
		return nil
	}
	return fmt.Errorf("%s holds another request: %w", there.Key, port.ErrRefused)
}
