package git

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mlfmonde/cluster/handler/port"
)

const (
	maxFile  = 256 << 10 // bytes of one file that is read
	maxTotal = 32 << 20  // bytes of all of them
	maxDepth = 4         // levels, the checkout's own folder is the first
)

// Checkouts are the folders below the root whose names are those of checkouts.
type Checkouts struct{ root string }

var _ port.Checkouts = (*Checkouts)(nil)

// open opens the folder dir of a checkout: nothing outside is reachable
// through it, by no link and no "..".
func (c *Checkouts) open(dir string) (*os.Root, error) {
	if err := checkName(dir); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(c.root)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	info, err := root.Lstat(dir)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !info.IsDir() {
		return nil, fmt.Errorf("%w: no checkout %s", port.ErrNotFound, dir)
	}
	if err != nil {
		return nil, err
	}
	return root.OpenRoot(dir)
}

// Read returns the files that inspection reads. A file at the top that
// decides what runs and is too large is an error; other large files are left
// out, and so are links and everything that is not a regular file.
func (c *Checkouts) Read(ctx context.Context, dir string) (port.Files, error) {
	root, err := c.open(dir)
	if err != nil {
		return nil, fmt.Errorf("read checkout: %w", err)
	}
	defer root.Close()
	files, total := port.Files{}, 0
	err = fs.WalkDir(root.FS(), ".", func(p string, d fs.DirEntry, err error) error {
		if err := errors.Join(err, ctx.Err()); err != nil {
			return err
		}
		if d.IsDir() {
			return descend(p)
		}
		if !wanted(p) || !d.Type().IsRegular() {
			return nil
		}
		data, err := readFile(root, p)
		if err != nil || data == nil {
			return err
		}
		files[p] = data
		if total += len(data); total > maxTotal {
			return fmt.Errorf("its YAML and environment files are larger than %d MiB together", maxTotal>>20)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read checkout %s: %w", dir, err)
	}
	return files, nil
}

func descend(dir string) error {
	if dir == ".git" || dir != "." && strings.Count(dir, "/")+2 > maxDepth {
		return fs.SkipDir
	}
	return nil
}

// decisive are the files at the top that decide what runs: leaving one out
// would change the application silently.
func decisive(p string) bool {
	switch p {
	case "docker-compose.yml", "docker-compose.yaml", "compose.yml", "compose.yaml", ".env",
		"service.json", "update.sh", "post_migrate.sh":
		return true
	}
	return false
}

func wanted(p string) bool {
	switch path.Ext(p) {
	case ".yml", ".yaml", ".env":
		return true
	}
	return decisive(p) || strings.HasPrefix(path.Base(p), ".env")
}

// readFile returns nil for a file that is too large and not decisive, or that
// is no regular file once it is open.
func readFile(root *os.Root, p string) ([]byte, error) {
	f, err := root.Open(p)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, err
	}
	if len(data) <= maxFile {
		return data, nil
	}
	if decisive(p) {
		return nil, fmt.Errorf("%s is larger than %d KiB", p, maxFile>>10)
	}
	return nil, nil
}

// Write sets the files, in order of their names.
func (c *Checkouts) Write(ctx context.Context, dir string, files port.Files) error {
	root, err := c.open(dir)
	if err != nil {
		return fmt.Errorf("write checkout: %w", err)
	}
	defer root.Close()
	names := make([]string, 0, len(files))
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if err := errors.Join(ctx.Err(), writeFile(root, name, files[name])); err != nil {
			return fmt.Errorf("write %s of checkout %s: %w", name, dir, noSpace(err))
		}
	}
	return nil
}

func writeFile(root *os.Root, name string, data []byte) error {
	if !filepath.IsLocal(name) || path.Clean(name) != name || name == "." {
		return errors.New("not a path in the checkout")
	}
	if err := root.MkdirAll(path.Dir(name), 0o755); err != nil {
		return err
	}
	temp := path.Join(path.Dir(name), ".new-"+path.Base(name))
	// A link of that name would be written through.
	if err := root.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = root.Rename(temp, name)
	}
	if err != nil {
		_ = root.Remove(temp)
	}
	return err
}

// List names the checkouts; hidden folders and what does not have the form of
// a checkout's name are somebody else's.
func (c *Checkouts) List(context.Context) ([]string, error) {
	entries, err := os.ReadDir(c.root)
	if err != nil {
		return nil, fmt.Errorf("list checkouts: %w", err)
	}
	names := []string{}
	for _, e := range entries {
		if e.IsDir() && checkName(e.Name()) == nil {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

// Remove takes the folder away. It refuses every name that is not a checkout's.
func (c *Checkouts) Remove(_ context.Context, dir string) error {
	if err := checkName(dir); err != nil {
		return fmt.Errorf("remove checkout: %w", err)
	}
	root, err := os.OpenRoot(c.root)
	if err != nil {
		return fmt.Errorf("remove checkout: %w", err)
	}
	defer root.Close()
	if err := root.RemoveAll(dir); err != nil {
		return fmt.Errorf("remove checkout %s: %w", dir, err)
	}
	return nil
}
