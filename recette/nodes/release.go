package nodes

import (
	"fmt"
	"io/fs"
	"strings"

	"github.com/mlfmonde/cluster/fixtures"
	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/recette"
)

// Numbers of the records that an application's own scripts write when it is
// the target of a migrate: above those of any user.
const (
	postMigrated = 900001
	updated      = 900002
)

// site is one application of a play.
type site struct {
	app.App
	port   int // published
	domain string
	lends  bool // of a migrate: it has a volume that stays, and scripts
	// proxied: it is reached through HAProxy and Caddy, over https too.
	proxied bool
}

// volumes are those whose records users write, besides with what stays at a
// migrate.
func (s site) volumes() []string {
	if s.lends {
		return []string{s.Volume("data"), s.Volume("notes")}
	}
	return []string{s.Volume("data")}
}

// files are a commit of hello that calls itself release and behaves like how.
func (s site) files(release string, how recette.Release) (map[string][]byte, error) {
	good, err := fs.Sub(fixtures.Apps(), "good/hello")
	if err != nil {
		return nil, fmt.Errorf("read hello: %w", err)
	}
	compose, err := fs.ReadFile(good, "docker-compose.yml")
	if err != nil {
		return nil, fmt.Errorf("read hello: %w", err)
	}
	text := string(compose)
	for _, e := range s.edits(release, how) {
		if strings.Count(text, e[0]) != 1 {
			return nil, fmt.Errorf("edit compose file of hello: %q is there %d times, not once", e[0], strings.Count(text, e[0]))
		}
		text = strings.Replace(text, e[0], e[1], 1)
	}
	files := map[string][]byte{"Dockerfile": Dockerfile(release), "docker-compose.yml": []byte(text)}
	if s.lends {
		files["post_migrate.sh"], files["update.sh"] = script(postMigrated, "post_migrate"), script(updated, "update")
	}
	return files, nil
}

// addresses are those of the application's one site.
func (s site) addresses() string {
	if s.proxied {
		return "http://" + s.domain + ", https://" + s.domain
	}
	return "http://" + s.domain
}

// script writes a record of its own into the volumes, as a person would do
// maintenance: with a container of the release.
func script(number int, name string) []byte {
	return fmt.Appendf(nil, "set -e\ndocker-compose run --rm -T --no-deps web mark \"#%d %s $*\"\n", number, name)
}

// edits are what makes the good hello this one: text of its compose file that
// is there once, and what it becomes.
func (s site) edits(release string, how recette.Release) [][2]string {
	command := ""
	if how == recette.Exits {
		command = "    command: [healthy]\n" // asks nobody, and ends
	}
	all := [][2]string{
		{"    build: .\n", fmt.Sprintf("    build: .\n%s    ports: [\"%d:8080\"]\n", command, s.port)},
		{"http://hello.example.com {", s.addresses() + " {"},
		{"      DATA: /data\n", "      DATA: /data\n      RELEASE: " + release + "\n"},
		{"      interval: 1s\n", "      interval: 2s\n"}, // a dozen of them keep two cores busy
	}
	if how == recette.Sick {
		all = append(all, [2]string{`["CMD", "/hello", "healthy"]`, `["CMD", "/hello", "sick"]`}, [2]string{"      retries: 10\n", "      retries: 3\n"})
	}
	if s.lends {
		all[2][1] = "      DATA: /data:/notes\n      RELEASE: " + release + "\n"
		all = append(all,
			[2]string{"      - data:/data\n", "      - data:/data\n      - notes:/notes\n"},
			[2]string{"    driver: ccomb/buttervolume\n", "    driver: ccomb/buttervolume\n" +
				"  notes:\n    driver: ccomb/buttervolume\n    labels:\n      " + app.LabelNonMigrable + ": \"true\"\n"})
	}
	return all
}
