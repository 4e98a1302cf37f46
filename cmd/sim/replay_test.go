package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/mlfmonde/cluster/recette"
	"github.com/mlfmonde/cluster/recette/incident"
	"github.com/mlfmonde/cluster/sim"
)

// broken is a scenario in which an invariant does not hold: the backup says n1,
// and the data has moved.
const broken = "deploy app n1\nuntil idle\nwrite app 3\nconsul save\ndeploy app n2\nuntil idle\nconsul restore\nrun 1s\n"

// leftBehind leaves the incident of the broken scenario and returns its folder and
// what was said.
func leftBehind(t *testing.T) (dir, said string) {
	t.Helper()
	keep := t.TempDir()
	out, errs, code := command(t, "", "replay", "-q", "--incident", keep, script(t, broken))
	if code != exitSafety {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	all, err := os.ReadDir(keep)
	if err != nil || len(all) != 1 {
		t.Fatalf("%d incidents: %v", len(all), err)
	}
	return filepath.Join(keep, all[0].Name()), out
}

func TestReplay_OfAnIncidentIsTheSameFailure(t *testing.T) {
	dir, said := leftBehind(t)
	if !strings.Contains(said, "play it again: bin/sim replay "+dir) || !strings.Contains(said, incident.TimelineFile) {
		t.Errorf("it says %s", said)
	}
	for _, name := range []string{dir, filepath.Join(dir, incident.PlanFile)} {
		out, errs, code := command(t, "", "replay", "-q", name)
		if code != exitSafety || !strings.Contains(out, "the same run as the tape's") || !strings.Contains(errs, "names n1, which has no volume") {
			t.Errorf("exit code %d: %s\n%s", code, errs, out)
		}
	}
}

func TestRun_LeavesAnIncident(t *testing.T) {
	keep := t.TempDir()
	out, errs, code := command(t, "", "run", "--seed", "7", "--random", "--incident", keep, script(t, broken))
	_, line, ok := strings.Cut(out, "play it again: bin/sim replay ")
	if code != exitSafety || !ok || !strings.Contains(line, "seed 7, random seed=7, hash ") {
		t.Fatalf("exit code %d: %s\n%s", code, errs, out)
	}
	dir, _, _ := strings.Cut(line, " ")
	if out, errs, code := command(t, "", "replay", "-q", dir); code != exitSafety || !strings.Contains(out, "the same run as the tape's") {
		t.Errorf("exit code %d: %s\n%s", code, errs, out)
	}
	out, errs, _ = command(t, "", "run", "--seed", "7", "--random", "--nodes", "n1,n2,n4", script(t, broken))
	_, line, ok = strings.Cut(out, "play it again: bin/sim ")
	hash := regexp.MustCompile(`hash ([0-9a-f]{16})`)
	if !ok || !strings.Contains(line, "--seed 7 --random --nodes n1,n2,n4\n") {
		t.Fatalf("%s\n%s", errs, out)
	}
	if said, _, code := command(t, "", append(strings.Fields(line), "-q")...); code != exitSafety || hash.FindString(said) != hash.FindString(out) {
		t.Errorf("the line plays another run: exit code %d: %s", code, said)
	}
	if _, _, code := command(t, "", "run", "--incident", keep, script(t, "run 1s\n")); code != exitOK {
		t.Errorf("exit code %d", code)
	}
	if all, err := os.ReadDir(keep); err != nil || len(all) != 1 {
		t.Errorf("%d incidents of one failure: %v", len(all), err)
	}
}

func TestLeaveCells_KeepsTheTurnThatFailed(t *testing.T) {
	turn := recette.Turn{Move: 1, Trouble: recette.Trouble{What: recette.CallStrikes, Node: "c", At: recette.Call{Name: "Stack.Up", Nth: 1}, Phase: sim.CrashAfter}}
	cells := []recette.Cell{
		{Row: "a-b_to_c-d", Column: "crash of new master", World: recette.WorldSim, Verdict: recette.Fail, Cause: &recette.Failed{Turn: turn, Err: errors.New("it was red once")}},
		{Row: "none_to_a", Column: "no fault", World: recette.WorldSim, Verdict: recette.Pass},
	}
	var out, errs bytes.Buffer
	keep := t.TempDir()
	shell{out: &out, err: &errs}.leaveCells(keep, recette.Result{Cells: cells}, 3)
	all, err := os.ReadDir(keep)
	if err != nil || len(all) != 1 || !strings.Contains(errs.String(), "played again it ended otherwise: it holds, was ") {
		t.Fatalf("%d incidents, %v: %s", len(all), err, errs.String())
	}
	dir := filepath.Join(keep, all[0].Name())
	if said, _, code := command(t, "", "replay", "-q", dir); code != exitOK || !strings.Contains(said, "the same run as the tape's") {
		t.Errorf("exit code %d: %s", code, said)
	}
}

func TestReplay_StopsACellToo(t *testing.T) {
	out, errs, code := command(t, "", "replay", "-q", "--row", "a-b_to_c-d", "--until", "300")
	if code != exitOK || !strings.Contains(out, "State at step 300,") || !strings.Contains(out, "== node d\n") {
		t.Errorf("exit code %d: %s\n%.300s", code, errs, out)
	}
}

func TestReplay_SaysWhereATapeDoesNotFit(t *testing.T) {
	dir, _ := leftBehind(t)
	other := script(t, "deploy app n3 n1\nuntil idle\ncheck\n")
	out, errs, code := command(t, "", "replay", "-q", "--tape", filepath.Join(dir, incident.TapeFile), other)
	if code != exitOK || !strings.Contains(out, "does not fit any more: step ") || !strings.Contains(out, "by the plan: fifo") || !strings.HasSuffix(out, "pass\n") {
		t.Errorf("exit code %d: %s\n%s", code, errs, out)
	}
	if _, errs, code := command(t, "", "replay", "--tape", other, other); code != exitBad || !strings.Contains(errs, "script.txt:1: not a tape: expected") {
		t.Errorf("exit code %d: %s", code, errs)
	}
}

func TestReplay_StopsAfterAStepAndShowsTheState(t *testing.T) {
	out, errs, code := command(t, "", "replay", "story", "--until", "500", "-q")
	if code != exitOK || !strings.Contains(out, "State at step 500,") || !strings.Contains(out, "== node n2\n") || !strings.Contains(out, "== KV operation/") {
		t.Errorf("exit code %d: %s\n%.500s", code, errs, out)
	}
	out, _, code = command(t, "", "replay", script(t, "run 1s\n"), "--until", "100000", "-q")
	if code != exitOK || !strings.Contains(out, "it ended before step 100000") {
		t.Errorf("exit code %d: %s", code, out)
	}
}

func TestReplay_WritesATimelineOfAnyRun(t *testing.T) {
	page := filepath.Join(t.TempDir(), "page.html")
	out, errs, code := command(t, "", "replay", "c03-power-cut-while-starting", "-q", "--html", page)
	if code != exitOK || !strings.HasSuffix(out, "pass\n") {
		t.Fatalf("exit code %d: %s\n%s", code, errs, out)
	}
	data, err := os.ReadFile(page)
	if err != nil || !strings.Contains(string(data), "It holds.") || !strings.Contains(string(data), "power cut") {
		t.Errorf("%d bytes: %v", len(data), err)
	}
}

func TestReplay_SaysWhatIsWrongWithAFile(t *testing.T) {
	for text, want := range map[string]string{
		"deploy app n1\ndeplay app\n": `script.txt:2: deplay app: not understood: there is no command "deplay"`,
		"strategy chess\n":            `script.txt:1: not understood: strategy "chess": expected one of`,
		"\nseed x\n":                  `script.txt:2: not understood: seed: "x" is not a number`,
		"deploy app\n":                "usage: deploy APP MASTER",
		"cell row x_to_y\n":           `no row is called "x_to_y"`,
	} {
		if _, errs, code := command(t, "", "replay", script(t, text)); code != exitBad || !strings.Contains(errs, want) {
			t.Errorf("%q: exit code %d: %s", text, code, errs)
		}
	}
	for _, args := range [][]string{{}, {"story", "--row", "none_to_a"}, {t.TempDir()}} {
		if _, errs, code := command(t, "", append([]string{"replay"}, args...)...); code != exitBad || errs == "" {
			t.Errorf("%q: exit code %d: %s", args, code, errs)
		}
	}
}

func TestDiff_FindsWhereTwoRunsPart(t *testing.T) {
	dir, _ := leftBehind(t)
	mended := script(t, strings.Replace(broken, "consul restore", "heal", 1))
	out, errs, code := command(t, "", "diff", dir, mended)
	if code != exitFailed || !strings.Contains(errs, "the traces part after ") || !strings.Contains(errs, "at step ") || !strings.Contains(out, "consul restored from a backup") {
		t.Errorf("exit code %d: %s\n%s", code, errs, out)
	}
	out, errs, code = command(t, "", "diff", filepath.Join(dir, incident.LinesFile), script(t, broken))
	if code != exitOK || !strings.HasPrefix(out, "the same: ") {
		t.Errorf("exit code %d: %s\n%s", code, errs, out)
	}
	bad := filepath.Join(t.TempDir(), "bad.jsonl")
	if err := os.WriteFile(bad, []byte("hello\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, errs, code := command(t, "", "diff", bad, dir); code != exitBad || !strings.Contains(errs, "bad.jsonl:1: expected an entry") {
		t.Errorf("exit code %d: %s", code, errs)
	}
}
