package recette

import (
	"slices"
	"strings"
	"time"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/execute"
	"github.com/mlfmonde/cluster/sim"
)

// A slave looks at its purge in every pass. Its answer changes with time, and all
// at once when the catalogue does.
const (
	unsure = 2 * time.Minute
	fresh  = 40 * time.Second
)

// purges reports whether a slave's volume must have its purge, which it has not
// while it could take a copy of the complete replica; sure is false where the
// answer may change just now, or nobody knows what time it is there.
func (e Expected) purges(o sim.Observation, volume string) (must, sure bool) {
	i := slices.IndexFunc(e.Replica.Copies, func(c app.Copy) bool { return c.Volume == volume })
	if e.At.Role(o.Node) != app.Slave || e.Replica.Node != o.Node || i < 0 {
		return true, true
	}
	var all []app.Snapshot
	for _, s := range o.Snapshots {
		if s.Volume == volume {
			all = append(all, s.Snapshot)
		}
	}
	spared := func(at time.Time) bool {
		return app.Spared(execute.DefaultConfig("").Purge, all, e.Replica.Copies[i].Snapshot, e.Replica.Date, at, 10*app.DefaultTimes().Poll)
	}
	must = spared(o.Date)
	listed, err := time.Parse(time.RFC3339, e.Replica.Date)
	known := !o.Date.IsZero() && err == nil && o.Date.Sub(listed) >= fresh
	return must, known && must == spared(o.Date.Add(-unsure))
}

// schedules are what there must be on a node, and without the lines of have
// that may be there or not.
func (e Expected) schedules(o sim.Observation, have []string) (must, rest []string) {
	role := e.At.Role(o.Node)
	rest = have
	for _, v := range e.Record.Volumes {
		if role == app.Nothing {
			continue
		}
		line := v + " purge:1h:1d:1w:4w:1y 1440"
		switch purges, sure := e.purges(o, v); {
		case !sure:
			rest = slices.DeleteFunc(slices.Clone(rest), func(l string) bool { return l == line })
		case purges:
			must = append(must, line)
		}
		switch {
		case role == app.Slave:
		case e.At.Slave == "":
			must = append(must, v+" snapshot 60")
		default:
			must = append(must, strings.Join([]string{v, "replicate:" + e.Address(e.At.Slave), "60"}, " "))
		}
	}
	return must, rest
}
