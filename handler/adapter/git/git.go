// Package git fetches code with the system's git and holds the checkouts on
// this node. What comes in are an application and the name of a folder; what
// goes out is that folder, whole or not at all. It hands no string of a request
// to a shell, follows no link of a repository, runs no hook, filter or
// submodule, and starts no process for a name that app.Parse refuses.
package git

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"

	"github.com/mlfmonde/cluster/handler/adapter/process"
	"github.com/mlfmonde/cluster/handler/app"
)

// DefaultLimit is how large a clone may get, in bytes.
const DefaultLimit = 2 << 30

// Runner runs one program. [process.Runner] is one.
type Runner interface {
	Run(ctx context.Context, c process.Command) ([]byte, error)
}

// Config is what the operator says about fetching code. All files are paths
// without spaces or quotes; an empty one is not used.
type Config struct {
	Root        string // folder of the checkouts, "": app.DeployRoot
	KnownHosts  string // known_hosts file; without one every ssh host is refused
	Key         string // private key for ssh
	Credentials string // lines "https://user:password@host"; only read, never in an argument
	CA          string // PEM bundle for https, "": the system's
	AllowHTTP   bool   // plain http too: for development and tests
	Limit       int64  // bytes of a clone, 0: DefaultLimit
	Runner      Runner // nil: a process.Runner with Log
	Log         *slog.Logger
}

// Git is the two ports on one folder.
type Git struct {
	Source    *Source
	Checkouts *Checkouts
}

var pathOK = regexp.MustCompile(`^[A-Za-z0-9/_.,@+~-]+$`)

// New checks the configuration and makes the folder of the checkouts.
func New(c Config) (*Git, error) {
	if c.Root == "" {
		c.Root = app.DeployRoot
	}
	if c.Limit == 0 {
		c.Limit = DefaultLimit
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Runner == nil {
		c.Runner = &process.Runner{Log: c.Log}
	}
	// ssh's options reach git as one line that git gives to a shell.
	for _, p := range []string{c.KnownHosts, c.Key, c.Credentials, c.CA} {
		if p != "" && !(filepath.IsAbs(p) && pathOK.MatchString(p)) {
			return nil, fmt.Errorf("configure git: path %q is not absolute or has characters other than letters, digits and / _ . , @ + ~ -", p)
		}
	}
	if err := os.MkdirAll(c.Root, 0o755); err != nil {
		return nil, fmt.Errorf("make folder of checkouts: %w", err)
	}
	return &Git{Source: &Source{config: c}, Checkouts: &Checkouts{root: c.Root}}, nil
}

// checkoutOK is the form of a checkout's name: the app's name (which ends in
// five digits of a digest), then "-" and the operation, or "@" and a date as
// the old tool had it.
var checkoutOK = regexp.MustCompile(`^[A-Za-z0-9_~][A-Za-z0-9._~-]*\.[0-9a-f]{5}[-@][A-Za-z0-9][A-Za-z0-9.-]*$`)

var errName = errors.New("not the name of a checkout")

func checkName(dir string) error {
	if !checkoutOK.MatchString(dir) || !filepath.IsLocal(dir) || len(dir) > 250 {
		return fmt.Errorf("%w: %q", errName, dir)
	}
	return nil
}
