package buttervolume

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/mlfmonde/cluster/handler/port"
)

// Volumes implements port.Volumes.
type Volumes struct {
	driver *client
	disk   *disk
}

var _ port.Volumes = (*Volumes)(nil)

// List asks the plugin.
func (v *Volumes) List(ctx context.Context) ([]string, error) {
	r, err := v.driver.post(ctx, "VolumeDriver.List", nil)
	if err != nil {
		return nil, fmt.Errorf("list volumes: %w", err)
	}
	names := []string{}
	for _, volume := range r.Volumes {
		names = append(names, volume.Name)
	}
	slices.Sort(names)
	return names, nil
}

// Restore believes only what the disk shows: some generations of the plugin
// answer success and do nothing.
func (v *Volumes) Restore(ctx context.Context, snapshot, volume string) error {
	if err := v.restore(ctx, snapshot, volume); err != nil {
		return fmt.Errorf("restore %q to %q: %w", snapshot, volume, err)
	}
	return nil
}

func (v *Volumes) restore(ctx context.Context, snapshot, volume string) error {
	if err := checkVolume(volume); err != nil {
		return err
	}
	if _, err := parse(snapshot); err != nil {
		return err
	}
	if err := v.driver.open(ctx, volume); err != nil {
		return err
	}
	source, err := v.disk.show(ctx, filepath.Join(v.disk.snapshots, snapshot))
	if err != nil {
		return err
	}
	if !source.readonly {
		return errors.New("the snapshot is not read-only: it was received by half, or changed")
	}
	live := filepath.Join(v.disk.volumes, volume)
	before, err := v.disk.show(ctx, live)
	if err != nil && !errors.Is(err, port.ErrNotFound) {
		return err
	}
	body := map[string]string{"Name": snapshot, "Target": volume}
	if err := v.driver.replace(ctx, volume, "VolumeDriver.Snapshot.Restore", body); err != nil {
		return err
	}
	// The answer is there; looking at the disk does not hang on the caller.
	after, err := v.disk.show(context.WithoutCancel(ctx), live)
	if err != nil {
		return fmt.Errorf("the volume driver reports success: %w", err)
	}
	if after.uuid == before.uuid || after.parent != source.uuid {
		return errors.New("the volume driver reports success, but the volume is no copy of the snapshot")
	}
	return nil
}

// Remove asks the plugin; a volume that it does not know is gone.
func (v *Volumes) Remove(ctx context.Context, volume string) error {
	err := checkVolume(volume)
	if err == nil {
		err = v.driver.replace(ctx, volume, "VolumeDriver.Remove", map[string]string{"Name": volume})
	}
	if err != nil && !errors.Is(err, port.ErrNotFound) {
		return fmt.Errorf("remove volume %q: %w", volume, err)
	}
	return nil
}
