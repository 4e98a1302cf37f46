package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/mlfmonde/cluster/handler/inspect"
)

const (
	folderFile  = 256<<10 + 1 // bytes of one file: one more than inspection takes, so that it says so
	folderTotal = 32 << 20    // bytes of all of them
	folderDepth = 4           // levels, the folder itself is the first
)

// readFolder reads what inspection looks at below dir, as the handler does
// with a checkout: nothing outside is reachable, links and what is no regular
// file are left out.
func readFolder(dir string) (map[string][]byte, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", dir, err)
	}
	defer root.Close()
	files, total := map[string][]byte{}, 0
	err = fs.WalkDir(root.FS(), ".", func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (p == ".git" || p != "." && strings.Count(p, "/")+2 > folderDepth):
			return fs.SkipDir
		case d.IsDir() || !d.Type().IsRegular() || !inspect.Wants(p):
			return nil
		}
		data, err := readRegular(root, p)
		if err != nil || data == nil {
			return err
		}
		files[p] = data
		if total += len(data); total > folderTotal {
			return errors.New("its files are larger than 32 MiB together")
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", dir, err)
	}
	return files, nil
}

// readRegular is nil for what is no regular file once it is open.
func readRegular(root *os.Root, p string) ([]byte, error) {
	f, err := root.Open(p)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(f, folderFile))
}
