package proxy

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"reflect"

	"github.com/mlfmonde/cluster/handler/adapter/file"

	"github.com/mlfmonde/cluster/handler/edge"
)

// remembered is what an edge keeps of an app over restarts.
type remembered struct {
	HAProxy *edge.Fields `json:"haproxy,omitempty"` // with which HAProxy last took it whole
	Caddy   *edge.Fields `json:"caddy,omitempty"`   // with which Caddy last took it
	Master  string       `json:"master,omitempty"`
	Address string       `json:"address,omitempty"` // of the master
	Served  bool         `json:"served,omitempty"`  // this node's Caddy had its requests
}

func (r remembered) empty() bool { return reflect.DeepEqual(r, remembered{}) }

// shards is in how many files the memory is, so that one app's change writes
// little and a start with thousands of apps few files.
const shards = 64

// memory is what is known of all apps, on disk too.
type memory struct {
	dir   string
	apps  map[string]remembered
	dirty map[uint32]bool
}

func shard(app string) uint32 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(app))
	return h.Sum32() % shards
}

func (m *memory) file(n uint32) string { return filepath.Join(m.dir, fmt.Sprintf("%02d.json", n)) }

// load reads what an earlier incarnation kept. A file that cannot be read is
// returned as an error and forgotten: it is written anew with what is good now.
func load(dir string) (*memory, error) {
	m := &memory{dir: dir, apps: map[string]remembered{}, dirty: map[uint32]bool{}}
	var all error
	for n := range uint32(shards) {
		data, err := os.ReadFile(m.file(n))
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		var apps map[string]remembered
		if err == nil {
			err = json.Unmarshal(data, &apps)
		}
		if err != nil {
			all = errors.Join(all, fmt.Errorf("read %s: %w", m.file(n), err))
			continue
		}
		for app, r := range apps {
			m.apps[app] = r
		}
	}
	return m, all
}

// set changes what is known of app.
func (m *memory) set(app string, change func(*remembered)) {
	was := m.apps[app]
	is := was
	change(&is)
	if reflect.DeepEqual(was, is) {
		return
	}
	if m.apps[app] = is; is.empty() {
		delete(m.apps, app)
	}
	m.dirty[shard(app)] = true
}

// save writes what changed. What could not be written is tried again next time.
func (m *memory) save() error {
	if len(m.dirty) == 0 {
		return nil
	}
	if err := os.MkdirAll(m.dir, 0o700); err != nil {
		return fmt.Errorf("keep what is good: %w", err)
	}
	files := map[uint32]map[string]remembered{}
	for app, r := range m.apps {
		n := shard(app)
		if !m.dirty[n] {
			continue
		}
		if files[n] == nil {
			files[n] = map[string]remembered{}
		}
		files[n][app] = r
	}
	for n := range m.dirty {
		apps := files[n]
		if apps == nil {
			apps = map[string]remembered{}
		}
		data, err := json.Marshal(apps)
		if err == nil {
			err = file.Replace(m.file(n), data, 0o600)
		}
		if err != nil {
			return fmt.Errorf("keep what is good: %w", err)
		}
		delete(m.dirty, n)
	}
	return nil
}
