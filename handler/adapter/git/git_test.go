package git_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/mlfmonde/cluster/handler/adapter/git"
	"github.com/mlfmonde/cluster/handler/adapter/process"
	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/port"
	"github.com/mlfmonde/cluster/handler/port/porttest"
)

// counting runs commands and remembers them.
type counting struct {
	process.Runner
	mu  sync.Mutex
	ran []process.Command
}

func (c *counting) Run(ctx context.Context, command process.Command) ([]byte, error) {
	c.mu.Lock()
	c.ran = append(c.ran, command)
	c.mu.Unlock()
	return c.Runner.Run(ctx, command)
}

// adapter makes the adapter on an empty folder.
func adapter(t testing.TB, c git.Config) (*git.Git, *counting) {
	t.Helper()
	runner := &counting{}
	c.Runner = runner
	if c.Root == "" {
		c.Root = tempDir(t)
	}
	g, err := git.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return g, runner
}

func TestSource_Contract(t *testing.T) {
	serve := map[string]func(testing.TB, *repository) remote{
		"http":  func(t testing.TB, r *repository) remote { return overHTTP(t, r, false) },
		"https": func(t testing.TB, r *repository) remote { return overHTTP(t, r, true) },
		"ssh":   overSSH,
	}
	for scheme, serve := range serve {
		t.Run(scheme, func(t *testing.T) {
			for _, clause := range porttest.SourceClauses() {
				t.Run(clause.Method+"/"+clause.Says, func(t *testing.T) {
					r := newRepository(t)
					rem := serve(t, r)
					root := tempDir(t)
					rem.config.Root = root
					g, _ := adapter(t, rem.config)
					porttest.Note(t, clause.Method, clause.Says)
					clause.Check(t.Context(), t, porttest.SourceEnv{
						Source: g.Source, Checkouts: g.Checkouts, App: rem.app, Push: r.push, Deny: rem.deny,
					})
					wantNoHidden(t, root)
				})
			}
		})
	}
}

// wantNoHidden checks that no workplace of a clone is left.
func wantNoHidden(t testing.TB, root string) {
	t.Helper()
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			t.Errorf("%s is left", e.Name())
		}
	}
}

func TestCheckouts_Contract(t *testing.T) {
	porttest.Each(t, porttest.CheckoutsClauses(), func(t porttest.T, body func(context.Context, porttest.CheckoutsEnv)) {
		root := t.TempDir()
		g, err := git.New(git.Config{Root: root})
		if err != nil {
			t.Fatalf("%v", err)
		}
		body(context.Background(), porttest.CheckoutsEnv{Checkouts: g.Checkouts, Make: func(dir string, files port.Files) {
			for name, data := range files {
				path := filepath.Join(root, dir, name)
				if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, data, 0o644)); err != nil {
					t.Fatalf("%v", err)
				}
			}
		}})
	})
}

func TestSource_ATagIsABranchToo(t *testing.T) {
	r := newRepository(t)
	run(t, r.work, "git", "tag", "v1.0")
	run(t, r.work, "git", "push", "-q", "origin", "v1.0")
	tagged := run(t, r.work, "git", "rev-parse", "HEAD")
	r.push(port.Files{"later.yml": nil})
	rem := overHTTP(t, r, false)
	g, _ := adapter(t, rem.config)
	a := app.App{Repo: rem.app.Repo, Branch: "v1.0"}
	if commit, err := g.Source.Checkout(t.Context(), a, app.Checkout(a.Name(), "op1")); err != nil || commit != tagged {
		t.Errorf("checkout of a tag returned %q, %v; not %q", commit, err, tagged)
	}
}

func TestSource_UnknownHostKeyIsDenied(t *testing.T) {
	r := newRepository(t)
	rem := overSSH(t, r)
	dir := tempDir(t)
	other := func() string {
		run(t, dir, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", filepath.Join(dir, "other"))
		key, err := os.ReadFile(filepath.Join(dir, "other.pub"))
		if err != nil {
			t.Fatal(err)
		}
		known, err := os.ReadFile(rem.config.KnownHosts)
		if err != nil {
			t.Fatal(err)
		}
		host, _, _ := strings.Cut(string(known), " ")
		return write(t, dir, "known", []byte(host+" "+string(key)))
	}()
	for name, known := range map[string]string{"none": "", "another": other} {
		c := rem.config
		c.KnownHosts = known
		g, _ := adapter(t, c)
		if _, err := g.Source.Checkout(t.Context(), rem.app, app.Checkout(rem.app.Name(), "op1")); !errors.Is(err, port.ErrDenied) {
			t.Errorf("known host key %s: error is %v", name, err)
		}
	}
}

func TestSource_PasswordIsNowhere(t *testing.T) {
	r := newRepository(t)
	rem := overHTTP(t, r, true)
	g, runner := adapter(t, rem.config)
	if _, err := g.Source.Checkout(t.Context(), rem.app, app.Checkout(rem.app.Name(), "op1")); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(rem.config.Credentials)
	if err != nil {
		t.Fatal(err)
	}
	wrong := rem.config
	wrong.Credentials = write(t, tempDir(t), "wrong", bytes.ReplaceAll(before, []byte(secret), []byte(secret+"-old")))
	bad, badRunner := adapter(t, wrong)
	_, err = bad.Source.Checkout(t.Context(), rem.app, app.Checkout(rem.app.Name(), "op1"))
	if !errors.Is(err, port.ErrDenied) || strings.Contains(err.Error(), secret) {
		t.Errorf("error with a wrong password is %v", err)
	}
	after, err := os.ReadFile(wrong.Credentials)
	if err != nil || !bytes.Contains(after, []byte(secret)) {
		t.Errorf("the refused entry is gone from the operator's file: %q, %v", after, err)
	}
	if len(runner.ran) == 0 || len(badRunner.ran) == 0 {
		t.Fatal("git was not started through the runner")
	}
	for _, c := range append(runner.ran, badRunner.ran...) {
		if strings.Contains(strings.Join(append(c.Args, c.Env...), " "), secret) {
			t.Errorf("the password is in %q or its environment", c.Args)
		}
	}
	// What was checked out remembers no credentials either.
	config, err := os.ReadFile(filepath.Join(runner.ran[0].Dir, "..", app.Checkout(rem.app.Name(), "op1"), ".git", "config"))
	if err != nil || bytes.Contains(config, []byte(secret)) {
		t.Errorf("git's config is %q, %v", config, err)
	}
}

func TestSource_HTTPOnlyWhenAllowed(t *testing.T) {
	r := newRepository(t)
	rem := overHTTP(t, r, false)
	rem.config.AllowHTTP = false
	g, runner := adapter(t, rem.config)
	if _, err := g.Source.Checkout(t.Context(), rem.app, app.Checkout(rem.app.Name(), "op1")); !errors.Is(err, port.ErrDenied) {
		t.Errorf("error is %v", err)
	}
	if len(runner.ran) != 0 {
		t.Errorf("git was started: %v", runner.ran)
	}
}

func TestSource_TooLargeIsRefusedAndLeavesNothing(t *testing.T) {
	r := newRepository(t)
	noise := make([]byte, 3<<20)
	for i := range noise {
		noise[i] = byte(i*i>>7 ^ i>>3)
	}
	r.push(port.Files{"docker-compose.yml": nil, "blob.bin": noise})
	rem := overHTTP(t, r, false)
	rem.config.Limit, rem.config.Root = 1<<20, tempDir(t)
	g, _ := adapter(t, rem.config)
	if _, err := g.Source.Checkout(t.Context(), rem.app, app.Checkout(rem.app.Name(), "op1")); err == nil || !strings.Contains(err.Error(), "larger than 1 MiB") {
		t.Errorf("error is %v", err)
	}
	if entries, err := os.ReadDir(rem.config.Root); err != nil || len(entries) != 0 {
		t.Errorf("left: %v, %v", entries, err)
	}
}

func TestSource_SweepsWorkplacesOfTheDead(t *testing.T) {
	r := newRepository(t)
	rem := overHTTP(t, r, false)
	rem.config.Root = tempDir(t)
	old := filepath.Join(rem.config.Root, ".clone-123")
	if err := os.MkdirAll(filepath.Join(old, "tree"), 0o755); err != nil {
		t.Fatal(err)
	}
	run(t, rem.config.Root, "touch", "-d", "2 hours ago", old)
	g, _ := adapter(t, rem.config)
	if _, err := g.Source.Checkout(t.Context(), rem.app, app.Checkout(rem.app.Name(), "op1")); err != nil {
		t.Fatal(err)
	}
	wantNoHidden(t, rem.config.Root)
	if found, err := g.Checkouts.List(t.Context()); err != nil || !slices.Equal(found, []string{app.Checkout(rem.app.Name(), "op1")}) {
		t.Errorf("checkouts are %q, %v", found, err)
	}
}
