package porttest

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"time"
)

func consulServices() []Clause[Consul] {
	return []Clause[Consul]{
		{Method: "Checks.Register", Says: "the service has a check of each url every minute", Check: checksURLs},
		{Method: "Checks.Register", Says: "again replaces the checks, with fewer or none too", Check: checksReplaced},
		{Method: "Checks.Register", Says: "a definition of its own replaces name, urls and interval", Check: checksDefinition},
		{Method: "Checks.Deregister", Says: "removes the service with its checks, and is success when there is none", Check: checksDeregister},
		{Method: "Checks.Deregister", Says: "finds a definition of its own by its ID, else by its name", Check: checksDeregisterDefinition},
		{Method: "Checks.Registered", Says: "lists the names, sorted", Check: checksRegistered},
	}
}

// serviceName looks like the name of an app.
const serviceName = "wordpress_prod.12345"

func (e Consul) register(ctx context.Context, t T, name string, service string, urls ...string) {
	t.Helper()
	if err := e.Checks.Register(ctx, name, urls, json.RawMessage(service)); err != nil {
		t.Fatalf("register %s: %v", name, err)
	}
}

func (e Consul) deregister(ctx context.Context, t T, name string, service string) {
	t.Helper()
	if err := e.Checks.Deregister(ctx, name, json.RawMessage(service)); err != nil {
		t.Fatalf("deregister %s: %v", name, err)
	}
}

// services checks the names of all services on the agent.
func (e Consul) services(ctx context.Context, t T, want ...string) {
	t.Helper()
	got, err := e.Checks.Registered(ctx)
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("services %v and error %v, want %v", got, err, want)
	}
}

// checked checks what the agent looks at for the service called name.
func (e Consul) checked(ctx context.Context, t T, name string, want map[string]time.Duration) {
	t.Helper()
	got, err := e.Checked(ctx, name)
	if err != nil || !maps.Equal(got, want) {
		t.Errorf("service %s is checked at %v, error %v, want %v", name, got, err, want)
	}
}

func checksURLs(ctx context.Context, t T, e Consul) {
	e.register(ctx, t, serviceName, "", "http://a.example/", "", "https://b.example/health")
	want := map[string]time.Duration{"http://a.example/": time.Minute, "https://b.example/health": time.Minute}
	e.services(ctx, t, serviceName)
	e.checked(ctx, t, serviceName, want)
	e.register(ctx, t, serviceName, "", "http://a.example/", "", "https://b.example/health")
	e.services(ctx, t, serviceName)
	e.checked(ctx, t, serviceName, want)
}

func checksReplaced(ctx context.Context, t T, e Consul) {
	e.register(ctx, t, serviceName, "", "http://a.example/", "http://b.example/", "http://c.example/")
	e.register(ctx, t, serviceName, "", "http://b.example/")
	e.checked(ctx, t, serviceName, map[string]time.Duration{"http://b.example/": time.Minute})
	e.register(ctx, t, serviceName, "")
	e.services(ctx, t, serviceName)
	e.checked(ctx, t, serviceName, nil)
}

func checksDefinition(ctx context.Context, t T, e Consul) {
	own := `{"name":"own","checks":[{"http":"http://own.example/","interval":"15s","tls_skip_verify":true}]}`
	e.register(ctx, t, serviceName, own, "http://a.example/")
	e.services(ctx, t, "own")
	e.checked(ctx, t, "own", map[string]time.Duration{"http://own.example/": 15 * time.Second})
}

func checksDeregister(ctx context.Context, t T, e Consul) {
	e.deregister(ctx, t, serviceName, "")
	e.register(ctx, t, serviceName, "", "http://a.example/")
	e.register(ctx, t, "kept", "", "http://b.example/")
	e.deregister(ctx, t, serviceName, "")
	e.deregister(ctx, t, serviceName, "")
	e.services(ctx, t, "kept")
	e.checked(ctx, t, serviceName, nil)
	e.checked(ctx, t, "kept", map[string]time.Duration{"http://b.example/": time.Minute})
}

func checksDeregisterDefinition(ctx context.Context, t T, e Consul) {
	for _, own := range []string{`{"Name":"own"}`, `{"Name":"own","ID":"own-1"}`} {
		e.register(ctx, t, serviceName, own)
		e.services(ctx, t, "own")
		e.deregister(ctx, t, serviceName, own)
		e.services(ctx, t)
	}
}

func checksRegistered(ctx context.Context, t T, e Consul) {
	e.services(ctx, t)
	for _, name := range []string{"b", "c", "a"} {
		e.register(ctx, t, name, "", "http://a.example/")
	}
	e.services(ctx, t, "a", "b", "c")
}
