package app_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/mlfmonde/cluster/handler/app"
)

func parse(t testing.TB, repo, branch string) app.App {
	t.Helper()
	a, err := app.Parse(repo, branch)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// The names of existing clusters: the rows that the old tool was run on, then
// rows worked out by its rules, then our decision for other branches.
func TestApp_NamesAreThoseOfExistingClusters(t *testing.T) {
	for _, c := range []struct{ repo, branch, name, project string }{
		{"https://gitlab.example.com/hosting/FooBar ", "master", "foobar_master.ddb14", "foobarmasterddb14"},
		{"https://gitlab.example.com/hosting/foobar.git", "master", "foobar_master.ddb14", "foobarmasterddb14"},
		{"ssh://git@gitlab.example.com:2222/hosting/foobar.git", "master", "foobar_master.ddb14", "foobarmasterddb14"},
		{"https://github.com/mlfmonde/cluster_lab_test_service", "without_caddyfile", "cluster_lab_test_service_without_caddyfile.89b06", "clusterlabtestservicewithoutcaddyfile89b06"},
		{"https://gitlab.example.com/hosting/foobar2", "master", "foobar2_master.dec69", "foobar2masterdec69"},
		{"https://other.example.org/hosting/foobar", "master", "foobar_master.ddb14", "foobarmasterddb14"},

		{"git@gitlab.example.com:hosting/foobar.git", "master", "foobar_master.c83c5", "foobarmasterc83c5"},
		{"git@h:/srv/foobar", "x", "foobar_x.4d914", "foobarx4d914"},
		{"https://gitlab.example.com/hosting/foobar/", "master", "foobar_master.4f94d", "foobarmaster4f94d"},
		{"https://gitlab.example.com/hosting/foobar.git/", "master", "foobar.git_master.bfadd", "foobargitmasterbfadd"},
		{"https://gitlab.example.com/hosting/foobar.GIT", "master", "foobar.git_master.34dbf", "foobargitmaster34dbf"},
		{"HTTPS://GitLab.example.com/hosting/foobar", "Prod", "foobar_Prod.ddb14", "foobarrodddb14"},
		{"https://gitlab.example.com/hosting/foobar", " v1.2 ", "foobar_v1.2.ddb14", "foobarv12ddb14"},
		{"https://h.example/app", "feature-1", "app_feature-1.8c069", "appfeature18c069"},

		{"https://h.example/app", "feature/1", "app_feature-1.8c069", "appfeature18c069"},
	} {
		a := parse(t, c.repo, c.branch)
		if a.Name() != c.name || a.Project() != c.project {
			t.Errorf("%s %s: got %s, %s; want %s, %s", c.repo, c.branch, a.Name(), a.Project(), c.name, c.project)
		}
		if got := a.Volume("db"); got != c.project+"_db" {
			t.Errorf("volume %s", got)
		}
		if got := a.Container("web"); got != c.project+"-web-1" {
			t.Errorf("container %s", got)
		}
		if got := app.Checkout(a.Name(), "0b5ae8b4"); got != c.name+"-0b5ae8b4" {
			t.Errorf("checkout %s", got)
		}
	}
}

// What is written is not what was typed: the URL of the record is the normal one.
func TestParse_Normalises(t *testing.T) {
	for given, want := range map[string]string{
		" https://h.example/Team/App.git ": "https://h.example/Team/App",
		"HTTPS://h.example/app":            "https://h.example/app",
		"git@h.example:team/app.git":       "git@h.example:team/app",
		"https://h.example/app.git.git":    "https://h.example/app.git",
	} {
		if a := parse(t, given, " main "); a.Repo != want || a.Branch != "main" {
			t.Errorf("%q became %+v, want %s", given, a, want)
		}
	}
}

func TestParse_TakesOrdinaryBranches(t *testing.T) {
	for _, branch := range []string{"master", "main", "v1.2.3", "feature/JIRA-12_x", "2024", "a", "release/2.x/hot-fix", strings.Repeat("b", 100)} {
		parse(t, "https://h.example/app", branch)
	}
}

func table(t *testing.T, name string) (rows []string) {
	t.Helper()
	data, err := os.ReadFile("../../fixtures/requests/" + name)
	if err == nil {
		err = json.Unmarshal(data, &rows)
	}
	if err != nil || len(rows) < 25 {
		t.Fatalf("%s: %d rows, %v", name, len(rows), err)
	}
	return rows
}

func blames(t *testing.T, err error, field, what string) {
	t.Helper()
	var fe *app.FieldError
	if !errors.As(err, &fe) || fe.Field != field || fe.Why == "" {
		t.Errorf("%q: got %v, want an error of %s", what, err, field)
	} else if strings.ContainsAny(err.Error(), "\n\x00\x1b") {
		t.Errorf("%q: the error carries control characters on", what)
	}
}

func TestParse_RefusesHostileRepositories(t *testing.T) {
	for _, repo := range table(t, "urls.json") {
		_, err := app.Parse(repo, "master")
		blames(t, err, "repo", repo)
	}
}

func TestParse_RefusesHostileBranches(t *testing.T) {
	for _, branch := range table(t, "branches.json") {
		_, err := app.Parse("https://h.example/app", branch)
		blames(t, err, "branch", branch)
	}
}

func TestParse_RefusesNamesThatAreTooLong(t *testing.T) {
	_, err := app.Parse("https://h.example/"+strings.Repeat("a", 60), strings.Repeat("b", 60))
	blames(t, err, "branch", "60 + 60")
	_, err = app.Parse("https://h.example/"+strings.Repeat("a/", 150), "b")
	blames(t, err, "repo", "300")
}

var (
	nameShape    = regexp.MustCompile(`^[a-z0-9._~-]+_[A-Za-z0-9][A-Za-z0-9._-]*\.[0-9a-f]{5}$`)
	projectShape = regexp.MustCompile(`^[a-z0-9]+$`)
)

// repoLike and branchLike draw anything, often almost right, so that many
// draws get through and the others fail late.
func repoLike() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.StringMatching(`(https|ssh|http|HTTP)://[a-z][a-z.]{0,8}[a-z]/[A-Za-z0-9_~][A-Za-z0-9._~/-]{0,20}(\.git)?`),
		rapid.StringMatching(`[a-z-]{1,4}@[a-z.-]{1,9}:[A-Za-z0-9._~/-]{0,20}`),
		rapid.StringMatching(`(https|file|ext)://([a-z]{1,3}@)?[a-z.-]{1,9}(:[0-9]{1,5})?/[A-Za-z0-9._~/%$ -]{0,20}`),
		rapid.String(),
	)
}

func branchLike() *rapid.Generator[string] {
	return rapid.OneOf(rapid.StringMatching(`[A-Za-z0-9]([A-Za-z0-9._/-]{0,12}[A-Za-z0-9])?`), rapid.StringMatching(`[A-Za-z0-9._/ -]{0,12}`), rapid.String())
}

func TestParse_AnyTextIsRefusedOrHasASafeName(t *testing.T) {
	accepted := 0
	rapid.Check(t, func(t *rapid.T) {
		repo, branch := repoLike().Draw(t, "repo"), branchLike().Draw(t, "branch")
		a, err := app.Parse(repo, branch)
		if err != nil {
			var fe *app.FieldError
			if !errors.As(err, &fe) || fe.Field != "repo" && fe.Field != "branch" {
				t.Fatalf("not a field error: %v", err)
			}
			return
		}
		accepted++
		name := a.Name()
		if !nameShape.MatchString(name) || !filepath.IsLocal(name) || filepath.Base(name) != name || len(name) > 120 {
			t.Fatalf("%q %q: name %q", repo, branch, name)
		}
		if !projectShape.MatchString(a.Project()) || a.Project() != app.Project(name) {
			t.Fatalf("%q %q: project %q", repo, branch, a.Project())
		}
		if again, err := app.Parse(a.Repo, a.Branch); err != nil || again.Name() != name {
			t.Fatalf("%+v parses to %+v, %v", a, again, err)
		}
	})
	if accepted == 0 {
		t.Error("no draw was accepted: nothing was checked")
	}
}

// Two apps that would share containers or volumes always share the project,
// and nothing else decides who shares: so comparing projects finds them.
func TestApp_CollisionsShowInTheProject(t *testing.T) {
	fold := regexp.MustCompile(`[^a-z0-9]`)
	rapid.Check(t, func(t *rapid.T) {
		branch := rapid.StringMatching(`[a-cA-C0-2]([a-cA-C0-2._-]{0,4}[a-c])?`)
		x, errX := app.Parse("https://h.example/app", branch.Draw(t, "x"))
		y, errY := app.Parse("https://h.example/app", branch.Draw(t, "y"))
		if errX != nil || errY != nil {
			t.Skip("not a branch")
		}
		collide := fold.ReplaceAllString(x.Branch, "") == fold.ReplaceAllString(y.Branch, "")
		if (x.Project() == y.Project()) != collide || (x.Volume("db") == y.Volume("db")) != collide || (x.Container("web") == y.Container("web")) != collide {
			t.Fatalf("%q and %q: projects %s, %s", x.Branch, y.Branch, x.Project(), y.Project())
		}
		if x.Name() == y.Name() && x.Branch != y.Branch {
			t.Fatalf("%q and %q have one name", x.Branch, y.Branch)
		}
	})
	five := map[string]bool{}
	for _, branch := range []string{"feature-1", "feature1", "feature/1", "feature.1", "feature_1"} {
		five[parse(t, "https://h.example/app", branch).Project()] = true
	}
	if len(five) != 1 {
		t.Errorf("five spellings of one branch have %d projects", len(five))
	}
}

func TestApp_InsecureIsPlainHTTPInAnySpelling(t *testing.T) {
	for repo, want := range map[string]bool{"http://h/a": true, "HTTP://h/a": true, "https://h/a": false, "ssh://h/a": false, "git@h:a": false} {
		if got := parse(t, repo, "b").Insecure(); got != want {
			t.Errorf("%s: %v", repo, got)
		}
	}
	if !(app.App{Repo: "Http://h/a"}).Insecure() {
		t.Error("a record of the old tool with Http:// counts as secure")
	}
}

func TestCheckNode(t *testing.T) {
	for _, good := range []string{"n1", "node-1.example.org", "N", strings.Repeat("n", 63)} {
		if err := app.CheckNode("master", good); err != nil {
			t.Error(err)
		}
	}
	for _, bad := range []string{"", "-n", "n-", "n/1", "n 1", "n\n", "$(id)", "n1;id", "..", "é", strings.Repeat("n", 64)} {
		blames(t, app.CheckNode("master", bad), "master", bad)
	}
}

func TestCheckID(t *testing.T) {
	for _, good := range []string{"a", "0b5ae8b4-7d2c-4f8c-9a55-2f2e9f1b1c11", strings.Repeat("a", 64)} {
		if err := app.CheckID("id", good); err != nil {
			t.Error(err)
		}
	}
	for _, bad := range []string{"", "-a", "a/b", "a.b", "..", "a\n", "a b", strings.Repeat("a", 65)} {
		blames(t, app.CheckID("id", bad), "id", bad)
	}
}
