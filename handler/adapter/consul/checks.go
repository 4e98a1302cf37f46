package consul

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/hashicorp/consul/api"
)

const registerPath = "/v1/agent/service/register"

// service is the body of a registration, as existing clusters send it.
type service struct {
	Name   string
	Checks []check
}

type check struct {
	HTTP     string
	Interval string
}

// checkRuns is how many call timeouts a registration may take. An agent that
// replaces or removes an HTTP check waits for the run under way, up to that
// check's own timeout of 10 s (agent/checks, CheckHTTP.Stop): every time where
// the application's domain does not answer.
const checkRuns = 3

// Register implements port.Checks. Registering again replaces the service
// with its checks.
func (c *Consul) Register(ctx context.Context, name string, urls []string, custom json.RawMessage) error {
	var body any = custom
	if len(custom) == 0 {
		s := service{Name: name}
		for _, u := range urls {
			if u != "" {
				s.Checks = append(s.Checks, check{HTTP: u, Interval: "60s"})
			}
		}
		body = s
	}
	return once(ctx, checkRuns*c.times.CallTimeout, "register service "+name, func(ctx context.Context) error {
		_, err := c.api.Raw().Write(registerPath, body, nil, writing(ctx))
		return err
	})
}

// Deregister implements port.Checks.
func (c *Consul) Deregister(ctx context.Context, name string, custom json.RawMessage) error {
	id, err := registeredID(name, custom)
	if err != nil {
		return err
	}
	return once(ctx, checkRuns*c.times.CallTimeout, "deregister service "+id, func(ctx context.Context) error {
		err := c.api.Agent().ServiceDeregisterOpts(id, (&api.QueryOptions{}).WithContext(ctx))
		if unknownService(err) {
			return nil
		}
		return err
	})
}

// registeredID is what Consul knows the service by: its ID, else its Name.
func registeredID(name string, custom json.RawMessage) (string, error) {
	if len(custom) == 0 {
		return name, nil
	}
	var named struct{ ID, Name string }
	if err := json.Unmarshal(custom, &named); err != nil {
		return "", fmt.Errorf("deregister service %s: read its definition: %w", name, err)
	}
	switch {
	case named.ID != "":
		return named.ID, nil
	case named.Name != "":
		return named.Name, nil
	}
	return name, nil
}

// unknownService: Consul answered 404, before 1.11 a 500 with these words.
func unknownService(err error) bool {
	var status api.StatusError
	if !errors.As(err, &status) {
		return false
	}
	return status.Code == http.StatusNotFound || strings.Contains(status.Body, "Unknown service")
}

// Registered implements port.Checks.
func (c *Consul) Registered(ctx context.Context) ([]string, error) {
	var names []string
	err := read(ctx, c.times.CallTimeout, "list services", func(ctx context.Context) error {
		found, err := c.api.Agent().ServicesWithFilterOpts("", (&api.QueryOptions{}).WithContext(ctx))
		if err != nil {
			return err
		}
		names = names[:0]
		for _, s := range found {
			names = append(names, s.Service)
		}
		slices.Sort(names)
		names = slices.Compact(names)
		return nil
	})
	return names, err
}

// replacing asks the agent to drop the checks of an earlier registration. The
// client library can ask that only for bodies of its own making, and a
// service.json goes as it is.
type replacing struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (r replacing) RoundTrip(req *http.Request) (*http.Response, error) {
	if strings.HasSuffix(req.URL.Path, registerPath) {
		req = req.Clone(req.Context())
		q := req.URL.Query()
		q.Set("replace-existing-checks", "true")
		req.URL.RawQuery = q.Encode()
	}
	return r.next.RoundTrip(req)
}
