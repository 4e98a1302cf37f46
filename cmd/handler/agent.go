package main

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/mlfmonde/cluster/handler"
	"github.com/mlfmonde/cluster/handler/adapter/node"
	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/execute"
	"github.com/mlfmonde/cluster/handler/inspect"
)

// agentSettings are the flags of the agent.
type agentSettings struct {
	settings
	edgeSettings
	node                                  string
	root                                  string
	purge                                 string
	every, cleanup, builds                int
	socket, snapshots, volumes            string
	dockerHost, compose, registryAuth     string
	gitKnownHosts, gitKey, gitCredentials string
	gitCA                                 string
	gitLimit                              int
	record                                string
}

func newAgent(sh shell) *cobra.Command {
	s := &agentSettings{}
	cmd := &cobra.Command{
		Use: "agent", Short: "run the handler of this node", Args: args(cobra.NoArgs),
		Long: `agent is the handler of this node. It needs the guard beside it (handler guard, a
service of its own), a local Consul agent, dockerd and the Buttervolume plugin;
what is not there yet is waited for. It tells systemd when it is ready and that
it is alive (Type=notify, WatchdogSec=). SIGTERM ends it: what runs goes on
running, and the next start carries on.

With --edge own it configures HAProxy and Caddy of this node from what Consul
holds: each change is checked with HAProxy's own binary and by Caddy before it is
used, what is bad of one app is left out or stays as it was (handler status says
why), and both are proven to run with it. They need a folder in common with the
handler for their sockets (/run/cluster/edge), and HAProxy one for its
configuration (/var/lib/cluster/edge/haproxy). The default, --edge follow, leaves
both alone: templates of your own go on, and nothing changes for a cluster that
has them until somebody says so.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := untilSignal()
			defer stop()
			return s.run(ctx, sh)
		},
	}
	s.flags(cmd.Flags())
	return cmd
}

func (s *agentSettings) flags(f *pflag.FlagSet) {
	usual := execute.DefaultConfig("")
	text := func(at *string, name, value, usage string, more ...string) {
		f.StringVar(at, name, value, usage)
		env(f, name, more...)
	}
	count := func(at *int, name string, value int, usage string) {
		f.IntVar(at, name, value, usage)
		env(f, name)
	}
	text(&s.node, "node", "", "name of this node in Consul (default the host's name)")
	s.consulFlags(f)
	s.eventsFlag(f)
	text(&s.root, "deploy-root", app.DeployRoot, "folder of the checkouts; this node's journal is below it")
	s.runDirFlag(f)
	text(&s.socket, "buttervolume-socket", "/run/docker/plugins/*/btrfs.sock", "the plugin's socket, or a pattern with one match", "BUTTERVOLUME_SOCKET")
	text(&s.snapshots, "snapshots", "/var/lib/buttervolume/snapshots", "the plugin's folder of snapshots, as this process sees it")
	text(&s.volumes, "volumes", "", "its folder of volumes (default beside the snapshots)")
	s.driversFlag(f)
	s.portsFlag(f)
	text(&s.purge, "purge", usual.Purge, "pattern of the purge schedule")
	count(&s.every, "every", usual.Every, "minutes between replications or snapshots")
	count(&s.cleanup, "cleanup", usual.Cleanup, "minutes between purges")
	count(&s.builds, "builds", usual.Builds, "image builds side by side")
	text(&s.dockerHost, "docker-host", "unix:///var/run/docker.sock", "dockerd", "DOCKER_HOST")
	text(&s.compose, "compose", "docker compose", "the Compose command, words separated by blanks")
	text(&s.registryAuth, "registry-auth", "", "folder of a Docker config.json with registry credentials")
	s.httpFlag(f)
	text(&s.gitKnownHosts, "git-known-hosts", "", "known_hosts file for git over ssh; without one every host is refused")
	text(&s.gitKey, "git-key", "", "private key for git over ssh")
	text(&s.gitCredentials, "git-credentials", "", "file of lines https://user:password@host")
	text(&s.gitCA, "git-ca", "", "PEM bundle for git over https (default the system's)")
	count(&s.gitLimit, "git-limit", 2048, "MiB that a clone may have")
	text(&s.record, "record", "", "file to append every call to docker, Consul, git and the volumes to, with its answer, up to 64 MiB: for a bug report")
	s.edgeFlags(f)
	s.logFlags(f)
}

// argv is the Compose command.
func (s *agentSettings) argv() []string { return strings.Fields(s.compose) }

// config checks the flags that the handler itself takes.
func (s *agentSettings) config(sh shell) (execute.Config, error) {
	name, err := thisNode(s.node)
	if err != nil {
		return execute.Config{}, err
	}
	times, err := s.load()
	if err != nil {
		return execute.Config{}, err
	}
	refuse, err := s.refusesEvents(sh)
	if err != nil {
		return execute.Config{}, err
	}
	if err := s.positive(); err != nil {
		return execute.Config{}, err
	}
	ports, err := s.published()
	if err != nil {
		return execute.Config{}, err
	}
	if len(s.names()) == 0 || len(s.argv()) == 0 {
		return execute.Config{}, exit(exitBad, "--drivers and --compose may not be empty")
	}
	return execute.Config{
		Node: name, Version: version(), Drivers: s.names(), Purge: s.purge, Every: s.every, Cleanup: s.cleanup,
		Builds: s.builds, Times: times, NoEvents: refuse, HTTP: s.http, Ports: ports,
	}, nil
}

func (s *agentSettings) positive() error {
	for _, n := range []struct {
		flag  string
		value int
	}{{"every", s.every}, {"cleanup", s.cleanup}, {"builds", s.builds}, {"git-limit", s.gitLimit}} {
		if n.value < 1 {
			return exit(exitBad, "--%s %d: give a number above 0", n.flag, n.value)
		}
	}
	return nil
}

// run works until ctx ends, which is no error.
func (s *agentSettings) run(ctx context.Context, sh shell) error {
	log, err := s.logger(sh.err)
	if err != nil {
		return err
	}
	c, err := s.config(sh)
	if err != nil {
		return err
	}
	w, err := newWorld(s, c, log)
	if err != nil {
		return err
	}
	held, err := node.Lock(ctx, w.lock, s.runDir)
	if err != nil {
		return errors.Join(err, w.close())
	}
	defer giveBack(held, log)
	log.Info("handler starts", "node", c.Node, "version", c.Version, "http", c.HTTP, "events", !c.NoEvents)
	ready(ctx, w.pulse, c.Times.Silence, log)
	for _, f := range w.beside {
		go f(ctx)
	}
	err = handler.New(c, w.World, rand.Text(), &inspect.Memo{}).Run(ctx)
	if ctx.Err() != nil {
		err = nil
	}
	return errors.Join(err, w.leave(ctx, c.Node))
}

// leave ends the tasks first, so that none joins again, and then the session.
func (r *real) leave(ctx context.Context, name string) error {
	slow := r.end()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdown)
	defer cancel()
	if err := r.Presence.Leave(ctx); err != nil {
		r.Log.Warn("the session ends by its TTL", "node", name, "err", err)
	}
	if slow != nil {
		r.Log.Warn("handler ends", "node", name, "err", slow)
		return nil
	}
	r.Log.Info("handler ends", "node", name)
	return nil
}

// giveBack keeps the lock until the process is done with everything else.
func giveBack(lock io.Closer, log *slog.Logger) {
	if err := lock.Close(); err != nil {
		log.Warn("lock is given back by the kernel", "err", err)
	}
}
