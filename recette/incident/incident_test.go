package incident_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/mlfmonde/cluster/fixtures"
	"github.com/mlfmonde/cluster/handler"
	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/plan"
	"github.com/mlfmonde/cluster/recette"
	"github.com/mlfmonde/cluster/recette/incident"
	"github.com/mlfmonde/cluster/sim/sched"
)

// moves is a story that holds.
const moves = `# An application moves while somebody writes to it.
deploy app n1 n2
until idle
writer app 200ms
run 5s
cut n2 n3 ssh
deploy app n3 n2
until idle
writer app off
join n2 n3 ssh
check
`

// unstopped takes the stop of the old master out of its plans: two nodes run
// the application at once.
func unstopped(a *handler.Agent) {
	a.Plan = func(o app.Operation, self string) []plan.Step {
		return slices.DeleteFunc(plan.For(o, self), func(s plan.Step) bool { return s.Verb == plan.Stop })
	}
}

// scenario is a story as a play, with a planted mistake or none.
func scenario(t *testing.T, text string, set recette.Setting) incident.Play {
	t.Helper()
	sc, err := recette.ParseScenario("moves.txtar", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return incident.OfScenario(sc, set)
}

func mistaken(kind sched.Kind) recette.Setting {
	return recette.Setting{Seed: 7, Edit: unstopped, Strategy: sched.Strategy{Kind: kind, Seed: 5, Depth: 3}}
}

// written leaves an incident of the planted mistake.
func written(t *testing.T, dir string, set recette.Setting) incident.Incident {
	t.Helper()
	in, err := incident.Write(dir, scenario(t, moves, set), nil, "abc1234")
	if err != nil {
		t.Fatal(err)
	}
	return in
}

func read(t *testing.T, parts ...string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(parts...))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// reason is an error without the file and the line at which it came up.
func reason(err error) string {
	_, text, _ := strings.Cut(err.Error(), ": ")
	return text
}

func TestWrite_LeavesWhatPlaysItAgain(t *testing.T) {
	for _, kind := range []sched.Kind{sched.Fifo, sched.Turns, sched.Random, sched.PCT} {
		set := mistaken(kind)
		in := written(t, t.TempDir(), set)
		if in.Kind != recette.Safety || in.Step == 0 || !strings.HasPrefix(in.Line, "bin/sim replay "+in.Dir+" ") || strings.Contains(in.Line, "\n") {
			t.Fatalf("%s: %+v", kind, in)
		}
		found, err := incident.Open(in.Dir, recette.Setting{Edit: unstopped})
		if err != nil {
			t.Fatal(err)
		}
		first := incident.Record(scenario(t, moves, set), incident.Options{})
		for says, o := range map[string]incident.Options{"the plan": {}, "the tape": {Tape: found.Tape}} {
			again := incident.Record(found.Play, o)
			if again.Err == nil || reason(again.Err) != reason(first.Err) {
				t.Errorf("%s, %s ends with %v, was %v", kind, says, again.Err, first.Err)
			}
			if again.Hash != in.Hash || again.Misfit != nil || again.Unplayed != 0 {
				t.Errorf("%s, %s: hash %016x, was %016x; %v; %d choices left", kind, says, again.Hash, in.Hash, again.Misfit, again.Unplayed)
			}
		}
		if !strings.Contains(first.Err.Error(), "n1 and n3 at once") || len(found.Tape) == 0 {
			t.Errorf("%s: %v, %d choices", kind, first.Err, len(found.Tape))
		}
	}
}

func TestWrite_LeavesTheSameBytesInAFolderOfItsOwn(t *testing.T) {
	dir := t.TempDir()
	one, two := written(t, dir, mistaken(sched.Random)), written(t, dir, mistaken(sched.Random))
	if one.Dir == two.Dir {
		t.Fatalf("both are in %s", one.Dir)
	}
	files := []string{incident.PlanFile, incident.TapeFile, incident.TraceFile, incident.LinesFile, incident.StateFile, incident.TimelineFile}
	for _, name := range files {
		if a, b := read(t, one.Dir, name), read(t, two.Dir, name); a != b || len(a) < 50 {
			t.Errorf("%s: %d and %d bytes, or not the same", name, len(a), len(b))
		}
	}
	if there, err := os.ReadDir(one.Dir); err != nil || len(there) != len(files) {
		t.Errorf("%d files, want %d: %v", len(there), len(files), err)
	}
	for name, want := range map[string]string{
		incident.PlanFile:  "seed 7\nstrategy random 5\ndeploy app n1 n2\n",
		incident.TapeFile:  "\ncode abc1234\n",
		incident.TraceFile: "KV.Apply:commit",
		incident.StateFile: `"Project": "app`,
	} {
		if !strings.Contains(read(t, one.Dir, name), want) {
			t.Errorf("%s does not say %q:\n%.600s", name, want, read(t, one.Dir, name))
		}
	}
}

func TestWrite_SaysWhenASecondRunEndsOtherwise(t *testing.T) {
	p := scenario(t, moves, recette.Setting{Seed: 7})
	in, err := incident.Write(t.TempDir(), p, recette.ErrNondeterminism, "")
	if recette.KindOf(err) != recette.Nondeterminism {
		t.Errorf("error %v", err)
	}
	if !strings.Contains(read(t, in.Dir, incident.TimelineFile), "It holds.") {
		t.Error("and there is no folder of it")
	}
}

func TestRecord_ChangesNothing(t *testing.T) {
	sc, err := recette.ParseScenario("moves.txtar", []byte(moves))
	if err != nil {
		t.Fatal(err)
	}
	s, err := sc.Play(recette.Setting{Seed: 7})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	r := incident.Record(incident.OfScenario(sc, recette.Setting{Seed: 7}), incident.Options{})
	if r.Err != nil || r.Hash != s.Tally().Hash {
		t.Errorf("recorded it ends with %v and hash %016x, else with %016x", r.Err, r.Hash, s.Tally().Hash)
	}
}

func TestRecord_LeavesATapeThatDoesNotFit(t *testing.T) {
	for _, kind := range []sched.Kind{sched.Fifo, sched.Random, sched.PCT} {
		set := mistaken(kind)
		tape := incident.Record(scenario(t, moves, set), incident.Options{}).Tape
		set.Edit = nil // the mistake is mended: other code
		mended := scenario(t, moves, set)
		r := incident.Record(mended, incident.Options{Tape: tape})
		if r.Err != nil || r.Misfit == nil || r.Misfit.Step == 0 || r.Misfit.Step >= r.Step {
			t.Errorf("%s: %v, misfit %v of %d steps", kind, r.Err, r.Misfit, r.Step)
			continue
		}
		if !regexp.MustCompile(`^step \d+, [0-9.]+ s: `).MatchString(r.Misfit.String()) {
			t.Errorf("%s: says %q", kind, r.Misfit)
		}
		if kind != sched.Fifo && r.Hash != incident.Record(mended, incident.Options{}).Hash {
			t.Errorf("%s: it does not go on by the plan", kind)
		}
	}
}

func TestRecord_StopsAfterAStep(t *testing.T) {
	p := scenario(t, moves, recette.Setting{Seed: 7})
	whole := incident.Record(p, incident.Options{})
	for _, last := range []uint64{10, 777, whole.Step / 2} {
		r := incident.Record(p, incident.Options{Last: last})
		if r.Step != last || r.Err == nil || !strings.Contains(r.Err.Error(), sched.ErrStopped.Error()) {
			t.Errorf("asked to stop after %d: step %d, %v", last, r.Step, r.Err)
		}
		if d := incident.Diff(r.Entries, whole.Entries); len(d.A) != 0 {
			t.Errorf("until step %d it is not the beginning of the whole: %v", last, d.A[0])
		}
	}
}

func TestDiff_FindsTheFirstDifference(t *testing.T) {
	set := mistaken(sched.Fifo)
	wrong := incident.Record(scenario(t, moves, set), incident.Options{}).Entries
	set.Edit = nil
	right := incident.Record(scenario(t, moves, set), incident.Options{}).Entries
	d := incident.Diff(right, wrong)
	if d.Same || len(d.Before) != incident.Around || !strings.Contains(d.A[0].Arg, "step=stop") {
		t.Errorf("they part at %d: %v and %v", d.At, d.A, d.B)
	}
	if d := incident.Diff(right, right); !d.Same {
		t.Errorf("a trace is not the same as itself: %v", d)
	}
	if d := incident.Diff(right, right[:40]); d.Same || d.At != 40 || len(d.B) != 0 {
		t.Errorf("one ends early: %v", d)
	}
}

func TestTimeline_HasEveryLaneAndNeedsNoNetwork(t *testing.T) {
	in := written(t, t.TempDir(), mistaken(sched.Fifo))
	page := read(t, in.Dir, incident.TimelineFile)
	for _, want := range []string{">users<", ">Consul<", ">n1<", ">n2<", ">n3<", ">handler<", ">guard<", ">dockerd<", ">driver<", `class="twice"`, `class="runs"`,
		`class="operation"`, `class="cut"`, `class="acked"`, `class="transfer"`, `class="word"`, "begin ← ", "commit ← ", "app runs on n1 and n3 at once", "⚑ step ", "not to scale"} {
		if want != "commit ← " && !strings.Contains(page, want) {
			t.Errorf("the page has no %s", want)
		}
	}
	for _, what := range []string{"http", "src=", "@import", "<link", "//cdn"} {
		if strings.Contains(page, what) {
			t.Errorf("the page refers to something outside: %s", what)
		}
	}
	if strings.Contains(page, "ZgotmplZ") {
		t.Error("a value was refused by the template")
	}
}

func TestCell_IsLeftAndPlayedAgain(t *testing.T) {
	cell := incident.Cell{Row: "a-b_to_c-d", Column: "crash of new master", Fault: "c Stack.Up 1 crash-after", Seed: 3}
	p, err := cell.Play()
	if err != nil {
		t.Fatal(err)
	}
	in, err := incident.Write(t.TempDir(), p, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	found, err := incident.Open(filepath.Join(in.Dir, incident.PlanFile), recette.Setting{})
	if err != nil {
		t.Fatal(err)
	}
	if r := incident.Record(found.Play, incident.Options{Tape: found.Tape}); r.Hash != in.Hash || r.Misfit != nil {
		t.Errorf("hash %016x, was %016x, %v", r.Hash, in.Hash, r.Misfit)
	}
	if page := read(t, in.Dir, incident.TimelineFile); !strings.Contains(page, "Stack.Up #1 crash-after") || !strings.Contains(page, ">d<") {
		t.Error("the page has no such fault or lane")
	}
}

func TestOpen_SaysWhatIsWrongAndWhere(t *testing.T) {
	in := written(t, t.TempDir(), mistaken(sched.Random))
	for _, c := range []struct{ file, text, want string }{
		{incident.TapeFile, "", "tape: not a tape: it is empty"},
		{incident.TapeFile, "hello\n", `tape:1: not a tape: expected "tape of`},
		{incident.TapeFile, "tape of a simulated run, version 1\ncolour red\n", `tape:2: not a tape: "colour": expected code, hash`},
		{incident.TapeFile, "tape of a simulated run, version 1\nseed x\n", "tape:2: not a tape: seed"},
		{incident.TapeFile, "tape of a simulated run, version 1\n\n0/2 3/2\n", `tape:3: not a tape: "3/2": expected a choice such as`},
		{incident.PlanFile, "cell\n", `plan.txtar:1: not understood`},
		{incident.PlanFile, "# x\ncell colour red\n", `plan.txtar:2: not understood: cell colour: expected row`},
		{incident.PlanFile, "cell row a-b_to_c-d\ncell move x\n", `plan.txtar:2: not understood: cell move "x"`},
		{incident.PlanFile, "cell row nowhere\ncell column no fault\n", `no row is called "nowhere"`},
	} {
		path := filepath.Join(in.Dir, c.file)
		was := read(t, path)
		if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := incident.Open(in.Dir, recette.Setting{}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %q: %v", c.file, c.text, err)
		}
		if err := os.WriteFile(path, []byte(was), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := incident.Open(t.TempDir(), recette.Setting{}); err == nil {
		t.Error("an empty folder is an incident")
	}
}

func TestReadLines_ReadsWhatLinesWrote(t *testing.T) {
	all := incident.Record(scenario(t, moves, recette.Setting{Seed: 7}), incident.Options{}).Entries
	data, err := incident.Lines(all)
	if err != nil {
		t.Fatal(err)
	}
	again, err := incident.ReadLines("trace", strings.NewReader(string(data)))
	if err != nil || !slices.Equal(again, all) {
		t.Errorf("%d entries of %d: %v", len(again), len(all), err)
	}
	if _, err := incident.ReadLines("trace", strings.NewReader("{\"step\":1}\nhello\n")); err == nil || !strings.Contains(err.Error(), "trace:2: expected an entry") {
		t.Errorf("error %v", err)
	}
}

func TestScenario_TextIsThePlanOfEveryFixture(t *testing.T) {
	names, err := fs.Glob(fixtures.Scenarios(), "*.txtar")
	if err != nil || len(names) < 20 {
		t.Fatalf("%d scenarios: %v", len(names), err)
	}
	for _, name := range names {
		data, err := fs.ReadFile(fixtures.Scenarios(), name)
		if err != nil {
			t.Fatal(err)
		}
		sc, err := recette.ParseScenario(name, data)
		if err != nil {
			t.Fatal(err)
		}
		text := sc.Text(recette.Setting{Seed: 9, Nodes: []string{"x", "y"}, Strategy: sched.Strategy{Kind: sched.PCT, Seed: 4, Depth: 2, Steps: 900}})
		again, err := recette.ParseScenario(name, text)
		if err != nil {
			t.Fatal(err)
		}
		if twice := again.Text(recette.Setting{}); string(twice) != string(text) || again.About != sc.About {
			t.Errorf("%s: its plan is\n%s\nand the plan of that\n%s", name, text, twice)
		}
	}
}

func TestTimeline_OfALongRunShowsItsEnd(t *testing.T) {
	text := "writer app 10s\n" + strings.Repeat("deploy app n1 n2\nuntil idle\ndeploy app n2 n3\nuntil idle\n", 25) + "expect aborted\n"
	page, err := incident.Record(scenario(t, text, recette.Setting{Seed: 7}), incident.Options{}).Timeline()
	if err != nil {
		t.Fatal(err)
	}
	n := strings.Count(string(page), `<div class="item `)
	if n != 3000 || !strings.Contains(string(page), " are left out") || !strings.Contains(string(page), "⚑ step ") || !strings.Contains(string(page), ">expect aborted<") {
		t.Errorf("%d things on the page", n)
	}
}
