package recette

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/plan"
	"github.com/mlfmonde/cluster/sim"
)

// doShow tells how things stand.
func (s *Scene) doShow(ctx context.Context, args []string) error {
	if len(args) == 0 {
		args = []string{"nodes"}
	}
	switch args[0] {
	case "kv":
		return s.showKV(ctx)
	case "plan":
		return s.showPlan(ctx, args[1:])
	case "app":
		return s.showApp(ctx, args[1:])
	case "faults":
		for _, what := range s.Armed() {
			s.text("%s", what)
		}
		return nil
	}
	one := map[string]func(sim.Observation){
		"volumes": s.showVolumes, "schedules": s.showSchedules, "containers": s.showContainers,
	}[args[0]]
	if args[0] == "nodes" {
		present, err := s.Sessions(ctx)
		if err != nil {
			s.text("Consul does not say who is present: %v", err)
		}
		one = func(o sim.Observation) { s.showNode(o, slices.Contains(present, o.Node)) }
	}
	if one == nil {
		return usage("show %s", args[0])
	}
	seen, err := s.Observe(ctx)
	for _, n := range s.Nodes() {
		one(seen[n])
	}
	return err
}

// text tells a line of an answer: without time or columns.
func (s *Scene) text(format string, args ...any) {
	if s.set.Tell != nil {
		s.set.Tell(Line{At: -1, Text: s.short(fmt.Sprintf(format, args...))})
	}
}

func (s *Scene) showKV(ctx context.Context) error {
	pairs, err := s.KV(ctx)
	for _, p := range pairs {
		var line bytes.Buffer
		if json.Compact(&line, p.Value) != nil {
			line.Reset()
			line.Write(p.Value) // somebody's own
		}
		s.text("%-40s @%-5d %s", p.Key, p.Modify, line.Bytes())
	}
	return err
}

func (s *Scene) showPlan(ctx context.Context, args []string) error {
	c, err := s.named(ctx, args)
	if err != nil {
		return err
	}
	o, err := s.operation(ctx, c.Name())
	if err != nil {
		return err
	}
	if o.Seq == 0 {
		s.text("no operation of %s yet", c.short)
		return nil
	}
	title := fmt.Sprintf("operation %d, %s: %s", o.Seq, o.State, plan.Title(o))
	for line := range strings.SplitSeq(strings.TrimRight(plan.Text(title, plan.Plans(o)), "\n"), "\n") {
		s.text("%s", line)
	}
	return nil
}

func (s *Scene) showNode(o sim.Observation, present bool) {
	words := []string{on(o.Powered, "power on", "power off"), on(o.Handler, "handler runs", "handler down"), on(o.Guard, "guard runs", "guard down"),
		on(present, "present", "absent")}
	if o.Frozen {
		words = append(words, "frozen")
	}
	s.text("%-4s %s", o.Node, strings.Join(words, ", "))
	if len(o.Services) > 0 {
		s.text("     services   %s", strings.Join(o.Services, ", "))
	}
	if len(o.Checkouts) > 0 {
		s.text("     checkouts  %s", strings.Join(o.Checkouts, ", "))
	}
	for _, l := range o.Leases {
		s.text("     lease      %s seq %d, %s", s.ours(l.Project), l.Seq, on(l.Until == 0, "without end", "ends by itself"))
	}
	for _, c := range s.apps {
		switch route, ok := o.Routes[c.Name()]; {
		case slices.Contains(o.Closed, c.Name()):
			s.text("     edge       %s: maintenance", c.short)
		case ok:
			s.text("     edge       %s → %s", c.short, route)
		}
	}
}

func on(is bool, yes, no string) string {
	if is {
		return yes
	}
	return no
}

// ours is the short name of a Compose project.
func (s *Scene) ours(project string) string {
	for _, c := range s.apps {
		if c.Project() == project {
			return c.short
		}
	}
	return project
}

func (s *Scene) showVolumes(o sim.Observation) {
	s.text("%-4s %d live, %d snapshots", o.Node, len(o.Volumes), len(o.Snapshots))
	for _, v := range o.Volumes {
		s.text("     live       %s: %d records", v.Name, len(v.Records))
	}
	for _, sn := range o.Snapshots {
		what := on(sn.Complete, "", ", half-received")
		if sn.Received != "" {
			what += ", received"
		}
		s.text("     snapshot   %s: %d records%s", sn.Name, len(sn.Records), what)
	}
}

func (s *Scene) showSchedules(o sim.Observation) {
	s.text("%-4s %d lines", o.Node, len(o.Schedules))
	for _, l := range o.Schedules {
		s.text("     %s %s every %d minutes", l.Volume, l.Action, l.Minutes)
	}
}

func (s *Scene) showContainers(o sim.Observation) {
	s.text("%-4s %d containers", o.Node, len(o.Containers))
	for _, c := range o.Containers {
		health := string(c.Health)
		if c.Health == app.NoHealth {
			health = "no check"
		}
		state := fmt.Sprintf("runs, %s", health)
		if !c.Running {
			state = fmt.Sprintf("stopped, exit code %d", c.ExitCode)
		}
		s.text("     %s %s seq %d: %s, %d restarts", s.ours(c.Project), c.Service, c.Seq, state, c.Restarts)
	}
}

func (s *Scene) doHelp(context.Context, []string) error {
	for _, c := range Commands() {
		s.text("%s %s", c.Name, c.Usage)
		if c.Help != "" {
			s.text("        %s", c.Help)
		}
	}
	return nil
}
