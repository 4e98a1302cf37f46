package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/ledger"
	"github.com/mlfmonde/cluster/handler/plan"
)

const repository = "https://h.example/team/shop"

// command runs the handler in this process.
func command(t *testing.T, args ...string) (out, errs string, code int) {
	t.Helper()
	var o, e bytes.Buffer
	code = Execute(args, strings.NewReader(""), &o, &e)
	return o.String(), e.String(), code
}

// recorded writes the record of an app at p, or of none.
func recorded(t *testing.T, branch string, p app.Placement) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), branch+".json")
	var data []byte
	if !p.IsZero() {
		r := app.Record{RepoURL: repository, Branch: branch, Master: p.Master}
		if p.Slave != "" {
			r.Slave = &p.Slave
		}
		data = ledger.EncodeRecord(r)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// line is the command line that plans a move offline.
func line(t *testing.T, m plan.Move) []string {
	args := []string{"plan", string(m.Kind), "--repo", repository, "--branch", "main"}
	switch m.Kind {
	case app.Deploy:
		args = append(args, "--master", m.To.Master, "--slave", m.To.Slave, "--record", recorded(t, "main", m.From))
		if m.Flags.Failover {
			args = append(args, "--failover")
		}
	case app.Destroy:
		args = append(args, "--record", recorded(t, "main", m.From))
		if m.Flags.Force {
			args = append(args, "--force", "--lead", m.Lead)
		}
	case app.Migrate:
		args = append(args, "--target-branch", "dev", "--update=false", "--record", recorded(t, "main", m.From), "--record", recorded(t, "dev", m.To))
	}
	return args
}

func TestPlan_OfEachMoveIsItsGoldenFile(t *testing.T) {
	moves := slices.Concat(plan.Moves(), plan.Failovers(), plan.DestroyStates(), plan.ForcedDestroys(), plan.Migrations())
	if len(moves) < 17+3+15 {
		t.Fatalf("%d moves", len(moves))
	}
	for _, m := range moves {
		out, errs, code := command(t, line(t, m)...)
		if m.Kind != app.Deploy && m.From.IsZero() {
			if code != exitBad || !strings.Contains(errs, "not deployed") {
				t.Errorf("%s: exit code %d, %s", m.Name, code, errs)
			}
			continue
		}
		want, err := os.ReadFile("../../fixtures/plans/" + m.Name + ".txt")
		if err != nil {
			t.Fatal(err)
		}
		if code != exitDone || out != string(want) {
			t.Errorf("%s: exit code %d, %s\n%s\nwant\n%s", m.Name, code, errs, out, want)
		}
		var shaped struct {
			Title string
			Nodes []struct{ Node string }
		}
		out, _, code = command(t, append(line(t, m), "--json")...)
		if err := json.Unmarshal([]byte(out), &shaped); err != nil || code != exitDone || len(shaped.Nodes) == 0 || !strings.HasPrefix(string(want), shaped.Title+"\n") {
			t.Errorf("%s: exit code %d, %v, %s", m.Name, code, err, out)
		}
	}
}

func folders(t *testing.T, dir string) (all []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		all = append(all, filepath.Join(dir, e.Name()))
	}
	if len(all) == 0 {
		t.Fatalf("nothing in %s", dir)
	}
	return all
}

func TestCheck_TakesEveryGoodApp(t *testing.T) {
	for _, dir := range folders(t, "../../fixtures/apps/good") {
		out, errs, code := command(t, "check", dir, "--repo", "https://h.example/"+filepath.Base(dir), "--branch", "main", "--json")
		var report struct {
			Name       string
			Containers map[string]string
			Refused    []any
		}
		if err := json.Unmarshal([]byte(out), &report); err != nil || code != exitDone || len(report.Containers) == 0 || len(report.Refused) != 0 {
			t.Errorf("%s: exit code %d, %v, %s%s", dir, code, err, out, errs)
		}
	}
}

func TestCheck_NamesTheFaultOfEveryHostileApp(t *testing.T) {
	for _, dir := range folders(t, "../../fixtures/apps/hostile") {
		part, err := os.ReadFile(filepath.Join(dir, "refused.txt"))
		if err != nil {
			t.Fatal(err)
		}
		want := strings.TrimSpace(string(part))
		out, errs, code := command(t, "check", dir, "--repo", "https://h.example/"+filepath.Base(dir), "--branch", "main")
		if code != exitBad || want == "" || !strings.Contains(out+errs, want) {
			t.Errorf("%s: exit code %d, no %q in\n%s%s", dir, code, want, out, errs)
		}
	}
}
