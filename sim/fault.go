package sim

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/mlfmonde/cluster/handler/port"
	"github.com/mlfmonde/cluster/sim/sched"
)

// Phase is what a fault does with the call it strikes.
type Phase string

// The phases. Power phases take the whole node, crash phases the process.
const (
	ErrorBefore Phase = "error"        // an error, no effect
	Lost        Phase = "lost"         // the effect, but the answer is an error
	Hang        Phase = "hang"         // no effect, no answer: until the caller gives up, or For
	Slow        Phase = "slow"         // For longer
	CrashBefore Phase = "crash-before" // the caller's process dies, no effect
	CrashAfter  Phase = "crash-after"  // the effect, then it dies
	PowerBefore Phase = "power-before"
	PowerAfter  Phase = "power-after"
	Late        Phase = "late" // an error now, the effect after For (0: within a minute)
	Half        Phase = "half" // Snapshots.Send: stops after Share, the rest as ErrorBefore
	Hook        Phase = "hook" // only Do: partitions, freezes, operators' mistakes
)

// Phases lists every phase but Hook.
func Phases() []Phase {
	return []Phase{ErrorBefore, Lost, Hang, Slow, CrashBefore, CrashAfter, PowerBefore, PowerAfter, Late, Half}
}

// Fault is one thing that goes wrong, addressed by the call it strikes.
type Fault struct {
	Node    string         // "": any
	Process Process        // whose call
	Call    string         // "Port.Method"; "KV.Apply:commit" for one transaction, "KV.Apply" for any; "KV.*" for all of a port
	Arg     string         // "": any; else the call's argument contains it
	Nth     int            // the nth such call after arming; 0: the next
	Phase   Phase          //
	Times   int            // how many calls in a row it strikes; 0: one, negative: for ever
	Percent int            // how many of the calls that it could strike, by chance; 0: all
	For     time.Duration  // Slow, Hang (0: for ever; Consul calls end at the call time-out), Late
	Down    time.Duration  // crash and power phases: until it is started again; 0: Timing.Restart or a minute, negative: never
	Share   int            // Half: percent that arrive before it stops; 0: 50
	Err     error          // the answer of error, lost, late, half; default wraps port.ErrUnknown
	Do      func(*Cluster) // runs when it strikes, before the phase
}

func (f Fault) String() string {
	times := ""
	switch {
	case f.Times < 0:
		times = " for ever"
	case f.Times > 1:
		times = fmt.Sprintf(" %d times", f.Times)
	}
	arg := ""
	if f.Arg != "" {
		arg = "(" + f.Arg + ")"
	}
	if f.Percent > 0 {
		times += fmt.Sprintf(", %d %% of them", f.Percent)
	}
	return fmt.Sprintf("%s %s %s%s #%d %s%s", f.Node, f.Process, f.Call, arg, max(f.Nth, 1), f.Phase, times)
}

// Armed is a fault that waits for its call.
type Armed struct {
	Fault
	Fired int             // calls it struck
	At    []time.Duration // when
	seen  int
	id    callID // of an exact call, 0: by name
	port  string // "KV." for every call of a port, "" for one call
	node  int    // index, -1: any
	heals int    // of the cluster when it was armed
}

// Inject arms a fault from now on.
func (c *Cluster) Inject(f Fault) *Armed {
	a := &Armed{Fault: f, node: -1, id: c.sites.known(f.Call), heals: c.heals}
	if port, all := strings.CutSuffix(f.Call, "*"); all {
		a.port = port
	}
	if f.Node != "" {
		a.node = c.node(f.Node).idx
	}
	c.faults = append(c.faults, a)
	return a
}

// Disarm takes every fault away: the cluster heals. Those that are down for
// good stay down, calls that hang go on to, and what a fault would do after the
// effect of a call under way does not happen.
func (c *Cluster) Disarm() {
	c.heals++
	c.faults = nil
}

// Faults lists what is armed, in order.
func (c *Cluster) Faults() []*Armed { return c.faults }

// match finds the fault that strikes this call.
func (c *Cluster) match(p *process, id callID, arg string) *Armed {
	for i, a := range c.faults {
		if a.node >= 0 && a.node != p.n.idx || a.Process != p.kind || !a.names(c, id) || a.Arg != "" && !strings.Contains(arg, a.Arg) {
			continue
		}
		if a.seen++; a.seen < a.Nth || a.Percent > 0 && c.rand.Intn(100) >= a.Percent {
			continue
		}
		a.Fired++
		a.At = append(a.At, c.Now())
		if a.Times >= 0 && a.Fired >= max(a.Times, 1) {
			c.faults = append(c.faults[:i:i], c.faults[i+1:]...)
		}
		return a
	}
	return nil
}

func (a *Armed) names(c *Cluster, id callID) bool {
	if a.port != "" {
		return strings.HasPrefix(c.sites.name(id), a.port)
	}
	if a.id == 0 {
		a.id = c.sites.known(a.Call)
	}
	return a.id == id || a.Call == "KV.Apply" && id >= callTxn
}

var errInjected = errors.New("injected fault")

func (a *Armed) err() error {
	if a.Err != nil {
		return a.Err
	}
	return fmt.Errorf("%s: %w: %w", a.Call, errInjected, port.ErrUnknown)
}

func (a *Armed) delay(c *Cluster) time.Duration {
	if a.For > 0 {
		return a.For
	}
	return time.Millisecond + c.roll(time.Minute)
}

// strike is what a fault does before the effect.
func (p *process) strike(ctx context.Context, a *Armed, id callID) error {
	p.c.note(p.n, "fault: "+a.String())
	if a.Do != nil {
		a.Do(p.c)
		if err := p.c.sched.Yield(ctx); err != nil { // the hook may have frozen or killed us
			return gone(err)
		}
	}
	switch a.Phase {
	case ErrorBefore:
		return a.err()
	case Half:
		if id != callSend {
			return a.err()
		}
	case Hang:
		return p.hang(ctx, a, id)
	case Slow:
		return p.sleep(ctx, a.For)
	case CrashBefore, PowerBefore:
		p.die(a)
		return ErrDead
	}
	return nil
}

func (p *process) hang(ctx context.Context, a *Armed, id callID) error {
	until := sched.Never
	switch {
	case a.For > 0:
		until = p.c.Now() + a.For
	case id <= callLastConsul || id >= callTxn:
		until = p.c.Now() + p.c.o.Times.CallTimeout
	}
	for {
		err := p.c.sched.Park(ctx, until)
		switch {
		case err == ErrDead:
			return err
		case err != nil:
			return fmt.Errorf("%w: gave up: %w", port.ErrUnknown, err)
		case until != sched.Never && p.c.Now() >= until:
			return a.err()
		}
	}
}

// aftermath is what a fault does after the effect.
func (p *process) aftermath(a *Armed, err error) error {
	if a.heals != p.c.heals {
		return err
	}
	switch a.Phase {
	case Lost, Late:
		return a.err()
	case CrashAfter, PowerAfter:
		p.die(a)
		return ErrDead
	}
	return err
}

// die takes the process, or the power of its node, and has it started again.
func (p *process) die(a *Armed) {
	n, c := p.n, p.c
	if p.owner.Dead() {
		return
	}
	if a.Phase == PowerBefore || a.Phase == PowerAfter {
		c.PowerCut(n.name)
		if a.Down >= 0 {
			down := a.Down
			if down == 0 {
				down = time.Minute
			}
			cuts := n.cuts
			c.sched.At(nil, c.Now()+down, "boot", func() {
				if n.cuts == cuts { // nobody has taken it again
					c.Boot(n.name)
					c.stepped()
				}
			})
		}
		return
	}
	c.Crash(n.name, p.kind)
	if a.Down < 0 {
		return
	}
	n.off[p.kind] = false
	down := a.Down
	if down == 0 {
		down = c.o.Timing.Restart
	}
	n.restart(p.kind, down)
}
