package porttest

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/port"
)

// Layout is a checkout that was inspected. The services run a small server
// until they are stopped.
type Layout struct {
	Seq      uint64            // 0: a stack of the old tool, with restart: always and no lease
	ID       string            // operation
	Version  string            // other versions build other images
	Built    []string          // services that are built
	Pulled   []string          // services whose image a registry has
	Gone     []string          // services whose image no registry has
	Local    []string          // keys of volumes with Docker's own driver, used by every service
	Scripts  map[string]Script // name → what it does
	Stubborn bool              // the services do not end when asked to
	Checked  bool              // the services have a health check that passes soon
}

// Script is what a script of a [Layout] does.
type Script int

// The scripts.
const (
	Works  Script = iota // ends with 0
	Breaks               // ends with another code
)

// StackEnv is a node with Docker and nothing of ours on it, and a registry.
type StackEnv struct {
	Images     port.Images
	Stack      port.Stack
	Containers port.Containers
	Scripts    port.Scripts
	Guard      port.Guard
	// Lay makes the checkout of an application "site"; all layouts of one
	// environment are the same application. The stack has no Images yet.
	Lay func(l Layout) app.Stack
	// Volumes lists all volumes on the node, sorted.
	Volumes func() []string
	// Boot cuts the power and starts the node: what ran is dead, the lease
	// files are gone, and Docker has started what it starts by itself.
	Boot func()
	// ByHand is "docker start" of a container.
	ByHand func(container string) error
}

// web is a plain layout of one built service.
func web(seq uint64, id string) Layout {
	return Layout{Seq: seq, ID: id, Version: id, Built: []string{"web"}}
}

// ImagesClauses are the promises of port.Images.
func ImagesClauses() []Clause[StackEnv] {
	return []Clause[StackEnv]{
		{Method: "Images.Pull", Says: "makes an image of a registry usable, again is success", Check: func(ctx context.Context, t T, e StackEnv) {
			s := e.Lay(Layout{Seq: 1, ID: "op1", Pulled: []string{"cache"}})
			for range 2 {
				if err := e.Images.Pull(ctx, s); err != nil {
					t.Fatalf("pull: %v", err)
				}
			}
			wantUp(ctx, t, e, s)
		}},
		{Method: "Images.Pull", Says: "an image that no registry has is an error", Check: func(ctx context.Context, t T, e StackEnv) {
			if err := e.Images.Pull(ctx, e.Lay(Layout{Seq: 1, ID: "op1", Gone: []string{"web"}})); err == nil {
				t.Errorf("pull succeeded")
			}
		}},
		{Method: "Images.Build", Says: "returns the image of every service, built or pulled, again the same", Check: imagesBuild},
		{Method: "Images.Build", Says: "leaves the images of another operation alone", Check: func(ctx context.Context, t T, e StackEnv) {
			first := prepare(ctx, t, e, e.Lay(web(1, "op1")))
			second := prepare(ctx, t, e, e.Lay(web(2, "op2")))
			if first.Images["web"] == second.Images["web"] {
				t.Fatalf("two versions have one image")
			}
			wantUp(ctx, t, e, first)
		}},
		{Method: "Images.Drop", Says: "keeps what runs, and again is success", Check: func(ctx context.Context, t T, e StackEnv) {
			s := wantUp(ctx, t, e, e.Lay(web(1, "op1")))
			for range 2 {
				if err := e.Images.Drop(ctx, s); err != nil {
					t.Errorf("drop: %v", err)
				}
			}
			wantUp(ctx, t, e, s)
		}},
		{Method: "Images.Drop", Says: "nothing there is success", Check: func(ctx context.Context, t T, e StackEnv) {
			if err := e.Images.Drop(ctx, e.Lay(web(1, "op1"))); err != nil {
				t.Errorf("drop: %v", err)
			}
		}},
	}
}

func imagesBuild(ctx context.Context, t T, e StackEnv) {
	s := e.Lay(Layout{Seq: 1, ID: "op1", Built: []string{"web"}, Pulled: []string{"cache"}})
	first, again := prepare(ctx, t, e, s).Images, prepare(ctx, t, e, s).Images
	for _, service := range []string{"cache", "web"} {
		if first[service] == "" || first[service] != again[service] {
			t.Errorf("image of %s is %q, then %q", service, first[service], again[service])
		}
	}
	if len(first) != 2 {
		t.Errorf("images are %v", first)
	}
}

// StackClauses are the promises of port.Stack.
func StackClauses() []Clause[StackEnv] { return append(upClauses(), stopClauses()...) }

func upClauses() []Clause[StackEnv] {
	return []Clause[StackEnv]{
		{Method: "Stack.Up", Says: "runs every service from exactly its image, again changes nothing", Check: func(ctx context.Context, t T, e StackEnv) {
			s := wantUp(ctx, t, e, e.Lay(Layout{Seq: 1, ID: "op1", Built: []string{"web", "worker"}}))
			wantUp(ctx, t, e, s)
		}},
		{Method: "Stack.Up", Says: "without the lease file it is refused and nothing runs", Check: func(ctx context.Context, t T, e StackEnv) {
			s := prepare(ctx, t, e, e.Lay(web(1, "op1")))
			wantNoLease(ctx, t, e, s)
			grant(ctx, t, e.Guard, app.Lease{Project: s.Project, Seq: 2})
			wantNoLease(ctx, t, e, s)
		}},
		{Method: "Stack.Up", Says: "a start by hand after the lease file is gone is refused", Check: func(ctx context.Context, t T, e StackEnv) {
			s := wantUp(ctx, t, e, e.Lay(web(1, "op1")))
			release(ctx, t, e, s)
			stop(ctx, t, e, s)
			for _, c := range list(ctx, t, e, s.Project) {
				if err := e.ByHand(c.Name); err == nil {
					t.Errorf("%s was started", c.Name)
				}
			}
			wantRunning(ctx, t, e, s, false)
			wantNoLease(ctx, t, e, s)
		}},
		{Method: "Stack.Up", Says: "after a power cut nothing runs until the lease file is there again", Check: func(ctx context.Context, t T, e StackEnv) {
			s := wantUp(ctx, t, e, e.Lay(web(1, "op1")))
			e.Boot()
			wantRunning(ctx, t, e, s, false)
			wantUp(ctx, t, e, s)
		}},
		{Method: "Stack.Up", Says: "an image that is gone is an error and nothing runs", Check: func(ctx context.Context, t T, e StackEnv) {
			s := prepare(ctx, t, e, e.Lay(web(1, "op1")))
			s.Images = map[string]string{"web": "sha256:00000000000000000000000000000000000000000000000000000000000000aa"}
			grant(ctx, t, e.Guard, app.Lease{Project: s.Project, Seq: s.Seq})
			if err := e.Stack.Up(ctx, s); err == nil || errors.Is(err, port.ErrNoLease) {
				t.Errorf("error is %v", err)
			}
			wantRunning(ctx, t, e, s, false)
		}},
		{Method: "Stack.Up", Says: "takes the place of an older release, and back again", Check: func(ctx context.Context, t T, e StackEnv) {
			first := wantUp(ctx, t, e, e.Lay(web(1, "op1")))
			wantUp(ctx, t, e, e.Lay(web(2, "op2")))
			wantUp(ctx, t, e, first)
		}},
	}
}

func stopClauses() []Clause[StackEnv] {
	return []Clause[StackEnv]{
		{Method: "Stack.Stop", Says: "stops what runs and keeps the containers, again is success", Check: func(ctx context.Context, t T, e StackEnv) {
			s := wantUp(ctx, t, e, e.Lay(web(1, "op1")))
			for range 2 {
				stop(ctx, t, e, s)
				wantRunning(ctx, t, e, s, false)
			}
			if len(list(ctx, t, e, s.Project)) != 1 {
				t.Errorf("the containers are gone")
			}
		}},
		{Method: "Stack.Stop", Says: "kills what does not stop", Check: func(ctx context.Context, t T, e StackEnv) {
			l := web(1, "op1")
			l.Stubborn = true
			s := wantUp(ctx, t, e, e.Lay(l))
			stop(ctx, t, e, s)
			wantRunning(ctx, t, e, s, false)
		}},
		{Method: "Stack.Stop", Says: "nothing to stop is success", Check: func(ctx context.Context, t T, e StackEnv) {
			stop(ctx, t, e, app.Stack{Project: "nobody"})
		}},
	}
}

// ScriptsClauses are the promises of port.Scripts.
func ScriptsClauses() []Clause[StackEnv] {
	run := func(says string, scripts map[string]Script, leased bool, right func(error) bool) Clause[StackEnv] {
		return Clause[StackEnv]{Method: "Scripts.Run", Says: says, Check: func(ctx context.Context, t T, e StackEnv) {
			s := e.Lay(Layout{Seq: 1, ID: "op1", Built: []string{"web"}, Scripts: scripts})
			if leased {
				grant(ctx, t, e.Guard, app.Lease{Project: s.Project, Seq: s.Seq})
			}
			err := e.Scripts.Run(ctx, port.Script{Stack: s, Name: "update.sh", Args: []string{"-r", "repo", "-b", "branch"}})
			if !right(err) {
				t.Errorf("error is %v", err)
			}
		}}
	}
	is := func(want error) func(error) bool { return func(err error) bool { return errors.Is(err, want) } }
	return []Clause[StackEnv]{
		run("a script that works is success", map[string]Script{"update.sh": Works}, true, func(err error) bool { return err == nil }),
		run("a script that breaks is an error of its own", map[string]Script{"update.sh": Breaks}, true, func(err error) bool {
			return err != nil && !errors.Is(err, port.ErrNotFound) && !errors.Is(err, port.ErrNoLease)
		}),
		run("a script that is not there is not found", nil, true, is(port.ErrNotFound)),
		run("without the lease file nothing is run", map[string]Script{"update.sh": Works}, false, is(port.ErrNoLease)),
	}
}

// prepare pulls and builds, and returns the stack with its images.
func prepare(ctx context.Context, t T, e StackEnv, s app.Stack) app.Stack {
	t.Helper()
	if err := e.Images.Pull(ctx, s); err != nil {
		t.Fatalf("pull: %v", err)
	}
	images, err := e.Images.Build(ctx, s)
	if err != nil {
		t.Fatalf("build: %v", err)
	}
	s.Images = images
	return s
}

// wantUp starts s with its lease, and checks that it and nothing else of its
// project runs.
func wantUp(ctx context.Context, t T, e StackEnv, s app.Stack) app.Stack {
	t.Helper()
	if s.Images == nil {
		s = prepare(ctx, t, e, s)
	}
	grant(ctx, t, e.Guard, app.Lease{Project: s.Project, Seq: s.Seq})
	if err := e.Stack.Up(ctx, s); err != nil {
		t.Fatalf("up: %v", err)
	}
	found := list(ctx, t, e, s.Project)
	services := []string{}
	for _, c := range found {
		services = append(services, c.Service)
		if !c.Running || c.Seq != s.Seq || c.Image != s.Images[c.Service] || c.Restarts != 0 {
			t.Errorf("container is %+v; seq is %d, image %s", c, s.Seq, s.Images[c.Service])
		}
	}
	slices.Sort(services)
	if len(found) != len(s.Images) || len(slices.Compact(services)) != len(s.Images) {
		t.Errorf("containers are %+v for services of %v", found, s.Images)
	}
	return s
}

func wantNoLease(ctx context.Context, t T, e StackEnv, s app.Stack) {
	t.Helper()
	if err := e.Stack.Up(ctx, s); !errors.Is(err, port.ErrNoLease) {
		t.Errorf("error is %v", err)
	}
	wantRunning(ctx, t, e, s, false)
}

func wantRunning(ctx context.Context, t T, e StackEnv, s app.Stack, want bool) {
	t.Helper()
	for _, c := range list(ctx, t, e, s.Project) {
		if c.Running != want {
			t.Errorf("%s runs: %v", c.Name, c.Running)
		}
	}
}

func list(ctx context.Context, t T, e StackEnv, project string) []app.Container {
	t.Helper()
	found, err := e.Containers.List(ctx, project)
	if err != nil {
		t.Fatalf("list containers: %v", err)
	}
	return found
}

func release(ctx context.Context, t T, e StackEnv, s app.Stack) {
	t.Helper()
	if err := e.Guard.Release(ctx, s.Project, s.Seq); err != nil {
		t.Fatalf("release: %v", err)
	}
}

func stop(ctx context.Context, t T, e StackEnv, s app.Stack) {
	t.Helper()
	if err := e.Stack.Stop(ctx, s.Project, time.Second); err != nil {
		t.Errorf("stop: %v", err)
	}
}
