package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/client"
	"github.com/mlfmonde/cluster/handler/port"
)

// looking is the verb status.
type looking struct {
	settings
	sh   shell
	json bool
}

func newStatus(sh shell) *cobra.Command {
	l := &looking{sh: sh}
	cmd := &cobra.Command{
		Use: "status [APP]", Short: "show the nodes and the apps, or one app", Args: args(cobra.MaximumNArgs(1)),
		Long: `status shows where each app runs, the age of its replica, the operation under way,
and how the last one ended and why; of each node whether its edge (HAProxy and
Caddy) shows the newest change, and what it leaves out or shows as it was before,
and why. APP is the app's name, as in the list.`,
		RunE: func(cmd *cobra.Command, given []string) error {
			ctx, stop := untilSignal()
			defer stop()
			return l.run(ctx, strings.Join(given, ""))
		},
	}
	cmd.Flags().BoolVar(&l.json, "json", false, "print JSON")
	l.consulFlags(cmd.Flags())
	return cmd
}

func (l *looking) run(ctx context.Context, name string) error {
	c, err := l.client()
	if err != nil {
		return err
	}
	seen, err := c.Status(ctx, name)
	switch {
	case errors.Is(err, port.ErrNotFound):
		return exit(exitBad, "%w", err)
	case err != nil:
		return exit(exitUnknown, "%w", err)
	case l.json:
		e := json.NewEncoder(l.sh.out)
		e.SetIndent("", "  ")
		return e.Encode(seen)
	case name != "":
		one(l.sh.out, seen.Apps[0])
		leftOut(l.sh.out, seen, name)
	default:
		all(l.sh.out, seen)
	}
	for _, p := range seen.Problems {
		fmt.Fprintln(l.sh.err, "handler: warning: "+p)
	}
	return nil
}

// all prints a line for each node and each app.
func all(w io.Writer, o client.Overview) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "NODE\tADDRESS\tHANDLER\tEDGE")
	for _, n := range o.Nodes {
		says := "away"
		if n.Present {
			says = strings.TrimSpace("present " + n.Version)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", n.Name, n.Address, says, edgeOf(n))
	}
	fmt.Fprintln(t, "\nAPP\tMASTER\tSLAVE\tREPLICA\tOPERATION\tLAST")
	for _, s := range o.Apps {
		last := string(s.Outcome)
		if s.Reason != "" {
			last += ": " + s.Reason
		}
		if len(s.Pending) > 0 {
			last += fmt.Sprintf(" (unfinished on %s)", strings.Join(s.Pending, ", "))
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", s.Name, dash(s.Master), dash(s.Slave), dash(replica(s.Replica)), doing(s), dash(last))
	}
	t.Flush()
	leftOut(w, o, "")
}

// edgeOf is how far the edge of n is, in a word.
func edgeOf(n client.Node) string {
	whole, more := n.Edge.Left[app.WholeEdge], len(n.Edge.Left)
	switch {
	case !n.Present:
		return dash("")
	case whole != "":
		return "held up"
	case n.Edge.Behind:
		return fmt.Sprintf("behind: at %d of %d", n.Edge.Published, n.Edge.Newest)
	case more > 0:
		return "up to date, but for what is below"
	}
	return "up to date"
}

// leftOut prints what the edges leave out and why: of every app, or of the one
// called only. What holds up a whole edge concerns every app.
func leftOut(w io.Writer, o client.Overview, only string) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	head := "\nLEFT OUT OR AS BEFORE\tON\tWHY\n"
	for _, n := range o.Nodes {
		for _, name := range slices.Sorted(maps.Keys(n.Edge.Left)) {
			shown := name
			switch {
			case name == app.WholeEdge:
				shown = "all changes"
			case only != "" && name != only:
				continue
			}
			fmt.Fprintf(t, "%s%s\t%s\t%s\n", head, shown, n.Name, n.Edge.Left[name])
			head = ""
		}
	}
	t.Flush()
}

// one prints all there is to say of an app.
func one(w io.Writer, s client.Status) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(what, value string) { fmt.Fprintf(t, "%s\t%s\n", what, dash(value)) }
	line("app", s.Name)
	line("repo", s.Repo)
	line("branch", s.Branch)
	line("master", s.Master)
	line("slave", s.Slave)
	line("replica", replica(s.Replica))
	line("commit", s.Commit)
	line("deployed", s.Deployed)
	line("operation", doing(s))
	if o := s.Operation; o != nil {
		for _, node := range slices.Sorted(maps.Keys(o.Steps)) {
			line("  "+node, o.Steps[node])
		}
	}
	line("last", string(s.Outcome))
	line("reason", s.Reason)
	line("unfinished", strings.Join(s.Pending, ", "))
	line("waiting", strings.Join(s.Waiting, ", "))
	line("maintenance", s.Maintenance)
	for _, text := range s.Warnings {
		line("warning", text)
	}
	t.Flush()
}

func dash(s string) string { return cmp.Or(s, "–") }

func replica(r *client.Replica) string {
	switch {
	case r == nil:
		return ""
	case r.Age < 0:
		return r.Node + ", of unknown age"
	}
	return fmt.Sprintf("%s, %s old", r.Node, time.Duration(r.Age)*time.Second)
}

// doing is the operation under way, or what waits.
func doing(s client.Status) string {
	var parts []string
	if o := s.Operation; o != nil {
		parts = append(parts, fmt.Sprintf("%s %s → %s, %s", o.Kind, o.Old, o.New, o.State))
	}
	if n := len(s.Waiting); n > 0 {
		parts = append(parts, fmt.Sprintf("%d waiting", n))
	}
	return dash(strings.Join(parts, "; "))
}
