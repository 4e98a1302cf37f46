package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/port"
)

// Journal is one JSON file per app.
type Journal struct{ dir string }

var _ port.Journal = (*Journal)(nil)

var nameOK = regexp.MustCompile(`^[A-Za-z0-9_~][A-Za-z0-9._~-]{0,199}$`)

const suffix = ".json"

func (j *Journal) path(name string) (string, error) {
	if !nameOK.MatchString(name) || !filepath.IsLocal(name) {
		return "", fmt.Errorf("%q is not the name of an app", name)
	}
	return filepath.Join(j.dir, name+suffix), nil
}

// Read reads the entry. One that cannot be read is an error, never taken for
// none: a node that has forgotten what it did must not guess.
func (j *Journal) Read(_ context.Context, name string) (app.Journal, error) {
	path, err := j.path(name)
	if err != nil {
		return app.Journal{}, fmt.Errorf("read journal: %w", err)
	}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return app.Journal{}, nil
	}
	var entry app.Journal
	if err == nil {
		err = json.Unmarshal(data, &entry)
	}
	if err != nil {
		return app.Journal{}, fmt.Errorf("read journal of %s in %s: %w", name, path, err)
	}
	return entry, nil
}

// Write sets the entry.
func (j *Journal) Write(_ context.Context, name string, entry app.Journal) error {
	path, err := j.path(name)
	if err != nil {
		return fmt.Errorf("write journal: %w", err)
	}
	data, err := json.MarshalIndent(entry, "", "  ")
	if err == nil {
		err = replace(path, append(data, '\n'))
	}
	if err != nil {
		return fmt.Errorf("write journal of %s: %w", name, err)
	}
	return nil
}

// Forget removes the entry.
func (j *Journal) Forget(_ context.Context, name string) error {
	path, err := j.path(name)
	if err == nil {
		err = remove(path)
	}
	if err != nil {
		return fmt.Errorf("forget journal of %s: %w", name, err)
	}
	return nil
}

// List names the entries.
func (j *Journal) List(context.Context) ([]string, error) {
	entries, err := os.ReadDir(j.dir)
	if err != nil {
		return nil, fmt.Errorf("list journal: %w", err)
	}
	names := []string{}
	for _, e := range entries {
		name, ours := strings.CutSuffix(e.Name(), suffix)
		if ours && nameOK.MatchString(name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, nil
}
