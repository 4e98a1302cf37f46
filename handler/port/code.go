package port

import (
	"context"
	"time"

	"github.com/mlfmonde/cluster/handler/app"
)

// Source fetches code.
type Source interface {
	// Checkout makes dir (a name below app.DeployRoot) a fresh shallow clone of
	// a's branch and returns the commit. What was there is replaced, and a
	// failure leaves nothing. ErrDenied: the remote refused us or host keys
	// do not match; ErrNotFound: no such repository or branch.
	Checkout(ctx context.Context, a app.App, dir string) (commit string, err error)
}

// Files are the files of a checkout that inspection reads: path relative to
// the checkout, with slashes → content. Regular files only, never links.
type Files map[string][]byte

// Checkouts are the folders below app.DeployRoot on this node.
type Checkouts interface {
	// Read returns what inspection needs of dir: compose files, .env files,
	// service.json, update.sh and post_migrate.sh, at most 256 KiB each and
	// 4 levels deep (compose, .env and any *.yml, *.yaml, *.env). Links and
	// other non-regular files are left out. ErrNotFound: no such checkout.
	Read(ctx context.Context, dir string) (Files, error)
	// Write sets files of dir, each atomically.
	Write(ctx context.Context, dir string, files Files) error
	// List names the checkouts, sorted.
	List(ctx context.Context) ([]string, error)
	// Remove takes dir away; a missing one is success.
	Remove(ctx context.Context, dir string) error
}

// Images makes the images of a stack available on this node under tags that
// belong to the operation (app.Stack.ID), so that no other build moves them.
type Images interface {
	// Pull fetches every image that is not built, and the base images.
	Pull(ctx context.Context, s app.Stack) error
	// Build builds the others and returns service → image id of all.
	Build(ctx context.Context, s app.Stack) (map[string]string, error)
	// Drop removes the operation's tags; images still used stay. Missing ones
	// are fine.
	Drop(ctx context.Context, s app.Stack) error
}

// Stack runs a compose project.
type Stack interface {
	// Up starts every service from exactly s.Images, creating containers,
	// networks and missing volumes. It returns when they are started, not
	// when they are healthy. ErrNoLease: the lease file of s.Seq is missing;
	// nothing runs then.
	Up(ctx context.Context, s app.Stack) error
	// Stop stops the project's containers gracefully, each with at most grace,
	// then kills. Nothing to stop is success. Containers stay.
	Stop(ctx context.Context, project string, grace time.Duration) error
}

// Containers are the containers of compose projects on this node.
type Containers interface {
	// List returns the containers of project, or with "" of every project that
	// carries our label, sorted by name, running or not.
	List(ctx context.Context, project string) ([]app.Container, error)
	// Kill kills the running containers of project that carry seq, with 0 all.
	Kill(ctx context.Context, project string, seq uint64) error
	// Remove takes away the project's containers and networks, and with local
	// its volumes of other drivers than Buttervolume. Never a Buttervolume
	// volume. Running ones are killed. Nothing there is success.
	Remove(ctx context.Context, project string, local bool) error
	// Pin sets --restart=no on the project's containers: those of the old tool
	// carry no lease.
	Pin(ctx context.Context, project string) error
}

// Script is a script of the repository.
type Script struct {
	Stack app.Stack
	Name  string // update.sh or post_migrate.sh, in the checkout
	Args  []string
}

// Scripts runs an application's own scripts.
type Scripts interface {
	// Run runs the script with the checkout as working directory, in its own
	// process group that dies with the lease. A missing script is ErrNotFound,
	// a missing lease file of Stack.Seq is ErrNoLease and nothing is run, a
	// non-zero exit any other error. Not safe to run twice: restore first.
	Run(ctx context.Context, s Script) error
}
