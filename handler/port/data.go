package port

import (
	"context"

	"github.com/mlfmonde/cluster/handler/app"
)

// Volumes are this node's live Buttervolume volumes.
type Volumes interface {
	// List names the live volumes, sorted.
	List(ctx context.Context) ([]string, error)
	// Restore replaces the live volume by a writable copy of the snapshot,
	// named in full. The replaced data stays as a new snapshot of the volume.
	// Not safe to run twice once the app has started. It has no time-out:
	// without an answer the error wraps ErrUnknown, and until the driver has
	// answered or restarted every call for that volume returns ErrBlocked.
	Restore(ctx context.Context, snapshot, volume string) error
	// Remove takes the live volume away, its snapshots stay. A missing one is
	// success. Without an answer as Restore.
	Remove(ctx context.Context, volume string) error
}

// Snapshots are this node's read-only copies of volumes.
type Snapshots interface {
	// Take makes a snapshot of the live volume, each time a new one.
	// ErrNotFound: no such volume.
	Take(ctx context.Context, volume string) (app.Snapshot, error)
	// List returns the snapshots of volume ("" = of all), markers included,
	// sorted by name. Half-received ones have ReadOnly false.
	List(ctx context.Context, volume string) ([]app.Snapshot, error)
	// Send transfers the snapshot to the node at address, incrementally where
	// both have a common one, and leaves the marker <snapshot>@<address>. nil:
	// the driver says that the other side has it whole. Never send one
	// snapshot twice to one node: the driver would delete the good copy.
	Send(ctx context.Context, snapshot, address string) error
	// Remove takes a snapshot away; a missing one is success.
	Remove(ctx context.Context, snapshot string) error
}

// Schedules is Buttervolume's schedule on this node.
type Schedules interface {
	// Set makes the lines of volume exactly these: missing ones are added,
	// others removed.
	Set(ctx context.Context, volume string, lines []app.Schedule) error
	// List returns all lines, sorted by volume and action.
	List(ctx context.Context) ([]app.Schedule, error)
}
