package haproxy

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"
)

// ErrNotTaken says that HAProxy was told of a configuration and goes on with
// the one before.
var ErrNotTaken error = notTaken{}

type notTaken struct{}

func (notTaken) Error() string {
	return "HAProxy did not take the configuration and runs on with the one before"
}

// Kept is how those who cannot name ErrNotTaken know it.
func (notTaken) Kept() bool { return true }

const (
	askMax   = 2 * time.Second        // an answer of the runtime socket
	pollLow  = 5 * time.Millisecond   // between two looks, at first
	pollHigh = 100 * time.Millisecond // and later
	tellHigh = time.Second            // between two reloads of the same configuration, at first
)

// running is what the running HAProxy shows in the place of a digest, "" when it
// shows nothing.
func (h *HAProxy) running(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, askMax)
	defer cancel()
	shown, err := ask(ctx, h.config.Socket)
	if err != nil {
		return "", fmt.Errorf("HAProxy does not answer on %s: %w; %s", h.config.Socket, err, h.config.Reload.start())
	}
	return shown, nil
}

// ask is the description that the process behind socket shows.
func ask(ctx context.Context, socket string) (string, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", socket)
	if err != nil {
		return "", cause(err)
	}
	defer conn.Close()
	if end, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(end); err != nil {
			return "", err
		}
	}
	if _, err := conn.Write([]byte("show info\n")); err != nil {
		return "", err
	}
	lines := bufio.NewScanner(conn)
	any := false
	for lines.Scan() {
		any = true
		if name, value, ok := strings.Cut(lines.Text(), ":"); ok && strings.EqualFold(name, "description") {
			return strings.TrimSpace(value), nil
		}
	}
	if err := lines.Err(); err != nil || any {
		return "", err
	}
	return "", errors.New("it closes the connection")
}

// cause is what is wrong without the path, which the caller says.
func cause(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err
	}
	return err
}

// await tells HAProxy and looks until it shows want. A master that has just
// started or reloaded loses a signal, so it is told again; the same once more
// harms nobody.
func (h *HAProxy) await(ctx context.Context, want string) error {
	end := time.Now().Add(h.config.Wait)
	var again time.Time
	for pause, between := pollLow, tellHigh; ; pause = min(2*pause, pollHigh) {
		if now := time.Now(); !now.Before(again) {
			if err := h.reload(ctx); err != nil {
				return err
			}
			again, between = now.Add(between), 2*between
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
		case <-timer.C:
		}
		timer.Stop()
		shown, err := h.running(ctx)
		switch {
		case err == nil && shown == want:
			return nil
		case ctx.Err() != nil:
			return fmt.Errorf("wait for HAProxy: %w", context.Cause(ctx))
		case time.Now().Before(end):
		case err != nil:
			return err
		default:
			return fmt.Errorf("%w, %v after it was told; %s", ErrNotTaken, h.config.Wait, h.config.Reload.log())
		}
	}
}
