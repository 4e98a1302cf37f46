package recette

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/mlfmonde/cluster/handler/app"
)

// Place is where a row and a column meet.
type Place struct {
	Row    Row
	Column Column
}

// Applies reports whether the cell exists in some world.
func Applies(r Row, c Column) bool { return slices.ContainsFunc(r.Moves, c.Applies) }

// Classic reports whether the row meets every column in every world: first
// deploy, swap, redeploy, the move to a third node without slave, the chain.
func (r Row) Classic() bool {
	return slices.Contains([]string{"none_to_a-b", "a-b_to_b-a", "a-b_to_a-b", "a-b_to_c", "chain"}, r.Name)
}

// Meant reports whether a cell exists in a world. On real nodes there are the
// rows that the small size names; what touches whole nodes is played where the
// data go the classic ways and where an application is taken away, what touches
// one application everywhere, and the small size is a part of it.
func Meant(world string, r Row, c Column) bool {
	switch {
	case !Applies(r, c) || c.Worlds != nil && !slices.Contains(c.Worlds, world):
		return false
	case world != WorldNodes:
		return true
	}
	few := small()[r.Name]
	return few != nil && (r.Classic() || r.Moves[0].Kind == app.Destroy || !slices.ContainsFunc(r.Moves, c.NodeWide) || slices.Contains(few, c.Name))
}

// Places lists the cells of a world in table order: the full size.
func Places(world string) (all []Place) {
	for _, r := range Rows() {
		for _, c := range Columns() {
			if Meant(world, r, c) {
				all = append(all, Place{r, c})
			}
		}
	}
	return all
}

// Small selects the fixed small size of real nodes from places, in their order.
func Small(places []Place) []Place {
	few := small()
	return slices.DeleteFunc(slices.Clone(places), func(p Place) bool { return !slices.Contains(few[p.Row.Name], p.Column.Name) })
}

// Turns lists how the place is played: see [Turns].
func (p Place) Turns() []Turn { return Turns(p.Row, p.Column) }

// One is the turn that stands for all when there is time for one: another
// variant from row to row, and without trouble the last move, which has all
// the others before it.
func (p Place) One() Turn {
	all := p.Turns()
	at := slices.IndexFunc(Rows(), func(r Row) bool { return r.Name == p.Row.Name })
	if t, err := p.Column.trouble(p.Row, all[0]); err == nil && t.What == Nothing {
		at = len(all) - 1
	}
	return all[at%len(all)]
}

// small is the small size: columns by row. It has 60 cells; each row has two
// columns at least, each column two rows.
func small() map[string][]string {
	return map[string][]string{
		"none_to_a-b": {"new slave without git", "health check never passes", "crash of new master"},
		"a-b_to_b-a":  {"no fault", "old master without git", "target's sshd stopped", "handler killed for good"},
		"a-b_to_a-b":  {"crash of old master", "node reboot", "dockerd restarted", "Consul elects"},
		"a-b_to_c":    {"handler paused", "partition", "notification lost"},
		"chain":       {"no fault", "target's disk full"},

		"none_to_a":  {"no fault", "wrong git key"},
		"a_to_a":     {"no fault", "start fails"},
		"a_to_a-b":   {"no fault", "new slave without git"},
		"a_to_b":     {"old master without git", "new master without git"},
		"a_to_b-a":   {"health check never passes", "send fails"},
		"a_to_b-c":   {"restore fails", "crash of new master"},
		"a-b_to_a":   {"wrong git key", "commit's answer lost"},
		"a-b_to_a-c": {"no fault", "target's disk full"},
		"a-b_to_b":   {"no fault", "send stops half-way"},
		"a-b_to_b-c": {"restore takes long", "node reboot"},
		"a-b_to_c-a": {"no fault", "target's sshd stopped"},
		"a-b_to_c-b": {"new master without git", "handler paused"},
		"a-b_to_c-d": {"driver socket gone", "partition"},

		"destroy_none": {"no fault", "notification lost"},
		"destroy_a":    {"no fault", "dockerd restarted"},
		"destroy_a-b":  {"crash of old master", "handler killed for good"},

		"migrate_a_to_a":     {"no fault", "restore fails"},
		"migrate_a_to_b":     {"driver socket gone", "Consul elects"},
		"migrate_a-b_to_a-b": {"no fault", "start fails"},
		"migrate_a-b_to_b-a": {"no fault", "send stops half-way"},
		"migrate_a-b_to_c-b": {"send fails", "commit's answer lost"},
		"migrate_a-b_to_c-d": {"no fault", "restore takes long"},
	}
}

// Shard is the part of places that "i/n" names, i from 0 or, the same, n: every
// nth. An empty shard is everything.
func Shard(places []Place, shard string) ([]Place, error) {
	if shard == "" {
		return places, nil
	}
	part, of, ok := strings.Cut(shard, "/")
	i, bad := strconv.Atoi(part)
	n, worse := strconv.Atoi(of)
	if !ok || bad != nil || worse != nil || n < 1 || i < 0 {
		return nil, fmt.Errorf("shard %q: must be i/n", shard)
	}
	var own []Place
	for at, p := range places {
		if at%n == i%n {
			own = append(own, p)
		}
	}
	return own, nil
}
