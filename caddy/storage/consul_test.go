package storage_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/mlfmonde/cluster/caddy/internal/programs"
	"github.com/mlfmonde/cluster/caddy/storage"
)

// settings are what tests choose of a storage; the rest is as usual.
type settings struct {
	prefix, folder string
	keys           [][]byte
	timeout        time.Duration
}

var (
	oldKey = bytes.Repeat([]byte{1}, 32)
	newKey = bytes.Repeat([]byte{2}, 32)
)

func open(t *testing.T, consul *programs.Consul, with settings) *storage.Storage {
	t.Helper()
	if with.keys == nil {
		with.keys = [][]byte{oldKey}
	}
	s, err := storage.New(storage.Config{
		Consul: &api.Config{Address: consul.Address}, Prefix: with.prefix, Keys: with.keys, Copy: with.folder, Timeout: with.timeout,
	})
	must(t, err)
	return s
}

func raw(t *testing.T, consul *programs.Consul) *api.KV {
	t.Helper()
	client, err := api.NewClient(&api.Config{Address: consul.Address})
	must(t, err)
	return client.KV()
}

const certificate = "certificates/ca/example.com/example.com.key"

func TestStorage_Sealed(t *testing.T) {
	consul, folder := programs.NewConsul(t), t.TempDir()
	s, kv := open(t, consul, settings{folder: folder}), raw(t, consul)
	must(t, s.Store(t.Context(), certificate, []byte("a private key")))
	pair, _, err := kv.Get("caddy/data/"+certificate, nil)
	must(t, err)
	file, err := os.ReadFile(filepath.Join(folder, certificate))
	must(t, err)
	for where, value := range map[string][]byte{"Consul": pair.Value, "the disk": file} {
		if bytes.Contains(value, []byte("private")) {
			t.Errorf("%s has it in the clear: %q", where, value)
		}
	}
	// A value in another place, and one that somebody changed, do not open:
	// the key exists, so nothing is ordered, and only this domain goes without.
	_, err = kv.Put(&api.KVPair{Key: "caddy/data/certificates/ca/other.example.com/a.key", Value: pair.Value}, nil)
	must(t, err)
	other := open(t, consul, settings{})
	if _, err := other.Load(t.Context(), "certificates/ca/other.example.com/a.key"); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "keys of the key file") {
		t.Errorf("a value in another place: %v", err)
	}
	if !other.Exists(t.Context(), "certificates/ca/other.example.com/a.key") {
		t.Error("what does not open does not exist")
	}
	pair.Value[len(pair.Value)-1] ^= 1
	_, err = kv.Put(pair, nil)
	must(t, err)
	if _, err := other.Load(t.Context(), certificate); err == nil {
		t.Error("a changed value opens")
	}
	if got, err := s.Load(t.Context(), certificate); err != nil || string(got) != "a private key" {
		t.Errorf("the node that has a copy: %q, %v", got, err)
	}
}

func TestStorage_KeysChange(t *testing.T) {
	consul := programs.NewConsul(t)
	must(t, open(t, consul, settings{}).Store(t.Context(), certificate, []byte("v")))
	both := open(t, consul, settings{keys: [][]byte{newKey, oldKey}, folder: t.TempDir()})
	onlyNew := open(t, consul, settings{keys: [][]byte{newKey}})
	if _, err := onlyNew.Load(t.Context(), certificate); err == nil {
		t.Error("the new key opens what it did not seal")
	}
	before, err := both.Stat(t.Context(), certificate)
	must(t, err)
	got, err := onlyNew.Load(t.Context(), certificate)
	if err != nil || string(got) != "v" {
		t.Errorf("after it was read with both keys: %q, %v", got, err)
	}
	if after, err := onlyNew.Stat(t.Context(), certificate); err != nil || !after.Modified.Equal(before.Modified) {
		t.Errorf("sealing again made it newer: %v, %v", after, err)
	}
}

func TestStorage_Refuses(t *testing.T) {
	consul := programs.NewConsul(t)
	s := open(t, consul, settings{})
	if err := s.Store(t.Context(), certificate, make([]byte, 512<<10)); err == nil || !strings.Contains(err.Error(), "524288") {
		t.Errorf("a value that Consul would refuse: %v", err)
	}
	must(t, s.Store(t.Context(), certificate, make([]byte, 511<<10)))
	for _, key := range []string{"", "/a", "a/", "a//b", "a/../b", "..", "a\nb"} {
		if err := s.Store(t.Context(), key, nil); err == nil {
			t.Errorf("key %q is taken", key)
		}
	}
	// A root of the internal authority is made once: the node that was slower
	// takes the other's.
	must(t, s.Store(t.Context(), "pki/authorities/local/root.crt", []byte("first")))
	if err := open(t, consul, settings{}).Store(t.Context(), "pki/authorities/local/root.crt", []byte("second")); err == nil {
		t.Error("a second root replaces the first")
	}
	if got, err := s.Load(t.Context(), "pki/authorities/local/root.crt"); err != nil || string(got) != "first" {
		t.Errorf("the root: %q, %v", got, err)
	}
	must(t, s.Store(t.Context(), "pki/authorities/local/intermediate.crt", []byte("first")))
	must(t, s.Store(t.Context(), "pki/authorities/local/intermediate.crt", []byte("second")))
}

// Without Consul a node that starts serves what it has read before, a domain
// that it does not know waits, and everything goes on when Consul is back.
func TestStorage_ConsulAway(t *testing.T) {
	consul, folder := programs.NewConsul(t), t.TempDir()
	writer := open(t, consul, settings{})
	for _, key := range []string{certificate, "certificates/ca/example.com/example.com.crt", "acme/ca/users/u.json"} {
		must(t, writer.Store(t.Context(), key, []byte("v "+key)))
	}
	reader := open(t, consul, settings{folder: folder})
	for _, key := range []string{certificate, "acme/ca/users/u.json"} {
		_, err := reader.Load(t.Context(), key)
		must(t, err)
	}
	consul.Kill()
	s := open(t, consul, settings{folder: folder, timeout: time.Second})
	if got, err := s.Load(t.Context(), certificate); err != nil || string(got) != "v "+certificate {
		t.Errorf("what was read before: %q, %v", got, err)
	}
	if !s.Exists(t.Context(), certificate) || !s.Exists(t.Context(), "certificates/ca") {
		t.Error("what was read before does not exist")
	}
	if got, err := s.List(t.Context(), "certificates/ca/example.com", false); err != nil || len(got) != 1 {
		t.Errorf("list: %q, %v", got, err)
	}
	if _, err := s.Load(t.Context(), "certificates/ca/example.com/example.com.crt"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what was never read: %v", err)
	}
	if _, err := s.Load(t.Context(), "acme/ca/users/u.json"); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what certmagic decides by: %v", err)
	}
	if got, err := s.TryLock(t.Context(), "a"); got || err == nil {
		t.Errorf("a lock without Consul: %t, %v", got, err)
	}
	locked, wrote := make(chan error, 1), make(chan error, 1)
	go func() { locked <- s.Lock(t.Context(), "a") }()
	go func() { wrote <- s.Store(t.Context(), "rw_test_1", []byte("x")) }()
	consul.Start(t)
	must(t, <-locked)
	must(t, s.Unlock(t.Context(), "a"))
	must(t, <-wrote)
	if _, err := s.Load(t.Context(), certificate); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what Consul does not have: %v", err)
	}
	if _, err := os.Stat(filepath.Join(folder, certificate)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the copy of what Consul does not have: %v", err)
	}
}

// holder is set in a process that takes a lock and then only waits.
const holder = "STORAGE_TEST_HOLDER"

func TestMain(m *testing.M) {
	if address := os.Getenv(holder); address != "" {
		s, err := storage.New(storage.Config{Consul: &api.Config{Address: address}, Keys: [][]byte{oldKey}})
		if err == nil {
			err = s.Lock(context.Background(), "a")
		}
		if err != nil {
			println("not held:", err.Error())
			os.Exit(1)
		}
		println("held")
		select {}
	}
	os.Exit(m.Run())
}

func TestStorage_DeadHolder(t *testing.T) {
	consul := programs.NewConsul(t)
	self, err := os.Executable()
	must(t, err)
	other := programs.Start(t, []string{holder + "=" + consul.Address}, self)
	programs.Await(t, "the other process holds the lock", func() error {
		if !strings.Contains(other.Said(), "held") || strings.Contains(other.Said(), "not held") {
			return errors.New(other.Said())
		}
		return nil
	})
	s := open(t, consul, settings{})
	// A holder that lives keeps it beyond the time to live of a session.
	ctx, stop := context.WithTimeout(t.Context(), storage.DefaultLockTTL+5*time.Second)
	defer stop()
	if err := s.Lock(ctx, "a"); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("the lock of a living holder: %v", err)
	}
	other.Kill()
	began := time.Now()
	must(t, s.Lock(t.Context(), "a"))
	if took := time.Since(began); took > storage.DefaultLockTTL+2*time.Second {
		t.Errorf("the lock of a dead holder lasted %s", took)
	} else {
		t.Logf("the lock of a dead holder lasted %s", took)
	}
	must(t, s.Unlock(t.Context(), "a"))
	keys, _, err := raw(t, consul).Keys("caddy/locks", "", nil)
	if err != nil || len(keys) != 0 {
		t.Errorf("left behind: %q, %v", keys, err)
	}
}

func TestReadKeys(t *testing.T) {
	name := filepath.Join(t.TempDir(), "keys")
	good := base64.StdEncoding.EncodeToString(newKey)
	for _, c := range []struct {
		says, text string
		mode       os.FileMode
		want       string
	}{
		{"two keys", "# of May\n" + good + "\n\n" + good + "\n", 0o600, ""},
		{"readable by the group", good, 0o640, ""},
		{"readable by everybody", good, 0o644, "chmod 600"},
		{"no key", "# none\n", 0o600, "has no key"},
		{"no base64", "secret!", 0o600, "line 1: not base64"},
		{"a short key", good + "\nc2hvcnQ=", 0o600, "line 2: 5 bytes"},
	} {
		must(t, os.WriteFile(name, []byte(c.text), 0o600))
		must(t, os.Chmod(name, c.mode))
		keys, err := storage.ReadKeys(name)
		if c.want == "" && (err != nil || !bytes.Equal(keys[0], newKey)) || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %d keys, %v", c.says, len(keys), err)
		}
		if err != nil && strings.Contains(err.Error(), good) {
			t.Errorf("%s: the error tells a key", c.says)
		}
	}
}
