package canary_test

import (
	"context"
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mlfmonde/cluster/recette"
	"github.com/mlfmonde/cluster/recette/canary"
)

const tree = "../.."

func all(t *testing.T) []canary.Canary {
	t.Helper()
	list, err := canary.Load(tree)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestCanaries_FitTheSource(t *testing.T) {
	for _, c := range all(t) {
		files, err := c.Changed(func(name string) ([]byte, error) { return os.ReadFile(filepath.Join(tree, name)) })
		if err != nil {
			t.Error(err)
		}
		for name, text := range files {
			if _, err := parser.ParseFile(token.NewFileSet(), name, text, 0); err != nil {
				t.Errorf("canary %s: %v", c.Name, err)
			}
		}
	}
}

func TestCanaries_StandForEveryCounterexampleThatNeedsOne(t *testing.T) {
	list := all(t)
	if len(list) < 20 {
		t.Errorf("there are %d canaries, must be 20", len(list))
	}
	for _, x := range []string{"C1", "C2", "C3", "C8", "C9", "C14", "C16", "C22", "C28"} {
		stands := func(c canary.Canary) bool {
			words := strings.FieldsFunc(c.From, func(r rune) bool { return r == ' ' || r == ',' || r == ';' })
			return slices.Contains(words, x)
		}
		if !slices.ContainsFunc(list, stands) {
			t.Errorf("no canary stands for %s", x)
		}
	}
}

const (
	top  = "# mistake: one\n# from: two\n# breaks: three\n#   and more\n"
	file = "--- a/handler/poll.go\n+++ b/handler/poll.go\n"
	hunk = "@@ -2,3 +2,3 @@\n two\n-three\n+drei\n four\n"
)

func TestParse_ReadsWhatACanaryIs(t *testing.T) {
	c, err := canary.Parse("x", top+file+hunk)
	if err != nil {
		t.Fatal(err)
	}
	if c.Name != "x" || c.Mistake != "one" || c.From != "two" || c.Breaks != "three and more" || c.Diff != file+hunk {
		t.Errorf("%+v", c)
	}
}

func TestParse_RefusesWhatIsNoCanary(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{file + hunk, `x.diff: the comment at its head has no "# mistake: "`},
		{"# about nothing\n" + file + hunk, `x.diff:1: must begin with "# mistake: "`},
		{"# mistake: a\n# from: b\n" + file + hunk, `has no "# breaks: "`},
		{top, "x.diff:4: there is no diff"},
		{top + "@@ -1 +1 @@\n", `x.diff:5: "--- a/FILE" and "+++ b/FILE" must follow`},
		{top + file, `x.diff:7: "@@ -LINE,COUNT +LINE,COUNT @@" must follow`},
		{top + file + "@@ two @@\n", "x.diff:7: must be"},
		{top + file + strings.Replace(hunk, "+2,3", "+2,4", 1), "x.diff:7: the hunk has 3 old and 3 new lines, its head says 3 and 4"},
		{top + file + strings.Replace(hunk, "-three", "*three", 1), "x.diff:9: a line of a hunk begins with"},
		{top + file + "@@ -2,1 +2,1 @@\n-two\n+two\n", "the hunk changes nothing"},
		{top + file + "@@ -2,0 +3,1 @@\n+two\n", "nothing says where it belongs"},
		{top + file + hunk + file + hunk, "handler/poll.go is changed twice"},
		{top + file + hunk + "and more\n", "x.diff:12: "},
		{top + "--- a/handler/poll.go\n+++ b/handler/other.go\n" + hunk, "it makes and renames none"},
		{top + strings.ReplaceAll(file, "handler/poll.go", "sim/guard.go") + hunk, "sim/guard.go is not production code"},
		{top + strings.ReplaceAll(file, "handler/poll.go", "recette/law.go") + hunk, "recette/law.go is not production code"},
		{top + strings.ReplaceAll(file, "handler/poll.go", "handler/../sim/guard.go") + hunk, "is not production code"},
		{top + strings.ReplaceAll(file, "handler/poll.go", "handler/plan/plan_test.go") + hunk, "is not what the simulator runs"},
		{top + strings.ReplaceAll(file, "handler/poll.go", "handler/adapter/git/git.go") + hunk, "is not what the simulator runs"},
	} {
		if _, err := canary.Parse("x", c.text); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v, must be about %q", c.text, err, c.want)
		}
	}
}

func TestChanged_FitsLineByLineOrNotAtAll(t *testing.T) {
	for _, x := range []struct{ says, source, want, err string }{
		{"as it was", "one\ntwo\nthree\nfour\n", "one\ntwo\ndrei\nfour\n", ""},
		{"lines above it came", "zero\nhalf\none\ntwo\nthree\nfour\n", "zero\nhalf\none\ntwo\ndrei\nfour\n", ""},
		{"twice, but once where it was", "one\ntwo\nthree\nfour\ntwo\nthree\nfour\n", "one\ntwo\ndrei\nfour\ntwo\nthree\nfour\n", ""},
		{"twice elsewhere", "two\nthree\nfour\ntwo\nthree\nfour\n", "", "its lines are at 1 and at 4"},
		{"another line between", "one\ntwo\nnew\nthree\nfour\n", "", "its lines are not there"},
		{"a blank more", "one\ntwo \nthree\nfour\n", "", "its lines are not there"},
		{"gone", "one\n", "", "its lines are not there"},
	} {
		c, err := canary.Parse("x", top+file+hunk)
		if err != nil {
			t.Fatal(err)
		}
		files, err := c.Changed(func(string) ([]byte, error) { return []byte(x.source), nil })
		switch {
		case x.err == "" && (err != nil || string(files["handler/poll.go"]) != x.want):
			t.Errorf("%s: %q, %v", x.says, files["handler/poll.go"], err)
		case x.err == "":
		case err == nil || !strings.Contains(err.Error(), x.err) || !strings.Contains(err.Error(), "canary x does not fit handler/poll.go:2 any more") || !strings.HasSuffix(err.Error(), "write it again"):
			t.Errorf("%s: %v", x.says, err)
		}
	}
}

func TestChanged_SaysWhichFileIsGone(t *testing.T) {
	c, err := canary.Parse("x", top+file+hunk)
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Changed(func(string) ([]byte, error) { return nil, os.ErrNotExist })
	if !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "canary x changes handler/poll.go") {
		t.Error(err)
	}
}

func TestChoose_TakesPatternsAndRefusesNames(t *testing.T) {
	list := []canary.Canary{{Name: "c01-a"}, {Name: "c01-b"}, {Name: "c02"}}
	for want, patterns := range map[string][]string{"[c01-a c01-b c02]": nil, "[c01-a c01-b]": {"c01*"}, "[c01-b c02]": {"c02", "c01-b"}} {
		got, err := canary.Choose(list, patterns)
		if err != nil || fmt.Sprint(canary.Names(got)) != want {
			t.Errorf("%q: %v, %v", patterns, canary.Names(got), err)
		}
	}
	if _, err := canary.Choose(list, []string{"c03"}); err == nil || !strings.Contains(err.Error(), `no canary is called "c03"; known are: c01-a, c01-b, c02`) {
		t.Error(err)
	}
}

func TestOpen_SaysWhatItNeeds(t *testing.T) {
	_, err := canary.Open(t.Context(), t.TempDir())
	if !errors.Is(err, canary.ErrNoTools) || !strings.Contains(err.Error(), "--source") {
		t.Errorf("without source: %v", err)
	}
	t.Setenv("PATH", t.TempDir())
	if _, err := canary.Open(t.Context(), tree); !errors.Is(err, canary.ErrNoTools) || !strings.Contains(err.Error(), "go command") {
		t.Errorf("without go: %v", err)
	}
}

// One canary from its diff to the plan that finds it, and once more from the
// cache; one that does not build is no finding.
func TestTry_FindsACanary(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the simulator")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	source, err := canary.Open(ctx, tree)
	if err != nil {
		t.Fatal(err)
	}
	source.Cache = t.TempDir()
	chosen, err := canary.Choose(all(t), []string{"delete-before-commit"})
	if err != nil {
		t.Fatal(err)
	}
	broken := canary.Canary{Name: "broken"}
	if text, err := os.ReadFile(filepath.Join(tree, "handler/doc.go")); err == nil {
		first, _, _ := strings.Cut(string(text), "\n")
		broken, err = canary.Parse("broken", top+"--- a/handler/doc.go\n+++ b/handler/doc.go\n@@ -1,1 +1,2 @@\n+import nothing\n "+first+"\n")
		if err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		found := source.Try(ctx, append(chosen, broken), canary.Budget{For: time.Minute}, func(f canary.Finding) { t.Logf("%+v", f) })
		if len(found) != 2 || !found[0].Found || found[0].Plans == 0 || found[0].Broken == "" {
			t.Errorf("%+v", found)
		}
		if found[1].Found || !strings.Contains(found[1].Why, "canary broken does not build") {
			t.Errorf("%+v", found[1])
		}
	}
	if built, _ := filepath.Glob(filepath.Join(source.Cache, "*")); len(built) != 2 { // the one, and the program without a mistake
		t.Errorf("in the cache: %q", built)
	}
}

func TestBroken_IsOnlyABrokenPromise(t *testing.T) {
	for text, want := range map[string]bool{
		"deploy app n1\nuntil idle\nexpect committed":                      false,
		"push exits app\ndeploy app n1\nuntil idle\nexpect committed":      true,
		"deploy app n1\nuntil idle\nuntil n1 begins restore":               false, // it need not come to that
		"crash n1\nrun 30s\ncrash n2\ncrash n3\ndeploy app n1\nuntil idle": true,
		"deploy app n1\nfault n1 Volumes.Restore error\nuntil idle":        false, // never struck
		"deploy app n1 n2\nuntil idle\nput maintenance/app mine\ncheck":    true,
	} {
		sc, err := recette.ParseScenario("test", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		s, err := sc.Play(recette.Setting{Seed: 1})
		if s != nil {
			_ = s.Close()
		}
		if canary.Broken(err) != want {
			t.Errorf("%q: %v is a broken promise: %v, must be %v", text, err, !want, want)
		}
	}
}

// The true code keeps every promise: nothing is found where there is no mistake.
func TestStored_FindsNothingInTheTrueCode(t *testing.T) {
	if !testing.Short() {
		r, err := canary.Stored(t.Context(), 0)
		if err != nil || len(r.Violations) > 0 || r.Plans != r.Of || r.Plans < 50 {
			t.Errorf("%v, %+v", err, r)
		}
	}
	few, err := canary.Stored(t.Context(), 3)
	if err != nil || few.Plans != 3 {
		t.Errorf("%v, %+v", err, few)
	}
	ended, stop := context.WithCancel(t.Context())
	stop()
	if none, err := canary.Stored(ended, 0); err != nil || none.Plans != 0 || !none.Interrupted {
		t.Errorf("%v, %+v", err, none)
	}
}
