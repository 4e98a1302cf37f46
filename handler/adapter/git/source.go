package git

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mlfmonde/cluster/handler/adapter/process"
	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/port"
)

// Source clones with the system's git.
type Source struct{ config Config }

var _ port.Source = (*Source)(nil)

// Checkout clones into a hidden folder beside dir and renames it, so that dir
// is the old one, the new one or nothing.
func (s *Source) Checkout(ctx context.Context, a app.App, dir string) (string, error) {
	if err := s.check(a, dir); err != nil {
		return "", err
	}
	sweep(s.config.Root)
	work, err := newWorkplace(s.config.Root)
	if err != nil {
		return "", fmt.Errorf("check out %s: %w", a.Name(), err)
	}
	defer work.remove()
	commit, err := s.clone(ctx, a, work)
	if err != nil {
		return "", fmt.Errorf("check out %s: %w", a.Name(), err)
	}
	if err := work.publish(s.config.Root, dir); err != nil {
		return "", fmt.Errorf("check out %s: %w", a.Name(), noSpace(err))
	}
	return commit, nil
}

// check refuses what did not come from app.Parse before anything is started.
func (s *Source) check(a app.App, dir string) error {
	parsed, err := app.Parse(a.Repo, a.Branch)
	if err != nil {
		return fmt.Errorf("check out: %w: %w", port.ErrDenied, err)
	}
	if parsed != a {
		return fmt.Errorf("check out: %w: repository or branch is not in its normal form", port.ErrDenied)
	}
	if a.Insecure() && !s.config.AllowHTTP {
		return fmt.Errorf("check out %s: %w: plain http is off; use https or ssh, or --git-allow-http for development", a.Name(), port.ErrDenied)
	}
	id, ours := strings.CutPrefix(dir, a.Name()+"-")
	if !ours || app.CheckID("id", id) != nil {
		return fmt.Errorf("check out %s: %w: %q", a.Name(), errName, dir)
	}
	return checkName(dir)
}

func (s *Source) clone(ctx context.Context, a app.App, w *workplace) (string, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go watchSize(ctx, w.tree, s.config.Limit, cancel)
	env := s.config.environ(w.home)
	_, err := s.config.Runner.Run(ctx, process.Command{Name: "git", Args: s.config.clone(a, w.tree), Dir: w.dir, Env: env})
	if err != nil {
		return "", classify(err)
	}
	if size(w.tree) > s.config.Limit {
		return "", tooLarge(s.config.Limit)
	}
	out, err := s.config.Runner.Run(ctx, process.Command{Name: "git", Args: s.config.head(w.tree), Dir: w.dir, Env: env})
	if err != nil {
		return "", classify(err)
	}
	return strings.TrimSpace(string(out)), nil
}

// missing and denied are the words of git, ssh and curl, all in the C locale.
func missing() []string {
	return []string{
		"Remote branch", "Repository not found", "' not found", "does not appear to be a git repository",
		"returned error: 404", "Could not find remote branch",
	}
}

func denied() []string {
	return []string{
		"Permission denied (", "Host key verification failed", "Authentication failed", "could not read Username",
		"could not read Password", "returned error: 401", "returned error: 403", "Too many authentication failures",
		"REMOTE HOST IDENTIFICATION HAS CHANGED", "access denied", "Access denied", "' not allowed",
		"server certificate verification failed", "SSL certificate problem",
	}
}

// classify gives git's failure the sentinel that somebody branches on.
func classify(err error) error {
	var failed *process.Error
	if !errors.As(err, &failed) {
		return err
	}
	has := func(words []string) bool {
		return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(failed.Output, w) })
	}
	switch {
	case strings.Contains(failed.Output, "No space left on device"):
		return fmt.Errorf("%w: %w", port.ErrNoSpace, err)
	case has(denied()):
		return fmt.Errorf("%w: %w", port.ErrDenied, err)
	case has(missing()):
		return fmt.Errorf("%w: %w", port.ErrNotFound, err)
	}
	return err
}

func noSpace(err error) error {
	if isNoSpace(err) {
		return fmt.Errorf("%w: %w", port.ErrNoSpace, err)
	}
	return err
}

// workplace is the hidden folder of one clone. Its lock says that its maker
// is alive.
type workplace struct {
	dir, home, tree string
	lock            *os.File
}

// publish puts the tree in dir's place.
func (w *workplace) publish(root, dir string) error {
	final := filepath.Join(root, dir)
	if _, err := os.Lstat(final); err == nil {
		if err := os.Rename(final, filepath.Join(w.dir, "old")); err != nil {
			return err
		}
	}
	if err := os.Rename(w.tree, final); err != nil {
		return err
	}
	return syncDir(root)
}
