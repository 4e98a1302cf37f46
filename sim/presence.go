package sim

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/port"
)

// nodePrefix is where nodes show their presence.
const nodePrefix = "node/"

// session is the Consul session of one incarnation of a handler. It ends
// somewhere between one and two TTLs after its last renewal, and what it holds
// with it.
type session struct {
	p       *process
	expires time.Duration
}

func (s *store) session(p *process) *session {
	for _, x := range s.sessions {
		if x.p == p {
			return x
		}
	}
	return nil
}

// drop ends a session.
func (s *store) drop(x *session) {
	s.sessions = slices.DeleteFunc(s.sessions, func(y *session) bool { return y == x })
	key := nodePrefix + x.p.n.name
	if e := s.get(key); e != nil && e.holder == x {
		s.erase(key)
	}
}

// acquire makes x hold key with value. Nothing changes when it does already.
func (s *store) acquire(x *session, key string, value []byte) {
	e := s.get(key)
	if e != nil && e.holder == x && bytes.Equal(e.value, value) {
		return
	}
	s.index++
	s.put(key, value, s.index).holder = x
	s.touched(key)
}

// expire looks at the session when it should have ended; it may have been
// renewed meanwhile.
func (s *store) expire(x *session) {
	s.c.sched.At(nil, x.expires, "session", func() {
		switch {
		case !slices.Contains(s.sessions, x):
		case s.c.Now() < x.expires:
			s.expire(x)
		case s.away || s.election > s.c.Now(): // a new leader gives sessions their whole time again
			x.expires = s.c.Now() + s.c.o.Times.SessionTTL
			s.expire(x)
		default:
			s.c.note(x.p.n, "session expires")
			s.drop(x)
			s.c.stepped()
		}
	})
}

type presencePort struct{ p *process }

var _ port.Presence = presencePort{}

func (s presencePort) Join(ctx context.Context, m app.Member) error {
	f, err := s.p.enter(ctx, callJoin, m.Name)
	if err == nil {
		err = s.p.c.kv.answers(ctx, s.p)
	}
	if err == nil {
		err = s.join(m)
	}
	return s.p.leave(f, callJoin, m.Name, err)
}

func (s presencePort) join(m app.Member) error {
	kv, ttl := &s.p.c.kv, s.p.c.o.Times.SessionTTL
	if s.p.value == nil || !s.p.member.Same(m) {
		v, err := json.Marshal(m)
		if err != nil {
			return fmt.Errorf("encode presence of %s: %w", m.Name, err)
		}
		s.p.member, s.p.value = m, v
	}
	x := kv.session(s.p)
	fresh := x == nil
	if fresh {
		x = &session{p: s.p}
		kv.sessions = append(kv.sessions, x)
	}
	x.expires = s.p.c.Now() + ttl + s.p.c.roll(ttl)
	if fresh {
		kv.expire(x)
	}
	kv.acquire(x, nodePrefix+s.p.n.name, s.p.value)
	return nil
}

func (s presencePort) Leave(ctx context.Context) error {
	f, err := s.p.enter(ctx, callLeave, "")
	if err == nil {
		err = s.p.c.kv.answers(ctx, s.p)
	}
	if err == nil {
		if x := s.p.c.kv.session(s.p); x != nil {
			s.p.c.kv.drop(x)
		}
	}
	return s.p.leave(f, callLeave, "", err)
}

type membersPort struct{ p *process }

var _ port.Members = membersPort{}

func (s membersPort) Members(ctx context.Context) ([]app.Member, error) {
	f, err := s.p.enter(ctx, callMembers, "")
	if err == nil {
		err = s.p.c.kv.answers(ctx, s.p)
	}
	var all []app.Member
	if err == nil {
		all = s.p.c.present()
	}
	return answer(all, s.p.leave(f, callMembers, "", err))
}

// present is the catalogue with what the nodes say of themselves.
func (c *Cluster) present() []app.Member {
	all := make([]app.Member, len(c.nodes))
	for i, n := range c.nodes {
		all[i] = c.members[i]
		if e := c.kv.get(nodePrefix + n.name); e != nil && e.holder != nil {
			said := c.said(n, e)
			all[i].Version, all[i].Published, all[i].Edge, all[i].Present = said.Version, said.Published, said.Edge, true
		}
	}
	return all
}

// said decodes a presence, once per value.
func (c *Cluster) said(n *node, e *entry) app.Member {
	if n.saidAt != e.modify {
		var m app.Member
		if json.Unmarshal(e.value, &m) == nil {
			n.said = m
		}
		n.saidAt = e.modify
	}
	return n.said
}
