package plan

import (
	"strings"

	"github.com/mlfmonde/cluster/handler/app"
)

// Move is one row of the acceptance matrix: an operation up to the names of
// its nodes, which are a, b, c, d in the order in which they appear.
type Move struct {
	Name string // of its golden file, without suffix: "a-b_to_c-d"
	Kind app.Kind
	// From is the old placement and To the new one; a destroy has no To. For a
	// migrate they are where the source and where the target live.
	From, To app.Placement
	Flags    app.Flags
	Lead     string // of a forced destroy: who does it; "": the master
}

// Operation is the move as the KV would hold it, before anything was done.
func (m Move) Operation() app.Operation {
	o := app.Operation{Kind: m.Kind, Flags: m.Flags, Old: m.From, New: m.To, State: app.Preparing}
	switch {
	case m.Kind == app.Migrate:
		o.Old, o.PeerAt, o.Lead = m.To, m.From, m.To.Master
	case m.Lead != "":
		o.Lead = m.Lead
	case m.Kind == app.Destroy:
		o.Lead = m.From.Master
	default:
		o.Lead = m.To.Master
	}
	return o
}

// Moves lists the 17 deploys: from nowhere, from a/– and from a/b.
func Moves() []Move {
	return pairs(app.Deploy, placements())
}

// Failovers lists the moves to another master once more, without the old one.
func Failovers() []Move {
	var all []Move
	for _, m := range Moves() {
		if m.From.Master != "" && m.From.Master != m.To.Master {
			m.Name += "_failover"
			m.Flags.Failover = true
			all = append(all, m)
		}
	}
	return all
}

// DestroyStates lists the 3 states to destroy from: nowhere, which is refused
// and has no plan, a/– and a/b.
func DestroyStates() []Move {
	var all []Move
	for _, p := range placements() {
		all = append(all, Move{Name: "destroy_" + file(p), Kind: app.Destroy, From: p})
	}
	return all
}

// ForcedDestroys lists the destroys without the master: done by the slave or by
// a node that has nothing of the app.
func ForcedDestroys() []Move {
	var all []Move
	for _, m := range DestroyStates() {
		for _, lead := range []string{"b", "c"} {
			if m.From.Master == "" || m.From.Slave == "" && lead == "c" {
				continue
			}
			forced := m
			forced.Name += "_forced_by_" + lead
			forced.Lead, forced.Flags.Force = lead, true
			all = append(all, forced)
		}
	}
	return all
}

// Migrations lists the 15 migrates: a source at a/– or a/b, a target anywhere.
func Migrations() []Move {
	return pairs(app.Migrate, placements()[1:])
}

// placements are all there are up to renaming.
func placements() []app.Placement {
	return []app.Placement{{}, {Master: "a"}, {Master: "a", Slave: "b"}}
}

// pairs lists each from with every placement that is not the same but for
// names.
func pairs(kind app.Kind, from []app.Placement) []Move {
	var all []Move
	for _, p := range from {
		for _, master := range letters("abcd") {
			for _, slave := range append([]string{""}, letters("abcd")...) {
				to := app.Placement{Master: master, Slave: slave}
				if slave == master || !canonical(p.Master, p.Slave, master, slave) {
					continue
				}
				name := file(p) + "_to_" + file(to)
				if kind != app.Deploy {
					name = string(kind) + "_" + name
				}
				all = append(all, Move{Name: name, Kind: kind, From: p, To: to})
			}
		}
	}
	return all
}

// canonical reports that new names appear in the order of the alphabet.
func canonical(names ...string) bool {
	seen := ""
	for _, n := range names {
		switch {
		case n == "" || strings.Contains(seen, n):
		case n == string(rune('a'+len(seen))):
			seen += n
		default:
			return false
		}
	}
	return true
}

func letters(s string) []string { return strings.Split(s, "") }

// file is a placement as a part of a file name: "a-b", "a", "none".
func file(p app.Placement) string {
	switch {
	case p.IsZero():
		return "none"
	case p.Slave == "":
		return p.Master
	}
	return p.Master + "-" + p.Slave
}
