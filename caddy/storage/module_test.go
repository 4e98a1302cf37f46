package storage_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/mlfmonde/cluster/caddy/storage"
)

func TestModule_Caddyfile(t *testing.T) {
	for _, c := range []struct{ says, text, want string }{
		{"everything", `consul {
			address 10.0.0.1:8500
			token_file /t
			prefix tls
			key_file {env.KEY}
			copy /data/copy
			lock_ttl 30s
			timeout 2s
		}`, `{"address":"10.0.0.1:8500","token_file":"/t","prefix":"tls","key_file":"{env.KEY}","copy":"/data/copy","lock_ttl":30000000000,"timeout":2000000000}`},
		{"only the key", "consul {\n\tkey_file /k\n}", `{"key_file":"/k"}`},
		{"a value without its option", "consul /k", "wrong argument count"},
		{"two values", "consul {\n\tkey_file /a /b\n}", "wrong argument count"},
		{"no value", "consul {\n\tkey_file\n}", "wrong argument count"},
		{"another option", "consul {\n\tttl 3s\n}", "no option ttl; there are address"},
		{"no time", "consul {\n\ttimeout soon\n}", "timeout"},
	} {
		var m storage.Module
		err := m.UnmarshalCaddyfile(caddyfile.NewTestDispenser(c.text))
		if !strings.HasPrefix(c.want, "{") {
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %v", c.says, err)
			}
			continue
		}
		var want storage.Module
		must(t, json.Unmarshal([]byte(c.want), &want))
		if err != nil || !reflect.DeepEqual(m, want) {
			t.Errorf("%s: %+v, %v", c.says, m, err)
		}
	}
}

// A configuration is loaded while Consul is away: nothing of this asks it.
func TestModule_Provision(t *testing.T) {
	folder := t.TempDir()
	key := filepath.Join(folder, "key")
	must(t, os.WriteFile(key, []byte(base64.StdEncoding.EncodeToString(newKey)), 0o600))
	t.Setenv("STORAGE_TEST_KEY", key)
	t.Setenv("HOME", folder)
	for _, c := range []struct {
		says string
		m    storage.Module
		want string
	}{
		{"a placeholder", storage.Module{KeyFile: "{env.STORAGE_TEST_KEY}", Address: "127.0.0.1:1", Copy: folder}, ""},
		{"no key file", storage.Module{}, "no key_file; make one"},
		{"a key file that is not there", storage.Module{KeyFile: key + "2"}, "key2"},
		{"a prefix that is none", storage.Module{KeyFile: key, Prefix: "/caddy"}, "prefix"},
		{"a lock that Consul cannot end so soon", storage.Module{KeyFile: key, LockTTL: caddy.Duration(5 * time.Second)}, "write 20s or more"},
		{"a time below 0", storage.Module{KeyFile: key, Timeout: caddy.Duration(-1)}, "above 0"},
		{"an address that is none", storage.Module{KeyFile: key, Address: "ftp://x"}, "ftp"},
	} {
		ctx, stop := caddy.NewContext(caddy.Context{Context: context.Background()})
		err := c.m.Provision(ctx)
		stop()
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v", c.says, err)
		}
		if got, _ := c.m.CertMagicStorage(); c.want == "" && got == nil {
			t.Errorf("%s: no storage", c.says)
		}
	}
}
