package git_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mlfmonde/cluster/handler/adapter/git"
	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/port"
)

// hostile lists repositories and branches that somebody might put into a
// request. Those with %s get the path of a canary that must never exist.
func hostile(canary string) []app.App {
	good := "https://127.0.0.1:1/team/site"
	var all []app.App
	for _, repo := range []string{
		"--upload-pack=touch %s", "-u touch %s", "--config=core.sshCommand=touch %s", "--template=/tmp",
		"ext::sh -c touch% %s", "ext::touch %s", "file:///etc", "/etc", "./.", "../..", "git://127.0.0.1/team/site",
		"ftp://127.0.0.1/x", "fd::17", "http::file:///etc/passwd", "ssh://-oProxyCommand=touch%%20%s/x", "ssh://-oProxyCommand=touch/x",
		"ssh://git@-oProxyCommand=x/team/site", "-oProxyCommand=touch@127.0.0.1:team/site", "git@-oProxyCommand=touch:x",
		"https://user:password@127.0.0.1:1/team/site", "https://127.0.0.1:1/team/$(touch %s)", "https://127.0.0.1:1/`touch %s`",
		"https://127.0.0.1:1/team/site;touch %s", "https://127.0.0.1:1/team/site\ntouch %s", "https://127.0.0.1:1/../../etc",
		"https://127.0.0.1:1/team/site?x=1", "https://127.0.0.1:1/team/site#x", "https://127.0.0.1:1/team/\x00site",
		"https://[::1%%25$(touch)]/x", "https://127.0.0.1:/team/site", "javascript:alert(1)", "",
	} {
		all = append(all, app.App{Repo: fill(repo, canary), Branch: "main"})
	}
	for _, branch := range []string{
		"--upload-pack=touch %s", "-b", "--", "$(touch %s)", "`touch %s`", "main;touch %s", "main|touch %s", "main&&touch %s",
		"../main", "a..b", "/main", "main/", "main.lock", "a//b", "main^{/x}", "main:refs/heads/x", "+main", "refs/../main",
		"main\n", "ma in", "@{-1}", "main~1", "\"main\"", "", "ünï", ".hidden", "a/.b", strings.Repeat("a", 101),
	} {
		all = append(all, app.App{Repo: good, Branch: fill(branch, canary)})
	}
	return all
}

func fill(format, canary string) string {
	if strings.Contains(format, "%s") {
		return fmt.Sprintf(format, canary)
	}
	return format
}

func TestSource_HostileNamesStartNoProcess(t *testing.T) {
	root := tempDir(t)
	canary := filepath.Join(tempDir(t), "canary")
	g, runner := adapter(t, git.Config{Root: root, AllowHTTP: true})
	names := hostile(canary)
	if len(names) < 50 {
		t.Fatalf("only %d names", len(names))
	}
	for _, a := range names {
		// The folder is always a good one: it is the name that is refused.
		if _, err := g.Source.Checkout(t.Context(), a, "site_main.0a1b2-op1"); !errors.Is(err, port.ErrDenied) {
			t.Errorf("repo %q branch %q: error is %v", a.Repo, a.Branch, err)
		}
	}
	if len(runner.ran) != 0 {
		t.Errorf("processes were started: %v", runner.ran)
	}
	if _, err := os.Stat(canary); err == nil {
		t.Error("the canary was made")
	}
	if entries, err := os.ReadDir(root); err != nil || len(entries) != 0 {
		t.Errorf("left: %v, %v", entries, err)
	}
}

func TestSource_HostileFoldersStartNoProcess(t *testing.T) {
	g, runner := adapter(t, git.Config{})
	a := app.App{Repo: "https://127.0.0.1:1/team/site", Branch: "main"}
	for _, dir := range []string{"", ".", "..", "/etc", a.Name(), a.Name() + "-", a.Name() + "-../x", a.Name() + "-a/b", "other_main.0a1b2-op1", ".state", a.Name() + "-\x00"} {
		if _, err := g.Source.Checkout(t.Context(), a, dir); err == nil {
			t.Errorf("%q was accepted", dir)
		}
	}
	if len(runner.ran) != 0 {
		t.Errorf("processes were started: %v", runner.ran)
	}
}

func TestSource_LinksOfARepositoryAreText(t *testing.T) {
	r := newRepository(t)
	for name, target := range map[string]string{
		"docker-compose.yml": "/etc/passwd", ".env": "../../../../etc/passwd", "Dockerfile": "/etc/shadow", "context": "/etc", "a.yml": "docker-compose.yml",
	} {
		_ = os.Remove(filepath.Join(r.work, name))
		if err := os.Symlink(target, filepath.Join(r.work, name)); err != nil {
			t.Fatal(err)
		}
	}
	r.commit()
	rem := overHTTP(t, r, false)
	rem.config.Root = tempDir(t)
	g, _ := adapter(t, rem.config)
	dir := app.Checkout(rem.app.Name(), "op1")
	if _, err := g.Source.Checkout(t.Context(), rem.app, dir); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"docker-compose.yml", ".env", "Dockerfile", "context", "a.yml"} {
		if info, err := os.Lstat(filepath.Join(rem.config.Root, dir, name)); err != nil || !info.Mode().IsRegular() {
			t.Errorf("%s is %v, %v", name, info, err)
		}
	}
	files, err := g.Checkouts.Read(t.Context(), dir)
	if err != nil || string(files["docker-compose.yml"]) != "/etc/passwd" {
		t.Errorf("docker-compose.yml is %q, %v", files["docker-compose.yml"], err)
	}
}

func TestSource_NothingOfARepositoryRuns(t *testing.T) {
	r := newRepository(t)
	canary := filepath.Join(tempDir(t), "canary")
	module := filepath.Join(r.root, "team", "site.git")
	run(t, r.work, "git", "-c", "protocol.file.allow=always", "submodule", "add", "-q", module, "module")
	for name, data := range map[string]string{
		".gitattributes": "* filter=evil\n", ".gitconfig": "[core]\n\thooksPath = hooks\n", "hooks/post-checkout": "#!/bin/sh\ntouch " + canary + "\n",
	} {
		path := filepath.Join(r.work, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(data), 0o755)); err != nil {
			t.Fatal(err)
		}
	}
	r.commit()
	rem := overHTTP(t, r, false)
	rem.config.Root = tempDir(t)
	g, _ := adapter(t, rem.config)
	dir := app.Checkout(rem.app.Name(), "op1")
	if _, err := g.Source.Checkout(t.Context(), rem.app, dir); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(canary); err == nil {
		t.Error("the canary was made")
	}
	if entries, err := os.ReadDir(filepath.Join(rem.config.Root, dir, "module")); err != nil || len(entries) != 0 {
		t.Errorf("the submodule has %v, %v", entries, err)
	}
}

func TestCheckouts_LinksLeadNowhere(t *testing.T) {
	root, outside := tempDir(t), tempDir(t)
	write(t, outside, "secret.yml", []byte("secret\n"))
	g, _ := adapter(t, git.Config{Root: root})
	dir := filepath.Join(root, "site_main.0a1b2-op1")
	if err := os.MkdirAll(filepath.Join(dir, "sub"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, target := range map[string]string{
		"docker-compose.yml": filepath.Join(outside, "secret.yml"), "linked": outside, "sub/up.yml": "../../../etc/passwd",
	} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	run(t, dir, "mkfifo", "pipe.yml")
	files, err := g.Checkouts.Read(t.Context(), "site_main.0a1b2-op1")
	if err != nil || len(files) != 0 {
		t.Errorf("read returned %q, %v", files, err)
	}
	if err := g.Checkouts.Write(t.Context(), "site_main.0a1b2-op1", port.Files{"linked/new.yml": []byte("x")}); err == nil {
		t.Error("a file was written through a link")
	}
	if err := os.Symlink(outside, filepath.Join(root, "site_main.0a1b2-op2")); err != nil {
		t.Fatal(err)
	}
	if _, err := g.Checkouts.Read(t.Context(), "site_main.0a1b2-op2"); !errors.Is(err, port.ErrNotFound) {
		t.Errorf("a linked checkout: error is %v", err)
	}
	if err := g.Checkouts.Remove(t.Context(), "site_main.0a1b2-op2"); err != nil {
		t.Errorf("remove: %v", err)
	}
	if entries, err := os.ReadDir(outside); err != nil || len(entries) != 1 {
		t.Errorf("outside are %v, %v", entries, err)
	}
}

func TestNew_RefusesPathsThatAShellWouldRead(t *testing.T) {
	for _, path := range []string{"relative", "/a b", "/a;b", "/$(x)", "/a'b", "/a\nb"} {
		if _, err := git.New(git.Config{Root: tempDir(t), Key: path}); err == nil {
			t.Errorf("%q was accepted", path)
		}
	}
}
