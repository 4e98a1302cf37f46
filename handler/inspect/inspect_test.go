package inspect_test

import (
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mlfmonde/cluster/fixtures"
	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/inspect"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// drivers are those of a node by default.
var drivers = []string{"anybox/buttervolume", "ccomb/buttervolume"}

// checkout is an input with the files of a fixture.
func checkout(t testing.TB, dir string) inspect.Input {
	t.Helper()
	sub, err := fs.Sub(fixtures.Apps(), dir)
	if err != nil {
		t.Fatal(err)
	}
	in := inspect.Input{App: parse(t, "https://git.example.com/team/"+filepath.Base(dir), "master"), Files: map[string][]byte{}, Seq: 7, ID: "op-1", Drivers: drivers}
	err = fs.WalkDir(sub, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !inspect.Wants(path) {
			return err
		}
		in.Files[path], err = fs.ReadFile(sub, path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return in
}

func parse(t testing.TB, repo, branch string) app.App {
	t.Helper()
	a, err := app.Parse(repo, branch)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// dirs lists the folders of a fixture folder.
func dirs(t *testing.T, name string) []string {
	t.Helper()
	entries, err := fs.ReadDir(fixtures.Apps(), name)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// with is an input with one compose file.
func with(t testing.TB, compose string) inspect.Input {
	return inspect.Input{
		App: parse(t, "https://git.example.com/team/shop", "master"), Files: map[string][]byte{"docker-compose.yml": []byte(compose)},
		Seq: 1, ID: "op", Drivers: drivers,
	}
}

// teller is what a test and a property have in common.
type teller interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

func accepted(t teller, r inspect.Result) {
	t.Helper()
	if len(r.Refused) > 0 {
		t.Fatalf("refused: %v", r.Refused)
	}
}

// refused wants a refusal whose place and reason hold the given texts.
func refused(t teller, r inspect.Result, where, why string) {
	t.Helper()
	if len(r.Files) != 0 {
		t.Errorf("a refused checkout has files to write")
	}
	for _, f := range r.Refused {
		if strings.Contains(f.Where, where) && strings.Contains(f.Why, why) {
			return
		}
	}
	t.Errorf("no refusal at %q about %q in %v", where, why, r.Refused)
}

func TestInspect_GoodApps(t *testing.T) {
	for _, name := range dirs(t, "good") {
		t.Run(name, func(t *testing.T) {
			in := checkout(t, "good/"+name)
			r := inspect.Inspect(in)
			accepted(t, r)
			got := inspect.Report(in.App, r).String() + "\n--- .env\n" + string(r.Files[".env"]) + "\n--- " + app.CanonicalFile + "\n" + string(r.Files[app.CanonicalFile])
			golden(t, filepath.Join("testdata", name+".golden"), got)
		})
	}
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs; got:\n%s", path, got)
	}
}

func TestInspect_HostileApps(t *testing.T) {
	names := dirs(t, "hostile")
	if len(names) < 30 {
		t.Fatalf("only %d hostile checkouts", len(names))
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			want, err := fs.ReadFile(fixtures.Apps(), "hostile/"+name+"/refused.txt")
			if err != nil {
				t.Fatal(err)
			}
			r := inspect.Inspect(checkout(t, "hostile/"+name))
			refused(t, r, strings.TrimSpace(string(want)), "")
			for _, f := range r.Refused {
				t.Logf("%s: %s", f.Where, f.Why)
				if f.Why == "" || f.Where == "" {
					t.Errorf("a refusal without place or reason: %+v", f)
				}
			}
		})
	}
}
