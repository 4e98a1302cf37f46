package prompt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/hashicorp/consul/api"

	"github.com/mlfmonde/cluster/fixtures/nodes/cluster"
	"github.com/mlfmonde/cluster/fixtures/nodes/machine"
	"github.com/mlfmonde/cluster/handler/ledger"
	"github.com/mlfmonde/cluster/recette"
	"github.com/mlfmonde/cluster/sim"
)

// Refused is the refusal of an act that real nodes cannot do, with its reason,
// nil for all others.
func Refused(a recette.Act) error {
	switch a.Deed {
	case recette.Skew, recette.Drift, recette.Zone:
		return a.Cannot("real nodes have the one clock of this machine")
	case recette.Gossip:
		return a.Cannot("Consul's gossip is its own; take a node's agent away instead: fault NODE agent down")
	case recette.Echo:
		return a.Cannot("Consul's gossip is its own; redeliver alone fires new events")
	case recette.Tick:
		return a.Cannot("the driver's scheduler has the machine's clock; restart the driver instead: fault NODE driver down, then up")
	case recette.LayCheckout, recette.LayStack:
		return a.Cannot("what the old tool left is laid on simulated nodes only")
	case recette.Cut, recette.Join:
		return refusedCut(a)
	}
	return nil
}

func refusedCut(a recette.Act) error {
	for _, ch := range a.Channels {
		switch {
		case a.Other != sim.Outside:
			return a.Cannot("real nodes are cut from each other for every kind of traffic; leave the channel out")
		case ch != sim.Git && ch != sim.Consul:
			return a.Cannot("outside real nodes there are git and consul")
		}
	}
	return nil
}

// program is the process as the cluster calls it.
func program(p sim.Process) string {
	if p == sim.Guard {
		return cluster.Guard
	}
	return cluster.Agent
}

// Act implements recette.Hands. What was seen of it goes into the trace.
func (g *Ground) Act(ctx context.Context, a recette.Act) (string, error) {
	if err := Refused(a); err != nil {
		return "", err
	}
	if n := g.cluster.Node(a.Node); n != nil {
		proof, err := g.onNode(ctx, n, a)
		if err == nil && proof != "" {
			g.ear.note(n.Name, proof)
		}
		return "", err
	}
	return g.everywhere(ctx, a)
}

// onNode does what concerns one node, and says what was seen of it.
func (g *Ground) onNode(ctx context.Context, n *cluster.Node, a recette.Act) (proof string, err error) {
	switch a.Deed {
	case recette.Crash:
		return n.Kill(ctx, program(a.Process))
	case recette.Start:
		return g.start(ctx, n, program(a.Process))
	case recette.PowerOff:
		return n.PowerCut(ctx)
	case recette.PowerOn:
		if !has(n, "off") {
			return n.Name + " is on already", nil
		}
		return n.Boot(ctx)
	case recette.Freeze, recette.Thaw:
		return g.still(ctx, n, a)
	case recette.Cut:
		return g.cut(ctx, n, a)
	case recette.Join:
		return g.join(ctx, n, a)
	case recette.Break:
		return g.part(ctx, n, a)
	case recette.Expire:
		return g.expire(ctx, n)
	case recette.StartByHand, recette.StopByHand:
		return docker(ctx, n, a)
	case recette.LayVolume:
		return volume(ctx, n, a)
	}
	return "", a.Cannot("nobody has taught it to real nodes")
}

// has reports that something is broken on the node, in the cluster's words.
func has(n *cluster.Node, word string) bool {
	for _, b := range n.Broken() {
		if b == word {
			return true
		}
	}
	return false
}

// start starts a program unless it runs.
func (g *Ground) start(ctx context.Context, n *cluster.Node, name string) (string, error) {
	states, err := n.Machine().States(ctx)
	if err != nil {
		return "", err
	}
	for _, s := range states {
		if s.Name == name && s.Pid != 0 {
			return fmt.Sprintf("%s of %s runs already, as process %d", name, n.Name, s.Pid), nil
		}
	}
	return n.Start(ctx, name)
}

// still stops the machine or a process where it is, or lets it go on.
func (g *Ground) still(ctx context.Context, n *cluster.Node, a recette.Act) (string, error) {
	stop := a.Deed == recette.Freeze
	switch {
	case a.Machine && stop:
		return n.Freeze(ctx)
	case a.Machine:
		return n.Thaw(ctx)
	case a.Process == sim.Handler && stop:
		return n.Pause(ctx)
	case a.Process == sim.Handler:
		return n.Continue(ctx)
	}
	return g.signal(ctx, n, cluster.Guard, stop)
}

// signal stops a program that the cluster has no word for, or lets it go on;
// healing lets it go on too.
func (g *Ground) signal(ctx context.Context, n *cluster.Node, name string, stop bool) (string, error) {
	what := name + " of " + n.Name
	s, word := syscall.SIGCONT, "goes on"
	if stop {
		s, word = syscall.SIGSTOP, "stands still"
	}
	if err := n.Machine().Signal(ctx, name, s); err != nil {
		return "", err
	}
	g.mend(what, func(ctx context.Context) error {
		if !on(n) || has(n, "no "+name) {
			return nil // it went with what happened since
		}
		return n.Machine().Signal(ctx, name, syscall.SIGCONT)
	}, stop)
	return what + " " + word, nil
}

// mend keeps what ends something, or forgets it.
func (g *Ground) mend(what string, end func(context.Context) error, keep bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if keep {
		g.mends[what] = end
	} else {
		delete(g.mends, what)
	}
}

// expire ends the session of the node's handler.
func (g *Ground) expire(ctx context.Context, n *cluster.Node) (string, error) {
	id := ""
	err := g.any(ctx, func(ctx context.Context, c *api.Client) error {
		p, _, err := c.KV().Get(ledger.Nodes+n.Name, read(ctx, true))
		if err == nil && p != nil {
			id = p.Session
		}
		return err
	})
	if err == nil && id == "" {
		err = fmt.Errorf("the handler of %s has no session", n.Name)
	}
	if err == nil {
		err = g.any(ctx, func(ctx context.Context, c *api.Client) error {
			_, err := c.Session().Destroy(id, write(ctx))
			return err
		})
	}
	if err != nil {
		return "", fmt.Errorf("end session of %s: %w", n.Name, err)
	}
	return fmt.Sprintf("session %s of the handler of %s is destroyed", id, n.Name), nil
}

// docker starts or stops the containers of a project by hand.
func docker(ctx context.Context, n *cluster.Node, a recette.Act) (string, error) {
	client := func(args ...string) (string, error) {
		return n.Run(ctx, append([]string{"docker", "--host", "unix:///run/docker.sock"}, args...)...)
	}
	ids, err := client("ps", "--all", "--quiet", "--filter", "label=com.docker.compose.project="+a.Project)
	if err != nil {
		return "", err
	}
	verb := strings.TrimPrefix(string(a.Deed), "docker ")
	answer := "there are no containers"
	if all := strings.Fields(ids); len(all) > 0 {
		answer = "done"
		if _, err := client(append([]string{verb}, all...)...); err != nil {
			answer = err.Error() // what dockerd says is what people want to see
		}
	}
	return fmt.Sprintf("operator: docker %s on %s: %s", verb, n.Name, answer), nil
}

// volume lays a live volume with old records on a node.
func volume(ctx context.Context, n *cluster.Node, a recette.Act) (string, error) {
	if _, err := n.Run(ctx, "docker", "--host", "unix:///run/docker.sock", "volume", "create", "--driver", "ccomb/buttervolume", a.Key); err != nil {
		return "", err
	}
	var b strings.Builder
	for i, r := range a.Records {
		fmt.Fprintf(&b, "%d\t%s\n", i+1, r.Mark)
	}
	path := filepath.Join(n.Root(ctx), machine.Volumes, "volumes", a.Key, "records")
	if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
		return "", fmt.Errorf("lay volume %s: %w", a.Key, err)
	}
	return fmt.Sprintf("operator: volume %s with %d records", a.Key, len(a.Records)), nil
}

// everywhere does what concerns Consul as a whole.
func (g *Ground) everywhere(ctx context.Context, a recette.Act) (string, error) {
	switch a.Deed {
	case recette.ConsulDown, recette.ConsulUp:
		return "", g.consul(ctx, a.Deed == recette.ConsulUp)
	case recette.Elect:
		return "", g.elect(ctx, a)
	case recette.Save:
		return "a backup of Consul is taken", g.any(ctx, func(ctx context.Context, c *api.Client) error {
			r, _, err := c.Snapshot().Save(read(ctx, false))
			if err != nil {
				return err
			}
			data, err := io.ReadAll(r)
			g.mu.Lock()
			g.backup = data
			g.mu.Unlock()
			return errors.Join(err, r.Close())
		})
	case recette.Restore:
		g.mu.Lock()
		data := g.backup
		g.mu.Unlock()
		if data == nil {
			return "", fmt.Errorf("%s: there is no backup: consul save makes one", a)
		}
		return "Consul is restored from the backup", g.any(ctx, func(ctx context.Context, c *api.Client) error {
			return c.Snapshot().Restore(write(ctx), bytes.NewReader(data))
		})
	case recette.Empty:
		return "Consul's KV is empty", g.any(ctx, func(ctx context.Context, c *api.Client) error {
			_, err := c.KV().DeleteTree("", write(ctx))
			return err
		})
	case recette.Put:
		return "", g.any(ctx, func(ctx context.Context, c *api.Client) error {
			_, err := c.KV().Put(&api.KVPair{Key: a.Key, Value: a.Value}, write(ctx))
			return err
		})
	case recette.Delete:
		return "", g.any(ctx, func(ctx context.Context, c *api.Client) error {
			_, err := c.KV().Delete(a.Key, write(ctx))
			return err
		})
	}
	return "", a.Cannot("nobody has taught it to real nodes")
}
