package docker

import (
	"context"
	"fmt"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/client"

	"github.com/mlfmonde/cluster/handler/port"
)

// Signal sends a signal, such as SIGUSR2, to the first process of the container
// called name, which is none of an app. ErrNotFound: there is no such container.
func (d *Docker) Signal(ctx context.Context, name, signal string) error {
	found, err := d.api.ContainerInspect(ctx, name, client.ContainerInspectOptions{})
	if err != nil {
		return d.unsigned(name, signal, err)
	}
	if state := found.Container.State; state == nil || !state.Running {
		return fmt.Errorf("container %s is not running", name)
	}
	if _, err := d.api.ContainerKill(ctx, name, client.ContainerKillOptions{Signal: signal}); err != nil {
		return d.unsigned(name, signal, err)
	}
	return nil
}

func (d *Docker) unsigned(name, signal string, err error) error {
	if errdefs.IsNotFound(err) {
		return fmt.Errorf("there is no container %s: %w", name, port.ErrNotFound)
	}
	return fmt.Errorf("send %s to container %s: %w", signal, name, err)
}
