package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/mlfmonde/cluster/handler/execute"
	"github.com/mlfmonde/cluster/handler/port"
	"github.com/mlfmonde/cluster/handler/witness"
)

// recording is the file of --record. nil: there is none.
type recording struct {
	file *os.File
	used int64 // bytes of earlier incarnations
}

// openRecording opens the file for more lines. Nobody else may read it: it has
// the values of the KV. A last line that a power cut left without an end gets
// one.
func openRecording(path string) (*recording, error) {
	if path == "" {
		return nil, nil
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return nil, exit(exitBad, "--record: %w", err)
	}
	used, err := appendable(f)
	if err != nil {
		return nil, errors.Join(exit(exitBad, "--record %s: %w", path, err), f.Close())
	}
	return &recording{file: f, used: used}, nil
}

func appendable(f *os.File) (size int64, err error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	if !info.Mode().IsRegular() {
		return 0, errors.New("it is no regular file")
	}
	size = info.Size()
	last := []byte{'\n'}
	if size > 0 {
		if _, err := f.ReadAt(last, size-1); err != nil {
			return 0, fmt.Errorf("read its end: %w", err)
		}
	}
	if last[0] != '\n' {
		n, err := f.Write([]byte{'\n'})
		return size + int64(n), err
	}
	return size, nil
}

// of is w with every call written down, and what closes both.
func (r *recording) of(w port.World, c execute.Config, end func() error) (port.World, func() error) {
	if r == nil {
		return w, end
	}
	kernel, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		w.Log.Warn("the recording does not name the kernel's start", "err", err)
	}
	clock := w.Clock
	if p, ok := clock.(*pulse); ok {
		clock = p.Clock // a line is no sign of life
	}
	w = witness.New(r.file, witness.Config{
		Node: c.Node, Version: c.Version, Kernel: strings.TrimSpace(string(kernel)), Clock: clock, Used: r.used, Log: w.Log,
	}).World(w)
	return w, func() error { return errors.Join(end(), r.file.Close()) }
}
