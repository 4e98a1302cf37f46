package docker

import (
	"context"
	"errors"
	"fmt"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/client"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/port"
)

// Images are dockerd's.
type Images struct {
	config Config
	api    *client.Client
}

var _ port.Images = (*Images)(nil)

// Pull fetches what the services name and tags it for the operation, then the
// base images of what is built. A base image that cannot be fetched but is
// here is used as it is, with a warning: a build by hand would do the same.
func (i *Images) Pull(ctx context.Context, s app.Stack) error {
	m, err := i.config.model(s)
	if err != nil {
		return fmt.Errorf("pull images of %s: %w", s.Name, err)
	}
	for _, name := range m.names() {
		service := m.Services[name]
		if service.Source == "" {
			continue
		}
		if err := i.fetch(ctx, service.Source, service.Pull == "missing"); err != nil {
			return fmt.Errorf("pull image of service %s: %w", name, err)
		}
		if _, err := i.api.ImageTag(ctx, client.ImageTagOptions{Source: service.Source, Target: tag(s, name)}); err != nil {
			return fmt.Errorf("tag image of service %s: %w", name, i.config.classify(err))
		}
	}
	for _, base := range i.config.bases(s, m) {
		if err := i.fetch(ctx, base, true); err != nil {
			return fmt.Errorf("pull base image %s: %w", base, err)
		}
	}
	return nil
}

// fetch pulls ref. With present a failure is a warning when ref is here.
func (i *Images) fetch(ctx context.Context, ref string, present bool) error {
	auth, err := i.config.auth(ref)
	if err != nil {
		return err
	}
	err = i.pull(ctx, ref, auth)
	if err == nil {
		return nil
	}
	if present && ctx.Err() == nil {
		if _, missing := i.api.ImageInspect(ctx, ref); missing == nil {
			i.config.Log.WarnContext(ctx, "an image cannot be pulled, the one that is here is used", "image", ref, "why", err)
			return nil
		}
	}
	if errdefs.IsNotFound(err) {
		return fmt.Errorf("%w: %w", port.ErrNotFound, err)
	}
	return i.config.classify(err)
}

func (i *Images) pull(ctx context.Context, ref, auth string) error {
	stream, err := i.api.ImagePull(ctx, ref, client.ImagePullOptions{RegistryAuth: auth})
	if err != nil {
		return err
	}
	defer stream.Close()
	return stream.Wait(ctx)
}

// Build runs compose build when a service is built, then reads the ids of all.
func (i *Images) Build(ctx context.Context, s app.Stack) (map[string]string, error) {
	m, err := i.config.model(s)
	if err == nil && m.builds() {
		err = i.config.compose(ctx, s, "build")
	}
	if err != nil {
		return nil, fmt.Errorf("build images of %s: %w", s.Name, err)
	}
	ids := map[string]string{}
	for _, name := range m.names() {
		found, err := i.api.ImageInspect(ctx, tag(s, name))
		if errdefs.IsNotFound(err) {
			err = fmt.Errorf("%w: %w", port.ErrNotFound, err)
		}
		if err != nil {
			return nil, fmt.Errorf("look up image of service %s: %w", name, err)
		}
		ids[name] = found.ID
	}
	return ids, nil
}

// Drop removes the operation's tags. It needs no checkout. dockerd keeps the
// last name of an image that a container uses: it goes with a later Drop, or
// with the operator's own clean-up.
func (i *Images) Drop(ctx context.Context, s app.Stack) error {
	if err := check(s); err != nil {
		return fmt.Errorf("drop images: %w", err)
	}
	if s.ID == "" {
		return nil
	}
	list, err := i.api.ImageList(ctx, client.ImageListOptions{Filters: client.Filters{}.Add("reference", tag(s, "*"))})
	if err != nil {
		return fmt.Errorf("list images of %s: %w", s.Name, err)
	}
	for _, image := range list.Items {
		for _, t := range image.RepoTags {
			if !ours(t, s) {
				continue
			}
			_, failed := i.api.ImageRemove(ctx, t, client.ImageRemoveOptions{PruneChildren: true})
			if failed != nil && !errdefs.IsNotFound(failed) && !errdefs.IsConflict(failed) {
				err = errors.Join(err, fmt.Errorf("remove image %s: %w", t, failed))
			}
		}
	}
	return err
}

// align makes every service's tag name exactly the image of the release: a
// build by hand may have moved it since.
func (i *Images) align(ctx context.Context, s app.Stack) error {
	for name, id := range s.Images {
		found, err := i.api.ImageInspect(ctx, tag(s, name))
		if err == nil && found.ID == id {
			continue
		}
		if err != nil && !errdefs.IsNotFound(err) {
			return fmt.Errorf("look up image of service %s: %w", name, err)
		}
		_, err = i.api.ImageTag(ctx, client.ImageTagOptions{Source: id, Target: tag(s, name)})
		if errdefs.IsNotFound(err) {
			err = fmt.Errorf("image %s is gone: %w", id, port.ErrNotFound)
		}
		if err != nil {
			return fmt.Errorf("tag image of service %s: %w", name, err)
		}
	}
	return nil
}
