package plan_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/plan"
)

var update = flag.Bool("update", false, "rewrite fixtures/plans, unless a property of the plans fails")

const golden = "../../fixtures/plans"

// texts are the golden files by name.
func texts() map[string]string {
	all := map[string]string{"resume.txt": resumeText()}
	for _, m := range everyMove() {
		o := m.Operation()
		all[m.Name+".txt"] = plan.Text(plan.Title(o), plan.Plans(o))
	}
	return all
}

func TestGolden(t *testing.T) {
	all := texts()
	if *update {
		rewrite(t, all)
	}
	files, err := os.ReadDir(golden)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if _, ok := all[f.Name()]; !ok {
			t.Errorf("%s belongs to no move", f.Name())
		}
	}
	for name, want := range all {
		got, err := os.ReadFile(filepath.Join(golden, name))
		if err != nil {
			t.Error(err)
			continue
		}
		if line := differs(string(got), want); line != "" {
			t.Errorf("%s: %s\nlook at the change, then: go test ./handler/plan -update", name, line)
		}
	}
}

// rewrite writes the golden files and removes those of no move.
func rewrite(t *testing.T, all map[string]string) {
	t.Helper()
	if bad := broken(); len(bad) > 0 {
		t.Fatalf("not rewritten, the plans are wrong:\n%s", strings.Join(bad, "\n"))
	}
	old, err := filepath.Glob(filepath.Join(golden, "*.txt"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range old {
		if _, ok := all[filepath.Base(name)]; !ok {
			if err := os.Remove(name); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, text := range all {
		if err := os.WriteFile(filepath.Join(golden, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// differs is the first line that is not the same, "" for none.
func differs(file, now string) string {
	if file == now {
		return ""
	}
	was, is := strings.Split(file, "\n"), strings.Split(now, "\n")
	for i := range max(len(was), len(is)) {
		a, b := "(end)", "(end)"
		if i < len(was) {
			a = was[i]
		}
		if i < len(is) {
			b = is[i]
		}
		if a != b {
			return fmt.Sprintf("line %d is\n  %s\nthe plan says\n  %s", i+1, a, b)
		}
	}
	return ""
}

func TestGolden_Differs(t *testing.T) {
	for _, c := range []struct{ a, b, want string }{
		{"x\ny\n", "x\ny\n", ""},
		{"x\ny\n", "x\nz\n", "line 2 is\n  y\nthe plan says\n  z"},
		{"x", "x\nz", "line 2 is\n  (end)\nthe plan says\n  z"},
		{"x\ny", "x", "line 2 is\n  y\nthe plan says\n  (end)"},
	} {
		if got := differs(c.a, c.b); got != c.want {
			t.Errorf("%q and %q: %q, want %q", c.a, c.b, got, c.want)
		}
	}
}

// resumeText is what is left for every part in every state, on the moves that
// have all parts between them.
func resumeText() string {
	var b strings.Builder
	fmt.Fprintln(&b, "What is left for a node whose handler restarts.")
	fmt.Fprintln(&b, `"all" is its row of that state from the top; a state that is not named has nothing for it.`)
	names := []string{chain, swap, again, over, "destroy_a-b", "destroy_a-b_forced_by_c", "migrate_a-b_to_c-d", "migrate_a-b_to_b-a", "migrate_a_to_a"}
	for _, m := range everyMove() {
		if !slices.Contains(names, m.Name) {
			continue
		}
		o := m.Operation()
		fmt.Fprintf(&b, "\n%s\n", plan.Title(o))
		for _, state := range append(plan.States(), app.Done) {
			fmt.Fprintf(&b, "  restarted in %s\n", state)
			for _, p := range plan.Plans(o) {
				resumeLines(&b, o, p, state)
			}
		}
	}
	return b.String()
}

// resumeLines writes one line for each thing that p's node may have said and
// that changes what is left.
func resumeLines(b *strings.Builder, o app.Operation, p plan.NodePlan, state app.State) {
	var shown [][]plan.Step
	for _, c := range []struct {
		what string
		said plan.Said
	}{{"", plan.Said{}}, {", had said transferred", plan.Said{Transferred: true}}, {", still holds its lease and runs", plan.Said{Holding: true}}} {
		left := plan.Resume(p.Steps, state, p.Node == o.Lead, c.said)
		if slices.ContainsFunc(shown, func(s []plan.Step) bool { return slices.Equal(s, left) }) {
			continue
		}
		shown = append(shown, left)
		fmt.Fprintf(b, "    %s  %s%s\n", p.Node, p.Part, c.what)
		if len(left) == 0 {
			fmt.Fprintln(b, "         nothing")
		}
		for _, in := range plan.States() {
			if row := plan.In(left, in); len(row) > 0 {
				fmt.Fprintf(b, "         %-9s  %s\n", in, remains(row, plan.In(p.Steps, in)))
			}
		}
	}
}

// remains lists a row's steps, its whole plan as "all".
func remains(row, whole []plan.Step) string {
	var words []string
	for i, s := range row {
		if len(whole) > 0 && slices.Equal(row[i:], whole) {
			words = append(words, "all")
			break
		}
		words = append(words, s.String())
	}
	return strings.Join(words, ", ")
}

func TestText_SaysWhoIsWhat(t *testing.T) {
	for _, c := range []struct {
		move string
		want []string
	}{
		{chain, []string{"deploy a/b → c/d\n\n", "\na  old master\n", "\nb  old slave\n", "\nc  new master\n", "\nd  new slave\n",
			"\n  a  send old → c ", "\n  c  await transferred ← a ", "\npreparing", "\nswitching", "\ncommitted", "\naborted"}},
		{swap, []string{"\na  old master, new slave\n", "\nb  new master, old slave\n"}},
		{again, []string{"\na  master\n", "\nb  slave\n"}},
		{over, []string{"deploy a/b → b/a, failover\n", "\na  old master, new slave, away: "}},
		{"destroy_a-b", []string{"destroy a/b\n", "\na  master\n", "\nb  slave\n"}},
		{"destroy_a-b_forced_by_b", []string{"destroy a/b, forced by b\n", "\nb  slave, carries it out\n"}},
		{"migrate_a-b_to_b-a", []string{"migrate a/b → b/a\n", "\na  master of the source, slave of the target\n", "\nb  slave of the source, master of the target\n"}},
		{chain + "+update", []string{"deploy a/b → c/d, update\n", "\n  c  script update.sh "}},
	} {
		o := rowCalled(t, c.move).op
		text := plan.Text(plan.Title(o), plan.Plans(o))
		for _, want := range append(c.want, "\nAny other node has nothing to do.\n") {
			if !strings.Contains(text, want) {
				t.Errorf("%s: no %q in\n%s", c.move, want, text)
			}
		}
		for _, line := range strings.Split(text, "\n") {
			if line != strings.TrimRight(line, " ") {
				t.Errorf("%s: %q ends in a space", c.move, line)
			}
		}
	}
}

func TestText_LinesUpLongNames(t *testing.T) {
	o := app.Operation{Kind: app.Deploy, Lead: "a", New: app.Placement{Master: "a", Slave: "node-é"}}
	text := plan.Text(plan.Title(o), plan.Plans(o))
	for _, want := range []string{"a       new master\n", "node-é  new slave\n", "  a       tidy   ", "  node-é  schedule new slave  "} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}

// TestJSON_IsThePlan reads the JSON back, field by field.
func TestJSON_IsThePlan(t *testing.T) {
	for _, r := range rows() {
		raw, err := plan.JSON(plan.Title(r.op), plan.Plans(r.op))
		if err != nil {
			t.Fatal(err)
		}
		var got struct {
			Title string
			Nodes []struct {
				Node, Part string
				Steps      []map[string]string
			}
		}
		if err := json.Unmarshal(raw, &got); err != nil {
			t.Fatalf("%s: %v", r.name, err)
		}
		if got.Title != plan.Title(r.op) || len(got.Nodes) != len(r.plans) || raw[len(raw)-1] != '\n' {
			t.Errorf("%s: %s", r.name, raw)
		}
		for _, n := range got.Nodes {
			if len(n.Steps) != len(r.plans[n.Node]) || n.Steps == nil || n.Part == "" {
				t.Fatalf("%s: %s has %d steps", r.name, n.Node, len(n.Steps))
			}
			for i, s := range r.plans[n.Node] {
				want := map[string]string{"in": string(s.In), "verb": string(s.Verb), "set": string(s.Set), "node": s.Node, "flag": s.Flag, "text": s.String(), "words": s.Words()}
				if fmt.Sprint(want) != fmt.Sprint(n.Steps[i]) {
					t.Errorf("%s: %s: %v, want %v", r.name, n.Node, n.Steps[i], want)
				}
			}
		}
	}
}
