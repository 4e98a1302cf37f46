package inspect_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
	"gopkg.in/yaml.v3"
	"pgregory.net/rapid"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/inspect"
)

// reload is what Compose makes of the canonical file, with an environment that
// answers to every name: nothing may be left to fill in.
func reload(t testing.TB, content []byte) *types.Project {
	t.Helper()
	details := types.ConfigDetails{WorkingDir: "/nowhere", ConfigFiles: []types.ConfigFile{{Filename: app.CanonicalFile, Content: content}}}
	p, err := loader.LoadWithContext(context.Background(), details, func(o *loader.Options) {
		o.ResolvePaths = false
		o.Interpolate.LookupValue = func(name string) (string, bool) {
			t.Errorf("Compose asks for %s", name)
			return "", false
		}
	})
	if err != nil {
		t.Fatalf("Compose refuses the canonical file: %v\n%s", err, content)
	}
	return p
}

// The canonical file is a fixed point: Compose reads from it the model that
// was written, and would write the same bytes again.
func TestCanonical_LoadsAgainToTheSameModel(t *testing.T) {
	for _, name := range dirs(t, "good") {
		t.Run(name, func(t *testing.T) {
			file := inspect.Inspect(checkout(t, "good/"+name)).Files[app.CanonicalFile]
			again, err := reload(t, file).MarshalYAML()
			if err != nil {
				t.Fatal(err)
			}
			again = bytes.ReplaceAll(again, []byte("$"), []byte("$$"))
			var want, got map[string]any
			if err := yaml.Unmarshal(file, &want); err != nil {
				t.Fatal(err)
			}
			if err := yaml.Unmarshal(again, &got); err != nil {
				t.Fatal(err)
			}
			if w, g := fmt.Sprint(want), fmt.Sprint(got); w != g {
				t.Errorf("written:\n%s\nread:\n%s", w, g)
			}
		})
	}
}

func TestCanonical_BindsEveryServiceToItsOperation(t *testing.T) {
	for _, name := range dirs(t, "good") {
		in := checkout(t, "good/"+name)
		r := inspect.Inspect(in)
		p := reload(t, r.Files[app.CanonicalFile])
		if p.Name != in.App.Project() || len(p.Services) != len(r.Services) {
			t.Fatalf("%s: project %s with %d services", name, p.Name, len(p.Services))
		}
		for _, s := range r.Services {
			got := p.Services[s.Name]
			source, _ := got.Extensions["x-cluster-source"].(string)
			image := in.App.Project() + "-" + s.Name + ":op-1"
			switch {
			case got.Labels[app.LabelApp] != in.App.Name(), got.Labels[app.LabelSeq] != "7", got.Labels[app.LabelOperation] != "op-1":
				t.Errorf("%s/%s: labels %v", name, s.Name, got.Labels)
			case got.Image != image, got.PullPolicy != "never":
				t.Errorf("%s/%s: image %s, pull %s", name, s.Name, got.Image, got.PullPolicy)
			case s.Built == (got.Build == nil), s.Built == (source != ""), !s.Built && source != s.Image:
				t.Errorf("%s/%s: built %v, build %v, source %q", name, s.Name, s.Built, got.Build, source)
			case got.ContainerName != r.Record.Ct[s.Name]:
				t.Errorf("%s/%s: container %s, record %s", name, s.Name, got.ContainerName, r.Record.Ct[s.Name])
			}
			lease := got.Volumes[len(got.Volumes)-1]
			if lease.Source != "/run/cluster/lease/"+in.App.Project()+".7" || lease.Target != "/run/cluster.lease" || !lease.ReadOnly ||
				lease.Type != "bind" || lease.Bind == nil || bool(lease.Bind.CreateHostPath) {
				t.Errorf("%s/%s: lease mount %+v", name, s.Name, lease)
			}
		}
		for _, v := range r.Volumes {
			if p.Volumes[v.Key].Name != v.Name || p.Volumes[v.Key].Driver != v.Driver || v.Name != in.App.Volume(v.Key) {
				t.Errorf("%s: volume %+v is written as %+v", name, v, p.Volumes[v.Key])
			}
		}
	}
}

// Whatever text a repository puts into an environment arrives in the container.
func TestCanonical_KeepsEveryText(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		text := rapid.StringMatching(`[ -~éß\t\n]{0,60}`).Draw(rt, "text")
		value, err := json.Marshal(map[string]any{"services": map[string]any{"web": map[string]any{
			"image": "nginx", "environment": map[string]any{"TEXT": strings.ReplaceAll(text, "$", "$$")}, "user": "$$1",
			"command": []string{"x", strings.ReplaceAll(text, "$", "$$")}, "labels": map[string]string{"text": strings.ReplaceAll(text, "$", "$$")},
		}}})
		if err != nil {
			rt.Fatal(err)
		}
		id := rapid.StringMatching(`[A-Za-z0-9][A-Za-z0-9-]{0,40}`).Draw(rt, "id")
		in := with(t, string(value))
		in.ID = id
		r := inspect.Inspect(in)
		accepted(rt, r)
		web := reload(t, r.Files[app.CanonicalFile]).Services["web"]
		if got := *web.Environment["TEXT"]; got != text || web.Command[1] != text || web.Labels["text"] != text || web.User != "$1" || web.Labels[app.LabelOperation] != id {
			rt.Fatalf("text %q becomes %q, user %q, operation %q", text, got, web.User, web.Labels[app.LabelOperation])
		}
	})
}

func TestCanonical_FoldsEnvFiles(t *testing.T) {
	in := with(t, `
services:
  web:
    image: nginx
    env_file: [base.env, {path: extra/more.env}, {path: absent.env, required: false}]
    environment: [OWN=own, FROM_DOTENV, NOWHERE]
`)
	in.Files[".env"] = []byte("FROM_DOTENV=yes\nBASE=dotenv")
	in.Files["base.env"] = []byte("A=base\nOWN=base\nexport C=\"x ${BASE} \\n $$\" # comment\nD='${BASE}'\nNOWHERE=file\nBARE")
	in.Files["extra/more.env"] = []byte("A=more # not this\nE: yaml style\nF=\n")
	r := inspect.Inspect(in)
	accepted(t, r)
	env := reload(t, r.Files[app.CanonicalFile]).Services["web"].Environment
	want := map[string]string{"A": "more", "OWN": "own", "C": "x dotenv \n $", "D": "${BASE}", "E": "yaml style", "F": "", "FROM_DOTENV": "yes"}
	for k, v := range want {
		if env[k] == nil || *env[k] != v {
			t.Errorf("%s is %v, want %q", k, env[k], v)
		}
	}
	if len(env) != len(want) {
		t.Errorf("environment %v", env)
	}
}

func TestEnvFile_RunsWhatTheHandlerRuns(t *testing.T) {
	for text, want := range map[string]string{
		"":                             "",
		"A=1":                          "A=1\n",
		"A=1\n":                        "A=1\n",
		"COMPOSE_FILE=evil.yml\nA=1\n": "A=1\n",
		"A=1\nexport COMPOSE_PROJECT_NAME=\"x\ny\"\n# note\nB=2": "A=1\n# note\nB=2\n",
		"DOCKER_HOST=tcp://evil:2375\nDOCKER_TAG=1":              "DOCKER_TAG=1\n",
		"COMPOSE_PROFILES=debug":                                 "",
	} {
		in := with(t, ordinary)
		in.Files[".env"] = []byte(text)
		r := inspect.Inspect(in)
		accepted(t, r)
		want += "COMPOSE_PROJECT_NAME=shopmaster45d3e\nCOMPOSE_FILE=compose.cluster.yml\n"
		if got := string(r.Files[".env"]); got != want {
			t.Errorf("%q becomes\n%s", text, got)
		}
	}
}
