// Package file replaces files as a whole. What comes in is a path and its new
// content; a reader, and a machine that starts again after a power cut, finds the
// old or the new one, never a part.
package file

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Replace sets the file at path, on disk before it returns. Its folder must be
// there; names in it that begin with "." are Replace's own.
func Replace(path string, data []byte, mode os.FileMode) error {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, "."+filepath.Base(path)+"-")
	if err != nil {
		return fmt.Errorf("replace %s: %w", path, err)
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("replace %s: %w", path, errors.Join(err, os.Remove(f.Name())))
	}
	return sync(dir)
}

// sync makes the new name in dir last.
func sync(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
