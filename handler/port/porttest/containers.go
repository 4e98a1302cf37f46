package porttest

import (
	"context"
	"slices"

	"github.com/mlfmonde/cluster/handler/app"
)

// ContainersClauses are the promises of port.Containers.
func ContainersClauses() []Clause[StackEnv] {
	return []Clause[StackEnv]{
		{Method: "Containers.List", Says: "names the containers of one project or of all of ours, in order", Check: containersList},
		{Method: "Containers.List", Says: "a health says nothing of a container that does not run", Check: containersHealth},
		{Method: "Containers.Kill", Says: "kills the containers of one seq and no other", Check: func(ctx context.Context, t T, e StackEnv) {
			s := wantUp(ctx, t, e, e.Lay(web(2, "op2")))
			kill(ctx, t, e, s.Project, 1)
			wantRunning(ctx, t, e, s, true)
			kill(ctx, t, e, s.Project, 2)
			wantRunning(ctx, t, e, s, false)
		}},
		{Method: "Containers.Kill", Says: "with seq 0 kills all, again is success", Check: func(ctx context.Context, t T, e StackEnv) {
			s := wantUp(ctx, t, e, e.Lay(Layout{Seq: 2, ID: "op2", Built: []string{"web", "worker"}, Stubborn: true}))
			for range 2 {
				kill(ctx, t, e, s.Project, 0)
				wantRunning(ctx, t, e, s, false)
			}
			kill(ctx, t, e, "nobody", 0)
		}},
		{Method: "Containers.Remove", Says: "takes running containers away and keeps volumes", Check: func(ctx context.Context, t T, e StackEnv) {
			containersRemove(ctx, t, e, false)
		}},
		{Method: "Containers.Remove", Says: "with local takes the local volumes too", Check: func(ctx context.Context, t T, e StackEnv) {
			containersRemove(ctx, t, e, true)
		}},
		{Method: "Containers.Pin", Says: "what is pinned stays down after a power cut", Check: containersPin},
	}
}

func containersList(ctx context.Context, t T, e StackEnv) {
	if found := list(ctx, t, e, ""); len(found) != 0 {
		t.Fatalf("at the start there is %+v", found)
	}
	s := wantUp(ctx, t, e, e.Lay(Layout{Seq: 1, ID: "op1", Built: []string{"web", "worker"}}))
	for _, project := range []string{s.Project, ""} {
		found := list(ctx, t, e, project)
		names := []string{}
		for _, c := range found {
			names = append(names, c.Name)
			if c.Project != s.Project {
				t.Errorf("container is %+v", c)
			}
		}
		if len(names) != 2 || !slices.IsSorted(names) {
			t.Errorf("containers of %q are %q", project, names)
		}
	}
	if found := list(ctx, t, e, "nobody"); len(found) != 0 {
		t.Errorf("another project has %+v", found)
	}
}

// containersHealth wants the health of what has stopped as dockerd keeps it: a
// reader has to look at Running first.
func containersHealth(ctx context.Context, t T, e StackEnv) {
	s := wantUp(ctx, t, e, e.Lay(Layout{Seq: 1, ID: "op1", Built: []string{"web"}, Checked: true}))
	for _, c := range list(ctx, t, e, s.Project) {
		if c.Health != app.Starting && c.Health != app.Healthy {
			t.Errorf("%s runs and has the health %q", c.Name, c.Health)
		}
	}
	stop(ctx, t, e, s)
	for _, c := range list(ctx, t, e, s.Project) {
		if c.Running || c.Health != app.Unhealthy {
			t.Errorf("%s has stopped: running %v, health %q", c.Name, c.Running, c.Health)
		}
	}
}

func containersRemove(ctx context.Context, t T, e StackEnv, local bool) {
	s := wantUp(ctx, t, e, e.Lay(Layout{Seq: 1, ID: "op1", Built: []string{"web"}, Local: []string{"cache"}}))
	volume := s.Project + "_cache"
	if !slices.Contains(e.Volumes(), volume) {
		t.Fatalf("volumes are %q after the start", e.Volumes())
	}
	for range 2 {
		if err := e.Containers.Remove(ctx, s.Project, local); err != nil {
			t.Errorf("remove: %v", err)
		}
		if found := list(ctx, t, e, s.Project); len(found) != 0 {
			t.Errorf("containers are %+v", found)
		}
		if slices.Contains(e.Volumes(), volume) == local {
			t.Errorf("volumes are %q", e.Volumes())
		}
	}
}

func containersPin(ctx context.Context, t T, e StackEnv) {
	s := e.Lay(Layout{Built: []string{"web"}})
	if err := e.Stack.Up(ctx, s); err != nil {
		t.Fatalf("up: %v", err)
	}
	e.Boot()
	if found := list(ctx, t, e, s.Project); len(found) != 1 || !found[0].Running {
		t.Errorf("a container of the old tool that is not pinned does not come back: %+v", found)
	}
	for range 2 {
		if err := e.Containers.Pin(ctx, s.Project); err != nil {
			t.Fatalf("pin: %v", err)
		}
	}
	wantRunning(ctx, t, e, s, true)
	e.Boot()
	wantRunning(ctx, t, e, s, false)
}

func kill(ctx context.Context, t T, e StackEnv, project string, seq uint64) {
	t.Helper()
	if err := e.Containers.Kill(ctx, project, seq); err != nil {
		t.Errorf("kill: %v", err)
	}
}
