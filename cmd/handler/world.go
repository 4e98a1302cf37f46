package main

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/mlfmonde/cluster/handler/adapter/buttervolume"
	"github.com/mlfmonde/cluster/handler/adapter/docker"
	"github.com/mlfmonde/cluster/handler/adapter/git"
	"github.com/mlfmonde/cluster/handler/adapter/node"
	"github.com/mlfmonde/cluster/handler/adapter/process"
	"github.com/mlfmonde/cluster/handler/execute"
	"github.com/mlfmonde/cluster/handler/port"
)

// real is the world of this machine.
type real struct {
	port.World
	lock  string // path of the lock of the one handler
	tasks *node.Tasks
	pulse *pulse
	close func() error
	// beside runs beside the handler for its edge, until its context ends.
	beside []func(context.Context)
}

// newWorld wires every adapter. It opens no connection: what is not there yet
// is an error of each call, which the handler repeats.
func newWorld(s *agentSettings, c execute.Config, log *slog.Logger) (*real, error) {
	file, err := openRecording(s.record)
	if err != nil {
		return nil, err
	}
	lock := filepath.Join(s.runDir, "handler.lock")
	runner := &process.Runner{Log: log, Mark: node.Mark(lock)}

	machine, err := node.New(node.Config{Root: s.root, RunDir: s.runDir, Log: log})
	if err != nil {
		return nil, err
	}
	agent, err := s.connect(c.Node, c.Times, log)
	if err != nil {
		return nil, err
	}
	code, err := git.New(git.Config{Root: s.root, KnownHosts: s.gitKnownHosts, Key: s.gitKey, Credentials: s.gitCredentials, CA: s.gitCA,
		AllowHTTP: c.HTTP, Limit: int64(s.gitLimit) << 20, Runner: runner, Log: log})
	if err != nil {
		return nil, exit(exitBad, "%w", err)
	}
	daemon, err := docker.New(docker.Config{Host: s.dockerHost, Compose: s.argv(), Root: s.root, RunDir: s.runDir, Drivers: c.Drivers,
		AuthDir: s.registryAuth, Runner: runner, Log: log})
	if err != nil {
		return nil, err
	}
	volumes := buttervolume.New(buttervolume.Config{Socket: s.socket, SnapshotsPath: s.snapshots, VolumesPath: s.volumes, Runner: runner, Log: log})
	beat := &pulse{Clock: machine.Clock}
	shown, err := s.makeEdge(c, agent, daemon, runner, log)
	if err != nil {
		return nil, err
	}

	w := port.World{
		KV: agent, Presence: agent, Members: agent, Events: agent, Checks: agent,
		Source: code.Source, Checkouts: code.Checkouts,
		Images: daemon.Images, Stack: daemon.Stack, Containers: daemon.Containers, Scripts: daemon.Scripts,
		Volumes: volumes.Volumes, Snapshots: volumes.Snapshots, Schedules: volumes.Schedules,
		Guard: machine.Guard, Warden: machine.Warden, Journal: machine.Journal,
		Edge: shown.Edge, Clock: beat, Tasks: machine.Tasks, Log: log,
	}
	w, end := file.of(w, c, daemon.Close)
	return &real{lock: lock, tasks: machine.Tasks, pulse: beat, close: end, beside: shown.beside, World: w}, nil
}

// newGuardWorld is what the guard needs: the machine and dockerd. It works
// without Consul.
func newGuardWorld(runDir, root, dockerHost string, log *slog.Logger) (*real, error) {
	machine, err := node.New(node.Config{Root: root, RunDir: runDir, Log: log})
	if err != nil {
		return nil, err
	}
	daemon, err := docker.New(docker.Config{Host: dockerHost, Root: root, RunDir: runDir, Log: log})
	if err != nil {
		return nil, err
	}
	beat := &pulse{Clock: machine.Clock}
	return &real{tasks: machine.Tasks, pulse: beat, close: daemon.Close, World: port.World{
		Containers: daemon.Containers, Guard: machine.Guard, Warden: machine.Warden, Clock: beat, Tasks: machine.Tasks, Log: log,
	}}, nil
}

// end waits for what the tasks have under way, at most shutdown, and closes.
func (r *real) end() error {
	stopping(r.Log)
	done := make(chan struct{})
	go func() { r.tasks.Wait(); close(done) }()
	select {
	case <-done:
		return r.close()
	case <-time.After(shutdown):
		return errors.Join(errors.New("some tasks did not end in time; the next start finds what they left"), r.close())
	}
}
