package incident

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/mlfmonde/cluster/recette"
)

// Cell is one turn of a cell of the matrix by name. A plan file of one is lines
// that begin with "cell": no script, for a cell is not played by one.
type Cell struct {
	Row, Column string
	Turn        recette.Turn
	Fault       string // "node call nth phase" for columns that strike every call, else ""
	Seed        uint64
}

// CellOf is one turn of the cell of a row and a column, by their names.
func CellOf(row, column string, turn recette.Turn, seed uint64) Cell {
	c := Cell{Row: row, Column: column, Turn: turn, Seed: seed}
	if turn.Trouble.What != recette.Nothing {
		at := turn.Trouble.Where()
		c.Fault = fmt.Sprintf("%s %s %d %s", at.Node, at.Name, at.Nth, turn.Trouble.Phase)
	}
	return c
}

func (c Cell) text() []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "# One turn of a cell of the matrix. Play it again: sim replay %s\ncell row %s\ncell column %s\ncell move %d\n", PlanFile, c.Row, c.Column, max(c.Turn.Move, 1))
	if c.Fault != "" {
		fmt.Fprintf(&b, "cell fault %s\n", c.Fault)
	} else {
		fmt.Fprintf(&b, "cell variant %d\n", max(c.Turn.Variant, 1))
	}
	fmt.Fprintf(&b, "cell seed %d\n", c.Seed)
	return []byte(b.String())
}

// isCell reports that a plan is one of a cell.
func isCell(plan []byte) bool {
	for text := range strings.Lines(string(plan)) {
		if text = strings.TrimSpace(text); text != "" && !strings.HasPrefix(text, "#") {
			return strings.Fields(text)[0] == "cell"
		}
	}
	return false
}

// readCell reads the plan file called name.
func readCell(name string, plan []byte) (c Cell, err error) {
	c.Seed = 1
	n := 0
	for text := range strings.Lines(string(plan)) {
		n++
		text = strings.TrimSpace(text)
		if text == "" || strings.HasPrefix(text, "#") {
			continue
		}
		words := strings.SplitN(text, " ", 3)
		if len(words) < 3 || words[0] != "cell" {
			return c, fmt.Errorf("%s:%d: %w: %q: expected a line such as \"cell row a-b_to_c-d\"", name, n, recette.ErrUsage, text)
		}
		if err := c.set(words[1], words[2]); err != nil {
			return c, fmt.Errorf("%s:%d: %w: %w", name, n, recette.ErrUsage, err)
		}
	}
	return c, nil
}

func (c *Cell) set(what, value string) (err error) {
	switch what {
	case "row":
		c.Row = value
	case "column":
		c.Column = value
	case "move":
		c.Turn.Move, err = strconv.Atoi(value)
	case "variant":
		c.Turn.Variant, err = strconv.Atoi(value)
	case "seed":
		c.Seed, err = strconv.ParseUint(value, 10, 64)
	case "fault":
		c.Fault = value
	default:
		return fmt.Errorf("cell %s: expected row, column, move, variant, fault or seed", what)
	}
	if err != nil {
		return fmt.Errorf("cell %s %q: expected a number", what, value)
	}
	return nil
}

// Play finds the row and the column of the cell.
func (c Cell) Play() (Play, error) {
	if _, err := recette.Find([]string{c.Row}, []string{c.Column}); err != nil {
		return Play{}, err
	}
	rows, columns := recette.Rows(), recette.Columns()
	i := slices.IndexFunc(rows, func(r recette.Row) bool { return r.Name == c.Row })
	j := slices.IndexFunc(columns, func(x recette.Column) bool { return x.Name == c.Column })
	if i < 0 || j < 0 {
		return Play{}, fmt.Errorf("name one row and one column")
	}
	turn := c.Turn
	if c.Fault != "" {
		var err error
		if turn.Trouble, err = recette.ParseFault(c.Fault); err != nil {
			return Play{}, err
		}
	}
	return OfTurn(rows[i], columns[j], turn, recette.Options{Seed: c.Seed}), nil
}
