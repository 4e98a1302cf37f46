package porttest

import (
	"bytes"
	"context"
	"errors"
	"slices"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/port"
)

// SourceEnv is a git remote with one application's branch, and a node that can
// reach it.
type SourceEnv struct {
	Source    port.Source
	Checkouts port.Checkouts
	App       app.App // its branch has at least one commit
	// Push makes the branch's files exactly these, in a new commit.
	Push func(files port.Files) (commit string)
	// Deny makes the remote refuse this node from now on.
	Deny func()
}

// one is the checkout of an application for an operation called id.
func one(a app.App, id string) string { return app.Checkout(a.Name(), id) }

// SourceClauses are the promises of port.Source.
func SourceClauses() []Clause[SourceEnv] {
	return []Clause[SourceEnv]{
		{Method: "Source.Checkout", Says: "makes a folder with the branch's files and returns its commit", Check: sourceFresh},
		{Method: "Source.Checkout", Says: "replaces what was there by the newest commit", Check: sourceReplaces},
		{Method: "Source.Checkout", Says: "a branch that does not exist is not found and leaves nothing", Check: func(ctx context.Context, t T, e SourceEnv) {
			a := app.App{Repo: e.App.Repo, Branch: "no-such-branch"}
			sourceFails(ctx, t, e, a, one(a, "op1"), port.ErrNotFound)
		}},
		{Method: "Source.Checkout", Says: "a repository that does not exist is not found and leaves nothing", Check: func(ctx context.Context, t T, e SourceEnv) {
			a := app.App{Repo: e.App.Repo + "-nowhere", Branch: e.App.Branch}
			sourceFails(ctx, t, e, a, one(a, "op1"), port.ErrNotFound)
		}},
		{Method: "Source.Checkout", Says: "a remote that refuses us is denied and leaves nothing", Check: func(ctx context.Context, t T, e SourceEnv) {
			e.Deny()
			sourceFails(ctx, t, e, e.App, one(e.App, "op1"), port.ErrDenied)
		}},
		{Method: "Source.Checkout", Says: "a failure keeps what was there", Check: sourceKeeps},
		{Method: "Source.Checkout", Says: "a name that the handler would not accept is denied and leaves nothing", Check: func(ctx context.Context, t T, e SourceEnv) {
			a := app.App{Repo: "--upload-pack=true", Branch: e.App.Branch}
			sourceFails(ctx, t, e, a, one(e.App, "op1"), port.ErrDenied)
		}},
		{Method: "Source.Checkout", Says: "a cancelled call returns the context's error and leaves nothing", Check: func(ctx context.Context, t T, e SourceEnv) {
			ctx, cancel := context.WithCancel(ctx)
			cancel()
			if _, err := e.Source.Checkout(ctx, e.App, one(e.App, "op1")); !errors.Is(err, context.Canceled) {
				t.Errorf("error is %v, not the context's", err)
			}
			wantCheckouts(context.WithoutCancel(ctx), t, e.Checkouts)
		}},
	}
}

func sourceFresh(ctx context.Context, t T, e SourceEnv) {
	files := port.Files{"docker-compose.yml": []byte("services: {}\n"), "conf/web.env": []byte("A=1\n")}
	commit := e.Push(files)
	dir := one(e.App, "op1")
	got, err := e.Source.Checkout(ctx, e.App, dir)
	if err != nil || got != commit {
		t.Fatalf("checkout returned %q, %v; the branch is at %q", got, err, commit)
	}
	wantFiles(ctx, t, e.Checkouts, dir, files)
	wantCheckouts(ctx, t, e.Checkouts, dir)
}

func sourceReplaces(ctx context.Context, t T, e SourceEnv) {
	dir := one(e.App, "op1")
	e.Push(port.Files{"docker-compose.yml": []byte("one\n"), "old.yml": []byte("old\n")})
	if _, err := e.Source.Checkout(ctx, e.App, dir); err != nil {
		t.Fatalf("first checkout: %v", err)
	}
	now := port.Files{"docker-compose.yml": []byte("two\n")}
	commit := e.Push(now)
	got, err := e.Source.Checkout(ctx, e.App, dir)
	if err != nil || got != commit {
		t.Fatalf("second checkout returned %q, %v; the branch is at %q", got, err, commit)
	}
	wantFiles(ctx, t, e.Checkouts, dir, now)
	wantCheckouts(ctx, t, e.Checkouts, dir)
}

func sourceFails(ctx context.Context, t T, e SourceEnv, a app.App, dir string, want error) {
	t.Helper()
	if _, err := e.Source.Checkout(ctx, a, dir); !errors.Is(err, want) {
		t.Errorf("error is %v, not %v", err, want)
	}
	wantCheckouts(ctx, t, e.Checkouts)
}

func sourceKeeps(ctx context.Context, t T, e SourceEnv) {
	dir := one(e.App, "op1")
	files := port.Files{"docker-compose.yml": []byte("one\n")}
	e.Push(files)
	if _, err := e.Source.Checkout(ctx, e.App, dir); err != nil {
		t.Fatalf("first checkout: %v", err)
	}
	e.Deny()
	if _, err := e.Source.Checkout(ctx, e.App, dir); err == nil {
		t.Errorf("the second checkout succeeded although the remote refuses")
	}
	wantFiles(ctx, t, e.Checkouts, dir, files)
}

// CheckoutsEnv is a node's folder of checkouts, empty.
type CheckoutsEnv struct {
	Checkouts port.Checkouts
	// Make lays a checkout as a clone would.
	Make func(dir string, files port.Files)
}

// Names of checkouts, in the order of List.
const (
	checkoutA = "alpha_main.0a1b2-op1"
	checkoutB = "beta_main.0a1b2-op1"
)

// CheckoutsClauses are the promises of port.Checkouts.
func CheckoutsClauses() []Clause[CheckoutsEnv] {
	return []Clause[CheckoutsEnv]{
		{Method: "Checkouts.Read", Says: "returns compose files, YAML and environment files four levels deep, and the scripts", Check: checkoutsRead},
		{Method: "Checkouts.Read", Says: "a checkout that does not exist is not found", Check: func(ctx context.Context, t T, e CheckoutsEnv) {
			if _, err := e.Checkouts.Read(ctx, checkoutA); !errors.Is(err, port.ErrNotFound) {
				t.Errorf("error is %v", err)
			}
		}},
		{Method: "Checkouts.Read", Says: "an update.sh over 256 KiB is an error, another large file is left out", Check: checkoutsLarge},
		{Method: "Checkouts.Write", Says: "sets files, new and old, and leaves the others", Check: checkoutsWrite},
		{Method: "Checkouts.Write", Says: "a checkout that does not exist is not found and not made", Check: func(ctx context.Context, t T, e CheckoutsEnv) {
			if err := e.Checkouts.Write(ctx, checkoutA, port.Files{".env": nil}); !errors.Is(err, port.ErrNotFound) {
				t.Errorf("error is %v", err)
			}
			wantCheckouts(ctx, t, e.Checkouts)
		}},
		{Method: "Checkouts.Write", Says: "a path that leaves the checkout is refused", Check: func(ctx context.Context, t T, e CheckoutsEnv) {
			e.Make(checkoutA, port.Files{"docker-compose.yml": []byte("a\n")})
			for _, path := range []string{"../x.yml", "/x.yml", "a/../../x.yml"} {
				if err := e.Checkouts.Write(ctx, checkoutA, port.Files{path: []byte("x")}); err == nil {
					t.Errorf("%s was written", path)
				}
			}
			wantCheckouts(ctx, t, e.Checkouts, checkoutA)
		}},
		{Method: "Checkouts.List", Says: "names the checkouts in order", Check: func(ctx context.Context, t T, e CheckoutsEnv) {
			wantCheckouts(ctx, t, e.Checkouts)
			e.Make(checkoutB, port.Files{"docker-compose.yml": nil})
			e.Make(checkoutA, port.Files{"docker-compose.yml": nil})
			wantCheckouts(ctx, t, e.Checkouts, checkoutA, checkoutB)
		}},
		{Method: "Checkouts.Remove", Says: "takes one checkout away, again is success", Check: func(ctx context.Context, t T, e CheckoutsEnv) {
			e.Make(checkoutA, port.Files{"docker-compose.yml": nil})
			e.Make(checkoutB, port.Files{"docker-compose.yml": nil})
			for range 2 {
				if err := e.Checkouts.Remove(ctx, checkoutA); err != nil {
					t.Errorf("remove: %v", err)
				}
				wantCheckouts(ctx, t, e.Checkouts, checkoutB)
			}
		}},
		{Method: "Checkouts.Remove", Says: "a name that is not a checkout's is refused", Check: func(ctx context.Context, t T, e CheckoutsEnv) {
			e.Make(checkoutA, port.Files{"docker-compose.yml": nil})
			for _, dir := range []string{"", ".", "..", "/", ".state", "../" + checkoutA, checkoutA + "/.."} {
				if err := e.Checkouts.Remove(ctx, dir); err == nil {
					t.Errorf("%q was removed", dir)
				}
			}
			wantCheckouts(ctx, t, e.Checkouts, checkoutA)
		}},
	}
}

func checkoutsRead(ctx context.Context, t T, e CheckoutsEnv) {
	want := port.Files{
		"docker-compose.yml": []byte("services: {}\n"), "compose.override.yaml": []byte("a\n"), ".env": []byte("A=1\n"),
		"update.sh": []byte("true\n"), "post_migrate.sh": []byte("true\n"), "service.json": []byte("{}\n"),
		"a/b/c/deep.env": []byte("B=2\n"), "a/.env.local": []byte("C=3\n"), "empty.yml": {},
	}
	files := port.Files{
		"README.md": []byte("no\n"), "a/b/c/d/deeper.yml": []byte("no\n"), "a/update.sh": []byte("no\n"), "main.go": []byte("no\n"),
	}
	for name, data := range want {
		files[name] = data
	}
	e.Make(checkoutA, files)
	wantFiles(ctx, t, e.Checkouts, checkoutA, want)
}

func checkoutsLarge(ctx context.Context, t T, e CheckoutsEnv) {
	limit := bytes.Repeat([]byte("#"), 256<<10)
	over := append(bytes.Clone(limit), '#')
	e.Make(checkoutA, port.Files{"docker-compose.yml": limit, "words.yml": over})
	wantFiles(ctx, t, e.Checkouts, checkoutA, port.Files{"docker-compose.yml": limit})
	e.Make(checkoutB, port.Files{"docker-compose.yml": nil, "update.sh": over})
	if _, err := e.Checkouts.Read(ctx, checkoutB); err == nil {
		t.Errorf("an update.sh that is too large was read or left out")
	}
}

func checkoutsWrite(ctx context.Context, t T, e CheckoutsEnv) {
	e.Make(checkoutA, port.Files{"docker-compose.yml": []byte("a\n"), ".env": []byte("A=1\n")})
	set := port.Files{".env": []byte("A=2\n"), "conf/new.yml": []byte("n\n")}
	for range 2 {
		if err := e.Checkouts.Write(ctx, checkoutA, set); err != nil {
			t.Fatalf("write: %v", err)
		}
	}
	wantFiles(ctx, t, e.Checkouts, checkoutA, port.Files{
		"docker-compose.yml": []byte("a\n"), ".env": []byte("A=2\n"), "conf/new.yml": []byte("n\n"),
	})
}

func wantCheckouts(ctx context.Context, t T, c port.Checkouts, want ...string) {
	t.Helper()
	got, err := c.List(ctx)
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("checkouts are %q, %v; not %q", got, err, want)
	}
}

func wantFiles(ctx context.Context, t T, c port.Checkouts, dir string, want port.Files) {
	t.Helper()
	got, err := c.Read(ctx, dir)
	if err != nil {
		t.Fatalf("read %s: %v", dir, err)
	}
	for name, data := range want {
		if found, ok := got[name]; !ok || !bytes.Equal(found, data) {
			t.Errorf("%s has %q (there: %v), not %q", name, found, ok, data)
		}
	}
	for name := range got {
		if _, ok := want[name]; !ok {
			t.Errorf("%s is there and should not be", name)
		}
	}
}
