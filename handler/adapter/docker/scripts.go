package docker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/mlfmonde/cluster/handler/adapter/process"
	"github.com/mlfmonde/cluster/handler/port"
)

// scriptMark names the environment variable by which the guard finds what has
// left the script's process group.
const scriptMark = "CLUSTER_SCRIPT="

// strayMax bounds the search for such processes after a script's end.
const strayMax = 10 * time.Second

// Scripts runs update.sh and post_migrate.sh where the handler runs, with
// Docker at hand.
type Scripts struct{ config Config }

var _ port.Scripts = (*Scripts)(nil)

// Run runs "sh ./<name> <args>" in the checkout. Without the stack's lease file
// it starts nothing (ErrNoLease): what the guard has ended must not begin
// again. Nothing the script started outlives it.
func (s *Scripts) Run(ctx context.Context, script port.Script) error {
	if err := s.check(script); err != nil {
		return fmt.Errorf("run %s of %s: %w", script.Name, script.Stack.Name, err)
	}
	name := leaseName(script.Stack)
	mark := scriptMark + name
	_, err := s.config.Runner.Run(ctx, process.Command{
		Name: "sh", Args: append([]string{"./" + script.Name}, script.Args...),
		Dir:    filepath.Join(s.config.Root, script.Stack.Dir),
		Env:    append(s.config.environ(), mark),
		Record: filepath.Join(s.config.RunDir, "script", name),
	})
	fresh, cancel := context.WithTimeout(context.WithoutCancel(ctx), strayMax)
	defer cancel()
	_, stray := process.KillMarked(fresh, mark)
	if err := errors.Join(err, stray); err != nil {
		return fmt.Errorf("run %s of %s: %w", script.Name, script.Stack.Name, s.config.classify(err))
	}
	return nil
}

func (s *Scripts) check(script port.Script) error {
	if err := check(script.Stack); err != nil {
		return err
	}
	if script.Name != "update.sh" && script.Name != "post_migrate.sh" {
		return fmt.Errorf("%w: not a script of the handler", port.ErrNotFound)
	}
	info, err := os.Lstat(filepath.Join(s.config.Root, script.Stack.Dir, script.Name))
	if err != nil || !info.Mode().IsRegular() {
		return fmt.Errorf("%w: no such file in checkout %s", port.ErrNotFound, script.Stack.Dir)
	}
	return s.config.leased(script.Stack)
}
