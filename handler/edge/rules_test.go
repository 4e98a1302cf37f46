package edge_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/mlfmonde/cluster/handler/edge"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// prefixes are those of the sections that are keys of the KV.
func isKey(name string) bool {
	return slices.ContainsFunc([]string{"app/", "swarm/", "maintenance/", "operation/", "node/"}, func(p string) bool { return strings.HasPrefix(name, p) })
}

// kvOf are the keys of an archive, all changed at index 100.
func kvOf(a *txtar.Archive) (pairs []edge.Pair) {
	for _, f := range a.Files {
		if isKey(f.Name) {
			pairs = append(pairs, edge.Pair{Key: f.Name, Value: []byte(strings.TrimSuffix(string(f.Data), "\n")), Index: 100})
		}
	}
	return pairs
}

// Each archive has the KV, and what a node gets of it: the parts of HAProxy,
// whole, faults, the mode of each app, caddy.
func TestRules(t *testing.T) {
	files, err := filepath.Glob("testdata/rules/*.txtar")
	if err != nil || len(files) < 12 {
		t.Fatalf("%d archives: %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			pairs, compared := kvOf(a), 0
			for i, f := range a.Files {
				if isKey(f.Name) {
					continue
				}
				node, what, _ := strings.Cut(f.Name, " ")
				got := shown(pairs, node, what)
				compared++
				if *update {
					a.Files[i].Data = []byte(got)
				} else if got != string(f.Data) {
					t.Errorf("%s is\n%s\nwant\n%s", f.Name, got, f.Data)
				}
			}
			if compared == 0 {
				t.Error("nothing is compared")
			}
			if *update {
				if err := os.WriteFile(file, txtar.Format(a), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// shown is one view of what a node gets.
func shown(pairs []edge.Pair, node, what string) string {
	s := edge.Read(pairs)
	p, faults := edge.HAProxy(s, node, nil)
	var names []string
	for _, a := range s.Apps {
		names = append(names, a.Name)
	}
	sites, more := edge.Sites(s, node, names)
	var out strings.Builder
	switch what {
	case "":
		for _, part := range p.Parts {
			fmt.Fprintln(&out, strings.TrimRight(part.Text(), "\n"))
		}
	case "whole":
		out.Write(p.Text(nil))
	case "faults":
		for _, f := range slices.Concat(s.Faults, faults, more) {
			fmt.Fprintln(&out, f)
		}
	case "modes":
		for _, site := range sites {
			fmt.Fprintln(&out, strings.TrimSpace(site.App+" "+string(site.Mode)+" "+site.Target))
		}
	case "caddy":
		for _, site := range sites {
			out.WriteString(site.Text)
		}
	}
	return out.String()
}
