package buttervolume

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/mlfmonde/cluster/handler/port"
)

// gate knows the volumes whose restore or removal has not been answered. Such
// a call may take effect at any later time, so nothing of the volume is touched
// until the plugin has answered or is another process.
type gate struct {
	mu      sync.Mutex
	waiting map[string]*pending
}

// pending is one call under way.
type pending struct {
	driver socketID // of the plugin that was asked
	down   bool     // that plugin was seen to be gone
}

// socketID tells one run of the plugin from the next: each makes its socket
// anew. The time stands beside the inode because inodes are used again.
type socketID struct {
	dev, ino uint64
	made     time.Time
}

func (c *client) socketID() socketID {
	path, err := c.path()
	if err != nil {
		return socketID{}
	}
	info, err := os.Stat(path)
	if err != nil {
		return socketID{}
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return socketID{}
	}
	return socketID{st.Dev, st.Ino, info.ModTime()}
}

// open returns ErrBlocked while a restore or removal of volume is unanswered.
func (c *client) open(ctx context.Context, volume string) error {
	c.gate.mu.Lock()
	p := c.gate.waiting[volume]
	c.gate.mu.Unlock()
	if p == nil {
		return nil
	}
	restarted := c.restarted(ctx, p)
	c.gate.mu.Lock()
	defer c.gate.mu.Unlock()
	if c.gate.waiting[volume] != p { // answered meanwhile
		return nil
	}
	if !restarted {
		return fmt.Errorf("volume %s: %w", volume, port.ErrBlocked)
	}
	c.log.Warn("volume driver restarted with a call unanswered", "volume", volume)
	delete(c.gate.waiting, volume)
	return nil
}

// restarted reports whether the plugin that answers now is not the one that
// was asked.
func (c *client) restarted(ctx context.Context, p *pending) bool {
	conn, err := c.dial(ctx)
	c.gate.mu.Lock()
	defer c.gate.mu.Unlock()
	if err != nil {
		p.down = p.down || errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, os.ErrNotExist) || c.socketID() == socketID{}
		return false
	}
	_ = conn.Close()
	return p.down || c.socketID() != p.driver
}

// enter registers a call for volume, unless one is under way.
func (c *client) enter(ctx context.Context, volume string) (*pending, error) {
	if err := c.open(ctx, volume); err != nil {
		return nil, err
	}
	p := &pending{driver: c.socketID()}
	c.gate.mu.Lock()
	defer c.gate.mu.Unlock()
	if c.gate.waiting[volume] != nil {
		return nil, fmt.Errorf("volume %s: %w", volume, port.ErrBlocked)
	}
	c.gate.waiting[volume] = p
	return p, nil
}

// leave ends the call p: it was answered, or never sent.
func (c *client) leave(volume string, p *pending) {
	c.gate.mu.Lock()
	defer c.gate.mu.Unlock()
	if c.gate.waiting[volume] == p {
		delete(c.gate.waiting, volume)
	}
}

// replace runs a call that removes or replaces a live volume. It goes on when
// ctx ends; only its answer, or another plugin, opens the volume again.
func (c *client) replace(ctx context.Context, volume, path string, body any) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	p, err := c.enter(ctx, volume)
	if err != nil {
		return err
	}
	answered := make(chan error, 1)
	go func() {
		_, err := c.post(context.WithoutCancel(ctx), path, body)
		if !errors.Is(err, port.ErrUnknown) {
			c.leave(volume, p)
		}
		answered <- err
	}()
	select {
	case err := <-answered:
		return err
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", port.ErrUnknown, ctx.Err())
	}
}
