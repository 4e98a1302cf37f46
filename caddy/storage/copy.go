package storage

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/caddyserver/certmagic"
)

// copied reports whether a node keeps what it has read of key: what it takes to
// serve TLS, not what certmagic decides by.
func copied(key string) bool {
	first, _, _ := strings.Cut(key, "/")
	return first == "certificates" || first == "ocsp" || first == "pki"
}

// nearby is the copy on the node's own disk. Each file has the index at which
// Consul had the value, and the value as sealed there.
type nearby struct {
	mutex sync.Mutex
	files *certmagic.FileStorage
}

const (
	indexSize    = 8
	beingWritten = "fresh" // folder
)

// newNearby keeps files in folder; nil keeps nothing.
func newNearby(folder string) *nearby {
	if folder == "" {
		return nil
	}
	return &nearby{files: &certmagic.FileStorage{Path: folder}}
}

// keep writes the value that Consul had at index, unless a newer one is there.
func (n *nearby) keep(key string, index uint64, sealed []byte) error {
	if n == nil || !copied(key) {
		return nil
	}
	n.mutex.Lock()
	defer n.mutex.Unlock()
	file, err := n.files.Load(context.Background(), key)
	if err == nil && len(file) > indexSize && (binary.BigEndian.Uint64(file) > index || bytes.Equal(file[indexSize:], sealed)) {
		return nil
	}
	return n.replace(n.files.Filename(key), append(binary.BigEndian.AppendUint64(nil, index), sealed...))
}

// replace writes a file in one step. It does not wait for the disk, which would
// take most of the time that thousands of certificates need to load: a file that
// a power cut has spoilt does not open, and counts as missing.
func (n *nearby) replace(name string, data []byte) error {
	fresh := n.files.Filename(beingWritten)
	for _, folder := range []string{filepath.Dir(name), fresh} {
		if err := os.MkdirAll(folder, 0o700); err != nil {
			return err
		}
	}
	file, err := os.CreateTemp(fresh, "value") // which nobody else may read
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	if err = errors.Join(err, file.Close()); err == nil {
		err = os.Rename(file.Name(), name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(file.Name()))
	}
	return nil
}

// load gives the sealed value of key, or says that there is none.
func (n *nearby) load(key string) ([]byte, error) {
	if n == nil || !copied(key) {
		return nil, fs.ErrNotExist
	}
	n.mutex.Lock()
	defer n.mutex.Unlock()
	file, err := n.files.Load(context.Background(), key)
	if err != nil {
		return nil, err
	}
	if len(file) <= indexSize {
		return nil, fs.ErrNotExist
	}
	return file[indexSize:], nil
}

// forget removes key and what is below it.
func (n *nearby) forget(key string) error {
	if n == nil || key != "" && !copied(key) {
		return nil
	}
	n.mutex.Lock()
	defer n.mutex.Unlock()
	return n.files.Delete(context.Background(), key)
}

// list lists like Storage.List.
func (n *nearby) list(ctx context.Context, key string, recursive bool) ([]string, error) {
	if n == nil {
		return nil, fs.ErrNotExist
	}
	keys, err := n.files.List(ctx, key, recursive)
	return slices.DeleteFunc(keys, func(key string) bool { return !copied(key) }), err
}
