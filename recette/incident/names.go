package incident

import (
	"encoding/json"
	"path"
	"slices"
	"strings"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/ledger"
	"github.com/mlfmonde/cluster/handler/port"
)

// names knows the applications of a run by what people call them.
type names struct {
	apps []app.App
}

// learn takes note of the applications that requests name.
func (n *names) learn(pairs []port.Pair) {
	for _, p := range pairs {
		var r app.Request
		if !strings.HasPrefix(p.Key, ledger.Requests) || json.Unmarshal(p.Value, &r) != nil {
			continue
		}
		n.add(r.App)
		if r.Source != nil {
			n.add(*r.Source)
		}
	}
}

func (n *names) add(a app.App) {
	if a.Repo != "" && !slices.Contains(n.apps, a) {
		n.apps = append(n.apps, a)
	}
}

// called is what people call an application: its repository's last name, with
// the branch where it is another than main.
func called(a app.App) string {
	name := strings.TrimSuffix(path.Base(a.Repo), ".git")
	if a.Branch != "main" {
		name += "#" + a.Branch
	}
	return name
}

// short writes what people say for the names of the KV and of Compose.
func (n *names) short(text string) string {
	for _, a := range n.apps {
		text = strings.ReplaceAll(text, a.Name(), called(a))
		text = strings.ReplaceAll(text, a.Project(), called(a))
	}
	return strings.ReplaceAll(text, "@2026-01-01T", "@") // the first day of every run
}
