package sim

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/mlfmonde/cluster/handler/app"
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
	n.scribble(x, out, file)
	r.end = c.sched.At(n.machine, c.Now()+took, x.Name, func() {
		r.err = out.fails(x)
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

// scribble is what the script does to the data: it marks every volume of the app,
// and has done so however it ends.
func (n *node) scribble(x port.Script, out *checkout, file *stackFile) {
	var o app.Operation // of which it is a part, if any
	_ = json.Unmarshal(n.c.Get(operationPrefix+x.Stack.Name).Value, &o)
	for _, v := range file.volumes {
		if n.c.replicated(v.driver) {
			if live := n.driver.live(v.full(x.Stack.Project)); live != nil {
				live.append(Record{Mark: x.Name + " of " + out.commit.id[:8], Of: o.ID})
			}
		}
	}
	n.c.changes.Data++
}

// fails is how the script ends.
func (out *checkout) fails(x port.Script) error {
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
