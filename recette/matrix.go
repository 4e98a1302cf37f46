package recette

import (
	"slices"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/plan"
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

// Empty reports that the move is about an application that is nowhere and
// stays there: it must be refused.
func (m Move) Empty() bool { return m.Kind == app.Destroy && m.Old.IsZero() }

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
