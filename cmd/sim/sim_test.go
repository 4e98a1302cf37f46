package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// command runs a command line with input and returns what it said.
func command(t *testing.T, input string, args ...string) (out, errs string, code int) {
	t.Helper()
	var o, e bytes.Buffer
	code = Execute(args, strings.NewReader(input), &o, &e)
	return o.String(), e.String(), code
}

// script writes a scenario file.
func script(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "script.txt")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestRun_TellsTheStoryToItsEnd(t *testing.T) {
	out, errs, code := command(t, "", "run")
	if code != 0 || errs != "" {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	for _, want := range []string{"power cut", "It holds.", "records acknowledged", "every one found", "outages", "3 committed, 2 aborted", "invariants", "simulated"} {
		if !strings.Contains(out, want) {
			t.Errorf("the story does not say %q", want)
		}
	}
	for line := range strings.Lines(out) {
		if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > 120 {
			t.Errorf("%d columns: %s", n, line)
		}
	}
	if strings.Contains(out, "\x1b") {
		t.Error("colour, and nobody sits before it")
	}
}

func TestRun_TheSameSeedIsTheSameStory(t *testing.T) {
	wall := regexp.MustCompile(`, [0-9.]+ s on this machine`)
	first, _, _ := command(t, "", "run", "--seed", "7", "--random")
	second, _, _ := command(t, "", "run", "--seed", "7", "--random")
	if wall.ReplaceAllString(first, "") != wall.ReplaceAllString(second, "") {
		t.Error("two runs of seed 7 differ")
	}
}

func TestRun_ExitCodes(t *testing.T) {
	for _, c := range []struct {
		says, text, want string
		code             int
	}{
		{"ok", "deploy app n1 n2\nuntil idle\nexpect committed\ncheck\n", "", exitOK},
		{"not understood", "deplay app\n", `script.txt:1: deplay app`, exitBad},
		{"safety", "deploy app n1\nuntil idle\nput maintenance/app mine\ncheck\n", "script.txt:4: check", exitSafety},
		{"liveness", "run 30s\ncrash n1\ncrash n2\ncrash n3\ndeploy app n1\nuntil idle\n", "not at rest", exitLiveness},
		{"vacuous", "deploy app n1\nfault n1 Volumes.Restore error\nuntil idle\n", "never struck", exitVacuous},
	} {
		_, errs, code := command(t, "", "run", script(t, c.text))
		if code != c.code || !strings.Contains(errs, c.want) {
			t.Errorf("%s: exit code %d, want %d; %s", c.says, code, c.code, errs)
		}
	}
}

func TestRun_TakesAnInvariantThatBreaks(t *testing.T) {
	// The backup says n1, the data has moved: the record names a node without it.
	text := "deploy app n1\nuntil idle\nwrite app 3\nconsul save\ndeploy app n2\nuntil idle\nconsul restore\nrun 1s\n"
	_, errs, code := command(t, "", "run", script(t, text))
	if code != exitSafety || !strings.Contains(errs, "names n1, which has no volume") {
		t.Errorf("exit code %d: %s", code, errs)
	}
}

func TestPrompt_AnswersAndGoesOn(t *testing.T) {
	in := "help\nnonsense\ndeploy app n1 n2\nstep 3\nuntil idle\nwrite app 2\nshow nodes\nshow kv\nshow plan\nexpect aborted\nexpect master n1\ncheck\nquit\n"
	out, errs, code := command(t, in, "run", "-i")
	for _, want := range []string{"deploy APP MASTER", `there is no command "nonsense"`, "transaction: begin", "users: 2 writes", "expected aborted", "handler runs", "operation/app", "check: every node"} {
		if !strings.Contains(out, want) {
			t.Errorf("the prompt does not say %q:\n%s", want, out)
		}
	}
	if code != exitSafety || !strings.Contains(errs, "expected aborted") {
		t.Errorf("exit code %d: %s", code, errs)
	}
}

func TestMatrix_JSONHasTotalsAndCells(t *testing.T) {
	page := filepath.Join(t.TempDir(), "matrix.md")
	out, errs, code := command(t, "", "matrix", "--json", "--markdown", page, "--no-sweep", "--row", "a-b_to_*", "--column", "no fault", "--column", "send*")
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	var got struct {
		Totals map[string]int
		Cells  []map[string]any
	}
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatal(err)
	}
	if got.Totals["pass"] != len(got.Cells) || len(got.Totals) != 4 || len(got.Cells) < 20 {
		t.Errorf("totals %v of %d cells", got.Totals, len(got.Cells))
	}
	for _, key := range []string{"row", "column", "world", "verdict", "reason"} {
		if _, ok := got.Cells[0][key]; !ok {
			t.Errorf("a cell has no %q", key)
		}
	}
	text, err := os.ReadFile(page)
	if err != nil || !strings.Contains(string(text), "| a/b → c/d | ✓ |") {
		t.Errorf("the page has no such row: %v\n%s", err, text)
	}
}

// cellsOf lists the columns of one row of the simulator in a JSON report.
func cellsOf(t *testing.T, data []byte, row string) (columns []string) {
	t.Helper()
	var got struct {
		Cells []struct{ Row, Column, World string }
	}
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	for _, c := range got.Cells {
		if c.Row == row && c.World == "sim" {
			columns = append(columns, c.Column)
		}
	}
	return columns
}

func TestMatrix_AgreesWithTheReportOfTheRecette(t *testing.T) {
	report, err := os.ReadFile(filepath.Join("..", "..", "docs", "matrix.json"))
	if err != nil {
		t.Fatal(err)
	}
	const row = "migrate_a_to_a" // of few calls
	merge := filepath.Join("..", "..", "docs", "matrix.json")
	for _, args := range [][]string{{"matrix", "--json", "--row", row}, {"matrix", "--json", "--row", row, "--column", "no fault", "--merge", merge}} {
		out, errs, code := command(t, "", args...)
		if code != 0 {
			t.Fatalf("exit code %d: %s", code, errs)
		}
		got, want := cellsOf(t, []byte(out), row), cellsOf(t, report, row)
		if !slices.Equal(got, want) || len(got) < 10 {
			t.Errorf("%q has the columns\n%q, the report\n%q", args, got, want)
		}
	}
}

func TestMatrix_RefusesResultsThatAreNone(t *testing.T) {
	bad := filepath.Join(t.TempDir(), "bad.json")
	if err := os.WriteFile(bad, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{bad, bad + ".not"} {
		if _, errs, code := command(t, "", "matrix", "--row", "destroy_none", "--merge", name); code == 0 || !strings.Contains(errs, filepath.Base(name)) {
			t.Errorf("%s: exit code %d: %s", name, code, errs)
		}
	}
}

func TestMatrix_SaysWhichRowsThereAre(t *testing.T) {
	_, errs, code := command(t, "", "matrix", "--row", "x_to_y")
	if code != exitBad || !strings.Contains(errs, "known are: none_to_a") {
		t.Errorf("exit code %d: %s", code, errs)
	}
}

func TestReplay_PlaysTwiceAndShowsTheTrace(t *testing.T) {
	out, errs, code := command(t, "", "replay", "--row", "a-b_to_c-d", "--column", "crash of new master", "--fault", "c Stack.Up 1 crash-after", "--seed", "3")
	if code != 0 || !strings.Contains(out, "fault: c handler Stack.Up #1 crash-after") || !strings.HasSuffix(out, "pass\n") {
		t.Errorf("exit code %d: %s\n%s", code, errs, out[max(0, len(out)-400):])
	}
	for args, want := range map[string]string{
		"--row a-b_to_c-d --column x":                                             "no column",
		"--row a-b_to_c-d --move 3":                                               "has no move 3",
		"--row a-b_to_c-d --fault nonsense":                                       "node call nth phase",
		"--row a-b_to_c-d --fault c;Stack.Up;1;sideways":                          "sideways",
		"--row a-b_to_c-d --column crash;of;new;master":                           "say which",
		"--row a-b_to_c-d --column crash;of;new;master --fault c;No.Call;1;error": "never struck",
	} {
		var words []string
		for _, w := range strings.Fields(args) {
			words = append(words, strings.ReplaceAll(w, ";", " "))
		}
		if _, errs, code := command(t, "", append([]string{"replay"}, words...)...); code == 0 || !strings.Contains(errs, want) {
			t.Errorf("%s: exit code %d: %s", args, code, errs)
		}
	}
}

func TestBench_PrintsItsFigures(t *testing.T) {
	out, errs, code := command(t, "", "bench", "--json", "--for", "1ms")
	var got map[string]float64
	if err := json.Unmarshal([]byte(out), &got); err != nil || code != 0 {
		t.Fatalf("exit code %d, %v: %s", code, err, errs)
	}
	for _, key := range []string{"deploys_per_second", "steps_per_second", "simulated_seconds_per_second", "allocations_per_deploy"} {
		if got[key] <= 0 {
			t.Errorf("%s is %v", key, got[key])
		}
	}
	if out, _, _ := command(t, "", "bench", "--for", "1ms"); !strings.Contains(out, "whole deploys a second") {
		t.Errorf("for people: %s", out)
	}
}

func TestCommandLine_SaysWhatIsWrong(t *testing.T) {
	for _, args := range [][]string{nil, {"play"}, {"run", "a", "b"}, {"matrix", "--seed", "x"}} {
		if _, errs, code := command(t, "", args...); code != exitBad || errs == "" {
			t.Errorf("%q: exit code %d: %s", args, code, errs)
		}
	}
	if _, errs, code := command(t, "", "run", "no-such-file.txt"); code != exitFailed || !strings.Contains(errs, "no such file") {
		t.Errorf("exit code %d: %s", code, errs)
	}
}
