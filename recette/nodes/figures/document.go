package figures

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// Document is the book in words: what was measured, the figures next to the
// goals that the project has set itself, and where the time goes.
func (b Book) Document() string {
	var d strings.Builder
	d.WriteString(preface)
	if p := b.Parts[Outages]; p != nil {
		d.WriteString("\n## Redeploy and move, by the handler and by hand\n\n" + explained)
		p.outages(&d)
		p.causes(&d)
		for _, what := range []string{Redeploy, Move} {
			p.phases(&d, what)
		}
		p.about(&d)
	}
	if p := b.Parts[Sizes]; p != nil {
		d.WriteString("\n## Moves of small and large volumes\n\n" + sizesExplained)
		p.sizes(&d)
		p.about(&d)
	}
	if p := b.Parts[Rest]; p != nil {
		d.WriteString("\n## An agent at rest\n\n" + restExplained)
		p.rest(&d)
		p.about(&d)
	}
	if p := b.Parts[Edge]; p != nil {
		d.WriteString("\n## Users behind HAProxy and Caddy\n\n" + edgeExplained)
		p.edge(&d)
		p.about(&d)
	}
	return d.String()
}

const preface = `# Figures

Written by ` + "`make bench-nodes`" + ` on real nodes (Docker, BTRFS, ssh, Consul, git: fixtures/nodes/cluster) and never by
hand; the samples are in figures.json. Seconds are "median (least–most)". They are those of the machine named below
each table, with three nodes on its few cores: compare the ratios, not the seconds.
`

const explained = `A client on a third node asks the application's published port 50 times a second, whatever became of the requests
before, each request on a connection of its own and given up after 0.5 s. The **outage** is from the sending of the
first request that fails to the answer of the first one that does not. For a move both nodes are asked at each moment,
and it is served when either application answers. **Behind an edge** is the same for users whose proxy follows the KV
without delay: they see maintenance before the stop, and until the application is healthy and the operation committed.

The volume has 100 MiB of random data, a whole replica, and 10 MiB changed since that. By hand is what a person would
type on the same nodes for the same application: a redeploy is ` + "`docker compose up -d`" + ` of an image that is built, a move is
` + "`docker compose stop`" + `, snapshot, send, restore (the volume driver's HTTP interface) and ` + "`docker compose up -d`" + ` on the other
node. Nothing of it waits for a health check, can be undone, or tells anybody. Handler and hand take turns.

In the path of the client: the network of the nodes and the published port, no proxy. In the path of handler and
transfers: nothing (no relay of the recette; dockerd, volume driver and Consul agent by their own sockets, git by the
server's address, ssh to the other node's sshd). ARP is the pause after which a node asks again for the link address of
a container: a container that is being started does not answer, and connections wait for the next question. 1 s is the
kernel's default; with 10 ms that effect is gone.
`

const sizesExplained = `Moves by the handler, as above; each volume has the same 10 MiB changed since its replica. **Done** is from the request
to its end as the command line shows it, the code fetched and built, the data brought over twice.

`

const restExplained = `Applications that the handler has really deployed, in turn on the three nodes, so that the KV holds what it wrote: a
record, an operation and its history for each, requests as tombstones, replicas. They have no health check of their
own. Nobody asks for anything meanwhile; the handlers follow the KV and make their level-triggered pass every 30 s.

`

// goal is what the project wants of a figure.
type goal struct {
	what  string
	value float64
	most  float64
	unit  string
}

// verdict is a goal next to its figure.
func (g goal) String() string {
	if math.IsNaN(g.value) {
		return g.what + ": not measured"
	}
	word := "met"
	if g.value > g.most {
		word = "**missed**"
	}
	return fmt.Sprintf("%s: %.2f%s, goal ≤ %.1f%s: %s", g.what, g.value, g.unit, g.most, g.unit, word)
}

// of are the samples of one series.
func (p *Part) of(s Series) []Sample {
	return slices.DeleteFunc(slices.Clone(p.Samples), func(x Sample) bool { return x.Series != s })
}

func outage(x Sample) (float64, bool) { return x.Outage, true }
func routed(x Sample) (float64, bool) { return x.Routed, x.Routed > 0 }
func done(x Sample) (float64, bool)   { return x.Done, true }
func failed(x Sample) (float64, bool) { return float64(x.Failed), true }

const small = 100 * mib

func (p *Part) outages(d *strings.Builder) {
	d.WriteString("| | ARP | runs | outage, handler | outage, by hand | ratio | requests failed | behind an edge, handler |\n|---|---|---|---|---|---|---|---|\n")
	var goals []goal
	for _, what := range []string{Redeploy, Move} {
		for _, arp := range []int{int(usualARP.Milliseconds()), int(quickARP.Milliseconds())} {
			handler, hand := p.of(Series{what, Handler, small, arp}), p.of(Series{what, Hand, small, arp})
			ours, theirs := pick(handler, outage), pick(hand, outage)
			fmt.Fprintf(d, "| %s | %d ms | %d, %d | %s | %s | %s | %.0f, %.0f | %s |\n", what, arp, ours.N, theirs.N, ours, theirs,
				ratio(ours.Ratio(theirs)), pick(handler, failed).Median, pick(hand, failed).Median, pick(handler, routed))
			goals = append(goals, goal{fmt.Sprintf("outage of a %s, handler against hand, ARP %d ms", what, arp), ours.Ratio(theirs), 1.2, " ×"})
		}
	}
	list(d, goals)
}

func ratio(r float64) string {
	if math.IsNaN(r) {
		return "–"
	}
	return fmt.Sprintf("%.2f", r)
}

func list(d *strings.Builder, goals []goal) {
	d.WriteString("\n")
	for _, g := range goals {
		fmt.Fprintf(d, "- %s\n", g)
	}
}

// causes says how requests failed in the outages.
func (p *Part) causes(d *strings.Builder) {
	d.WriteString("\nRequests that failed in all outages, by what the client saw (both nodes are asked, so those to the other node are here too):\n\n")
	for _, arp := range []int{int(usualARP.Milliseconds()), int(quickARP.Milliseconds())} {
		count := map[string]int{}
		for _, x := range p.Samples {
			if x.ARP != arp {
				continue
			}
			for cause, n := range x.Causes {
				_, text, _ := strings.Cut(cause, ": ")
				count[strings.TrimSpace(text)] += n
			}
		}
		var all []string
		for text, n := range count {
			all = append(all, fmt.Sprintf("%s %d", text, n))
		}
		slices.Sort(all)
		fmt.Fprintf(d, "- ARP %d ms: %s\n", arp, strings.Join(all, ", "))
	}
}

// phases shows where the time of an outage goes.
func (p *Part) phases(d *strings.Builder, what string) {
	for _, by := range []string{Handler, Hand} {
		all := p.of(Series{what, by, small, int(usualARP.Milliseconds())})
		if len(all) == 0 {
			continue
		}
		fmt.Fprintf(d, "\n### Phases of a %s by %s\n\nSeconds after the first failure; the outage ended after %.2f. ARP 1 s.\n\n| begins | takes | node | |\n|---|---|---|---|\n",
			what, by, pick(all, outage).Median)
		for _, t := range Typically(all) {
			fmt.Fprintf(d, "| %.3f | %.3f (%.3f–%.3f) | %s | %s |\n", t.Begin.Median, t.Took.Median, t.Took.Min, t.Took.Max, t.Node, t.Name)
		}
	}
}

func (p *Part) sizes(d *strings.Builder) {
	d.WriteString("| volume | runs | outage | behind an edge | done |\n|---|---|---|---|---|\n")
	all := map[int64]Spread{}
	var outages []goal
	for _, size := range volumeSizes() {
		runs := p.of(Series{Move, Handler, size, int(usualARP.Milliseconds())})
		all[size] = pick(runs, done)
		fmt.Fprintf(d, "| %d MiB | %d | %s | %s | %s |\n", size/mib, len(runs), pick(runs, outage), pick(runs, routed), all[size])
		if size == 1000*mib && len(runs) > 0 {
			outages = append(outages, goal{"outage of a move of 1000 MiB", pick(runs, outage).Median, 5, " s"})
		}
	}
	list(d, append(outages, goal{"move time, 5000 MiB against 1000 MiB", all[5000*mib].Ratio(all[1000*mib]), 1.1, " ×"}))
}

func (p *Part) rest(d *strings.Builder) {
	d.WriteString("| applications | node | master of | replica of | RSS | PSS | CPU a minute | guard: PSS | CPU a minute |\n|---|---|---|---|---|---|---|---|---|\n")
	minutes := 0.0
	for _, x := range p.Idle {
		fmt.Fprintf(d, "| %d | %s | %d | %d | %.1f MiB | %.1f MiB | %.2f s | %.1f MiB | %.2f s |\n", x.Apps, x.Node, x.Master, x.Slave, x.RSS, x.PSS, x.CPU, x.GuardMB, x.Guard)
		minutes = x.Minutes
	}
	fmt.Fprintf(d, "\nWatched for %.0f minutes each.\n", minutes)
}

// about says where and when the part was measured.
func (p *Part) about(d *strings.Builder) {
	a := p.About
	busy := pick(p.Samples, func(x Sample) (float64, bool) { return 100 * x.Busy, true })
	fmt.Fprintf(d, "\nMeasured %s at commit %s by `%s`: %d cores (%s), %s, %s; %s.", p.Date, a.Commit, p.Command, a.Cores, a.CPU, a.Memory, a.Kernel, strings.Join(a.Versions, ", "))
	d.WriteString(" The handlers had production's durations")
	if p.Times != "" {
		d.WriteString(" but for `" + p.Times + "`, for which nothing that is measured waits")
	}
	d.WriteString(".")
	if busy.N > 0 {
		fmt.Fprintf(d, " The processors were busy to %.0f (%.0f–%.0f) %% just before the runs, the idle cluster included.", busy.Median, busy.Min, busy.Max)
	}
	d.WriteString("\n")
}
