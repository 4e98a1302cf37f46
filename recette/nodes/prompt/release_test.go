package prompt_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/mlfmonde/cluster/handler/port"
	"github.com/mlfmonde/cluster/recette"
	"github.com/mlfmonde/cluster/recette/nodes/prompt"
	"github.com/mlfmonde/cluster/sim"
)

// service is what Docker would make of the application.
type service struct {
	Build       string
	Image       string
	Ports       []string
	Command     []string
	Environment map[string]string
	Healthcheck struct {
		Test     []string
		Interval string
		Retries  int
	}
	Volumes []string
}

// made is the release of hello that behaves like how.
func made(t *testing.T, how sim.Behaviour) (service, map[string][]byte) {
	t.Helper()
	hello, err := recette.Files("hello")
	if err != nil {
		t.Fatal(err)
	}
	before := bytes.Clone(hello["docker-compose.yml"])
	files, err := prompt.Release{Name: "app-1", Port: 20000, Behaviour: how}.Files(hello)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(before, hello["docker-compose.yml"]) {
		t.Error("the files that came in are changed")
	}
	var all struct{ Services map[string]service }
	if err := yaml.Unmarshal(files["docker-compose.yml"], &all); err != nil {
		t.Fatal(err)
	}
	return all.Services["web"], files
}

func TestRelease_IsPublishedAndNamed(t *testing.T) {
	s, files := made(t, sim.Behaviour{})
	if len(s.Ports) != 1 || s.Ports[0] != "20000:8080" || s.Environment["RELEASE"] != "app-1" || s.Environment["DATA"] != "/data" || s.Build != "." {
		t.Errorf("%+v", s)
	}
	if len(s.Volumes) != 1 || s.Command != nil || files["update.sh"] != nil || files["post_migrate.sh"] != nil {
		t.Errorf("%+v, files %d", s, len(files))
	}
}

func TestRelease_Behaves(t *testing.T) {
	good, _ := made(t, sim.Behaviour{})
	for says, c := range map[string]struct {
		how  sim.Behaviour
		want func(s service, files map[string][]byte) bool
	}{
		"exits":        {sim.Behaviour{Exits: true}, func(s service, _ map[string][]byte) bool { return len(s.Command) == 1 && s.Command[0] == "healthy" }},
		"unhealthy":    {sim.Behaviour{NeverHealthy: true}, func(s service, _ map[string][]byte) bool { return s.Healthcheck.Test[1] == "/nothing" }},
		"slow":         {sim.Behaviour{Health: 20 * time.Second, ScriptTakes: 20 * time.Second}, slow},
		"update fails": {sim.Behaviour{UpdateFails: true}, func(_ service, f map[string][]byte) bool { return strings.Contains(string(f["update.sh"]), "exit 1") }},
		"migrate fails": {sim.Behaviour{MigrateFails: true}, func(_ service, f map[string][]byte) bool {
			return strings.Contains(string(f["post_migrate.sh"]), "exit 1")
		}},
		"build fails": {sim.Behaviour{BuildFails: true}, func(_ service, f map[string][]byte) bool {
			return bytes.Contains(f["Dockerfile"], []byte("COPY nothing"))
		}},
		"pull fails": {sim.Behaviour{PullFails: true}, func(s service, _ map[string][]byte) bool {
			return s.Build == "" && strings.HasPrefix(s.Image, "registry.invalid/")
		}},
	} {
		s, files := made(t, c.how)
		if !c.want(s, files) || len(s.Ports) != 1 {
			t.Errorf("%s: %+v", says, s)
		}
		if c.want(good, map[string][]byte{}) {
			t.Errorf("%s: the good one does it too", says)
		}
	}
}

func slow(s service, files map[string][]byte) bool {
	return s.Healthcheck.Interval == "20s" && strings.Contains(string(files["update.sh"]), "sleep 20")
}

func TestRelease_LeavesToTheHandlerWhatIsNoComposeFile(t *testing.T) {
	for _, text := range []string{"", "{", "services: 3", "services: {web: 3}"} {
		files, err := prompt.Release{Port: 1}.Files(port.Files{"docker-compose.yml": []byte(text)})
		if err != nil || string(files["docker-compose.yml"]) != text {
			t.Errorf("%q becomes %q: %v", text, files["docker-compose.yml"], err)
		}
	}
	if _, err := (prompt.Release{Behaviour: sim.Behaviour{BuildFails: true}}).Files(port.Files{"docker-compose.yml": []byte("services: {web: {image: x}}")}); err == nil {
		t.Error("a build fails where nothing is built")
	}
}
