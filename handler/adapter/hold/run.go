package hold

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"
)

// Bounds of one question: Caddy is the only one who asks, from this machine.
const (
	readHeaderMax  = 10 * time.Second
	headerBytesMax = 128 << 10 // the longest Cluster-Uri that Caddy's own limit lets through, and some
)

// Run listens on the socket and answers until ctx ends. A socket that is there
// already is replaced in one step, so that an earlier server's clients find
// either it or this one. When ctx ends, the questions that wait are cut without
// an answer, which makes Caddy ask whoever listens next; the socket's file stays
// for the same reason. The error says why it could not listen or had to stop.
func (s *Server) Run(ctx context.Context) error {
	l, err := listen(s.socket)
	if err != nil {
		return fmt.Errorf("hold: %w", err)
	}
	server := &http.Server{Handler: s, ReadHeaderTimeout: readHeaderMax, MaxHeaderBytes: headerBytesMax}
	defer context.AfterFunc(ctx, func() { _ = server.Close() })()
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("hold: serve on %s: %w", s.socket, err)
	}
	return nil
}

// listen makes the socket beside its place and moves it there when it takes
// connections with the right mode.
func listen(path string) (net.Listener, error) {
	fresh := path + ".new"
	if err := os.Remove(fresh); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("remove what is left of an earlier start: %w", err)
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: fresh, Net: "unix"})
	if err != nil {
		return nil, err
	}
	l.SetUnlinkOnClose(false) // by then it has another name, maybe another owner
	err = os.Chmod(fresh, 0o660)
	if err == nil {
		err = os.Rename(fresh, path)
	}
	if err != nil {
		return nil, errors.Join(err, l.Close(), os.Remove(fresh))
	}
	return l, nil
}
