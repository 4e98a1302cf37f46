package nodes

import (
	"context"
	"fmt"
	"io"
	"path"
	"slices"
	"sync"
	"time"

	"github.com/mlfmonde/cluster/fixtures/nodes/cluster"
	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/recette"
	"github.com/mlfmonde/cluster/sim"
)

// Options say which cells are played, and how.
type Options struct {
	Rows, Columns []string                 // patterns as of path.Match; none: the small size, or with Full all
	Full          bool                     // every variant of every cell, else one that stands for all
	Shard         string                   // "i/n", "": everything
	Take          func(recette.Place) bool // which of them, nil: all
	Turn          recette.Turn             // of the one cell that the patterns name; zero: see Full
	Side          int                      // plays side by side on a cluster, 0: 6
	Clusters      int                      // at once, 0: two where there is enough to play
	Commit        string                   // of this repository, as cells show it
	State         string                   // file with a line for each cell that was played, "": none
	Resume        bool                     // cells that passed at this commit, by that file, are not played again
	Evidence      string                   // folder for what is known of a failure, "": where temporary files are
	Record        string                   // folder for recordings of what handlers called, "": none
	Filler        int64                    // bytes of a transfer that is cut, 0: 200 MB, and 32 MB in the small size
	Edge          bool                     // users enter at HAProxy and Caddy of every node, not past them
	Log           io.Writer                // a line for each thing that begins or ends, nil: none
	Done          func(recette.Cell)
	trial         time.Duration
}

// usualSide is how many plays on a cluster two cores carry without making each
// other late.
const usualSide = 6

// pays is from how many jobs on a second cluster is worth its start.
const pays = 12

// playMax is how long one turn may take.
const playMax = 12 * time.Minute

// Run plays cells on real clusters. Where there can be none, every cell is
// skipped and the result says why. The error says that it could not go on; the
// result is what was played so far.
func Run(ctx context.Context, o Options) (recette.Result, error) {
	r, err := newRun(o)
	if err != nil {
		return recette.Result{}, err
	}
	missing := Missing
	if o.Edge {
		missing = cluster.MissingEdge
	}
	if why := missing(ctx); why != "" {
		return r.skipped(why), nil
	}
	err = r.play(ctx)
	return r.result(), err
}

// run is one call of [Run].
type run struct {
	Options
	began   time.Time
	places  []recette.Place
	cells   []recette.Cell
	left    []int // turns of each cell that are not over
	state   *state
	singles []job
	batches [][]job

	daemon *cluster.Daemon // of several clusters, nil when there is one

	mu      sync.Mutex
	changed chan struct{}
	lessons int // plays under way that may teach more to play
	lost    int // clusters
}

// job is one turn of a cell.
type job struct {
	cell    int
	turn    recette.Turn
	trouble recette.Trouble
	ssh     bool
	learn   bool // nothing goes wrong: which calls are made is learned
	maybe   bool // its call may not come
}

func newRun(o Options) (*run, error) {
	if o.Log == nil {
		o.Log = io.Discard
	}
	if o.Side == 0 {
		o.Side = usualSide
	}
	if o.Filler == 0 && !o.Full {
		o.Filler = 32 << 20
	}
	if !o.Full {
		o.trial = 75 * time.Second // silence, and then the absent is gone
	}
	r := &run{Options: o, began: time.Now(), changed: make(chan struct{})}
	var err error
	if r.places, err = Select(o); err != nil {
		return nil, err
	}
	if r.state, err = openState(o.State, o.Commit, o.Resume); err != nil {
		return nil, err
	}
	for _, p := range r.places {
		if err := r.add(p); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// Select lists the cells that the options mean, in table order.
func Select(o Options) ([]recette.Place, error) {
	places := recette.Places(recette.WorldNodes)
	if len(o.Rows)+len(o.Columns) == 0 && !o.Full {
		places = recette.Small(places)
	}
	if _, err := recette.Find(o.Rows, o.Columns); err != nil {
		return nil, err
	}
	places, err := recette.Shard(slices.DeleteFunc(places, func(p recette.Place) bool {
		return !fits(o.Rows, p.Row.Name) || !fits(o.Columns, p.Column.Name)
	}), o.Shard)
	return slices.DeleteFunc(slices.Clone(places), func(p recette.Place) bool { return o.Take != nil && !o.Take(p) }), err
}

func fits(patterns []string, name string) bool {
	for _, p := range patterns {
		if ok, _ := path.Match(p, name); ok || p == name {
			return true
		}
	}
	return len(patterns) == 0
}

// add makes the jobs of a place.
func (r *run) add(p recette.Place) error {
	at := len(r.cells)
	if c, ok := r.state.passed(p); ok {
		r.cells, r.left = append(r.cells, c), append(r.left, 0)
		return nil
	}
	r.cells = append(r.cells, recette.NewCell(recette.WorldNodes, p.Row, p.Column))
	turns := p.Turns()
	switch {
	case r.Turn != (recette.Turn{}):
		turns = []recette.Turn{r.Turn}
	case !r.Full:
		turns = []recette.Turn{p.One()}
	}
	r.left = append(r.left, len(turns))
	if r.Full && p.Column.Sweep != "" && r.Turn == (recette.Turn{}) {
		r.learns(at, p)
	}
	for i, t := range turns {
		trouble, err := troubleOf(p, t)
		if err != nil {
			return err
		}
		j := job{cell: at, turn: t, trouble: trouble, ssh: (at+i)%2 == 0}
		switch {
		case trouble.What == recette.GitKey:
			j.ssh = true
		case trouble.At.Name == "Source.Checkout": // over ssh nobody sees it
			j.ssh = false
		}
		r.sort(j)
	}
	return nil
}

// learns makes the jobs that find out which calls a sweep has to strike.
func (r *run) learns(cell int, p recette.Place) {
	for at, m := range p.Row.Moves {
		if p.Column.Applies(m) {
			r.left[cell]++
			r.singles = append(r.singles, job{cell: cell, turn: recette.Turn{Move: at + 1}, learn: true})
		}
	}
}

// troubleOf is what goes wrong in a turn.
func troubleOf(p recette.Place, t recette.Turn) (recette.Trouble, error) {
	move, variant := max(t.Move, 1)-1, max(t.Variant, 1)-1
	if t.Trouble.What != recette.Nothing {
		return t.Trouble, nil
	}
	if move < len(p.Row.Moves) {
		if all := p.Column.Troubles(p.Row.Moves[move]); variant < len(all) {
			return all[variant], nil
		}
	}
	return recette.Trouble{}, fmt.Errorf("%s, %s: there is no %s", p.Row.Name, p.Column.Name, t)
}

// most is how many plays wait at their calls for one strike.
const most = 6

// sort puts a job among the singles, or into the batch that is struck by the
// same trouble. A batch has at most one play that cannot wait for long.
func (r *run) sort(j job) {
	if !exclusive(j.trouble) {
		r.singles = append(r.singles, j)
		return
	}
	for i, b := range r.batches {
		same := together(b[0].trouble, j.trouble) && len(b) < min(most, r.Side)
		// A destroy starts nothing: there is no call on the way to its commit at
		// which it could wait for the others.
		alone := func(j job) bool {
			return hasty(j) && (approach(j.trouble.At.Name, app.Deploy) == "" || r.places[j.cell].Row.Moves[0].Kind == app.Destroy)
		}
		if same && !(hasty(j) && slices.ContainsFunc(b, hasty)) && !alone(j) && !alone(b[0]) {
			r.batches[i] = append(b, j)
			return
		}
	}
	r.batches = append(r.batches, []job{j})
}

func hasty(j job) bool { return j.trouble.At.Name != "" && j.trouble.At.Name[:3] == "KV." }

// together reports whether one strike does for both.
func together(a, b recette.Trouble) bool {
	power := func(t recette.Trouble) bool { return t.Phase == sim.PowerBefore || t.Phase == sim.PowerAfter }
	return a.What == b.What && a.What != recette.SendCut && a.Node == b.Node && a.For == b.For && power(a) == power(b) && (a.At.Name == "") == (b.At.Name == "")
}

// skipped is the result where there is no cluster.
func (r *run) skipped(why string) recette.Result {
	for i := range r.cells {
		r.cells[i].Skip(why)
	}
	result := r.result()
	result.Absent = map[string]string{recette.WorldNodes: why}
	return result
}

// result is what was played so far, without the cells that were not.
func (r *run) result() (result recette.Result) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, c := range r.cells {
		if r.left[i] == 0 || c.Verdict != recette.Pass {
			result.Cells = append(result.Cells, c)
		}
	}
	result.Count()
	return result
}

func (r *run) say(format string, args ...any) {
	fmt.Fprintf(r.Log, "%7.1fs %s\n", time.Since(r.began).Seconds(), fmt.Sprintf(format, args...))
}
