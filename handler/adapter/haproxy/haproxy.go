package haproxy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/mlfmonde/cluster/handler/adapter/file"

	"github.com/mlfmonde/cluster/handler/adapter/process"
	"github.com/mlfmonde/cluster/handler/edge"
)

// Config says where the configuration goes and how HAProxy is reached.
type Config struct {
	// File is the configuration that HAProxy starts with. HAProxy has to see
	// its folder, not only the file: a new one takes the place of the old one.
	File string
	// Socket is the runtime socket that the configuration opens.
	Socket string
	// Command is what checks a configuration, without its options; empty:
	// "haproxy". A command in a container has to see the folder of File at the
	// same path.
	Command []string
	// Reload says how the running HAProxy is told.
	Reload Reload
	// Signal sends a signal, such as SIGUSR2, to the first process of a
	// container; only for the way container:NAME.
	Signal func(ctx context.Context, container, signal string) error
	// Wait bounds how long HAProxy may take to run with a new configuration; 0: 10 s.
	Wait   time.Duration
	Runner *process.Runner
	Log    *slog.Logger
}

// HAProxy is the HAProxy of this node. Its methods are called one at a time.
type HAProxy struct {
	config Config

	mu     sync.Mutex
	wanted string          // digest that HAProxy has to show
	passed map[digest]bool // parts that the binary took, with this static part
	whole  digest          // configuration that it took as a whole
}

// New checks c. It starts nothing: a HAProxy that is not there yet is an error
// of each call.
func New(c Config) (*HAProxy, error) {
	if !filepath.IsAbs(c.File) || !filepath.IsAbs(c.Socket) {
		return nil, fmt.Errorf("set up HAProxy: file %q and socket %q must be absolute paths", c.File, c.Socket)
	}
	if c.Reload.way == "" {
		return nil, errors.New("set up HAProxy: it is not said how to reload it")
	}
	if c.Reload.way == byContainer && c.Signal == nil {
		return nil, errors.New("set up HAProxy: nothing sends signals to containers")
	}
	if len(c.Command) == 0 {
		c.Command = []string{"haproxy"}
	}
	c.Wait = cmp.Or(c.Wait, 10*time.Second)
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Runner == nil {
		c.Runner = &process.Runner{Log: c.Log}
	}
	return &HAProxy{config: c, passed: map[digest]bool{}}, nil
}

// Run makes HAProxy run text, which carries its digest, and returns when it
// does. The same text again costs a look at the socket. [ErrNotTaken]: HAProxy was told and goes on with
// what it had; the file is then the one before, with which it can start again.
func (h *HAProxy) Run(ctx context.Context, text []byte) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	want := edge.Digest(text)
	if want == "" {
		return errors.New("configure HAProxy: the configuration does not carry its digest")
	}
	before, err := os.ReadFile(h.config.File)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("configure HAProxy: %w", err)
	}
	h.wanted = want
	if string(before) != string(text) {
		if err := h.write(text); err != nil {
			return err
		}
	}
	running, err := h.running(ctx)
	if err == nil && running == want {
		return nil
	}
	err = h.await(ctx, want)
	if errors.Is(err, ErrNotTaken) && len(before) > 0 && string(before) != string(text) {
		err = errors.Join(err, h.write(before))
	}
	return err
}

func (h *HAProxy) write(text []byte) error {
	if err := os.MkdirAll(filepath.Dir(h.config.File), 0o755); err != nil {
		return fmt.Errorf("configure HAProxy: %w", err)
	}
	if err := file.Replace(h.config.File, text, 0o644); err != nil {
		return fmt.Errorf("configure HAProxy: write %s: %w", h.config.File, err)
	}
	return nil
}

// Proven is nil when the running HAProxy has what Run was given last, and says
// what is wrong otherwise.
func (h *HAProxy) Proven(ctx context.Context) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.wanted == "" {
		return errors.New("HAProxy has not been configured since this handler started")
	}
	running, err := h.running(ctx)
	if err == nil && running != h.wanted {
		err = errors.New("HAProxy runs with another configuration than this node's")
	}
	return err
}
