package edge_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/mlfmonde/cluster/fixtures/tools"
	"github.com/mlfmonde/cluster/handler/edge"
)

// tool finds a real program, or skips the test.
func tool(t testing.TB, name string) string {
	t.Helper()
	if testing.Short() {
		t.Skip("a real " + name + " takes time")
	}
	return tools.Need(t, name, "nodes")
}

// exported are the keys of a file of "consul kv export".
func exported(t testing.TB, file string) (pairs []edge.Pair) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var keys []struct {
		Key   string `json:"key"`
		Value []byte `json:"value"`
	}
	if err := json.Unmarshal(data, &keys); err != nil || len(keys) == 0 {
		t.Fatalf("%s: %d keys, %v", file, len(keys), err)
	}
	for _, k := range keys {
		pairs = append(pairs, edge.Pair{Key: k.Key, Value: k.Value})
	}
	return pairs
}

// kvs are all states of the KV that tests have, by name.
func kvs(t testing.TB) map[string][]edge.Pair {
	t.Helper()
	all := map[string][]edge.Pair{}
	exports, err := filepath.Glob("../../fixtures/kv/*.json")
	if err != nil || len(exports) < 4 {
		t.Fatalf("%d exports: %v", len(exports), err)
	}
	for _, file := range exports {
		all[filepath.Base(file)] = exported(t, file)
	}
	rules, err := filepath.Glob("testdata/rules/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range rules {
		a, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all[filepath.Base(file)] = kvOf(a)
	}
	return all
}

// accepts asks the real binary, which is to look up no name: a DNS server that
// does not answer costs seconds for each.
func accepts(t testing.TB, haproxy string, config []byte) (said string, ok bool) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "haproxy.cfg")
	if err := os.WriteFile(file, bytes.ReplaceAll(config, []byte("init-addr last,libc,none"), []byte("init-addr none")), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(haproxy, "-c", "-f", file).CombinedOutput()
	return string(out), err == nil
}

func TestHAProxy_TheRealOneTakesIt(t *testing.T) {
	haproxy := tool(t, "haproxy")
	for name, pairs := range kvs(t) {
		t.Run(name, func(t *testing.T) {
			for _, node := range []string{"n1", "n2", "node1", "elsewhere"} {
				p, _ := edge.HAProxy(edge.Read(pairs), node, nil)
				text := p.Text(nil)
				if said, ok := accepts(t, haproxy, text); !ok {
					t.Fatalf("%s: refused: %s\n%s", node, said, text)
				}
			}
		})
	}
}

// A part that is broken on purpose is refused, alone and in the whole, so the
// test above could fail.
func TestHAProxy_TheRealOneRefusesNonsense(t *testing.T) {
	haproxy := tool(t, "haproxy")
	p, _ := edge.HAProxy(edge.Read(exported(t, "../../fixtures/kv/vision.json")), "n1", nil)
	p.Parts[0].Sections += "\nbackend x\n    mode nonsense\n"
	if _, ok := accepts(t, haproxy, p.Text(nil)); ok {
		t.Error("the whole is taken")
	}
	if _, ok := accepts(t, haproxy, p.Alone(p.Parts[0].App)); ok {
		t.Error("the part alone is taken")
	}
	if said, ok := accepts(t, haproxy, p.Alone(p.Parts[1].App)); !ok {
		t.Errorf("another part alone is refused: %s", said)
	}
	if said, ok := accepts(t, haproxy, p.Text(map[string]bool{p.Parts[0].App: true})); !ok {
		t.Errorf("the whole without it is refused: %s", said)
	}
}

func TestSites_TheRealCaddyTakesThem(t *testing.T) {
	caddy := tool(t, "caddy")
	for name, pairs := range kvs(t) {
		t.Run(name, func(t *testing.T) {
			s := edge.Read(pairs)
			s.Caddy.Roots = []string{"/etc/ssl/roots.pem"}
			var served []string
			for _, a := range s.Apps {
				served = append(served, a.Name)
			}
			for _, node := range []string{"n1", "n2", "node1"} {
				sites, _ := edge.Sites(s, node, served)
				text := "# every site\n"
				for _, site := range sites {
					text += site.Text
				}
				file := filepath.Join(t.TempDir(), "Caddyfile")
				if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
				if out, err := exec.Command(caddy, "adapt", "--config", file, "--adapter", "caddyfile").CombinedOutput(); err != nil && len(sites) > 0 {
					t.Errorf("%s: %v: %s\n%s", node, err, out, text)
				}
			}
		})
	}
}
