// Package storage keeps what Caddy needs for TLS (certificates, their keys,
// accounts, challenges under way) in Consul's KV, so that all nodes of a cluster
// share it. In comes what certmagic stores under names with slashes; out go
// sealed values in the KV, locks that end with their holder, and a sealed copy
// on the node's own disk, from which Caddy serves when Consul does not answer.
// It never writes a value in the clear, and the copy never wins over what Consul
// answers.
package storage

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/certmagic"
	"github.com/hashicorp/consul/api"
)

// The times that nobody has to choose.
const (
	DefaultLockTTL = 20 * time.Second
	DefaultTimeout = 5 * time.Second
)

// Module is caddy.storage.consul, as it stands in a configuration. Texts may
// have Caddy's placeholders, such as {env.NAME}.
type Module struct {
	// Address of Consul's HTTP API. Empty: CONSUL_HTTP_ADDR, else 127.0.0.1:8500.
	Address string `json:"address,omitempty"`
	// TokenFile holds the ACL token. Empty: CONSUL_HTTP_TOKEN, else none.
	TokenFile string `json:"token_file,omitempty"`
	// Prefix is the folder of the KV that holds everything: "caddy" when empty.
	Prefix string `json:"prefix,omitempty"`
	// KeyFile holds the keys, one in base64 on a line: the first seals, each
	// opens. It is read again whenever a configuration is loaded.
	KeyFile string `json:"key_file,omitempty"`
	// Copy is the folder on this node's disk for what it has read, sealed.
	// Empty: in Caddy's data folder.
	Copy string `json:"copy,omitempty"`
	// LockTTL is how long the lock of a dead holder may keep others waiting, at
	// least 20 s: Consul ends a session between once and twice its own TTL, which
	// is 10 s or more.
	LockTTL caddy.Duration `json:"lock_ttl,omitempty"`
	// Timeout limits one question to Consul.
	Timeout caddy.Duration `json:"timeout,omitempty"`

	store     *Storage
	transport *http.Transport
}

// CaddyModule tells Caddy the name of the module and how it is made.
func (*Module) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "caddy.storage.consul", New: func() caddy.Module { return new(Module) }}
}

// Provision checks the options and reads the keys. It does not ask Consul: a
// configuration is loaded while Consul is away, too.
func (m *Module) Provision(ctx caddy.Context) error {
	replacer := caddy.NewReplacer()
	for _, text := range []*string{&m.Address, &m.TokenFile, &m.Prefix, &m.KeyFile, &m.Copy} {
		*text = replacer.ReplaceAll(*text, "")
	}
	if m.KeyFile == "" {
		return errors.New("storage consul: no key_file; make one: head -c 32 /dev/urandom | base64 >FILE, the same on every node")
	}
	if m.Copy == "" {
		m.Copy = filepath.Join(caddy.AppDataDir(), "consul-copy")
	}
	keys, err := ReadKeys(m.KeyFile)
	if err != nil {
		return fmt.Errorf("storage consul: %w", err)
	}
	client := api.DefaultConfig()
	if m.Address != "" {
		client.Address = m.Address
	}
	if m.TokenFile != "" {
		client.TokenFile = m.TokenFile
	}
	m.transport = client.Transport
	m.store, err = New(Config{
		Consul: client, Prefix: m.Prefix, Keys: keys, Copy: m.Copy,
		LockTTL: time.Duration(m.LockTTL), Timeout: time.Duration(m.Timeout), Log: ctx.Logger(),
	})
	if err != nil {
		return fmt.Errorf("storage consul: %w", err)
	}
	return nil
}

// Cleanup closes connections that rest, as each load of a configuration makes
// new ones. Whoever still has a lock of this storage gives it back by another.
func (m *Module) Cleanup() error {
	if m.transport != nil {
		m.transport.CloseIdleConnections()
	}
	return nil
}

// CertMagicStorage gives Caddy the storage itself.
func (m *Module) CertMagicStorage() (certmagic.Storage, error) { return m.store, nil }

// UnmarshalCaddyfile reads the global option:
//
//	storage consul {
//		address    127.0.0.1:8500
//		token_file /run/secrets/consul_token
//		prefix     caddy
//		key_file   /run/secrets/caddy_storage_key
//		copy       /data/consul-copy
//		lock_ttl   20s
//		timeout    5s
//	}
func (m *Module) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	if !d.Next() {
		return d.Err("expected storage consul")
	}
	if d.NextArg() {
		return d.ArgErr()
	}
	texts := map[string]*string{"address": &m.Address, "token_file": &m.TokenFile, "prefix": &m.Prefix, "key_file": &m.KeyFile, "copy": &m.Copy}
	times := map[string]*caddy.Duration{"lock_ttl": &m.LockTTL, "timeout": &m.Timeout}
	for d.NextBlock(0) {
		option, value := d.Val(), ""
		if !d.Args(&value) || d.NextArg() {
			return d.ArgErr()
		}
		if text := texts[option]; text != nil {
			*text = value
			continue
		}
		span := times[option]
		if span == nil {
			return d.Errf("storage consul has no option %s; there are address, token_file, prefix, key_file, copy, lock_ttl and timeout", option)
		}
		parsed, err := caddy.ParseDuration(value)
		if err != nil {
			return d.Errf("storage consul: %s: %v", option, err)
		}
		*span = caddy.Duration(parsed)
	}
	return nil
}

// ReadKeys reads a key file, which nobody but its owner and group may read.
func ReadKeys(name string) ([][]byte, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, fmt.Errorf("look at the key file: %w", err)
	}
	if mode := info.Mode().Perm(); mode&0o007 != 0 {
		return nil, fmt.Errorf("key file %s: everybody may read it (mode %03o); chmod 600 %s", name, mode, name)
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("read the key file: %w", err)
	}
	var keys [][]byte
	for i, line := range strings.Split(string(data), "\n") {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		key, err := parseKey(line)
		if err != nil {
			return nil, fmt.Errorf("key file %s, line %d: %w", name, i+1, err)
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("key file %s has no key; write one: head -c 32 /dev/urandom | base64 >%s", name, name)
	}
	return keys, nil
}

var (
	_ caddy.Provisioner      = (*Module)(nil)
	_ caddy.CleanerUpper     = (*Module)(nil)
	_ caddy.StorageConverter = (*Module)(nil)
	_ caddyfile.Unmarshaler  = (*Module)(nil)
)
