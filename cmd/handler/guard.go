package main

import (
	"context"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/mlfmonde/cluster/handler"
	"github.com/mlfmonde/cluster/handler/app"
)

// guardSettings are the flags of the guard.
type guardSettings struct {
	settings
	root, dockerHost string
}

func newGuard(sh shell) *cobra.Command {
	s := &guardSettings{}
	cmd := &cobra.Command{
		Use: "guard", Short: "end the leases of this node on time, apart from the handler", Args: args(cobra.NoArgs),
		Long: `guard is a service of its own, restarted at once when it ends. It takes the lease
files away whose time is over and kills what ran by them, even when the handler
is dead or cut off. Without it no node takes over an app.`,
		RunE: func(*cobra.Command, []string) error {
			log, err := s.logger(sh.err)
			if err != nil {
				return err
			}
			ctx, stop := untilSignal()
			defer stop()
			return s.run(ctx, log)
		},
	}
	f := cmd.Flags()
	s.runDirFlag(f)
	f.StringVar(&s.root, "deploy-root", app.DeployRoot, "folder of the checkouts")
	f.StringVar(&s.dockerHost, "docker-host", "unix:///var/run/docker.sock", "dockerd")
	env(f, "deploy-root")
	env(f, "docker-host", "DOCKER_HOST")
	s.timesFlag(f)
	s.logFlags(f)
	return cmd
}

// run guards until ctx ends, which is no error.
func (s *guardSettings) run(ctx context.Context, log *slog.Logger) error {
	times, err := s.load()
	if err != nil {
		return err
	}
	w, err := newGuardWorld(s.runDir, s.root, s.dockerHost, log)
	if err != nil {
		return err
	}
	log.Info("guard starts")
	ready(ctx, w.pulse, times.Lease, log)
	err = handler.Guard(ctx, w.World, times)
	if ctx.Err() != nil {
		err = nil
	}
	if slow := w.end(); slow != nil {
		log.Warn("guard ends", "err", slow)
	}
	return err
}
