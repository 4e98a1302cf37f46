package nodes

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	fixture "github.com/mlfmonde/cluster/fixtures/nodes"
	"github.com/mlfmonde/cluster/fixtures/nodes/cluster"
	"github.com/mlfmonde/cluster/fixtures/nodes/relay"
	"github.com/mlfmonde/cluster/handler/witness"
	"github.com/mlfmonde/cluster/recette"
	"github.com/mlfmonde/cluster/sim"
)

// phase is what the relay does with the call at which a node is struck: one
// that the strike takes the caller of does not reach the neighbour.
func phase(t recette.Trouble) relay.Phase {
	switch t.What {
	case recette.CallStrikes:
		return relay.Phase(t.Phase)
	case recette.HandlerGone:
		return relay.CrashBefore
	case recette.Reboot:
		return relay.PowerBefore
	}
	return relay.Hook
}

// happen is the strike, by real means. What takes its time goes on by itself:
// [batch.after].
func (b *batch) happen(ctx context.Context) (proof string, err error) {
	c := b.bench.cluster
	n := c.Node(b.what.Node)
	switch b.what.What {
	case recette.SendCut:
		return "the transfer is struck where it is", nil
	case recette.LeaderLost:
		return b.election(ctx)
	case recette.CallStrikes:
		if b.what.Phase == sim.PowerBefore || b.what.Phase == sim.PowerAfter {
			return b.reboot(ctx, n)
		}
		return n.Crash(ctx, cluster.Agent)
	case recette.HandlerGone:
		return n.Kill(ctx, cluster.Agent)
	case recette.Reboot:
		return b.reboot(ctx, n)
	case recette.Paused:
		return b.pause(ctx, n)
	case recette.DockerRestarted:
		return n.RestartDocker(ctx)
	case recette.EventLost:
		return n.Kill(ctx, cluster.Consul)
	case recette.SSHStopped:
		return n.Kill(ctx, cluster.SSHD)
	case recette.DriverGone:
		return n.Kill(ctx, cluster.Driver)
	case recette.DiskFull:
		return n.FillDisk(ctx)
	case recette.Isolated:
		return n.Isolate(ctx)
	case recette.GitCut:
		return n.CutGit(ctx)
	case recette.GitKey:
		return n.WrongKey(ctx)
	}
	return "", fmt.Errorf("real nodes have no trouble called %q", b.what.What)
}

// goOn does something after the strike, which [batch.run] waits for.
func (b *batch) goOn(do func() (string, error)) {
	b.after.Go(func() {
		proof, err := do()
		b.set(func() {
			if b.late = errors.Join(b.late, err); proof != "" {
				b.proof += "; " + proof
			}
		})
	})
}

// dark is how long a node is off whose trouble does not say.
const dark = 3 * time.Second

func (b *batch) reboot(ctx context.Context, n *cluster.Node) (string, error) {
	proof, err := n.PowerCut(ctx)
	if err != nil {
		return "", err
	}
	off := b.what.For
	if off == 0 {
		off = dark
	}
	b.bench.notes.add(b.began, witness.Happening{World: witness.PowerOff, Node: n.Name})
	b.goOn(func() (string, error) {
		if err := fixture.Pause(ctx, off); err != nil {
			return "", err
		}
		start := b.bench.notes.now()
		proof, err := n.Boot(ctx)
		b.bench.notes.add(start, witness.Happening{World: witness.PowerOn, Node: n.Name})
		return proof, err
	})
	return proof, nil
}

// pause lets the handler stand still until its session is gone. Without that
// it has not struck.
func (b *batch) pause(ctx context.Context, n *cluster.Node) (string, error) {
	began := time.Now()
	proof, err := n.Pause(ctx)
	if err != nil {
		return "", err
	}
	b.goOn(func() (string, error) {
		for {
			present, err := b.bench.agents.sessions(ctx)
			if err != nil {
				return "", err
			}
			if !slices.Contains(present, n.Name) {
				break
			}
			if err := fixture.Pause(ctx, 200*time.Millisecond); err != nil {
				return "", err
			}
		}
		gone := time.Since(began)
		_, err := n.Continue(ctx)
		return fmt.Sprintf("its session was gone after %.1f s", gone.Seconds()), err
	})
	return proof, nil
}

// election kills Consul's leader; it comes back as one of the others when they
// have a new one.
func (b *batch) election(ctx context.Context) (string, error) {
	old, err := b.bench.cluster.Leader(ctx)
	if err != nil {
		return "", err
	}
	began := time.Now()
	proof, err := old.Kill(ctx, cluster.Consul)
	if err != nil {
		return "", err
	}
	b.goOn(func() (string, error) {
		name := ""
		for name == "" || name == old.Name {
			if err := fixture.Pause(ctx, 100*time.Millisecond); err != nil {
				return "", err
			}
			if now, err := b.bench.cluster.Leader(ctx); err == nil {
				name = now.Name
			}
		}
		took := time.Since(began)
		_, err := old.Start(ctx, cluster.Consul)
		return fmt.Sprintf("%s led no more, %s was elected after %.1f s", old.Name, name, took.Seconds()), err
	})
	return proof, nil
}

// follow is what a trouble needs after the plays have asked: an agent that was
// down while events were fired comes back.
func (b *batch) follow(ctx context.Context) error {
	if b.what.What != recette.EventLost {
		return nil
	}
	if err := b.until(ctx, func() bool { return b.every(func(m *member) bool { return m.asked != "" }) }); err != nil {
		return err
	}
	if err := fixture.Pause(ctx, b.bench.times.Beat); err != nil { // an event takes no longer than that
		return err
	}
	n := b.bench.cluster.Node(b.what.Node)
	if _, err := n.Start(ctx, cluster.Consul); err != nil {
		return err
	}
	return b.unheard(ctx, n)
}

// unheard tells what the agent knows that was down: of an event that it hears
// from others when it is back nobody can say that it was lost for ever, but it
// was lost when it was fired.
func (b *batch) unheard(ctx context.Context, n *cluster.Node) error {
	data, err := n.Get(ctx, "/v1/event/list")
	if err != nil {
		return err
	}
	heard, err := payloads(data)
	if err != nil {
		return err
	}
	b.set(func() {
		for _, m := range b.members {
			knows := "does not know"
			if slices.ContainsFunc(heard, func(text string) bool { return strings.Contains(text, m.asked) }) {
				knows = "knows"
			}
			if m.asked != "" {
				m.proof = fmt.Sprintf("%s; request %s was fired then; back, the agent of %s %s it", b.proof, m.asked, n.Name, knows)
			}
		}
	})
	return nil
}
