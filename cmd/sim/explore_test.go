package main

import (
	"encoding/json"
	"strings"
	"testing"
)

// explored runs "sim explore" and returns its exit code and what it printed.
func explored(t *testing.T, args ...string) (code int, out, err string) {
	t.Helper()
	var o, e strings.Builder
	code = Execute(append([]string{"explore"}, args...), strings.NewReader(""), &o, &e)
	return code, o.String(), e.String()
}

func TestExplore_AsJSON(t *testing.T) {
	code, out, _ := explored(t, "--rows", "destroy_none", "--json")
	var r map[string]json.RawMessage
	if err := json.Unmarshal([]byte(out), &r); err != nil || code != exitOK {
		t.Fatalf("exit code %d, %v: %s", code, err, out)
	}
	for key, want := range map[string]string{"violations": "[]", "not_fired": "[]", "nondeterministic": "0"} {
		if string(r[key]) != want {
			t.Errorf("%s: %s, want %s", key, r[key], want)
		}
	}
	for _, key := range []string{"plans", "fired", "sim_seconds", "wall_seconds", "transitions", "phases"} {
		if len(r[key]) == 0 {
			t.Errorf("no %s", key)
		}
	}
}

func TestExplore_ForPeople(t *testing.T) {
	code, out, _ := explored(t, "--rows", "a_to_b", "--faults", "2", "--plans", "5")
	if code != exitOK || !strings.Contains(out, "5 of 5 plans: 0 violations") || !strings.Contains(out, "% of all combinations") {
		t.Errorf("exit code %d:\n%s", code, out)
	}
}

func TestExplore_ExitCodes(t *testing.T) {
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"--rows", "a_to_z"}, exitBad, `no transition is called "a_to_z"`},
		{[]string{"--faults", "4"}, exitBad, "there are 0, 1, 2 and 3"},
		{[]string{"--fault", "a Stack.Sideways error", "--rows", "a_to_b"}, exitBad, "not understood"},
		{[]string{"--fault", "a Stack.Stop error nth 99", "--rows", "a_to_b"}, exitVacuous, "never struck"},
	} {
		code, out, err := explored(t, c.args...)
		if code != c.code || !strings.Contains(err, c.says) {
			t.Errorf("%q: exit code %d, want %d:\n%s%s", c.args, code, c.code, out, err)
		}
	}
}
