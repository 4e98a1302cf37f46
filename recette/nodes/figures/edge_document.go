package figures

import (
	"fmt"
	"slices"
	"strings"
)

const edgeExplained = `Users enter at HAProxy of a third node, 50 a second over http and 50 over https, each on a connection of its own: their
requests go on to Caddy on the application's node. While the application is deployed again or moves they are held there and
answered afterwards; **held** are those that took more than 0.25 s. **Bare** is the outage of the same run as a client
sees it that asks the application's own port. Reloads are of HAProxy on the third node, ten in a run of 100 requests a
second each over http and https. The last table is what the proxies cost: a connection is made for every request,
over https with its handshake.

`

// edge shows what users of the edge saw.
func (p *Part) edge(d *strings.Builder) {
	d.WriteString("| | over | runs | requests | failed | worst | held in a run | bare |\n|---|---|---|---|---|---|---|---|\n")
	failed := map[string]int{}
	for _, what := range []string{Redeploy, Move, Reload} {
		for _, way := range []string{"http", "https"} {
			runs := slices.DeleteFunc(slices.Clone(p.Edge), func(x Served) bool { return x.What != what || x.Way != way })
			requests := 0
			for _, x := range runs {
				requests += x.Requests
				failed[what] += x.Failed
			}
			held := pick(runs, func(x Served) (float64, bool) { return float64(x.Held), true })
			fmt.Fprintf(d, "| %s | %s | %d | %d | %.0f | %s | %.0f (%.0f–%.0f) | %s |\n", what, way, len(runs), requests,
				total(runs, func(x Served) float64 { return float64(x.Failed) }), pick(runs, func(x Served) (float64, bool) { return x.Worst, true }),
				held.Median, held.Min, held.Max, pick(runs, func(x Served) (float64, bool) { return x.Bare, x.Bare > 0 }))
		}
	}
	d.WriteString("\n")
	for _, what := range []string{Redeploy, Move, Reload} {
		fmt.Fprintf(d, "- %s\n", goal{"requests that failed during each " + what, float64(failed[what]), 0, ""})
	}
	d.WriteString("\n| an answer of | requests | p50 | p99 |\n|---|---|---|---|\n")
	for _, x := range p.Edge {
		if x.What == Overhead {
			fmt.Fprintf(d, "| %s | %d | %.2f ms | %.2f ms |\n", overheadWay(x.Way), x.Requests, 1000*x.P50, 1000*x.P99)
		}
	}
}

func overheadWay(way string) string {
	switch way {
	case "port":
		return "the application's own port"
	case "http", "https":
		return way + ", through the third node"
	}
	return way
}

func total(all []Served, of func(Served) float64) (sum float64) {
	for _, x := range all {
		sum += of(x)
	}
	return sum
}
