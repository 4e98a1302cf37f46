package figures

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/mlfmonde/cluster/fixtures/nodes"
	"github.com/mlfmonde/cluster/fixtures/nodes/cluster"
	"github.com/mlfmonde/cluster/handler/app"
)

const (
	// apps is how many applications the cluster has at rest.
	apps = 50
	// watched is for how long the agents are watched. The level-triggered pass
	// comes every 30 s.
	watched = 4 * time.Minute
	// deploys is how many applications are deployed at the same time.
	deploys = 6
)

// measureRest watches the agents of a cluster without applications, and then
// with apps of them, all deployed by the handler: each node runs a third of
// them and has the replicas of another third.
func measureRest(ctx context.Context, o Options) (all []Idle, err error) {
	b, err := newBed(ctx, o, 8<<30, false)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	empty, err := b.watchIdle(ctx, 0)
	if err != nil {
		return nil, err
	}
	b.say("deploy %d applications", apps)
	g, deploying := errgroup.WithContext(ctx)
	g.SetLimit(deploys)
	for i := range apps {
		g.Go(func() error { return b.plain(deploying, i) })
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	if err := b.quiet(ctx); err != nil {
		return nil, err
	}
	full, err := b.watchIdle(ctx, apps)
	return append(empty, full...), err
}

// seat is where the i-th application lives.
func (b *bed) seat(i int) (master, slave string) {
	all := b.All()
	return all[i%len(all)].Name, all[(i+1)%len(all)].Name
}

// plain deploys the i-th application: without a published port, and without a
// health check, since fifty of them every second are no rest.
func (b *bed) plain(ctx context.Context, i int) error {
	branch := fmt.Sprintf("app%02d", i)
	if err := b.named(ctx, branch); err != nil {
		return err
	}
	files, err := b.files(branch, branch, 0)
	if err != nil {
		return err
	}
	const check = "    healthcheck:\n      test: [\"CMD\", \"/hello\", \"healthy\"]\n      interval: 1s\n      timeout: 2s\n      retries: 10\n"
	if err := nodes.Edit(files, check, ""); err != nil {
		return err
	}
	if _, err := b.Git().Push(ctx, branch, "main", branch, files); err != nil {
		return err
	}
	url := strings.Replace(b.Git().HTTP(branch), "git.example.com", b.Git().Address, 1)
	a, err := app.Parse(url, "main")
	if err != nil {
		return err
	}
	master, slave := b.seat(i)
	r, err := b.Node(master).Handler(ctx, "deploy", "--repo", a.Repo, "--branch", a.Branch, "--master", master, "--slave", slave)
	if err == nil && r.Code != 0 {
		err = fmt.Errorf("deploy %s: code %d: %s", branch, r.Code, lastLines(string(r.Stdout)+string(r.Stderr)))
	}
	return err
}

// usage is what the kernel says of a process.
type usage struct {
	cpu      float64 // seconds
	rss, pss float64 // MiB
}

// watchIdle watches agent and guard of every node side by side.
func (b *bed) watchIdle(ctx context.Context, have int) ([]Idle, error) {
	b.say("watch the agents for %s with %d applications", watched, have)
	before, err := b.usages(ctx)
	if err != nil {
		return nil, err
	}
	begin := time.Now()
	if nodes.Pause(ctx, watched) != nil {
		return nil, context.Cause(ctx)
	}
	minutes := time.Since(begin).Minutes()
	now, err := b.usages(ctx)
	if err != nil {
		return nil, err
	}
	var all []Idle
	for _, n := range b.All() {
		x := Idle{Apps: have, Node: n.Name, Minutes: minutes}
		for i := range have {
			master, slave := b.seat(i)
			if master == n.Name {
				x.Master++
			}
			if slave == n.Name {
				x.Slave++
			}
		}
		agent, guard := now[n.Name+cluster.Agent], now[n.Name+cluster.Guard]
		x.RSS, x.PSS, x.GuardMB = agent.rss, agent.pss, guard.pss
		x.CPU = (agent.cpu - before[n.Name+cluster.Agent].cpu) / minutes
		x.Guard = (guard.cpu - before[n.Name+cluster.Guard].cpu) / minutes
		b.say("%s: %.1f MiB RSS, %.1f MiB PSS, %.2f s of CPU a minute; guard %.2f s", n.Name, x.RSS, x.PSS, x.CPU, x.Guard)
		all = append(all, x)
	}
	return all, nil
}

// usages asks the kernel for agent and guard of every node, by node and program.
func (b *bed) usages(ctx context.Context) (map[string]usage, error) {
	all := map[string]usage{}
	for _, n := range b.All() {
		for _, name := range []string{cluster.Agent, cluster.Guard} {
			pid, err := pidOf(ctx, n, name)
			if err != nil {
				return nil, err
			}
			dir := fmt.Sprintf("%s/proc/%d/", n.Root(ctx), pid)
			if all[n.Name+name], err = readUsage(dir); err != nil {
				return nil, fmt.Errorf("look at %s of %s: %w", name, n.Name, err)
			}
		}
	}
	return all, nil
}

// ticks is how many of the kernel's clock ticks in /proc are a second.
const ticks = 100

func readUsage(dir string) (u usage, err error) {
	stat, err := os.ReadFile(dir + "stat")
	if err != nil {
		return u, err
	}
	// After the name, which may hold anything, field 3 is the first.
	_, rest, _ := strings.Cut(string(stat), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return u, fmt.Errorf("stat is %q", stat)
	}
	for _, f := range fields[11:13] { // utime, stime
		n, err := strconv.ParseFloat(f, 64)
		if err != nil {
			return u, err
		}
		u.cpu += n / ticks
	}
	memory, err := os.ReadFile(dir + "smaps_rollup")
	if err != nil {
		return u, err
	}
	for l := range strings.Lines(string(memory)) {
		var kib float64
		if n, _ := fmt.Sscanf(l, "Rss: %f kB", &kib); n == 1 {
			u.rss = kib / 1024
		}
		if n, _ := fmt.Sscanf(l, "Pss: %f kB", &kib); n == 1 {
			u.pss = kib / 1024
		}
	}
	if u.rss == 0 {
		return u, errors.New("smaps_rollup says nothing")
	}
	return u, nil
}
