package figures

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/mlfmonde/cluster/fixtures/nodes"
	"github.com/mlfmonde/cluster/fixtures/nodes/cluster"
	"github.com/mlfmonde/cluster/fixtures/nodes/machine"
)

// The nodes of a bed: the application moves between the first two, the client
// is on the third. All three are Consul's servers.
const (
	left   = "a"
	right  = "b"
	viewer = "c"
)

// bed is a cluster on which something is measured.
type bed struct {
	*cluster.Cluster
	log     io.Writer
	program string // path of the program that has the verb probe
}

// newBed starts a cluster in which nothing stands between the handlers and
// their neighbours. disk is in bytes, sparse.
// edge: with HAProxy and Caddy on every node.
func newBed(ctx context.Context, o Options, disk int64, edge bool) (*bed, error) {
	c, err := cluster.Start(ctx, cluster.Options{
		Nodes: []string{left, right, viewer}, Disk: disk, Direct: true, Log: o.Log, Times: json.RawMessage(certain), Edge: edge,
		Timer: 24 * time.Hour, // replicas are made when a measurement wants one
	})
	if err != nil {
		return nil, err
	}
	b := &bed{Cluster: c, log: o.Log, program: o.Program}
	if err := b.bare(ctx); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return b, nil
}

func (b *bed) say(format string, args ...any) { fmt.Fprintf(b.log, format+"\n", args...) }

// certain are the durations that differ from production's. For so long after
// its start a handler does not trust what it finds and, at every pass, removes
// what a slave has received by half: a replica of gigabytes, which the
// measurements make by themselves, would never become whole. Nothing that is
// measured depends on it.
const certain = `{"orphan": "61s"}`

// doubt is how long that is, and a little more.
const doubt = 65 * time.Second

// stopMax is how long a program may take to end.
const stopMax = 20 * time.Second

// bare starts guards and agents again with the daemons' own sockets instead of
// the relays' before them.
func (b *bed) bare(ctx context.Context) error {
	var g errgroup.Group
	for _, n := range b.All() {
		g.Go(func() error {
			for _, name := range []string{cluster.Agent, cluster.Guard} {
				if err := direct(ctx, n, name); err != nil {
					return fmt.Errorf("take the relays away from %s of %s: %w", name, n.Name, err)
				}
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return b.Ready(ctx)
}

// direct starts a program of a node again, with the same words but for the
// names of sockets.
func direct(ctx context.Context, n *cluster.Node, name string) error {
	pid, err := pidOf(ctx, n, name)
	if err != nil {
		return err
	}
	words, err := n.Run(ctx, "cat", fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil {
		return err
	}
	if !strings.Contains(words, relayed) {
		return fmt.Errorf("no %s in %q", relayed, words)
	}
	if err := n.Machine().Stop(ctx, name, syscall.SIGTERM, stopMax); err != nil {
		return err
	}
	argv := strings.Split(strings.TrimSuffix(words, "\x00"), "\x00")
	for i := range argv {
		argv[i] = strings.ReplaceAll(argv[i], relayed, ".sock")
	}
	return n.Machine().Start(ctx, machine.Program{Name: name, Argv: argv, Restart: true})
}

// relayed is how the socket of a relay ends; the daemon's own has the rest of
// its name.
const relayed = "-relay.sock"

// pidOf is a program's process as inside the node.
func pidOf(ctx context.Context, n *cluster.Node, name string) (int, error) {
	states, err := n.Machine().States(ctx)
	if err != nil {
		return 0, err
	}
	for _, s := range states {
		if s.Name == name && s.Pid != 0 {
			return s.Pid, nil
		}
	}
	return 0, fmt.Errorf("%s of %s does not run", name, n.Name)
}

// retransmit sets how soon a node asks again for the link address of a
// container that did not answer. A container that is being started has an
// address before it can answer, and what is sent to it meanwhile waits for the
// next question: one second by the kernel's default.
func (b *bed) retransmit(ctx context.Context, after time.Duration) error {
	for _, n := range b.All() {
		script := fmt.Sprintf("for f in /proc/sys/net/ipv4/neigh/*/retrans_time_ms; do echo %d > $f; done", after.Milliseconds())
		if _, err := n.Run(ctx, "sh", "-c", script); err != nil {
			return fmt.Errorf("set the pause between two ARP questions: %w", err)
		}
	}
	return nil
}

// usualARP is the kernel's default of retransmit.
const usualARP = time.Second

// quickARP is short against the pause between two requests.
const quickARP = 10 * time.Millisecond

// probing is a probe that runs on the viewer's node.
type probing struct {
	node *cluster.Node
	name string
	file string
}

// probe starts the client.
func (b *bed) probe(ctx context.Context, p Probe) (*probing, error) {
	return b.probeAs(ctx, "probe", p)
}

// probeAs starts a client that has a name, beside others.
func (b *bed) probeAs(ctx context.Context, as string, p Probe) (*probing, error) {
	n := b.Node(viewer)
	name := filepath.Join(n.Machine().Bin(), filepath.Base(b.program))
	if _, err := os.Stat(name); err != nil {
		if err := bring(b.program, name); err != nil {
			return nil, err
		}
	}
	out := &probing{node: n, name: as, file: filepath.Join(n.Machine().Dir, as+".jsonl")}
	if err := os.Remove(out.file); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("start client: %w", err)
	}
	text, err := p.encode()
	if err != nil {
		return nil, err
	}
	return out, n.Machine().Start(ctx, machine.Program{Name: as, Argv: []string{name, "probe", text, out.file}})
}

// bring copies a program.
func bring(from, to string) error {
	data, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, data, 0o755)
	}
	if err != nil {
		return fmt.Errorf("bring the client to its node: %w", err)
	}
	return nil
}

// end stops the client and returns what it saw.
func (p *probing) end(ctx context.Context) (Watch, error) {
	if err := p.node.Machine().Stop(ctx, p.name, syscall.SIGTERM, stopMax); err != nil {
		return Watch{}, fmt.Errorf("stop client: %w", err)
	}
	return ReadWatch(p.file)
}

// quietMax is how long the handlers may go on after an operation is done.
const quietMax = 2 * time.Minute

// quiet waits until no handler has said anything for a while: what follows an
// operation's end is over.
func (b *bed) quiet(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, quietMax)
	defer cancel()
	const still = 2 * time.Second
	for last, since := int64(-1), time.Now(); ; {
		var size int64
		for _, n := range b.All() {
			info, err := os.Stat(agentLog(n))
			if err != nil {
				return fmt.Errorf("wait for the handlers: %w", err)
			}
			size += info.Size()
		}
		if size != last {
			last, since = size, time.Now()
		}
		if time.Since(since) >= still {
			return nil
		}
		if nodes.Pause(ctx, 100*time.Millisecond) != nil {
			return fmt.Errorf("wait for the handlers: they are not done: %w", context.Cause(ctx))
		}
	}
}

func agentLog(n *cluster.Node) string { return filepath.Join(n.Logs(), cluster.Agent+".log") }
