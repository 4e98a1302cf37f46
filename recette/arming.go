package recette

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/port"
	"github.com/mlfmonde/cluster/sim"
)

var errDriver = errors.New("the recette says no")

// How long what has no span of its own takes in the simulator.
const (
	election = 10 * time.Second
	restart  = 3 * time.Second // of dockerd
)

// Arm makes t happen by the simulator's own means.
func (w simulated) Arm(_ context.Context, t Trouble) (Proof, error) {
	switch t.What {
	case Nothing:
		return func() string { return "nothing goes wrong" }, nil
	case BadRelease:
		w.Cluster.Push(w.app.Repo, w.app.Branch, w.files, behaves(t.Release))
		return w.strikes(Trouble{What: t.What, Node: t.Node, At: Call{Name: "Stack.Up"}}, t.Release.words()+" is started", nil)
	case GitCut:
		w.Cut(sim.Git, t.Node, sim.Outside)
		return w.cannotClone(t.Node), nil
	case GitKey:
		w.GitDenied(t.Node, true)
		w.mend["git key of "+t.Node] = func() { w.GitDenied(t.Node, false) }
		return w.cannotClone(t.Node), nil
	case ClockSkewed:
		w.Skew(t.Node, t.For)
		w.mend["clock of "+t.Node] = func() { w.Skew(t.Node, 0) }
		return w.skewed(t), nil
	case EventLost:
		w.AgentDown(t.Node, true)
		w.deaf = append(w.deaf, t.Node)
		w.mend["agent of "+t.Node] = func() { w.AgentDown(t.Node, false) }
		return w.unheard(t.Node), nil
	case Paused:
		return w.pauses(t)
	default:
		return w.armed(t)
	}
}

// armed arms what waits for a call.
func (w simulated) armed(t Trouble) (Proof, error) {
	n := t.Node
	lasting := func(what, text string, set func(on bool)) (Proof, error) {
		return w.strikes(t, text, func() {
			set(true)
			w.mend[what+" of "+n] = func() { set(false) }
		})
	}
	switch t.What {
	case CallStrikes, SendCut, HandlerGone, Reboot:
		return w.fault(t), nil
	case SSHStopped:
		return w.strikes(t, "sshd of "+n+" stopped", func() { w.SSHDown(n, true) }) // mended with every link
	case DiskFull:
		return lasting("disk", "disk of "+n+" full", func(on bool) { w.Cluster.DiskFull(n, on) })
	case DriverGone:
		return lasting("driver", "driver of "+n+" gone", func(on bool) { w.DriverDown(n, on) })
	case DockerRestarted:
		w.mend["dockerd of "+n] = func() { w.DockerDown(n, false) }
		return w.strikes(t, "dockerd of "+n+" restarted", func() { w.RestartDocker(n, restart) })
	case Isolated:
		return w.strikes(t, n+" cut from the others", func() {
			w.Partition([]string{n}, slices.DeleteFunc(w.Nodes(), func(x string) bool { return x == n }))
		})
	case LeaderLost:
		return w.strikes(t, fmt.Sprintf("Consul without a leader for %v", election), func() { w.Election(election) })
	default:
		return nil, fmt.Errorf("the simulator has no trouble called %q", t.What)
	}
}

// inject arms a fault and says that it struck, when.
func (w simulated) inject(f sim.Fault, text string) Proof {
	armed := w.Inject(f)
	w.fired = append(w.fired, armed)
	return func() string {
		if armed.Fired == 0 {
			return ""
		}
		return fmt.Sprintf("%s at %s of %s, %v after the start", text, f.Call, f.Node, armed.At[0])
	}
}

// strikes does something as a call is about to happen.
func (w simulated) strikes(t Trouble, text string, do func()) (Proof, error) {
	if t.At.Name == "" {
		return nil, fmt.Errorf("%s: at which call?", t)
	}
	f := t.Fault()
	if do != nil {
		f.Do = func(*sim.Cluster) { do() }
	}
	return w.inject(f, text), nil
}

// fault is a trouble that the simulator has as a phase of its own.
func (w simulated) fault(t Trouble) Proof {
	f := t.Fault()
	if !strings.HasPrefix(f.Call, "KV.") && !strings.HasPrefix(f.Call, "Presence.") {
		f.Err = errDriver
	}
	switch t.What {
	case SendCut:
		f.Phase, f.Share = sim.Half, t.Share
		return w.inject(f, fmt.Sprintf("the stream stopped after %d %%", t.Share))
	case HandlerGone:
		f.Phase, f.Down = sim.CrashBefore, -1
		return w.inject(f, "handler of "+t.Node+" killed for good")
	case Reboot:
		f.Phase, f.Down = sim.PowerBefore, t.For
		return w.inject(f, fmt.Sprintf("%s without power for %v", t.Node, t.For))
	default:
		return w.inject(f, string(f.Phase))
	}
}

// pauses lets the handler stand still until its session is gone.
func (w simulated) pauses(t Trouble) (Proof, error) {
	gone := time.Duration(0)
	proof, err := w.strikes(t, "handler of "+t.Node+" frozen", func() {
		began := w.Now()
		w.Freeze(t.Node, sim.Handler)
		w.Every(time.Second, "thaw", func() bool {
			if slices.Contains(w.Cluster.Sessions(), t.Node) {
				return true
			}
			gone = w.Now() - began
			w.Thaw(t.Node, sim.Handler)
			return false
		})
	})
	return func() string {
		if gone == 0 {
			return ""
		}
		return fmt.Sprintf("%s, its session gone after %v", proof(), gone)
	}, err
}

// cannotClone tries a clone at a node, which must fail.
func (w simulated) cannotClone(node string) Proof {
	var failed error
	w.Go(node, "git probe", func(ctx context.Context, p port.World) {
		_, failed = p.Source.Checkout(ctx, w.app, app.Checkout(w.app.Name(), "probe"))
	})
	return func() string {
		if failed == nil {
			return ""
		}
		return fmt.Sprintf("a clone at %s: %v", node, failed)
	}
}

// unheard is that an agent does not know of the request that was asked last.
func (w simulated) unheard(node string) Proof {
	return func() string {
		knows := func(e port.Event) bool { return bytes.Equal(e.Payload, reference(w.asked)) }
		if w.asked == "" || slices.ContainsFunc(w.Heard(node), knows) {
			return ""
		}
		return fmt.Sprintf("the agent of %s never heard of request %s", node, w.asked)
	}
}

// skewed is that a node's wall clock was wrong when somebody on it read it.
func (w simulated) skewed(t Trouble) Proof {
	before := w.WrongDates(t.Node)
	return func() string {
		n := w.WrongDates(t.Node) - before
		if n == 0 {
			return ""
		}
		return fmt.Sprintf("the clock of %s was read %d times while it was %v ahead", t.Node, n, t.For)
	}
}

// otherAddress is the same application under another domain.
func otherAddress(files port.Files) port.Files {
	out := port.Files{}
	for path, content := range files {
		out[path] = bytes.ReplaceAll(content, []byte("hello.example.com"), []byte("production.example.com"))
	}
	return out
}
