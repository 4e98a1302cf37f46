package docker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/port"
)

// Compose's own labels.
const (
	labelProject = "com.docker.compose.project"
	labelService = "com.docker.compose.service"
)

// shared is the network that edge and applications meet on; no project owns it.
const shared = "cluster_default"

// Containers are those of compose projects.
type Containers struct {
	api     *client.Client
	drivers []string
}

var _ port.Containers = (*Containers)(nil)

// List asks for every container's details, one that vanishes meanwhile is
// left out.
func (c *Containers) List(ctx context.Context, project string) ([]app.Container, error) {
	// A step of a build has the image's labels too, but belongs to no project.
	filter := client.Filters{}.Add("label", app.LabelApp, labelProject)
	if project != "" {
		filter = client.Filters{}.Add("label", labelProject+"="+project)
	}
	found, err := c.api.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: filter})
	if err != nil {
		return nil, fmt.Errorf("list containers: %w", err)
	}
	list := []app.Container{}
	for _, summary := range found.Items {
		details, err := c.api.ContainerInspect(ctx, summary.ID, client.ContainerInspectOptions{})
		if errdefs.IsNotFound(err) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("look at container %s: %w", summary.ID, err)
		}
		list = append(list, describe(details.Container))
	}
	slices.SortFunc(list, func(a, b app.Container) int { return strings.Compare(a.Name, b.Name) })
	return list, nil
}

// describe puts dockerd's words into ours. One that dockerd is about to
// restart runs: it needs to be killed, not waited for.
func describe(d container.InspectResponse) app.Container {
	c := app.Container{Name: strings.TrimPrefix(d.Name, "/"), Image: d.Image, Restarts: d.RestartCount}
	if d.Config != nil {
		c.Project, c.Service = d.Config.Labels[labelProject], d.Config.Labels[labelService]
		c.Seq, _ = strconv.ParseUint(d.Config.Labels[app.LabelSeq], 10, 64)
	}
	if d.State == nil {
		return c
	}
	c.Running = d.State.Running || d.State.Restarting
	if !c.Running {
		c.ExitCode = d.State.ExitCode
	}
	if h := d.State.Health; h != nil && h.Status != container.NoHealthcheck {
		c.Health = app.Health(h.Status)
		if d.State.Restarting { // between two starts dockerd calls it unhealthy
			c.Health = app.Starting
		}
	}
	return c
}

// running lists the running containers of project that carry seq, with 0 all.
func (c *Containers) running(ctx context.Context, project string, seq uint64) ([]app.Container, error) {
	if !projectOK.MatchString(project) {
		return nil, fmt.Errorf("%q is not the name of a project", project)
	}
	all, err := c.List(ctx, project)
	return slices.DeleteFunc(all, func(x app.Container) bool { return !x.Running || seq != 0 && x.Seq != seq }), err
}

// Kill kills, then looks, and asks dockerd to stop what is between two
// restarts: a kill cannot reach that.
func (c *Containers) Kill(ctx context.Context, project string, seq uint64) error {
	for _, end := range []func(context.Context, string) error{
		c.kill,
		func(ctx context.Context, name string) error { return c.stop(ctx, name, 0) },
	} {
		running, err := c.running(ctx, project, seq)
		if err != nil {
			return fmt.Errorf("kill containers of %s: %w", project, err)
		}
		if len(running) == 0 { // the usual end of a stop: looking again is time that users wait
			return nil
		}
		for _, x := range running {
			err = errors.Join(err, end(ctx, x.Name))
		}
		if err != nil && ctx.Err() != nil {
			return fmt.Errorf("kill containers of %s: %w", project, err)
		}
	}
	left, err := c.running(ctx, project, seq)
	if err != nil {
		return fmt.Errorf("kill containers of %s: %w", project, err)
	}
	if len(left) > 0 {
		return fmt.Errorf("kill containers of %s: %s still runs", project, left[0].Name)
	}
	return nil
}

func (c *Containers) kill(ctx context.Context, name string) error {
	_, err := c.api.ContainerKill(ctx, name, client.ContainerKillOptions{Signal: "KILL"})
	return ignoreGone(err)
}

func (c *Containers) stop(ctx context.Context, name string, seconds int) error {
	_, err := c.api.ContainerStop(ctx, name, client.ContainerStopOptions{Timeout: &seconds})
	return ignoreGone(err)
}

// ignoreGone takes "no such container" and "is not running" for success.
func ignoreGone(err error) error {
	if errdefs.IsNotFound(err) || errdefs.IsConflict(err) || errdefs.IsNotModified(err) {
		return nil
	}
	return err
}

// Remove removes containers by force, then networks, and with local volumes.
// Anonymous volumes go with their containers and local.
func (c *Containers) Remove(ctx context.Context, project string, local bool) error {
	if !projectOK.MatchString(project) {
		return fmt.Errorf("remove containers: %q is not the name of a project", project)
	}
	all, err := c.List(ctx, project)
	for _, x := range all {
		_, failed := c.api.ContainerRemove(ctx, x.Name, client.ContainerRemoveOptions{Force: true, RemoveVolumes: local})
		if failed != nil && !errdefs.IsNotFound(failed) {
			err = errors.Join(err, failed)
		}
	}
	if err == nil {
		err = c.removeNetworks(ctx, project)
	}
	if err == nil && local {
		err = c.removeVolumes(ctx, project)
	}
	if err != nil {
		return fmt.Errorf("remove containers of %s: %w", project, err)
	}
	return nil
}

func (c *Containers) removeNetworks(ctx context.Context, project string) error {
	found, err := c.api.NetworkList(ctx, client.NetworkListOptions{Filters: client.Filters{}.Add("label", labelProject+"="+project)})
	for _, n := range found.Items {
		if n.Name == shared {
			continue
		}
		_, failed := c.api.NetworkRemove(ctx, n.ID, client.NetworkRemoveOptions{})
		if failed != nil && !errdefs.IsNotFound(failed) {
			err = errors.Join(err, failed)
		}
	}
	return err
}

// removeVolumes goes by the driver that dockerd names. What it cannot ask a
// driver about is not listed, and so is not removed.
func (c *Containers) removeVolumes(ctx context.Context, project string) error {
	found, err := c.api.VolumeList(ctx, client.VolumeListOptions{Filters: client.Filters{}.Add("label", labelProject+"="+project)})
	for _, v := range found.Items {
		if c.replicated(v.Driver) {
			continue
		}
		_, failed := c.api.VolumeRemove(ctx, v.Name, client.VolumeRemoveOptions{})
		if failed != nil && !errdefs.IsNotFound(failed) {
			err = errors.Join(err, failed)
		}
	}
	return err
}

// replicated reports that driver is Buttervolume: by the operator's list, and
// by its name in case that list is wrong.
func (c *Containers) replicated(driver string) bool {
	plain := strings.TrimSuffix(driver, ":latest")
	return strings.Contains(strings.ToLower(plain), "buttervolume") ||
		slices.ContainsFunc(c.drivers, func(d string) bool { return strings.TrimSuffix(d, ":latest") == plain })
}

// Pin takes the restart policy off every container of the project.
func (c *Containers) Pin(ctx context.Context, project string) error {
	if !projectOK.MatchString(project) {
		return fmt.Errorf("pin containers: %q is not the name of a project", project)
	}
	all, err := c.List(ctx, project)
	no := &container.RestartPolicy{Name: container.RestartPolicyDisabled}
	for _, x := range all {
		_, failed := c.api.ContainerUpdate(ctx, x.Name, client.ContainerUpdateOptions{RestartPolicy: no})
		if failed != nil && !errdefs.IsNotFound(failed) {
			err = errors.Join(err, failed)
		}
	}
	if err != nil {
		return fmt.Errorf("pin containers of %s: %w", project, err)
	}
	return nil
}
