package sim

import (
	"context"
	"fmt"
	"slices"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/port"
)

type stackPort struct{ p *process }

var _ port.Stack = stackPort{}

// Up resolves the file as compose does, when it is called; dockerd starts the
// containers later, whether compose still lives or not.
func (s stackPort) Up(ctx context.Context, k app.Stack) error {
	n := s.p.n
	var pod []*container
	var refused error
	plan := func() {
		if pod == nil && refused == nil {
			pod, refused = n.resolve(k)
		}
	}
	f, err := s.p.enter(ctx, callUp, k.Dir)
	up := func() (nothing, error) {
		if refused != nil {
			return nothing{}, refused
		}
		return nothing{}, n.converge(k, pod)
	}
	switch {
	case err != nil:
	case f != nil && f.Phase == Late:
		plan()
		s.p.c.later(n, f.delay(s.p.c), func() { _, _ = up() })
	default:
		plan()
		_, err = await(ctx, s.p, s.p.c.o.Timing.Up, up)
	}
	if err = s.p.leave(f, callUp, k.Dir, err); err != nil {
		return fmt.Errorf("start %s: %w", k.Name, err)
	}
	return nil
}

// resolve makes the containers that the stack's file describes.
func (n *node) resolve(k app.Stack) ([]*container, error) {
	out, file, err := n.stack(k)
	switch {
	case err != nil:
		return nil, err
	case n.docker.down:
		return nil, errDaemon
	}
	pod := []*container{}
	for _, svc := range file.services {
		img := n.chosen(k, out, svc)
		if img == nil {
			return nil, fmt.Errorf("service %s: %w", svc.name, errNoImage)
		}
		how := out.commit.how
		if img.commit != nil {
			how = img.commit.how
		}
		c := &container{
			Container: app.Container{Name: svc.called(k.Project), Project: k.Project, Service: svc.name, Image: img.id},
			restart:   svc.restart, checked: svc.checked, labelled: svc.labelled, how: how,
		}
		if svc.labelled {
			c.Seq = file.seq
		}
		if svc.leased {
			c.lease = app.Lease{Project: k.Project, Seq: file.lease}
		}
		for _, key := range svc.mounts {
			for _, v := range file.volumes {
				if v.key == key && n.c.replicated(v.driver) {
					c.mounts = append(c.mounts, v.full(k.Project))
				}
			}
		}
		pod = append(pod, c)
	}
	return pod, nil
}

// chosen is the image that a service must run, nil when the node lacks it.
// Without ids it is what compose would take, pull or build.
func (n *node) chosen(k app.Stack, out *checkout, svc composeService) *image {
	if id := k.Images[svc.name]; id != "" {
		if !n.docker.has(id) {
			return nil
		}
		return n.c.images[id]
	}
	ref := svc.ref(k.Project, k.ID)
	if i := n.docker.tagged(ref); i != nil {
		return i
	}
	if svc.built && (len(k.Images) > 0 || out.commit.how.BuildFails) || !svc.built && (!n.reaches(Git) || n.c.unpublished[svc.image]) {
		return nil
	}
	i := n.c.imageOf(out.commit, svc, svc.image)
	n.docker.tag("", ref, i)
	return i
}

// converge is dockerd's part: volumes, containers, starts.
func (n *node) converge(k app.Stack, pod []*container) error {
	if n.docker.down {
		return errDaemon
	}
	if _, file, err := n.stack(k); err == nil {
		for _, v := range file.volumes {
			n.makeVolume(k.Project, v)
		}
	}
	for _, c := range n.docker.of(k.Project) {
		if i := slices.IndexFunc(pod, func(x *container) bool { return x.Name == c.Name }); i < 0 || !same(c, pod[i]) {
			n.drop(c)
		} else {
			pod[i] = c
		}
	}
	for _, c := range pod {
		n.docker.add(c)
	}
	n.c.changes.Containers++
	for _, c := range pod {
		if c.Running {
			continue
		}
		if err := n.launch(c); err != nil {
			return err
		}
	}
	return nil
}

// same reports whether compose would leave the container a for b.
func same(a, b *container) bool {
	return a.Seq == b.Seq && a.Image == b.Image && a.lease == b.lease && slices.Equal(a.mounts, b.mounts)
}

func (n *node) makeVolume(project string, v composeVolume) {
	name := v.full(project)
	if n.c.replicated(v.driver) {
		n.driver.ensure(n, name)
		return
	}
	if !v.external && !slices.ContainsFunc(n.docker.locals, func(l local) bool { return l.name == name }) {
		n.docker.locals = append(n.docker.locals, local{name, project})
	}
}
