package sim

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/mlfmonde/cluster/handler/port"
)

type checksPort struct{ p *process }

var _ port.Checks = checksPort{}

// definition is a service's own body, as far as it matters here.
type definition struct {
	ID, Name string
	Checks   []struct{ HTTP, Interval string }
	Check    *struct{ HTTP, Interval string }
}

// define is the service that name and body make, by id.
func define(name string, urls []string, body json.RawMessage) (id string, s service) {
	s = service{Name: name, URLs: map[string]time.Duration{}}
	for _, u := range urls {
		if u != "" {
			s.URLs[u] = time.Minute
		}
	}
	var own definition
	if len(body) == 0 || json.Unmarshal(body, &own) != nil || own.Name == "" {
		return name, s
	}
	s = service{Name: own.Name, URLs: map[string]time.Duration{}}
	if own.Check != nil {
		own.Checks = append(own.Checks, *own.Check)
	}
	for _, k := range own.Checks {
		if d, err := time.ParseDuration(k.Interval); err == nil && k.HTTP != "" {
			s.URLs[k.HTTP] = d
		}
	}
	if own.ID == "" {
		own.ID = own.Name
	}
	return own.ID, s
}

func (s checksPort) agent() (*agent, error) {
	if s.p.n.agent.down {
		return nil, fmt.Errorf("consul agent: connection refused: %w", port.ErrUnknown)
	}
	return &s.p.n.agent, nil
}

func (s checksPort) Register(ctx context.Context, name string, urls []string, body json.RawMessage) error {
	return act(ctx, s.p, callRegister, name, 0, func() error {
		a, err := s.agent()
		if err != nil {
			return err
		}
		id, def := define(name, urls, body)
		a.services[id] = def
		s.p.c.changes.Node++
		return nil
	})
}

func (s checksPort) Deregister(ctx context.Context, name string, body json.RawMessage) error {
	return act(ctx, s.p, callDeregister, name, 0, func() error {
		a, err := s.agent()
		if err != nil {
			return err
		}
		id, _ := define(name, nil, body)
		delete(a.services, id)
		s.p.c.changes.Node++
		return nil
	})
}

func (s checksPort) Registered(ctx context.Context) ([]string, error) {
	return call(ctx, s.p, callRegistered, "", 0, func() ([]string, error) {
		a, err := s.agent()
		if err != nil {
			return nil, err
		}
		return a.registered(), nil
	})
}

func (a *agent) registered() []string {
	list := []string{}
	for _, s := range a.services {
		list = append(list, s.Name)
	}
	slices.Sort(list)
	return list
}

// Checked is what node's agent looks at for a service, and how often.
func (c *Cluster) Checked(node, service string) map[string]time.Duration {
	for _, s := range c.node(node).agent.services {
		if s.Name == service {
			return maps.Clone(s.URLs)
		}
	}
	return nil
}
