package port

import (
	"context"
	"log/slog"
	"time"

	"github.com/mlfmonde/cluster/handler/app"
)

// Guard makes the lease files without which no container of ours starts, and
// knows whether the guard process that enforces their end is alive.
type Guard interface {
	// Grant makes or prolongs the lease file of l.Project and l.Seq.
	Grant(ctx context.Context, l app.Lease) error
	// Release removes it; a missing one is success.
	Release(ctx context.Context, project string, seq uint64) error
	// List returns the lease files there are, sorted by project and seq.
	List(ctx context.Context) ([]app.Lease, error)
	// Mark is how long ago the guard process last looked. ErrNotFound: it has
	// not looked since the machine started.
	Mark(ctx context.Context) (time.Duration, error)
}

// Warden is what the guard process can do besides Guard and Containers. It
// works when dockerd does not answer.
type Warden interface {
	// Touch sets the mark that Guard.Mark reads.
	Touch(ctx context.Context) error
	// Slay kills the process groups of scripts of project and seq, and with
	// containers also the processes of its containers by the pids of their
	// cgroups. Nothing to kill is success.
	Slay(ctx context.Context, project string, seq uint64, containers bool) error
}

// Journal is what this node remembers by itself of each app, on disk.
type Journal interface {
	// Read returns the entry of name, the zero entry when there is none.
	Read(ctx context.Context, name string) (app.Journal, error)
	// Write sets it, on disk before it returns.
	Write(ctx context.Context, name string, j app.Journal) error
	// Forget removes it; a missing one is success.
	Forget(ctx context.Context, name string) error
	// List names the apps that have an entry, sorted.
	List(ctx context.Context) ([]string, error)
}

// Edge is this node's HAProxy and Caddy.
type Edge interface {
	// Publish makes the edge follow the KV as it is now and returns the KV
	// index that the running edge reflects, and the apps that it leaves out or
	// shows as they were before, each with the reason; they hold up nobody
	// else. What holds up the edge itself is under app.WholeEdge, and the index
	// is then the one that was reached before.
	Publish(ctx context.Context) (app.Published, error)
}

// Clock is time as the handler may use it.
type Clock interface {
	// Now is wall-clock time in UTC, for people only.
	Now() time.Time
	// Boot is CLOCK_BOOTTIME: it never jumps and goes on in suspend.
	Boot() time.Duration
	// Sleep waits for d, or until ctx ends and then returns its error.
	Sleep(ctx context.Context, d time.Duration) error
}

// Tasks runs functions side by side.
type Tasks interface {
	// Go starts f as a task called name and returns at once.
	Go(ctx context.Context, name string, f func(context.Context))
}

// World is everything a handler reaches, as one value.
type World struct {
	KV         KV
	Presence   Presence
	Members    Members
	Events     Events
	Checks     Checks
	Source     Source
	Checkouts  Checkouts
	Images     Images
	Stack      Stack
	Containers Containers
	Scripts    Scripts
	Volumes    Volumes
	Snapshots  Snapshots
	Schedules  Schedules
	Guard      Guard
	Warden     Warden
	Journal    Journal
	Edge       Edge
	Clock      Clock
	Tasks      Tasks
	Log        *slog.Logger
}
