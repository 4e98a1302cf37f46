package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const long = `# Something long.
nodes a b c d
push good other
deploy other c d
deploy app a b
until idle
write app 7
put maintenance/app mine
plug d
run 1m
boot d
run 10m
check
`

func TestShrink_PrintsWhatIsLeft(t *testing.T) {
	to := filepath.Join(t.TempDir(), "small.txtar")
	out, errs, code := command(t, "", "shrink", script(t, long), "-o", to)
	if code != exitOK || !strings.Contains(errs, "safety: ") || !strings.Contains(errs, "12 → ") || !strings.Contains(errs, " plays, ") {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	kept, err := os.ReadFile(to)
	if err != nil || string(kept) != out {
		t.Errorf("the file holds %q, %v", kept, err)
	}
	if n := strings.Count(out, "\n"); n > 6 || !strings.Contains(out, "# Shrunk from script.txt.") {
		t.Errorf("it printed\n%s", out)
	}
	if _, errs, code = command(t, "", "run", to); code != exitSafety || !strings.Contains(errs, "key maintenance/") {
		t.Errorf("what is left ends with exit code %d: %s", code, errs)
	}
}

func TestShrink_RefusesWhatItCannotShrink(t *testing.T) {
	for _, c := range []struct {
		says, text, want string
		args             []string
		code             int
	}{
		{"it holds", "deploy app n1\nuntil idle\ncheck\n", "script.txt: nothing to shrink: it holds", nil, exitBad},
		{"not understood", "deploy app n1\ndeplay app\n", "script.txt:2: deplay app: not understood", nil, exitBad},
		{"no plans", long, "--plans 0: at least 1", []string{"--plans", "0"}, exitBad},
	} {
		_, errs, code := command(t, "", append([]string{"shrink", script(t, c.text)}, c.args...)...)
		if code != c.code || !strings.Contains(errs, c.want) {
			t.Errorf("%s: exit code %d, want %d; %s", c.says, code, c.code, errs)
		}
	}
	if _, errs, code := command(t, "", "shrink", "nosuch"); code != exitFailed || !strings.Contains(errs, "nosuch") {
		t.Errorf("no file: exit code %d: %s", code, errs)
	}
	if _, errs, code := command(t, "", "shrink"); code != exitBad {
		t.Errorf("no argument: exit code %d: %s", code, errs)
	}
}

func TestShrink_TellsThatItEndedEarly(t *testing.T) {
	_, errs, code := command(t, long, "shrink", "-", "--plans", "5")
	if code != exitOK || !strings.Contains(errs, "ended before everything was tried") {
		t.Errorf("exit code %d: %s", code, errs)
	}
}
