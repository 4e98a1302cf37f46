package canary

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mlfmonde/cluster/handler/adapter/process"
)

// module is whose source canaries are changes of.
const module = "github.com/mlfmonde/cluster"

// ErrNoTools says that what a canary is built with is not here.
var ErrNoTools = errors.New("canaries are built from source: that takes a clone of " + module + " and the go command")

// Tree is a source tree, the go command and the folder for what it builds.
type Tree struct {
	Dir    string // root of the module
	Cache  string // of built programs
	run    process.Runner
	source string // digest of all that goes into a program
}

// Open finds the source tree that dir is in, and makes sure that it can be
// built.
func Open(ctx context.Context, dir string) (*Tree, error) {
	root, err := above(dir)
	if err != nil {
		return nil, err
	}
	if _, err := exec.LookPath("go"); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoTools, err)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return nil, fmt.Errorf("where programs are kept: %w", err)
	}
	t := &Tree{Dir: root, Cache: filepath.Join(cache, "mlfmonde-cluster", "canaries")}
	version, err := t.run.Run(ctx, process.Command{Name: "go", Args: []string{"env", "GOVERSION", "GOOS", "GOARCH"}, Dir: root, Env: os.Environ()})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoTools, err)
	}
	if t.source, err = digest(root, version); err != nil {
		return nil, fmt.Errorf("read the source: %w", err)
	}
	return t, nil
}

// above is the root of the module that dir is in.
func above(dir string) (string, error) {
	at, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	for {
		data, err := os.ReadFile(filepath.Join(at, "go.mod"))
		if err == nil && bytes.HasPrefix(data, []byte("module "+module+"\n")) {
			return at, nil
		}
		if filepath.Dir(at) == at {
			return "", fmt.Errorf("%w: there is no source in or above %s (--source names it)", ErrNoTools, dir)
		}
		at = filepath.Dir(at)
	}
}

// digest is of everything that a program is made of: the module's code and
// what it embeds, and the versions of the rest.
func digest(root string, version []byte) (string, error) {
	sum := sha256.New()
	sum.Write(version)
	add := func(name string) error {
		data, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			return err
		}
		fmt.Fprintf(sum, "%s %d\n", name, len(data))
		sum.Write(data)
		return nil
	}
	if err := errors.Join(add("go.mod"), add("go.sum")); err != nil {
		return "", err
	}
	for _, folder := range []string{"cmd/sim", "handler", "sim", "recette", "fixtures"} {
		err := filepath.WalkDir(filepath.Join(root, folder), func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			name, err := filepath.Rel(root, path)
			if err != nil || !counts(filepath.ToSlash(name)) {
				return err
			}
			return add(name)
		})
		if err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// counts reports whether a file goes into the program.
func counts(name string) bool {
	return strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go") ||
		strings.HasPrefix(name, "fixtures/apps/") || strings.HasPrefix(name, "fixtures/scenarios/")
}

// Build returns the path of the simulator with the mistake in it. What was
// built from the same source before is there.
func (t *Tree) Build(ctx context.Context, c Canary) (program string, err error) {
	files, err := c.Changed(func(name string) ([]byte, error) { return os.ReadFile(filepath.Join(t.Dir, name)) })
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256([]byte(t.source + c.Diff))
	program = filepath.Join(t.Cache, c.Name+"-"+hex.EncodeToString(sum[:8]))
	if _, err := os.Stat(program); err == nil {
		return program, nil
	}
	if err := os.MkdirAll(t.Cache, 0o755); err != nil {
		return "", err
	}
	work, err := os.MkdirTemp(t.Cache, "build-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(work)
	overlay, err := t.overlay(work, files)
	if err != nil {
		return "", err
	}
	// As `make build` does it, so that what does not change is built already.
	_, err = t.run.Run(ctx, process.Command{Name: "go", Dir: t.Dir, Env: append(os.Environ(), "CGO_ENABLED=0"),
		Args: []string{"build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-overlay", overlay, "-o", filepath.Join(work, "sim"), "./cmd/sim"}})
	if err != nil {
		return "", fmt.Errorf("canary %s does not build: %w", c.Name, err)
	}
	t.forget(c)
	return program, os.Rename(filepath.Join(work, "sim"), program)
}

// overlay writes what go builds instead of the files.
func (t *Tree) overlay(work string, files map[string][]byte) (string, error) {
	replace := map[string]string{}
	for i, name := range slices.Sorted(maps.Keys(files)) {
		instead := filepath.Join(work, fmt.Sprintf("%d-%s", i, filepath.Base(name)))
		if err := os.WriteFile(instead, files[name], 0o644); err != nil {
			return "", err
		}
		replace[filepath.Join(t.Dir, name)] = instead
	}
	data, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	name := filepath.Join(work, "overlay.json")
	return name, os.WriteFile(name, data, 0o644)
}

// forget removes what was built of the canary from other source.
func (t *Tree) forget(c Canary) {
	old, err := filepath.Glob(filepath.Join(t.Cache, c.Name+"-????????????????"))
	if err != nil {
		return
	}
	for _, name := range old {
		_ = os.Remove(name) // it only takes room
	}
}
