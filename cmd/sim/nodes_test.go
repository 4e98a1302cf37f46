package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mlfmonde/cluster/recette/nodes/prompt"
)

func TestRealNodes_AreRefusedWhatOnlyTheSimulatorHas(t *testing.T) {
	for says, c := range map[string]struct {
		args []string
		want string
	}{
		"a seed":          {[]string{"--seed", "7"}, "--seed: not to be had here: only the simulator chooses"},
		"a strategy":      {[]string{"--random"}, "--random: not to be had here"},
		"a script's seed": {[]string{script(t, "seed 7\ndeploy app n1\n")}, "script.txt: seed: not to be had here"},
		"its strategy":    {[]string{script(t, "strategy random 7\n")}, "script.txt: strategy: not to be had here"},
		"five nodes":      {[]string{script(t, "nodes a b c d e\n")}, "5 nodes: not to be had here"},
		"the git server":  {[]string{"--nodes", "a,git"}, `node "git": not to be had here`},
	} {
		began := time.Now()
		out, errs, code := command(t, "deploy app n1\n", append([]string{"run", "--world", "nodes"}, c.args...)...)
		if code != exitBad || !strings.Contains(errs, c.want) || strings.Count(errs, "\n") != 1 || out != "" {
			t.Errorf("%s: exit code %d after %v: %s%s", says, code, time.Since(began), out, errs)
		}
	}
	if _, errs, code := command(t, "", "run", "--world", "moon"); code != exitBad || !strings.Contains(errs, `"moon": there are sim and nodes`) {
		t.Errorf("another world: exit code %d: %s", code, errs)
	}
}

func TestRealNodes_WhereTheyCannotBe(t *testing.T) {
	t.Setenv("PATH", t.TempDir()) // a machine on which nothing is installed
	t.Setenv("DOCKER_HOST", "unix://"+filepath.Join(t.TempDir(), "docker.sock"))
	out, errs, code := command(t, "deploy app n1\n", "run", "--world", "nodes")
	if code != exitAbsent || !strings.HasPrefix(errs, "sim: this machine cannot have real nodes: ") || strings.Count(errs, "\n") != 1 || out != "" {
		t.Errorf("exit code %d: %s%s", code, out, errs)
	}
}

// session is what a person types: every kind of command once, and a fault that
// does something else too.
const session = `deploy app n1 n2
until idle
expect committed
write app 3
skew n1 1h
fault n1 Guard.Mark error
fault n2 Stack.Up slow for 1s then crash n4
deploy app n2 n1
until n1 did announce transferred
until idle
expect committed
expect master n2
show faults
start n4
until n4 present
check
status
down
this is not read any more
`

func TestRealNodes_AreBrokenByHandAndTakenAway(t *testing.T) {
	if testing.Short() {
		t.Skip("real nodes are not for -short")
	}
	if why := prompt.Missing(t.Context(), prompt.Options{}); why != "" {
		if slices.Contains(strings.Split(os.Getenv("RECETTE_REQUIRE"), ","), "nodes") {
			t.Fatal(why)
		}
		t.Skip(why)
	}
	out, errs, code := command(t, session, "run", "--world", "nodes")
	if code != exitOK {
		t.Fatalf("exit code %d: %s\n%s", code, errs, out)
	}
	for _, want := range []string{
		"4 real nodes are up: n1, n2, n3, n4", "/ui/", "http://APP.localhost:", "git clone http://127.0.0.1:", "HANDLER_CONSUL=unix://", "docker -H unix://",
		"users: 3 writes to app, all acknowledged", "? skew n1 1h0m0s: not to be had here: real nodes have the one clock of this machine",
		"that call sends nothing that could be held", "fault: n2 Stack.Up #1 slow", "agent of n4, is gone", "start new", "expected: app is committed",
		"check: every node is as the last operation", "app      master n2, slave n1", "It holds.", "every one found", "2 committed", "on real nodes", "everything is taken away",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("nobody said %q", want)
		}
	}
	found := regexp.MustCompile(`-H unix://(.*)/n1/docker.sock`).FindStringSubmatch(out)
	if found == nil {
		t.Fatalf("where is it?\n%s", out)
	}
	left(t, found[1])
	if t.Failed() {
		t.Log(out)
	}
}

// left fails for everything of a cluster that is still there: its folder, loop
// devices, mounts, processes.
func left(t *testing.T, dir string) {
	t.Helper()
	if _, err := os.Stat(dir); err == nil {
		t.Errorf("the folder %s is left", dir)
	}
	loops, err := exec.CommandContext(t.Context(), "losetup", "--all").CombinedOutput()
	if err != nil {
		t.Fatal(err)
	}
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		t.Fatal(err)
	}
	for what, text := range map[string][]byte{"loop device": loops, "mount": mounts} {
		if strings.Contains(string(text), dir+"/") {
			t.Errorf("a %s is left: %s", what, text)
		}
	}
	all, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil || len(all) == 0 {
		t.Fatalf("no processes: %v", err)
	}
	for _, path := range all {
		if line, err := os.ReadFile(path); err == nil && strings.Contains(string(line), dir+"/") {
			t.Errorf("a process is left: %s", strings.ReplaceAll(string(line), "\x00", " "))
		}
	}
}
