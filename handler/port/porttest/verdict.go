package porttest

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// OutEnv names the environment variable with the folder for verdicts.
const OutEnv = "PORTTEST_OUT"

// Verdict is how one clause ended for one implementation. A file of verdicts
// has one on each line, as JSON.
type Verdict struct {
	Package string `json:"package"` // whose tests ran it: "sim", "consul"
	Method  string `json:"method"`
	Says    string `json:"says"`
	Verdict string `json:"verdict"` // pass, fail or skip
}

// Note keeps the verdict of the clause that t runs, when t ends: for tests that do not
// go through [Each].
func Note(t *testing.T, method, says string) {
	t.Cleanup(func() { note(t, method, says) })
}

// note writes it.
func note(t *testing.T, method, says string) {
	dir := os.Getenv(OutEnv)
	if dir == "" {
		return
	}
	program, err := os.Executable() // os.Args[0] is another in tests that start themselves again
	if err != nil {
		t.Errorf("find the test's own name: %v", err)
		return
	}
	v := Verdict{Package: strings.TrimSuffix(filepath.Base(program), ".test"), Method: method, Says: says, Verdict: "pass"}
	switch {
	case t.Failed():
		v.Verdict = "fail"
	case t.Skipped():
		v.Verdict = "skip"
	}
	line, err := json.Marshal(v)
	if err != nil {
		t.Errorf("encode the verdict: %v", err)
		return
	}
	f, err := os.OpenFile(filepath.Join(dir, v.Package+".jsonl"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		t.Errorf("write the verdict: %v", err)
		return
	}
	_, err = f.Write(append(line, '\n'))
	if closed := f.Close(); err != nil || closed != nil {
		t.Errorf("write the verdict: %v %v", err, closed)
	}
}
