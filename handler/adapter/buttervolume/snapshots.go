package buttervolume

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/port"
)

// Snapshots implements port.Snapshots.
type Snapshots struct {
	driver *client
	disk   *disk
}

var _ port.Snapshots = (*Snapshots)(nil)

// Take asks the plugin and looks the uuid up on disk.
func (s *Snapshots) Take(ctx context.Context, volume string) (app.Snapshot, error) {
	snapshot, err := s.take(ctx, volume)
	if err != nil {
		return app.Snapshot{}, fmt.Errorf("take snapshot of %q: %w", volume, err)
	}
	return snapshot, nil
}

func (s *Snapshots) take(ctx context.Context, volume string) (app.Snapshot, error) {
	if err := checkVolume(volume); err != nil {
		return app.Snapshot{}, err
	}
	if err := s.driver.open(ctx, volume); err != nil {
		return app.Snapshot{}, err
	}
	r, err := s.driver.post(ctx, "VolumeDriver.Snapshot", map[string]string{"Name": volume})
	if err != nil {
		return app.Snapshot{}, err
	}
	taken, err := parse(r.Snapshot)
	if err != nil || taken.Volume != volume || taken.Host != "" {
		return app.Snapshot{}, fmt.Errorf("the volume driver names it %q", oneLine(r.Snapshot))
	}
	found, err := s.disk.show(ctx, filepath.Join(s.disk.snapshots, taken.Name))
	if err != nil {
		return app.Snapshot{}, err
	}
	return with(taken, found), nil
}

func with(s app.Snapshot, found subvolume) app.Snapshot {
	s.UUID, s.Received, s.ReadOnly = found.uuid, found.received, found.readonly
	return s
}

// List takes the names from the plugin and the rest from the disk. Names that
// are not those of snapshots (something else in that folder) are left out.
func (s *Snapshots) List(ctx context.Context, volume string) ([]app.Snapshot, error) {
	snapshots, err := s.list(ctx, volume)
	if err != nil {
		return nil, fmt.Errorf("list snapshots of %q: %w", volume, err)
	}
	return snapshots, nil
}

func (s *Snapshots) list(ctx context.Context, volume string) ([]app.Snapshot, error) {
	if volume != "" {
		if err := checkVolume(volume); err != nil {
			return nil, err
		}
		if err := s.driver.open(ctx, volume); err != nil {
			return nil, err
		}
	}
	// All names may go away between the plugin's list and the look at the
	// disk; that the folder is a wrong one shows every time.
	for range 3 {
		named, err := s.named(ctx, volume)
		if err != nil || len(named) == 0 {
			return named, err
		}
		names := make([]string, len(named))
		for i, n := range named {
			names[i] = n.Name
		}
		found, err := s.disk.look(ctx, names)
		if err != nil {
			return nil, err
		}
		if len(found) > 0 {
			return join(named, found), nil
		}
	}
	return nil, fmt.Errorf("none of those that the volume driver names is a subvolume in %s", s.disk.snapshots)
}

// named are the snapshots that the plugin names, without what the disk knows.
func (s *Snapshots) named(ctx context.Context, volume string) ([]app.Snapshot, error) {
	r, err := s.driver.list(ctx, "VolumeDriver.Snapshot.List")
	if err != nil {
		return nil, err
	}
	named := []app.Snapshot{}
	for _, name := range r.Snapshots {
		snapshot, err := parse(name)
		if err == nil && (volume == "" || snapshot.Volume == volume) {
			named = append(named, snapshot)
		}
	}
	slices.SortFunc(named, func(a, b app.Snapshot) int { return cmp.Compare(a.Name, b.Name) })
	return named, nil
}

func join(named []app.Snapshot, found map[string]subvolume) []app.Snapshot {
	there := named[:0]
	for _, n := range named {
		if f, ok := found[n.Name]; ok {
			there = append(there, with(n, f))
		}
	}
	return there
}

// Send asks the plugin and trusts its answer; whether the other side has the
// snapshot whole is for that side to say.
func (s *Snapshots) Send(ctx context.Context, snapshot, address string) error {
	if err := s.send(ctx, snapshot, address); err != nil {
		return fmt.Errorf("send %q to %q: %w", snapshot, address, err)
	}
	return nil
}

func (s *Snapshots) send(ctx context.Context, snapshot, address string) error {
	parsed, err := parse(snapshot)
	if err != nil {
		return err
	}
	if err := checkHost(address); err != nil {
		return err
	}
	if err := s.driver.open(ctx, parsed.Volume); err != nil {
		return err
	}
	path := filepath.Join(s.disk.snapshots, snapshot)
	if _, err := s.disk.show(ctx, path); err != nil {
		return err
	}
	switch sent, err := present(path + "@" + address); {
	case err != nil:
		return err
	case sent: // the driver would delete the good copy and send it again
		return errors.New("it was sent there before")
	}
	body := map[string]any{"Name": snapshot, "Host": address, "Test": false}
	_, err = s.driver.post(ctx, "VolumeDriver.Snapshot.Send", body)
	if errors.Is(err, port.ErrNotFound) { // the text came from the other node: not our snapshot
		return errors.New(oneLine(err.Error()))
	}
	return err
}

// Remove asks the plugin; a snapshot that it does not know is gone.
func (s *Snapshots) Remove(ctx context.Context, snapshot string) error {
	if err := s.remove(ctx, snapshot); err != nil && !errors.Is(err, port.ErrNotFound) {
		return fmt.Errorf("remove snapshot %q: %w", snapshot, err)
	}
	return nil
}

func (s *Snapshots) remove(ctx context.Context, snapshot string) error {
	parsed, err := parse(snapshot)
	if err != nil {
		return err
	}
	if err := s.driver.open(ctx, parsed.Volume); err != nil {
		return err
	}
	_, err = s.driver.post(ctx, "VolumeDriver.Snapshot.Remove", map[string]string{"Name": snapshot})
	return err
}
