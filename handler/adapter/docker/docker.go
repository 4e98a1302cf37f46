// Package docker runs applications: images, compose projects, their containers
// and the repository's scripts. What comes in are stacks (a checkout that was
// inspected) and project names; what goes out are containers of dockerd, which
// it talks to through its API, and through "docker compose" by argv for the
// canonical file. It decides nothing about who may run: the lease file does,
// and dockerd refuses without it.
package docker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/client"
	"golang.org/x/sys/unix"

	"github.com/mlfmonde/cluster/handler/adapter/process"
	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/port"
)

// Config says where dockerd and the files are. The zero Config is a real node's.
type Config struct {
	Host      string   // "": unix:///var/run/docker.sock
	Compose   []string // "docker", "compose" when empty; or a standalone docker-compose
	Root      string   // folder of the checkouts, "": app.DeployRoot
	LeaseRoot string   // "": app.LeaseRoot
	RunDir    string   // scripts are recorded in its folder "script"; "": /run/cluster
	Drivers   []string // names of the Buttervolume driver, with or without ":latest"
	AuthDir   string   // folder of a Docker config.json with registry credentials, "": none
	Runner    *process.Runner
	Log       *slog.Logger
}

// Docker is the ports on one daemon.
type Docker struct {
	Images     *Images
	Stack      *Stack
	Containers *Containers
	Scripts    *Scripts
	api        *client.Client
}

// New checks the configuration. It does not wait for the daemon: one that is
// down is an error of each call.
func New(c Config) (*Docker, error) {
	for _, d := range []struct {
		value *string
		usual string
	}{{&c.Host, "unix:///var/run/docker.sock"}, {&c.Root, app.DeployRoot}, {&c.LeaseRoot, app.LeaseRoot}, {&c.RunDir, "/run/cluster"}} {
		if *d.value == "" {
			*d.value = d.usual
		}
	}
	if len(c.Compose) == 0 {
		c.Compose = []string{"docker", "compose"}
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Runner == nil {
		c.Runner = &process.Runner{Log: c.Log}
	}
	if err := os.MkdirAll(filepath.Join(c.RunDir, "script"), 0o755); err != nil {
		return nil, fmt.Errorf("make folder of running scripts: %w", err)
	}
	api, err := client.New(client.WithHost(c.Host))
	if err != nil {
		return nil, fmt.Errorf("configure docker: %w", err)
	}
	containers := &Containers{api: api, drivers: c.Drivers}
	images := &Images{config: c, api: api}
	return &Docker{
		Images: images, Containers: containers, Scripts: &Scripts{config: c},
		Stack: &Stack{config: c, images: images, containers: containers}, api: api,
	}, nil
}

// Close ends the idle connections to dockerd.
func (d *Docker) Close() error { return d.api.Close() }

var (
	projectOK = regexp.MustCompile(`^[a-z0-9]{1,200}$`)
	dirOK     = regexp.MustCompile(`^[A-Za-z0-9_~][A-Za-z0-9._~@-]{0,249}$`)
)

// check refuses a stack whose words could be something else as a path or an
// argument.
func check(s app.Stack) error {
	if !projectOK.MatchString(s.Project) {
		return fmt.Errorf("%q is not the name of a project", s.Project)
	}
	if !dirOK.MatchString(s.Dir) || !filepath.IsLocal(s.Dir) {
		return fmt.Errorf("%q is not the name of a checkout", s.Dir)
	}
	if s.Seq != 0 {
		return app.CheckID("id", s.ID)
	}
	return nil
}

// lease is the path of the stack's lease file.
func (c Config) lease(s app.Stack) string {
	return filepath.Join(c.LeaseRoot, leaseName(s))
}

func leaseName(s app.Stack) string { return s.Project + "." + strconv.FormatUint(s.Seq, 10) }

// leased is ErrNoLease when the stack needs a lease file and has none. Stacks
// of the old tool (seq 0) need none.
func (c Config) leased(s app.Stack) error {
	if s.Seq == 0 {
		return nil
	}
	if _, err := os.Stat(c.lease(s)); err != nil {
		return fmt.Errorf("%w: %w", port.ErrNoLease, err)
	}
	return nil
}

// environ is the whole environment of compose and of scripts.
func (c Config) environ() []string {
	env := []string{"LC_ALL=C.UTF-8", "DOCKER_HOST=" + c.Host}
	if home := os.Getenv("HOME"); home != "" {
		env = append(env, "HOME="+home)
	}
	if c.AuthDir != "" {
		env = append(env, "DOCKER_CONFIG="+c.AuthDir)
	}
	return env
}

// compose runs docker compose on the stack's file.
func (c Config) compose(ctx context.Context, s app.Stack, args ...string) error {
	dir := filepath.Join(c.Root, s.Dir)
	file, err := c.file(s)
	if err != nil {
		return err
	}
	argv := append(slices.Clone(c.Compose), "--ansi", "never", "--progress", "plain",
		"-f", file, "-p", s.Project, "--project-directory", dir)
	if filepath.Base(file) == app.CanonicalFile {
		// The canonical file has nothing left to interpolate, and a COMPOSE_…
		// of the checkout's .env must not change what it means.
		argv = append(argv, "--env-file", os.DevNull)
	}
	argv = append(argv, args...)
	_, err = c.Runner.Run(ctx, process.Command{Name: argv[0], Args: argv[1:], Dir: dir, Env: c.environ()})
	return c.classify(err)
}

// file is the canonical file of the stack's checkout. Checkouts of the old
// tool have none: theirs is the repository's own.
func (c Config) file(s app.Stack) (string, error) {
	names := []string{app.CanonicalFile}
	if s.Seq == 0 {
		names = append(names, "docker-compose.yml")
	}
	for _, name := range names {
		path := filepath.Join(c.Root, s.Dir, name)
		if info, err := os.Lstat(path); err == nil && info.Mode().IsRegular() {
			return path, nil
		}
	}
	return "", fmt.Errorf("%w: no %s in checkout %s", port.ErrNotFound, names[len(names)-1], s.Dir)
}

// classify gives a failure of dockerd or compose the sentinel that somebody
// branches on.
func (c Config) classify(err error) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	if failed := (*process.Error)(nil); errors.As(err, &failed) {
		text = failed.Output
	}
	gone := strings.Contains(text, "bind source path does not exist: "+c.LeaseRoot+"/") ||
		strings.Contains(text, `error mounting "`+c.LeaseRoot+"/") && strings.Contains(text, "no such file or directory")
	switch {
	case gone:
		return fmt.Errorf("%w: %w", port.ErrNoLease, err)
	case strings.Contains(text, "no space left on device"), errors.Is(err, unix.ENOSPC):
		return fmt.Errorf("%w: %w", port.ErrNoSpace, err)
	case errdefs.IsUnauthorized(err), errdefs.IsPermissionDenied(err):
		return fmt.Errorf("%w: %w", port.ErrDenied, err)
	}
	return err
}
