package docker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/port"
)

// cleanMax bounds what is undone after a refused start.
const cleanMax = 30 * time.Second

// Stack runs compose projects.
type Stack struct {
	config     Config
	images     *Images
	containers *Containers
}

var _ port.Stack = (*Stack)(nil)

// Up runs compose up without building or pulling. A start that was refused for
// the missing lease half-way through leaves none of the release's containers
// running.
func (s *Stack) Up(ctx context.Context, stack app.Stack) error {
	err := s.up(ctx, stack)
	if err == nil {
		return nil
	}
	if errors.Is(err, port.ErrNoLease) && stack.Seq != 0 && projectOK.MatchString(stack.Project) {
		fresh, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanMax)
		defer cancel()
		err = errors.Join(err, s.containers.Kill(fresh, stack.Project, stack.Seq))
	}
	return fmt.Errorf("start %s: %w", stack.Name, err)
}

func (s *Stack) up(ctx context.Context, stack app.Stack) error {
	if err := check(stack); err != nil {
		return err
	}
	if err := s.config.leased(stack); err != nil {
		return err
	}
	if err := s.images.align(ctx, stack); err != nil {
		return err
	}
	return s.config.compose(ctx, stack, "up", "-d", "--no-build", "--remove-orphans")
}

// Stop asks all running containers of the project to stop at once, and kills
// what is left. It talks to dockerd alone: a checkout is not needed.
func (s *Stack) Stop(ctx context.Context, project string, grace time.Duration) error {
	running, err := s.containers.running(ctx, project, 0)
	if err != nil {
		return fmt.Errorf("stop %s: %w", project, err)
	}
	seconds := int((grace + time.Second - 1) / time.Second)
	var g errgroup.Group
	for _, c := range running {
		g.Go(func() error { return s.containers.stop(ctx, c.Name, seconds) })
	}
	failed := g.Wait()
	// What did not stop is killed whatever the reason was.
	if err := s.containers.Kill(ctx, project, 0); err != nil {
		return fmt.Errorf("stop %s: %w", project, errors.Join(failed, err))
	}
	return nil
}
