package recette_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mlfmonde/cluster/handler/port/porttest"
)

// verdicts reads what the contract suites wrote, by clause and package.
func verdicts(t *testing.T, dir string) (clauses []string, by map[string]map[string]string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.jsonl"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no verdicts in %s: %v", dir, err)
	}
	slices.SortFunc(files, func(a, b string) int { // the fake first: it has every clause, in their order
		return strings.Compare(strings.TrimPrefix(filepath.Base(a), "sim.jsonl"), strings.TrimPrefix(filepath.Base(b), "sim.jsonl"))
	})
	by = map[string]map[string]string{}
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		for in := bufio.NewScanner(f); in.Scan(); {
			var v porttest.Verdict
			if err := json.Unmarshal(in.Bytes(), &v); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			key := v.Method + "\n" + v.Says
			if by[key] == nil {
				by[key] = map[string]string{}
				clauses = append(clauses, key)
			}
			if worst := by[key][v.Package]; worst != "fail" {
				by[key][v.Package] = v.Verdict
			}
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return clauses, by
}

// TestContracts_SideBySide prints every clause with its verdict for the
// simulator and for the real adapter, from the files that the suites wrote.
// Where the fake and the real one disagree the simulator proves nothing.
func TestContracts_SideBySide(t *testing.T) {
	dir := os.Getenv(porttest.OutEnv)
	if dir == "" {
		t.Skip("no verdicts: " + porttest.OutEnv + " is not set (fixtures/recette sets it)")
	}
	clauses, by := verdicts(t, dir)
	both := 0
	fmt.Printf("\n%-6s %-14s %-24s %s\n", "fake", "real", "method", "promise")
	for _, key := range clauses {
		method, says, _ := strings.Cut(key, "\n")
		real, where := "–", ""
		for _, p := range []string{"consul", "git", "docker", "buttervolume", "node", "proxy", "process"} {
			if v := by[key][p]; v != "" {
				real, where = v, p
			}
		}
		fake := by[key]["sim"]
		if fake == "pass" && real == "pass" {
			both++
		}
		if fake != "pass" || real == "fail" {
			t.Errorf("%s: %s: fake %q, real %q", method, says, fake, real)
		}
		fmt.Printf("%-6s %-14s %-24s %s\n", fake, strings.TrimSpace(real+" "+where), method, says)
	}
	fmt.Printf("%d clauses, %d pass on both sides; –: not run here\n\n", len(clauses), both)
}
