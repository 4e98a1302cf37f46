package main

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"

	"github.com/mlfmonde/cluster/handler/port"
)

// shutdown bounds how long a process that is told to stop goes on.
const shutdown = 15 * time.Second

// pulse is a clock that remembers when somebody last asked it to sleep: a
// handler of which no task does that any more is stuck.
type pulse struct {
	port.Clock
	last atomic.Int64
}

// Sleep implements port.Clock.
func (p *pulse) Sleep(ctx context.Context, d time.Duration) error {
	p.last.Store(int64(p.Boot()))
	return p.Clock.Sleep(ctx, d)
}

// since is for how long nobody has slept.
func (p *pulse) since() time.Duration { return p.Boot() - time.Duration(p.last.Load()) }

// untilSignal is a context that SIGTERM and SIGINT end; a second one kills.
func untilSignal() (context.Context, func()) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}

// ready tells the service manager, if there is one, that the process works,
// and from then on that it is alive while its pulse is younger than most.
func ready(ctx context.Context, p *pulse, most time.Duration, log *slog.Logger) {
	p.last.Store(int64(p.Boot()))
	tell(log, daemon.SdNotifyReady)
	every, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		log.Warn("the service manager's watchdog is not understood", "err", err)
	}
	if every == 0 || err != nil {
		return
	}
	go func() {
		tick := time.NewTicker(every / 3)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				if p.since() < most {
					tell(log, daemon.SdNotifyWatchdog)
				} else {
					log.Error("no task has moved; the service manager may restart this process", "for", p.since())
				}
			}
		}
	}()
}

// stopping tells the service manager that the end is meant.
func stopping(log *slog.Logger) { tell(log, daemon.SdNotifyStopping) }

func tell(log *slog.Logger, state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		log.Warn("service manager cannot be told", "state", state, "err", err)
	}
}
