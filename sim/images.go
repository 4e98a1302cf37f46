package sim

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/port"
)

// image is one image by content: built from a commit, or pulled.
type image struct {
	id     string
	commit *commit // nil for a pulled one
}

// imageOf is the image of a service: of its commit when built, else of its
// name in the registry.
func (c *Cluster) imageOf(k *commit, s composeService, ref string) *image {
	seed := "pulled " + ref
	if s.built {
		seed = "built " + k.id + " " + s.name
	}
	if i := c.images[seed]; i != nil {
		return i
	}
	sum := sha256.Sum256([]byte(seed))
	i := &image{id: "sha256:" + hex.EncodeToString(sum[:])}
	if s.built {
		i.commit = k
	}
	c.images[seed] = i
	c.images[i.id] = i
	return i
}

// Unpublish takes an image out of the registry, by the name that compose
// files have; nodes that have it keep it.
func (c *Cluster) Unpublish(image string) { c.unpublished[image] = true }

var (
	errPull  = errors.New("pull access denied or no such image")
	errBuild = errors.New("the build failed")
)

type imagesPort struct{ p *process }

var _ port.Images = imagesPort{}

func (s imagesPort) Pull(ctx context.Context, k app.Stack) error {
	f, err := s.p.enter(ctx, callPull, k.Dir)
	if err == nil {
		err = s.pull(ctx, k)
	}
	if err = s.p.leave(f, callPull, k.Dir, err); err != nil {
		return fmt.Errorf("pull images of %s: %w", k.Name, err)
	}
	return nil
}

func (s imagesPort) pull(ctx context.Context, k app.Stack) error {
	n := s.p.n
	if err := s.p.works(ctx, s.p.c.o.Timing.Pull); err != nil {
		return err
	}
	out, file, err := n.ready(k)
	switch {
	case err != nil:
		return err
	case out.commit.how.PullFails:
		return errPull
	case !n.reaches(Git):
		return errNetwork
	}
	for _, svc := range file.services {
		if !svc.built {
			if s.p.c.unpublished[svc.image] {
				return errPull
			}
			n.docker.tag(k.ID, svc.ref(k.Project, k.ID), s.p.c.imageOf(out.commit, svc, svc.image))
		}
	}
	return nil
}

// works lets dockerd work for d; a restart of it ends the work.
func (p *process) works(ctx context.Context, d time.Duration) error {
	life := p.n.docker.restarts
	if err := p.sleep(ctx, d); err != nil {
		return err
	}
	if p.n.docker.restarts != life {
		return errDaemon
	}
	return nil
}

// ready is the stack's file on a node whose dockerd and disk can take images.
func (n *node) ready(k app.Stack) (*checkout, *stackFile, error) {
	out, file, err := n.stack(k)
	switch {
	case err != nil:
		return nil, nil, err
	case n.docker.down:
		return nil, nil, errDaemon
	case n.full:
		return nil, nil, port.ErrNoSpace
	}
	return out, file, nil
}

func (s imagesPort) Build(ctx context.Context, k app.Stack) (map[string]string, error) {
	f, err := s.p.enter(ctx, callBuild, k.Dir)
	var ids map[string]string
	if err == nil {
		ids, err = s.build(ctx, k)
	}
	if err = s.p.leave(f, callBuild, k.Dir, err); err != nil {
		return nil, fmt.Errorf("build images of %s: %w", k.Name, err)
	}
	return ids, nil
}

func (s imagesPort) build(ctx context.Context, k app.Stack) (map[string]string, error) {
	n := s.p.n
	if _, file, err := n.stack(k); err == nil && slices.ContainsFunc(file.services, func(s composeService) bool { return s.built }) {
		if err := s.p.works(ctx, s.p.c.o.Timing.Build); err != nil {
			return nil, err
		}
	}
	out, file, err := n.ready(k)
	if err != nil {
		return nil, err
	}
	ids := make(map[string]string, len(file.services))
	for _, svc := range file.services {
		ref := svc.ref(k.Project, k.ID)
		switch {
		case svc.built && out.commit.how.BuildFails:
			return nil, errBuild
		case svc.built:
			i := s.p.c.imageOf(out.commit, svc, ref)
			n.docker.tag(k.ID, ref, i)
			ids[svc.name] = i.id
		default:
			i := n.docker.tagged(ref)
			if i == nil {
				return nil, fmt.Errorf("image %s: %w", ref, port.ErrNotFound)
			}
			ids[svc.name] = i.id
		}
	}
	return ids, nil
}

func (s imagesPort) Drop(ctx context.Context, k app.Stack) error {
	return act(ctx, s.p, callDrop, k.Dir, 0, func() error {
		if s.p.n.docker.down {
			return errDaemon
		}
		s.p.n.docker.untag(k.ID)
		return nil
	})
}

// tag is a name of an image on a node; op is the operation it belongs to.
type tag struct {
	op, ref string
	image   *image
}

func (d *docker) tag(op, ref string, i *image) {
	for j := range d.tags {
		if d.tags[j].ref == ref && d.tags[j].op == op {
			d.tags[j].image = i
			return
		}
	}
	d.tags = append(d.tags, tag{op, ref, i})
}

// tagged is the image that ref names: the last that was given the name.
func (d *docker) tagged(ref string) *image {
	for j := len(d.tags) - 1; j >= 0; j-- {
		if d.tags[j].ref == ref {
			return d.tags[j].image
		}
	}
	return nil
}

// has reports whether the image is on the node: it has a name, or a container.
func (d *docker) has(id string) bool {
	return slices.ContainsFunc(d.tags, func(t tag) bool { return t.image.id == id }) ||
		slices.ContainsFunc(d.containers, func(c *container) bool { return c.Image == id })
}

func (d *docker) untag(op string) {
	d.tags = slices.DeleteFunc(d.tags, func(t tag) bool { return t.op == op || strings.HasSuffix(t.ref, ":"+op) })
}
