package recette

import (
	"slices"
	"strings"
	"time"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/sim"
)

// Column is one thing that goes wrong.
type Column struct {
	Name string
	// Worlds are those in which it is meant; nil: all.
	Worlds []string
	// Troubles are the variants of the column for a move, each played on its
	// own. None: the column means nothing there, and the cell is absent.
	Troubles func(Move) []Trouble
	// Ends is the outcome that must follow; nil or "": either, whole.
	Ends func(Move) app.Outcome
	// Sweep is whose calls the simulator strikes, every single one; other
	// worlds play the Troubles.
	Sweep Who
}

// Applies reports whether the column means something for the move.
func (c Column) Applies(m Move) bool { return len(c.Troubles(m)) > 0 }

// NodeWide reports that troubles of the column touch more than one application.
func (c Column) NodeWide(m Move) bool { return slices.ContainsFunc(c.Troubles(m), Trouble.NodeWide) }

// ends is the outcome that must follow; "": either.
func (c Column) ends(m Move) app.Outcome {
	if c.Ends == nil {
		return ""
	}
	return c.Ends(m)
}

func always(o app.Outcome) func(Move) app.Outcome { return func(Move) app.Outcome { return o } }

func deploys(m Move) bool { return m.Kind == app.Deploy }

// asAsked is how a move ends to which nothing happens.
func asAsked(m Move) app.Outcome {
	if m.Empty() {
		return app.OutcomeRefused
	}
	return app.OutcomeCommitted
}

// Columns is the table's upper side.
func Columns() []Column {
	return slices.Concat([]Column{{Name: "no fault", Ends: asAsked, Troubles: func(Move) []Trouble { return []Trouble{{}} }}},
		code(), data(), calls(), machines(), around())
}

// code is what goes wrong with git and with what a commit holds.
func code() []Column {
	withoutGit := func(who Who, ends app.Outcome, applies func(Move) bool) Column {
		return Column{Name: string(who) + " without git", Ends: always(ends), Troubles: func(m Move) []Trouble {
			if !deploys(m) || !applies(m) {
				return nil
			}
			return []Trouble{{What: GitCut, Node: m.Node(who)}}
		}}
	}
	return []Column{
		withoutGit(OldMaster, app.OutcomeCommitted, Move.Moves),
		withoutGit(NewMaster, app.OutcomeAborted, func(Move) bool { return true }),
		withoutGit(NewSlave, app.OutcomeCommitted, func(m Move) bool { return m.New.Slave != "" }),
		{Name: "wrong git key", Ends: always(app.OutcomeAborted), Troubles: func(m Move) []Trouble {
			if !deploys(m) {
				return nil
			}
			return []Trouble{{What: GitKey, Node: m.New.Master}}
		}},
		{Name: "start fails", Ends: always(app.OutcomeAborted), Troubles: func(m Move) []Trouble {
			refused := Trouble{What: CallStrikes, Node: m.Node(NewMaster), At: Call{Name: "Stack.Up"}, Phase: sim.ErrorBefore}
			switch m.Kind {
			case app.Deploy:
				return []Trouble{{What: BadRelease, Node: m.New.Master, Release: Exits}, refused}
			case app.Migrate: // it starts the release that is there
				return []Trouble{refused}
			}
			return nil
		}},
		{Name: "health check never passes", Ends: always(app.OutcomeAborted), Troubles: func(m Move) []Trouble {
			if !deploys(m) {
				return nil
			}
			return []Trouble{{What: BadRelease, Node: m.New.Master, Release: Sick}}
		}},
	}
}

// sends lists the transfers of a move that it waits for: the first, and where
// there are two, the one after the stop. Without any it is the first replica.
func sends(m Move) (from, to string, calls []Call) {
	from, to = m.Node(NewMaster), m.Target().Slave
	switch {
	case m.Moves():
		from, to = m.Node(OldMaster), m.Node(NewMaster)
	case m.Kind == app.Destroy || to == "":
		return "", "", nil
	}
	calls = []Call{{Node: from, Name: "Snapshots.Send", Nth: 1}}
	if deploys(m) && m.Moves() {
		calls = append(calls, Call{Node: from, Name: "Snapshots.Send", Nth: 2})
	}
	return from, to, calls
}

// transferred is how a move ends whose transfer fails: one before the commit
// aborts, the first replica after it is only late.
func transferred(m Move) app.Outcome {
	if m.Moves() {
		return app.OutcomeAborted
	}
	return app.OutcomeCommitted
}

// data is what goes wrong with volumes on their way.
func data() []Column {
	sending := func(name string, each func(Call, string) []Trouble) Column {
		return Column{Name: name, Ends: transferred, Troubles: func(m Move) (all []Trouble) {
			_, to, calls := sends(m)
			for _, c := range calls {
				all = append(all, each(c, to)...)
			}
			return all
		}}
	}
	restoring := func(name string, ends app.Outcome, t Trouble) Column {
		return Column{Name: name, Ends: always(ends), Troubles: func(m Move) []Trouble {
			if m.Kind != app.Migrate && !(deploys(m) && m.Moves()) {
				return nil
			}
			t.Node = m.Node(NewMaster)
			return []Trouble{t}
		}}
	}
	restore := Call{Name: "Volumes.Restore"}
	return []Column{
		sending("send fails", func(c Call, _ string) []Trouble {
			return []Trouble{{What: CallStrikes, At: c, Node: c.Node, Phase: sim.ErrorBefore}}
		}),
		sending("send stops half-way", func(c Call, _ string) (all []Trouble) {
			for _, share := range []int{10, 50, 90} {
				if share == 50 || c.Nth == 1 {
					all = append(all, Trouble{What: SendCut, Node: c.Node, At: c, Share: share})
				}
			}
			return all
		}),
		sending("target's sshd stopped", func(c Call, to string) []Trouble { return []Trouble{{What: SSHStopped, Node: to, At: c}} }),
		sending("target's disk full", func(c Call, to string) []Trouble { return []Trouble{{What: DiskFull, Node: to, At: c}} }),
		restoring("restore fails", app.OutcomeAborted, Trouble{What: CallStrikes, At: restore, Phase: sim.ErrorBefore}),
		restoring("restore takes long", app.OutcomeCommitted, Trouble{What: CallStrikes, At: restore, Phase: sim.Slow, For: 10 * time.Second}),
		{Name: "driver socket gone", Troubles: func(m Move) []Trouble {
			return at(DriverGone, slices.DeleteFunc(anchors(m), func(c Call) bool {
				return !strings.HasPrefix(c.Name, "Snapshots.") && !strings.HasPrefix(c.Name, "Volumes.") && c.Name != "Stack.Up"
			}))
		}},
	}
}

// calls are handlers that die at a call, or do not hear its answer.
func calls() []Column {
	crash := func(who Who, applies func(Move) bool) Column {
		return Column{Name: "crash of " + string(who), Sweep: who, Troubles: func(m Move) (all []Trouble) {
			if !applies(m) {
				return nil
			}
			for _, c := range anchors(m) {
				if c.Node != m.Node(who) {
					continue
				}
				for _, phase := range []sim.Phase{sim.CrashBefore, sim.CrashAfter} {
					all = append(all, Trouble{What: CallStrikes, Node: c.Node, At: c, Phase: phase})
				}
			}
			return all
		}}
	}
	return []Column{
		crash(OldMaster, func(m Move) bool { return m.Node(OldMaster) != "" }),
		crash(NewMaster, func(m Move) bool { return m.Kind != app.Destroy && m.Node(NewMaster) != m.Node(OldMaster) }),
		{Name: "commit's answer lost", Ends: always(app.OutcomeCommitted), Troubles: func(m Move) []Trouble {
			if m.Empty() {
				return nil
			}
			return []Trouble{{What: CallStrikes, Node: m.Node(NewMaster), At: Call{Name: "KV.Apply:commit"}, Phase: sim.Lost}}
		}},
	}
}

// machines are handlers, daemons and whole nodes that go away in the middle.
func machines() []Column {
	column := func(name string, ends func(Move) app.Outcome, t Trouble) Column {
		return Column{Name: name, Ends: ends, Troubles: func(m Move) []Trouble {
			all := at(t.What, anchors(m))
			for i := range all {
				all[i].For = t.For
			}
			return all
		}}
	}
	return []Column{
		column("handler killed for good", nil, Trouble{What: HandlerGone}),
		column("node reboot", nil, Trouble{What: Reboot, For: 10 * time.Second}),
		column("handler paused", nil, Trouble{What: Paused}),
		column("partition", nil, Trouble{What: Isolated}),
		column("dockerd restarted", nil, Trouble{What: DockerRestarted}),
	}
}

// around is what goes wrong with Consul and with clocks.
func around() []Column {
	each := func(m Move, what What, spans ...time.Duration) (all []Trouble) {
		masters := []string{m.Node(OldMaster), m.Node(NewMaster)}
		if m.Empty() {
			masters = nodes[:1]
		}
		slices.Sort(masters)
		for _, n := range slices.Compact(masters) {
			for _, d := range spans {
				if n != "" {
					all = append(all, Trouble{What: what, Node: n, For: d})
				}
			}
		}
		return all
	}
	return []Column{
		{Name: "Consul elects", Ends: asAsked, Troubles: func(m Move) (all []Trouble) {
			for _, c := range anchors(m) {
				if slices.Contains([]string{"Stack.Stop", "Stack.Up", "KV.Apply:commit"}, c.Name) {
					all = append(all, Trouble{What: LeaderLost, At: c})
				}
			}
			return all
		}},
		{Name: "notification lost", Ends: asAsked, Troubles: func(m Move) []Trouble { return each(m, EventLost, 0) }},
		{Name: "clock skew", Ends: asAsked, Worlds: []string{WorldSim}, Troubles: func(m Move) []Trouble {
			return each(m, ClockSkewed, time.Hour, -time.Hour)
		}},
	}
}

// at lets the trouble happen to the node of each call in turn, as it is about
// to be made.
func at(what What, calls []Call) (all []Trouble) {
	for _, c := range calls {
		all = append(all, Trouble{What: what, Node: c.Node, At: c})
	}
	return all
}
