package sim

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/mlfmonde/cluster/handler/port"
	"github.com/mlfmonde/cluster/sim/sched"
)

// script is a process group that runs on a node. It outlives a handler that
// crashes until the next one starts.
type script struct {
	project string
	seq     uint64
	end     *sched.Task
	waiter  *sched.Task
	done    bool
	err     error
}

var (
	errExit   = errors.New("exit status 1")
	errKilled = errors.New("signal: killed")
)

type scriptsPort struct{ p *process }

var _ port.Scripts = scriptsPort{}

func (s scriptsPort) Run(ctx context.Context, x port.Script) error {
	f, err := s.p.enter(ctx, callRun, x.Name)
	if err == nil {
		err = s.run(ctx, x)
	}
	if err = s.p.leave(f, callRun, x.Name, err); err != nil {
		return fmt.Errorf("run %s of %s: %w", x.Name, x.Stack.Name, err)
	}
	return nil
}

func (s scriptsPort) run(ctx context.Context, x port.Script) error {
	n, c := s.p.n, s.p.c
	out, file, err := n.stack(x.Stack)
	if err != nil {
		return err
	}
	if _, ok := out.files[x.Name]; !ok {
		return port.ErrNotFound
	}
	if file.lease != 0 && !n.leased(x.Stack.Project, file.lease) {
		return port.ErrNoLease
	}
	r := &script{project: x.Stack.Project, seq: x.Stack.Seq, waiter: c.sched.Current()}
	took := out.commit.how.ScriptTakes
	if took == 0 {
		took = c.o.Timing.Script
	}
	r.end = c.sched.At(n.machine, c.Now()+took, x.Name, func() {
		r.err = n.effect(x, out, file)
		n.reap(r)
		c.stepped()
	})
	n.docker.scripts = append(n.docker.scripts, r)
	for !r.done {
		if err := c.sched.Park(ctx, sched.Never); err != nil && !r.done {
			if err != ErrDead {
				n.kill(r)
			}
			return gone(err)
		}
	}
	return r.err
}

// effect is what the script does: it marks every volume of the app, then
// fails if it is made to.
func (n *node) effect(x port.Script, out *checkout, file *stackFile) error {
	for _, v := range file.volumes {
		if n.c.replicated(v.driver) {
			if live := n.driver.live(v.full(x.Stack.Project)); live != nil {
				live.append(Record{Mark: x.Name + " of " + out.commit.id[:8]})
			}
		}
	}
	n.c.changes.Data++
	how := out.commit.how
	if x.Name == "update.sh" && how.UpdateFails || x.Name == "post_migrate.sh" && how.MigrateFails {
		return errExit
	}
	return nil
}

// reap ends r and tells its caller.
func (n *node) reap(r *script) {
	r.done = true
	n.docker.scripts = slices.DeleteFunc(n.docker.scripts, func(x *script) bool { return x == r })
	n.c.sched.Wake(r.waiter)
}

func (n *node) kill(r *script) {
	n.c.sched.Cancel(r.end)
	r.err = errKilled
	n.reap(r)
}

// orphans kills what an earlier incarnation of the handler left running.
func (d *docker) orphans(n *node) {
	for len(d.scripts) > 0 {
		n.kill(d.scripts[0])
	}
}
