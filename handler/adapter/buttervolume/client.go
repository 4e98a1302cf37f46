package buttervolume

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"

	"github.com/mlfmonde/cluster/handler/adapter/process"
	"github.com/mlfmonde/cluster/handler/port"
)

// largest is how much of an answer is read: some 100,000 names.
const largest = 16 << 20

// Config says where the plugin is. Socket and SnapshotsPath are required.
type Config struct {
	// Socket is the plugin's unix socket: a path, or a pattern with exactly one
	// match, since the folder of an installed plugin is named by its id
	// (/run/docker/plugins/*/btrfs.sock).
	Socket string
	// SnapshotsPath is the plugin's folder of snapshots as this process sees it.
	SnapshotsPath string
	// VolumesPath is its folder of live volumes, "": beside SnapshotsPath.
	VolumesPath string
	Runner      *process.Runner // nil: one without log and mark
	Log         *slog.Logger    // nil: none
}

// Adapter is the three ports of one node's plugin. Make it with [New].
type Adapter struct {
	Volumes   *Volumes
	Snapshots *Snapshots
	Schedules *Schedules
}

// New makes the ports. It opens nothing: a plugin that is not there is an
// error of each call.
func New(c Config) *Adapter {
	if c.VolumesPath == "" {
		c.VolumesPath = filepath.Join(filepath.Dir(filepath.Clean(c.SnapshotsPath)), "volumes")
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Runner == nil {
		c.Runner = &process.Runner{}
	}
	driver := &client{socket: c.Socket, log: c.Log, gate: gate{waiting: map[string]*pending{}}}
	driver.http.Transport = &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return driver.dial(ctx) },
		// One connection per call: a kept one would hide that the plugin was
		// restarted, and whether a call was sent at all.
		DisableKeepAlives: true,
	}
	disk := &disk{volumes: c.VolumesPath, snapshots: c.SnapshotsPath, runner: c.Runner}
	return &Adapter{
		Volumes:   &Volumes{driver, disk},
		Snapshots: &Snapshots{driver, disk},
		Schedules: &Schedules{driver},
	}
}

// client calls the plugin.
type client struct {
	socket string
	log    *slog.Logger
	http   http.Client
	gate   gate
}

// errUnsent: the call never reached the plugin.
var errUnsent = errors.New("the volume driver cannot be reached")

func (c *client) dial(ctx context.Context) (net.Conn, error) {
	path, err := c.path()
	if err != nil {
		return nil, err
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errUnsent, err)
	}
	return conn, nil
}

func (c *client) path() (string, error) {
	found, err := filepath.Glob(c.socket)
	if err != nil || len(found) != 1 {
		return "", fmt.Errorf("%w: %d sockets at %s", errUnsent, len(found), c.socket)
	}
	return found[0], nil
}

// reply is every answer of the plugin.
type reply struct {
	Err       string
	Snapshot  string
	Snapshots []string
	Volumes   []struct{ Name string }
	Schedule  []line
}

// post calls path with body. nil means that the plugin said it is done. An
// error wraps ErrUnknown when the call was sent and not answered, errUnsent
// when it was not sent.
func (c *client) post(ctx context.Context, path string, body any) (reply, error) {
	status, r, err := c.do(ctx, http.MethodPost, path, body)
	return judge(status, r, err)
}

// list asks with GET, as the plugin answers since 3.11, then as it did before.
func (c *client) list(ctx context.Context, path string) (reply, error) {
	status, r, err := c.do(ctx, http.MethodGet, path, nil)
	if status == http.StatusMethodNotAllowed {
		status, r, err = c.do(ctx, http.MethodPost, path, nil)
	}
	return judge(status, r, err)
}

func judge(status int, r reply, err error) (reply, error) {
	switch {
	case err != nil:
		return reply{}, err
	case status != http.StatusOK:
		return reply{}, fmt.Errorf("the volume driver answered with status %d", status)
	case r.Err != "":
		return reply{}, meaning(r.Err)
	}
	return r, nil
}

// do returns a status other than 200 without its body.
func (c *client) do(ctx context.Context, method, path string, body any) (int, reply, error) {
	if body == nil {
		body = struct{}{}
	}
	text, err := json.Marshal(body)
	if err != nil {
		return 0, reply{}, fmt.Errorf("encode %s: %w", path, err)
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://driver/"+path, bytes.NewReader(text))
	if err != nil {
		return 0, reply{}, fmt.Errorf("make request %s: %w", path, err)
	}
	if method == http.MethodGet {
		req.Body, req.ContentLength = http.NoBody, 0
	}
	req.Header.Set("Content-Type", "application/json")
	c.log.Debug("volume driver", "call", path)
	resp, err := c.http.Do(req)
	if err != nil {
		return 0, reply{}, unanswered(ctx, err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return resp.StatusCode, reply{}, nil
	}
	var r reply
	if err := json.NewDecoder(io.LimitReader(resp.Body, largest)).Decode(&r); err != nil {
		return 0, reply{}, unanswered(ctx, err)
	}
	return resp.StatusCode, r, nil
}

// unanswered says whether the call got as far as the plugin.
func unanswered(ctx context.Context, err error) error {
	if errors.Is(err, errUnsent) {
		return err
	}
	if ctx.Err() != nil {
		return fmt.Errorf("%w: %w", port.ErrUnknown, ctx.Err())
	}
	return fmt.Errorf("%w: %s", port.ErrUnknown, oneLine(err.Error()))
}
