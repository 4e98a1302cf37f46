package sim

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/port"
	"github.com/mlfmonde/cluster/sim/sched"
)

// transfer is one snapshot on its way to another node.
type transfer struct {
	from, to *node
	src      *snapshot
	address  string
	power    *sched.Owner // of the receiver's machine: another one after a reboot
	part     *snapshot    // what is received so far
	took     time.Duration
}

var (
	errSend   = errors.New("btrfs send/receive failed (send: 1, receive: 1)")
	errMarker = errors.New("the marker of this snapshot and host exists")
	errEmpty  = errors.New("empty stream is not considered valid")
)

// send begins a transfer: what arrives first is a snapshot of that name that
// is not read-only. A copy that is there already makes the receive fail; then
// the driver deletes it, good as it may be, and sends everything again.
func (n *node) send(name, address string) (*transfer, error) {
	t := &transfer{from: n, address: address, took: n.c.o.Timing.SSH}
	if t.src = n.driver.snap(name); t.src == nil {
		return t, fmt.Errorf("snapshot %s: %w: %w", name, errEmpty, port.ErrNotFound)
	}
	for _, to := range n.c.nodes {
		if to.address == address && to != n {
			t.to = to
		}
	}
	if !t.connected() {
		return t, errSend
	}
	t.power = t.to.machine
	delta := len(t.src.records)
	parent := n.parent(t.src.Volume, address)
	there := t.to.driver.snap(name) != nil
	if there {
		t.to.driver.unsnap(name)
	} else if parent != nil && t.to.driver.has(parent.Origin()) {
		delta -= min(len(parent.records), delta)
	}
	t.took = n.c.o.Timing.Send + time.Duration(delta)*n.c.o.Timing.SendRecord
	t.part = &snapshot{records: t.src.records[:len(t.src.records)/2]}
	t.part.Name, t.part.Volume, t.part.UUID = t.src.Name, t.src.Volume, n.c.uuid()
	t.to.driver.add(t.part)
	n.c.changes.Data++
	return t, nil
}

// connected reports whether ssh gets through to a machine that runs.
func (t *transfer) connected() bool {
	n := t.from.c.net
	return t.to != nil && t.to.up && !t.to.frozen() && n.reaches(SSH, t.from.idx, t.to.idx) && n.reaches(SSH, t.to.idx, t.from.idx)
}

// parent is the last snapshot that the marker of this host names.
func (n *node) parent(volume, address string) *snapshot {
	all := n.driver.of(volume)
	for i := len(all) - 1; i >= 0; i-- {
		if m := all[i]; m.Host == address {
			return n.driver.snap(m.Name[:len(m.Name)-len(address)-1])
		}
	}
	return nil
}

// has reports whether a whole snapshot of that origin is here.
func (d *driver) has(origin string) bool {
	for _, s := range d.snaps {
		if s.ReadOnly && s.Host == "" && s.Origin() == origin {
			return true
		}
	}
	return false
}

// finish completes the transfer, or leaves what had arrived when the line
// broke. A full disk makes the driver delete the part.
func (t *transfer) finish() error {
	n := t.from
	if !t.connected() || t.to.machine != t.power {
		return errSend
	}
	d := &t.to.driver
	if t.to.full || d.snap(t.src.Name) != t.part {
		d.unsnap(t.src.Name)
		n.c.changes.Data++
		return errSend
	}
	t.part.records, t.part.Received, t.part.ReadOnly = t.src.records, t.src.Origin(), true
	n.c.changes.Data++
	return n.marker(t.src, t.address)
}

// marker notes whom the snapshot was sent to, and forgets the earlier notes.
func (n *node) marker(src *snapshot, address string) error {
	name := src.Name + "@" + address
	if n.driver.snap(name) != nil {
		return errMarker
	}
	var old []string
	for _, s := range n.driver.of(src.Volume) {
		if s.Host == address {
			old = append(old, s.Name)
		}
	}
	m := &snapshot{records: src.records}
	m.Snapshot = app.Snapshot{
		Name: name, Volume: src.Volume, Host: address, UUID: n.c.uuid(), Received: src.Received, ReadOnly: true,
	}
	n.driver.add(m)
	for _, name := range old {
		n.driver.unsnap(name)
	}
	return nil
}

func (s snapshotsPort) Send(ctx context.Context, name, address string) error {
	f, err := s.p.enter(ctx, callSend, name)
	volume, bad := volumeOf(name)
	if err == nil {
		err = errors.Join(bad, checkHost(address))
	}
	if err == nil {
		err = s.p.driver(ctx, volume)
	}
	switch {
	case err != nil:
	case f != nil && f.Phase == Late:
		s.later(name, address, f.delay(s.p.c))
	default:
		err = s.send(ctx, f, name, address)
	}
	if err = s.p.leave(f, callSend, name, err); err != nil {
		return fmt.Errorf("send %s to %s: %w", name, address, err)
	}
	return nil
}

func (s snapshotsPort) send(ctx context.Context, f *Armed, name, address string) error {
	t, refused := s.p.n.send(name, address)
	end := t.finish
	switch {
	case refused != nil:
		end = func() error { return refused }
	case f != nil && f.Phase == Half:
		t.stop(f.Share)
		end = func() error { return f.err() }
	}
	_, err := await(ctx, s.p, t.took, func() (nothing, error) { return nothing{}, end() })
	return err
}

// stop lets only percent of the transfer arrive, 0: half of it.
func (t *transfer) stop(percent int) {
	if percent == 0 {
		percent = 50
	}
	t.took = t.took * time.Duration(percent) / 100
	t.part.records = t.src.records[:len(t.src.records)*percent/100]
}

// later sends the whole after d.
func (s snapshotsPort) later(name, address string, d time.Duration) {
	n := s.p.n
	n.c.later(n, d, func() {
		t, err := n.send(name, address)
		if err == nil {
			n.c.later(n, t.took, func() { _ = t.finish() }) // nobody waits for the answer
		}
	})
}
