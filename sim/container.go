package sim

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/port"
)

// Stop asks the containers to end; each takes its time, at most grace. They
// answer nobody from the moment they are asked.
func (s stackPort) Stop(ctx context.Context, project string, grace time.Duration) error {
	n := s.p.n
	f, err := s.p.enter(ctx, callStop, project)
	s.p.touches(callStop, project, true, 0)
	switch {
	case err != nil:
	case n.docker.down:
		err = errDaemon
	case f != nil && f.Phase == Late:
		s.p.c.later(n, f.delay(s.p.c), func() { n.halt(n.ask(project)) })
	default:
		asked := n.ask(project)
		took := time.Duration(0)
		for _, k := range asked {
			took = max(took, n.patience(k, grace))
		}
		_, err = await(ctx, s.p, took, func() (nothing, error) { n.halt(asked); return nothing{}, nil })
	}
	if err = s.p.leave(f, callStop, project, err); err != nil {
		return fmt.Errorf("stop %s: %w", project, err)
	}
	return nil
}

func (n *node) patience(k *container, grace time.Duration) time.Duration {
	d := k.how.StopTakes
	if d == 0 {
		d = n.c.o.Timing.Stop
	}
	return min(d, grace)
}

// ask sends the running containers of project their signal.
func (n *node) ask(project string) []*container {
	var asked []*container
	for _, k := range n.docker.of(project) {
		k.manual = true
		if k.Running {
			k.stopping = true
			asked = append(asked, k)
		}
	}
	n.c.changes.Containers++
	return asked
}

func (n *node) halt(asked []*container) {
	for _, k := range asked {
		if k.stopping {
			n.fall(k, 0)
		}
	}
}

type containersPort struct{ p *process }

var _ port.Containers = containersPort{}

func (s containersPort) List(ctx context.Context, project string) ([]app.Container, error) {
	f, err := s.p.enter(ctx, callContainers, project)
	n := s.p.n
	var all []app.Container
	switch {
	case err != nil:
	case n.docker.down:
		err = errDaemon
	default:
		for _, k := range n.docker.containers {
			if project == "" && k.labelled || project != "" && k.Project == project {
				all = append(all, n.look(k))
			}
		}
	}
	return answer(all, s.p.leave(f, callContainers, project, err))
}

func (s containersPort) Kill(ctx context.Context, project string, seq uint64) error {
	s.p.touches(callKill, project, seq == 0, seq)
	return act(ctx, s.p, callKill, project, 0, func() error {
		n := s.p.n
		if n.docker.down {
			return errDaemon
		}
		for _, k := range n.docker.of(project) {
			if k.Running && (seq == 0 || k.Seq == seq) {
				k.manual = true
				n.fall(k, 137)
			}
		}
		return nil
	})
}

func (s containersPort) Remove(ctx context.Context, project string, locals bool) error {
	s.p.touches(callDown, project, true, 0)
	return act(ctx, s.p, callDown, project, 0, func() error {
		n := s.p.n
		if n.docker.down {
			return errDaemon
		}
		for _, k := range n.docker.of(project) {
			n.drop(k)
		}
		if locals {
			n.docker.locals = slices.DeleteFunc(n.docker.locals, func(l local) bool { return l.project == project })
		}
		return nil
	})
}

func (s containersPort) Pin(ctx context.Context, project string) error {
	return act(ctx, s.p, callPin, project, 0, func() error {
		if s.p.n.docker.down {
			return errDaemon
		}
		for _, k := range s.p.n.docker.of(project) {
			k.restart = "no"
		}
		return nil
	})
}

// DockerStart is a person who starts the stopped containers of project on
// node by hand. dockerd may refuse.
func (c *Cluster) DockerStart(node, project string) error {
	n := c.node(node)
	if !n.up || n.docker.down {
		return errDaemon
	}
	for _, k := range n.docker.of(project) {
		if k.Running {
			continue
		}
		if err := n.launch(k); err != nil {
			return err
		}
	}
	return nil
}

// DockerStop is a person who stops the containers of project on node by hand.
func (c *Cluster) DockerStop(node, project string) {
	n := c.node(node)
	n.halt(n.ask(project))
}

// Found is a container that is on a node before anything of a test happens.
type Found struct {
	Project, Service string
	Seq              uint64   // 0: the old tool's, without label and lease
	Restart          string   // policy
	Volumes          []string // full names of Buttervolume volumes
}

// SetContainer runs a container on node, as found there. It fails as dockerd
// does when its lease file is missing.
func (c *Cluster) SetContainer(node string, f Found) error {
	n := c.node(node)
	k := &container{restart: f.Restart, mounts: f.Volumes, labelled: f.Seq > 0}
	k.Container = app.Container{Name: f.Project + "-" + f.Service + "-1", Project: f.Project, Service: f.Service, Seq: f.Seq, Image: "sha256:found"}
	if f.Seq > 0 {
		k.lease = app.Lease{Project: f.Project, Seq: f.Seq}
	}
	n.docker.add(k)
	return n.launch(k)
}
