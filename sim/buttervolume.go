package sim

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/port"
	"github.com/mlfmonde/cluster/sim/sched"
)

// Record is one thing that is in a volume: a write that a user was
// acknowledged (Number), or the mark of a script, which it leaves as it begins.
type Record struct {
	Number uint64 `json:"number,omitempty"`
	Mark   string `json:"mark,omitempty"`
	Of     string `json:"of,omitempty"` // operation in which the script ran
}

// volume is a live volume. Snapshots share its records up to their length.
type volume struct {
	name    string
	records []Record
}

func (v *volume) append(r Record) { v.records = append(v.records, r) }

// frozen is the content as it is now: later appends do not show in it.
func frozen(records []Record) []Record { return records[:len(records):len(records)] }

type snapshot struct {
	app.Snapshot
	records []Record
}

// driver is one node's Buttervolume: what is on its disk, and what its
// process remembers.
type driver struct {
	down    bool
	starts  int
	stalled bool        // it takes calls and does not answer them
	volumes []*volume   // sorted by name
	snaps   []*snapshot // sorted by name
	lines   []app.Schedule
	last    map[string]time.Time // of each line, in memory
	blocked map[string]int       // volumes with a restore or removal that has not answered
}

func newDriver() driver { return driver{} }

// boot is the driver's start: no memory, and its scheduler counts from now.
func (d *driver) boot(n *node) {
	d.starts++
	d.last, d.blocked = map[string]time.Time{}, map[string]int{}
	n.ticker()
}

func byName(v *volume, name string) int { return strings.Compare(v.name, name) }

func (d *driver) live(name string) *volume {
	if i, ok := slices.BinarySearchFunc(d.volumes, name, byName); ok {
		return d.volumes[i]
	}
	return nil
}

// ensure finds or creates the volume.
func (d *driver) ensure(n *node, name string) *volume {
	i, ok := slices.BinarySearchFunc(d.volumes, name, byName)
	if !ok {
		d.volumes = slices.Insert(d.volumes, i, &volume{name: name})
		n.c.changes.Data++
	}
	return d.volumes[i]
}

func (d *driver) find(name string) (int, bool) {
	return slices.BinarySearchFunc(d.snaps, name, func(s *snapshot, name string) int { return strings.Compare(s.Name, name) })
}

func (d *driver) snap(name string) *snapshot {
	if i, ok := d.find(name); ok {
		return d.snaps[i]
	}
	return nil
}

func (d *driver) add(s *snapshot) {
	i, _ := d.find(s.Name)
	d.snaps = slices.Insert(d.snaps, i, s)
}

func (d *driver) unsnap(name string) {
	if i, ok := d.find(name); ok {
		d.snaps = slices.Delete(d.snaps, i, i+1)
	}
}

// of is the range of the snapshots of a volume.
func (d *driver) of(volume string) []*snapshot {
	i, _ := d.find(volume + "@")
	j := i
	for j < len(d.snaps) && strings.HasPrefix(d.snaps[j].Name, volume+"@") {
		j++
	}
	return d.snaps[i:j]
}

// dateForm is how the driver writes dates into names, in local time.
const dateForm = "2006-01-02T15:04:05.000000"

// take makes a snapshot of a live volume.
func (n *node) take(name string) (*snapshot, error) {
	d := &n.driver
	v := d.live(name)
	switch {
	case v == nil:
		return nil, fmt.Errorf("volume %s: no such volume: %w", name, port.ErrNotFound)
	case n.full:
		return nil, fmt.Errorf("snapshot of %s: %w", name, port.ErrNoSpace)
	}
	s := &snapshot{records: frozen(v.records)}
	at := n.local()
	for {
		s.Name = name + "@" + at.Format(dateForm)
		if _, taken := d.find(s.Name); !taken {
			break
		}
		at = at.Add(time.Microsecond)
	}
	s.Volume, s.UUID, s.ReadOnly = name, n.c.uuid(), true
	d.add(s)
	n.c.changes.Data++
	return s, nil
}

// errDriver: nothing was sent, so nothing can have happened.
var errDriver = errors.New("the volume driver cannot be reached: connection refused")

// driver is the driver's answer to a connection about a volume, "" for none
// in particular. It waits for one that does not answer.
func (p *process) driver(ctx context.Context, volume string) error {
	d := &p.n.driver
	if volume != "" && d.blocked[volume] > 0 {
		return fmt.Errorf("volume %s: %w", volume, port.ErrBlocked)
	}
	for d.stalled && !d.down {
		if err := p.sleep(ctx, time.Second); err != nil {
			return err
		}
	}
	if d.down {
		return errDriver
	}
	return nil
}

type volumesPort struct{ p *process }

var _ port.Volumes = volumesPort{}

func (s volumesPort) List(ctx context.Context) ([]string, error) {
	f, err := s.p.enter(ctx, callVolumes, "")
	if err == nil {
		err = s.p.driver(ctx, "")
	}
	var list []string
	if err == nil {
		for _, v := range s.p.n.driver.volumes {
			list = append(list, v.name)
		}
	}
	return answer(list, s.p.leave(f, callVolumes, "", err))
}

func (s volumesPort) Restore(ctx context.Context, snapshot, volume string) error {
	_, bad := volumeOf(snapshot)
	err := s.slow(ctx, callRestore, snapshot, volume, bad, s.p.c.o.Timing.Restore, func() error {
		return s.p.n.restore(snapshot, volume)
	})
	if err != nil {
		return fmt.Errorf("restore %s: %w", volume, err)
	}
	return nil
}

// slow is a call that blocks the volume until the driver has answered, even
// when nobody waits for the answer any more.
func (s volumesPort) slow(ctx context.Context, id callID, arg, volume string, bad error, took time.Duration, effect func() error) error {
	n := s.p.n
	f, err := s.p.enter(ctx, id, arg)
	if err == nil {
		err = errors.Join(bad, checkVolume(volume))
	}
	blocked := n.driver.blocked
	switch {
	case f != nil && f.Phase == Hang && f.For == 0 && err != nil:
		blocked[volume]++ // it never answers
	case err != nil:
	case n.driver.down || blocked[volume] > 0:
		err = s.p.driver(ctx, volume)
	default:
		late := f != nil && f.Phase == Late
		blocked[volume]++
		if late {
			took = f.delay(s.p.c)
		}
		err = s.p.replace(ctx, took, !late, func() error {
			blocked[volume]--
			return effect()
		})
		if ctx.Err() != nil {
			err = unknown(err)
		}
	}
	return s.p.leave(f, id, arg, err)
}

// replace puts a call to the driver, which does it after took and once it
// answers again. The caller may wait for that.
func (p *process) replace(ctx context.Context, took time.Duration, wait bool, effect func() error) error {
	var (
		err  error
		done bool
		try  func()
	)
	t, n := p.c.sched.Current(), p.n
	life := n.driver.starts
	try = func() {
		switch {
		case n.driver.starts != life:
			err = fmt.Errorf("volume driver: it was restarted: %w", port.ErrUnknown)
		case n.driver.stalled || n.driver.down:
			p.c.later(n, time.Second, try)
			return
		default:
			err = effect()
		}
		done = true
		p.c.sched.Wake(t)
	}
	p.c.later(n, took, try)
	for wait && !done {
		if err := p.c.sched.Park(ctx, sched.Never); err != nil && !done {
			return gone(err)
		}
	}
	if p.owner.Dead() {
		return ErrDead
	}
	return err
}

// restore puts a writable copy of the snapshot in the place of the volume.
func (n *node) restore(name, volume string) error {
	d := &n.driver
	src := d.snap(name)
	switch {
	case src == nil:
		return fmt.Errorf("snapshot %s: %w", name, port.ErrNotFound)
	case n.full:
		return port.ErrNoSpace
	}
	if d.live(volume) != nil {
		if _, err := n.take(volume); err != nil {
			return err
		}
		n.unlive(volume)
	}
	n.driver.ensure(n, volume).records = frozen(src.records)
	n.c.changes.Data++
	return nil
}

// unlive takes the live volume away; containers that mount it go on writing
// into what nobody sees any more.
func (n *node) unlive(name string) {
	d := &n.driver
	if i, ok := slices.BinarySearchFunc(d.volumes, name, byName); ok {
		d.volumes = slices.Delete(d.volumes, i, i+1)
		n.c.changes.Data++
	}
}

func (s volumesPort) Remove(ctx context.Context, volume string) error {
	err := s.slow(ctx, callRemoveVolume, volume, volume, nil, s.p.c.o.Timing.Remove, func() error {
		s.p.n.unlive(volume)
		return nil
	})
	if err != nil {
		return fmt.Errorf("remove volume %s: %w", volume, err)
	}
	return nil
}
