package recette

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/port"
	"github.com/mlfmonde/cluster/sim"
)

// cast is an application with the short name that a scenario gives it.
type cast struct {
	app.App
	short  string
	writer *writer
	last   string     // id of the last request
	files  port.Files // of the newest commit, before it got its own domain
	domain string     // "": one of its own

	mu sync.Mutex // of writer: users come at any moment
}

// cast finds the application called short, and makes it with a first good
// commit when it is new. A URL#BRANCH is its own short name.
func (s *Scene) cast(ctx context.Context, short string) (*cast, error) {
	if i := slices.IndexFunc(s.apps, func(c *cast) bool { return c.short == short }); i >= 0 {
		return s.apps[i], nil
	}
	repo, branch, named := strings.Cut(short, "#")
	if !named {
		repo, branch = s.Remote(short), "main"
	}
	a, err := app.Parse(repo, branch)
	if err != nil {
		return nil, fmt.Errorf("application %q: %w", short, err)
	}
	if slices.Contains(s.Nodes(), short) {
		return nil, fmt.Errorf("%s is a node, not an application", short)
	}
	c := &cast{App: a, short: short}
	if _, err := s.push(ctx, c, s.set.Files, sim.Behaviour{}); err != nil {
		return nil, err
	}
	s.apps = append(s.apps, c)
	return c, nil
}

// push makes files the newest commit of the application, under its own domain
// or those that it was given.
func (s *Scene) push(ctx context.Context, c *cast, files port.Files, how sim.Behaviour) (commit string, err error) {
	own := port.Files{}
	c.files = files
	domain := c.short + ".example.com"
	if strings.Contains(c.short, "#") {
		domain = c.Project() + ".example.com"
	}
	if c.domain != "" {
		domain = strings.ReplaceAll(c.domain, ",", ", http://")
	}
	for path, content := range files {
		own[path] = []byte(strings.ReplaceAll(string(content), "hello.example.com", domain))
	}
	return s.Push(ctx, c.App, own, how)
}

// only is the application of commands that name none.
func (s *Scene) only(ctx context.Context) (*cast, error) {
	if len(s.apps) == 0 {
		return s.cast(ctx, "app")
	}
	return s.apps[len(s.apps)-1], nil
}

// named is the application that args name, at most one; without args the one
// that was named last.
func (s *Scene) named(ctx context.Context, args []string) (*cast, error) {
	switch len(args) {
	case 0:
		return s.only(ctx)
	case 1:
		return s.cast(ctx, args[0])
	}
	return nil, usage("%q is too much", strings.Join(args[1:], " "))
}
