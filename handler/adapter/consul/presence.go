package consul

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/mlfmonde/cluster/handler/app"
)

// presencePrefix is where the nodes show that they are alive.
const presencePrefix = "node/"

// session is the body of a session without checks: only the TTL ends it. The
// client library leaves a lock-delay of 0 out, and Consul then takes 15 s.
type session struct {
	Name       string
	Behavior   string
	TTL        string
	LockDelay  string
	NodeChecks []string
}

// Join implements port.Presence. A session of an earlier incarnation that
// still holds the key loses it to ours in one transaction, so the node is
// never seen absent while its handler restarts.
func (c *Consul) Join(ctx context.Context, m app.Member) error {
	value, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("join as %s: %w", c.node, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return once(ctx, c.times.CallTimeout, "join as "+c.node, func(ctx context.Context) error {
		if err := c.renew(ctx); err != nil {
			return err
		}
		return c.hold(ctx, value)
	})
}

// renew prolongs the session, or makes one when there is none any more.
func (c *Consul) renew(ctx context.Context) error {
	if c.session != "" {
		entry, _, err := c.api.Session().Renew(c.session, writing(ctx))
		if err != nil || entry != nil {
			return err
		}
		c.log.Warn("session lost", "node", c.node, "session", c.session)
		c.session = ""
	}
	body := session{
		Name: "handler", Behavior: api.SessionBehaviorDelete,
		TTL:       c.times.SessionTTL.Round(time.Millisecond).String(),
		LockDelay: "0s", NodeChecks: []string{},
	}
	var made struct{ ID string }
	if _, err := c.api.Raw().Write("/v1/session/create", body, &made, writing(ctx)); err != nil {
		return err
	}
	c.session = made.ID
	c.log.Info("session made", "node", c.node, "session", c.session)
	return nil
}

// hold makes the node's key ours with value. An unchanged key costs a read and
// no write.
func (c *Consul) hold(ctx context.Context, value []byte) error {
	key := presencePrefix + c.node
	now, _, err := c.api.KV().Get(key, consistent(ctx))
	switch {
	case err != nil:
		return err
	case now != nil && now.Session == c.session && bytes.Equal(now.Value, value):
		return nil
	case now != nil && now.Session != "" && now.Session != c.session:
		return c.takeOver(ctx, now, value)
	}
	ok, _, err := c.api.KV().Acquire(&api.KVPair{Key: key, Value: value, Session: c.session}, writing(ctx))
	if err == nil && !ok {
		err = errors.New(key + " is held by another session")
	}
	return err
}

// takeOver moves the key from the session of an earlier incarnation to ours.
func (c *Consul) takeOver(ctx context.Context, now *api.KVPair, value []byte) error {
	ok, answer, _, err := c.api.Txn().Txn(api.TxnOps{
		{KV: &api.KVTxnOp{Verb: api.KVUnlock, Key: now.Key, Value: now.Value, Session: now.Session}},
		{KV: &api.KVTxnOp{Verb: api.KVLock, Key: now.Key, Value: value, Session: c.session}},
	}, consistent(ctx))
	if err == nil && !ok {
		err = refused("take "+now.Key+" over", answer.Errors)
	}
	if err != nil {
		return err
	}
	c.log.Info("presence taken over from an earlier session", "node", c.node, "session", now.Session)
	if _, err := c.api.Session().Destroy(now.Session, writing(ctx)); err != nil {
		c.log.Warn("earlier session left to its TTL", "node", c.node, "session", now.Session, "err", err)
	}
	return nil
}

// Leave implements port.Presence.
func (c *Consul) Leave(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.session == "" {
		return nil
	}
	return once(ctx, c.times.CallTimeout, "leave as "+c.node, func(ctx context.Context) error {
		if _, err := c.api.Session().Destroy(c.session, writing(ctx)); err != nil {
			return err
		}
		c.session = ""
		return nil
	})
}

// Members implements port.Members. Name and address are the catalogue's; the
// rest is what the node's handler says of itself.
func (c *Consul) Members(ctx context.Context) ([]app.Member, error) {
	var members []app.Member
	err := read(ctx, c.times.CallTimeout, "list members", func(ctx context.Context) error {
		nodes, _, err := c.api.Catalog().Nodes(consistent(ctx))
		if err != nil {
			return err
		}
		pairs, _, err := c.api.KV().List(presencePrefix, consistent(ctx))
		if err != nil {
			return err
		}
		held := map[string]*api.KVPair{}
		for _, p := range pairs {
			held[p.Key] = p
		}
		members = make([]app.Member, 0, len(nodes))
		for _, n := range nodes {
			members = append(members, member(n, held[presencePrefix+n.Node]))
		}
		slices.SortFunc(members, func(a, b app.Member) int { return cmp.Compare(a.Name, b.Name) })
		return nil
	})
	return members, err
}

// member is one node of the catalogue. A key that no session holds was written
// by hand and is no sign of life; nor does a value that is not ours take one away.
func member(n *api.Node, p *api.KVPair) app.Member {
	var m app.Member
	if p != nil && p.Session != "" {
		if err := json.Unmarshal(p.Value, &m); err != nil {
			m = app.Member{}
		}
		m.Present = true
	}
	m.Name, m.Address = n.Node, n.Address
	return m
}
