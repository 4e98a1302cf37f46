package recette

import (
	"slices"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/plan"
	"github.com/mlfmonde/cluster/sim"
)

// Row is one transition of the matrix, or several in order.
type Row struct {
	Name  string
	Title string
	Moves []Move
}

// Move is one request and where things stand before it. Deploys move App from
// Old to New; a destroy has no New; a migrate copies the app placed at Source
// over the one placed at Old.
type Move struct {
	Kind   app.Kind
	Old    app.Placement
	New    app.Placement
	Source app.Placement
}

// Nodes of every cluster that plays a cell: four express all moves.
var nodes = []string{"a", "b", "c", "d"}

// Who is a part in a move.
type Who string

// The parts that columns speak of.
const (
	OldMaster Who = "old master"
	NewMaster Who = "new master"
	NewSlave  Who = "new slave"
)

// Node is who plays the part, "" when nobody does.
func (m Move) Node(w Who) string {
	switch {
	case w == NewSlave:
		return m.New.Slave
	case w == OldMaster && m.Kind == app.Migrate:
		return m.Source.Master
	case w == OldMaster:
		return m.Old.Master
	case m.Kind == app.Deploy:
		return m.New.Master
	}
	return m.Old.Master
}

// Moves reports that the data go to another node.
func (m Move) Moves() bool {
	return m.Node(OldMaster) != "" && m.Node(OldMaster) != m.Node(NewMaster)
}

// Target is where the app is after success.
func (m Move) Target() app.Placement {
	if m.Kind == app.Migrate {
		return m.Old
	}
	return m.New
}

// Rows is the table's left side: 17 deploys, 3 destroys, 15 migrates, and the
// four classic transitions in order on one app.
func Rows() []Row {
	var rows []Row
	for _, m := range slices.Concat(plan.Moves(), plan.DestroyStates(), plan.Migrations()) {
		row := Row{Name: m.Name, Title: m.From.String() + " → " + m.To.String()}
		move := Move{Kind: m.Kind, Old: m.From, New: m.To}
		switch m.Kind {
		case app.Destroy:
			row.Title = "destroy " + m.From.String()
		case app.Migrate:
			row.Title = "migrate " + row.Title
			move = Move{Kind: m.Kind, Source: m.From, Old: m.To}
		}
		row.Moves = []Move{move}
		rows = append(rows, row)
	}
	ab, ba, c := app.Placement{Master: "a", Slave: "b"}, app.Placement{Master: "b", Slave: "a"}, app.Placement{Master: "c"}
	chain := Row{Name: "chain", Title: "first deploy, swap, same again, third node without slave"}
	old := app.Placement{}
	for _, next := range []app.Placement{ab, ba, ba, c} {
		chain.Moves = append(chain.Moves, Move{Kind: app.Deploy, Old: old, New: next})
		old = next
	}
	return append(rows, chain)
}

// Column is one thing that goes wrong.
type Column struct {
	Name string
	// Applies says for which moves the column means something; other cells
	// are absent from the table.
	Applies func(Move) bool
	// Ends is the outcome that must follow; "": either, whole.
	Ends func(Move) app.Outcome
	// Arm sets the faults of one variant (from 0) and returns what proves that
	// they struck.
	Arm func(s *Stage, m Move, variant int) (struck func() bool)
	// Variants is how often the cell is played, each with another variant; 0:
	// once. Sweep instead plays it once per call of a node.
	Variants func(Move) int
	Sweep    Who
}

func always(o app.Outcome) func(Move) app.Outcome { return func(Move) app.Outcome { return o } }

func deploys(m Move) bool { return m.Kind == app.Deploy }

// Columns is the table's upper side.
func Columns() []Column {
	return []Column{
		{Name: "no fault", Applies: func(Move) bool { return true }, Ends: func(m Move) app.Outcome {
			if m.Kind == app.Destroy && m.Old.IsZero() {
				return app.OutcomeRefused
			}
			return app.OutcomeCommitted
		},
			Arm: func(*Stage, Move, int) func() bool { return func() bool { return true } }},
		withoutGit(OldMaster, app.OutcomeCommitted, func(m Move) bool { return deploys(m) && m.Moves() }),
		withoutGit(NewMaster, app.OutcomeAborted, deploys),
		withoutGit(NewSlave, app.OutcomeCommitted, func(m Move) bool { return deploys(m) && m.New.Slave != "" }),
		sending("send fails", sim.ErrorBefore),
		sending("send stops half-way", sim.Half),
		{Name: "restore fails", Applies: func(m Move) bool { return m.Kind == app.Migrate || deploys(m) && m.Moves() },
			Ends: always(app.OutcomeAborted),
			Arm: func(s *Stage, m Move, _ int) func() bool {
				return s.fault(sim.Fault{Node: m.Node(NewMaster), Call: "Volumes.Restore", Phase: sim.ErrorBefore, Err: errDriver})
			}},
		{Name: "start fails", Applies: func(m Move) bool { return m.Kind != app.Destroy }, Ends: always(app.OutcomeAborted),
			Arm: func(s *Stage, m Move, _ int) func() bool { return s.badStart(m) }},
		{Name: "crash of old master", Applies: func(m Move) bool { return m.Node(OldMaster) != "" }, Sweep: OldMaster},
		{Name: "crash of new master", Applies: func(m Move) bool { return m.Kind != app.Destroy && m.Node(NewMaster) != m.Node(OldMaster) }, Sweep: NewMaster},
	}
}

func withoutGit(who Who, ends app.Outcome, applies func(Move) bool) Column {
	return Column{Name: string(who) + " without git", Applies: applies, Ends: always(ends),
		Arm: func(s *Stage, m Move, _ int) func() bool { return s.cutGit(m.Node(who)) }}
}

// sending strikes the first transfer and then, where there are two, the one
// after the stop. A failure before the commit aborts; the first replica after
// it is only late.
func sending(name string, phase sim.Phase) Column {
	sender := func(m Move) string {
		if m.Moves() {
			return m.Node(OldMaster)
		}
		return m.Node(NewMaster)
	}
	return Column{
		Name: name,
		Applies: func(m Move) bool {
			return m.Kind != app.Destroy && (m.Moves() || deploys(m) && m.New.Slave != "" || m.Kind == app.Migrate && m.Old.Slave != "")
		},
		Ends: func(m Move) app.Outcome {
			if m.Moves() {
				return app.OutcomeAborted
			}
			return app.OutcomeCommitted
		},
		Variants: func(m Move) int {
			if deploys(m) && m.Moves() {
				return 2
			}
			return 1
		},
		Arm: func(s *Stage, m Move, variant int) func() bool {
			return s.fault(sim.Fault{Node: sender(m), Call: "Snapshots.Send", Nth: variant + 1, Phase: phase, Err: errDriver})
		},
	}
}
