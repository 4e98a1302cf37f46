package edge_test

import (
	"encoding/json"
	"io/fs"
	"testing"

	"github.com/mlfmonde/cluster/fixtures"
	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/edge"
	"github.com/mlfmonde/cluster/handler/inspect"
)

// What inspection takes, the edge shows whole: each app of the fixtures, with the
// record that its deploy would write.
func TestEdge_ShowsWhatInspectionTakes(t *testing.T) {
	apps, err := fs.ReadDir(fixtures.Apps(), "good")
	if err != nil || len(apps) < 5 {
		t.Fatalf("%d apps: %v", len(apps), err)
	}
	var pairs []edge.Pair
	for _, entry := range apps {
		dir, err := fs.Sub(fixtures.Apps(), "good/"+entry.Name())
		if err != nil {
			t.Fatal(err)
		}
		in := inspect.Input{Files: map[string][]byte{}, Drivers: []string{"anybox/buttervolume", "ccomb/buttervolume"}}
		if in.App, err = app.Parse("https://git.example.com/team/"+entry.Name(), "master"); err != nil {
			t.Fatal(err)
		}
		err = fs.WalkDir(dir, ".", func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !inspect.Wants(name) {
				return err
			}
			in.Files[name], err = fs.ReadFile(dir, name)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		r := inspect.Inspect(in)
		if len(r.Refused) > 0 {
			t.Fatalf("%s: %v", entry.Name(), r.Refused)
		}
		r.Record.Master, r.Record.IP = "n1", "10.0.0.1"
		value, err := json.Marshal(r.Record)
		if err != nil {
			t.Fatal(err)
		}
		pairs = append(pairs, edge.Pair{Key: "app/" + in.App.Name(), Value: value})
	}
	for _, pair := range pairs {
		s := edge.Read([]edge.Pair{pair})
		for _, node := range []string{"n1", "n2"} {
			p, faults := edge.HAProxy(s, node, nil)
			_, more := edge.Sites(s, node, nil)
			if len(s.Faults)+len(faults)+len(more) > 0 || len(p.Parts) == 0 {
				t.Errorf("%s on %s: %d parts, %v, %v, %v", pair.Key, node, len(p.Parts), s.Faults, faults, more)
			}
			for _, part := range p.Parts {
				if why := shape(part); why != "" || !part.Whole {
					t.Errorf("%s: %s", part.App, why)
				}
			}
		}
	}
}
