package main_test

import (
	"bytes"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/mlfmonde/cluster/caddy/internal/programs"
	"github.com/mlfmonde/cluster/caddy/storage"
)

// The authority asks for its challenges at node b, whoever ordered.

func TestNodes_ChallengeAtTheOther(t *testing.T) {
	for _, c := range []struct{ challenge, other string }{{"http-01", "disable_tlsalpn_challenge"}, {"tls-alpn-01", "disable_http_challenge"}} {
		t.Run(c.challenge, func(t *testing.T) {
			w := newWorld(t, c.other)
			a, b := w.node("a"), w.node("b")
			b.start(t, "http:// https://")
			a.start(t, "https://shop.example.com")
			serial := a.serves(t, "shop.example.com")
			began := time.Now()
			b.load(t, "https://shop.example.com")
			if other := b.serves(t, "shop.example.com"); other != serial {
				t.Errorf("node a serves certificate %s, node b %s", serial, other)
			}
			t.Logf("b served a's certificate after %s", time.Since(began).Round(time.Millisecond))
			w.issued(t, 1)
		})
	}
}

func TestNodes_OneOrder(t *testing.T) {
	w := newWorld(t, "")
	a, b := w.node("a"), w.node("b")
	a.start(t, "http:// https://")
	b.start(t, "http:// https://")
	loaded := make(chan error, 2)
	for _, n := range []*node{a, b} {
		go func() { loaded <- n.push("https://shop.example.com https://blog.example.com") }()
	}
	for range 2 {
		if err := <-loaded; err != nil {
			t.Fatal(err)
		}
	}
	for _, domain := range []string{"shop.example.com", "blog.example.com"} {
		if one, other := a.serves(t, domain), b.serves(t, domain); one != other {
			t.Errorf("%s: node a serves certificate %s, node b %s", domain, one, other)
		}
	}
	w.issued(t, 2)
}

func TestNodes_KilledWhileOrdering(t *testing.T) {
	w := newWorld(t, "")
	a, b := w.node("a"), w.node("b")
	b.start(t, "http:// https://")
	w.names.silence(true)
	a.start(t, "https://shop.example.com")
	client, err := api.NewClient(&api.Config{Address: w.consul.Address})
	if err != nil {
		t.Fatal(err)
	}
	programs.Await(t, "node a holds the lock", func() error {
		pairs, _, err := client.KV().List("caddy/locks/issue_cert_shop.example.com", nil)
		if err == nil && (len(pairs) != 1 || pairs[0].Session == "") {
			err = fmt.Errorf("%d locks", len(pairs))
		}
		return err
	})
	a.process.Kill()
	killed := time.Now()
	w.names.silence(false)
	b.load(t, "https://shop.example.com")
	b.serves(t, "shop.example.com")
	// The order itself takes a few seconds on a busy machine.
	if took := time.Since(killed); took > storage.DefaultLockTTL+15*time.Second {
		t.Errorf("node b had the certificate %s after node a was killed", took)
	} else {
		t.Logf("node b had the certificate %s after node a was killed", took.Round(time.Millisecond))
	}
	w.issued(t, 1)
}

func TestNodes_RestartWithoutConsul(t *testing.T) {
	w := newWorld(t, "")
	b := w.node("b")
	b.start(t, "https://shop.example.com")
	serial := b.serves(t, "shop.example.com")
	w.consul.Kill()
	b.process.Kill()
	// A domain that never had a certificate does not keep the others waiting.
	b.start(t, "https://shop.example.com https://new.example.com")
	if other := b.serves(t, "shop.example.com"); other != serial {
		t.Errorf("certificate %s, before the restart %s", other, serial)
	}
	w.issued(t, 1)
	w.consul.Start(t)
	b.serves(t, "new.example.com")
	w.issued(t, 2)
}

func TestNodes_InternalAuthority(t *testing.T) {
	w := newWorld(t, "")
	a, b := w.node("a"), w.node("b")
	a.issuer, b.issuer = "internal", "internal"
	a.start(t, "https://shop.example.com")
	serial := a.serves(t, "shop.example.com")
	b.start(t, "https://shop.example.com")
	if other := b.serves(t, "shop.example.com"); other != serial {
		t.Errorf("node a serves certificate %s, node b %s", serial, other)
	}
	w.issued(t, 0)
}

// The steps of docs/tls.md: reading everything once is enough to seal it by the
// new key.
func TestNodes_KeysChange(t *testing.T) {
	w := newWorld(t, "")
	a := w.node("a")
	a.issuer = "internal"
	a.start(t, "https://shop.example.com")
	serial := a.serves(t, "shop.example.com")
	a.process.Stop()
	old, err := os.ReadFile(w.keys)
	if err != nil {
		t.Fatal(err)
	}
	fresh := []byte(base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, 32)) + "\n")
	write(t, w.keys, append(fresh, old...))
	file, exported := filepath.Join(a.folder, "Caddyfile"), filepath.Join(a.folder, "exported")
	if said, err := exec.Command(w.caddy, "storage", "export", "--config", file, "--output", exported).CombinedOutput(); err != nil {
		t.Fatalf("export: %v\n%s", err, said)
	}
	if data, err := os.ReadFile(exported); err != nil || !bytes.Contains(data, []byte("pki/authorities/local/root.crt")) {
		t.Errorf("the root is not in what was exported: %v", err)
	}
	write(t, w.keys, fresh)
	b := w.node("b") // with no copy of what the old key sealed
	b.issuer = "internal"
	b.start(t, "https://shop.example.com")
	if other := b.serves(t, "shop.example.com"); other != serial {
		t.Errorf("certificate %s, before the change of keys %s", other, serial)
	}
}

// node is a Caddy of this repository with folders of its own.
type node struct {
	world                *world
	folder               string
	admin, plain, secure int
	issuer               string
	process              *programs.Process
}

// text is the node's Caddyfile with sites, each answering with the node's name.
func (n *node) text(sites string) string {
	text := fmt.Sprintf(`{
	admin 127.0.0.1:%d
	persist_config off
	http_port %d
	https_port %d
	email someone@example.com
	cert_issuer %s
	storage consul {
		address %s
		key_file %s
		copy %s
		timeout 2s
	}
}
`, n.admin, n.plain, n.secure, n.issuer, n.world.consul.Address, n.world.keys, filepath.Join(n.folder, "copy"))
	for site := range strings.FieldsSeq(sites) {
		text += site + " {\n\trespond ok\n}\n"
	}
	return text
}

// start runs Caddy until it takes configurations.
func (n *node) start(t *testing.T, sites string) {
	t.Helper()
	file := filepath.Join(n.folder, "Caddyfile")
	if err := os.WriteFile(file, []byte(n.text(sites)), 0o600); err != nil {
		t.Fatal(err)
	}
	n.process = programs.Start(t, []string{"HOME=" + n.folder, "XDG_DATA_HOME=" + n.folder, "XDG_CONFIG_HOME=" + n.folder},
		n.world.caddy, "run", "--config", file, "--adapter", "caddyfile")
	programs.Await(t, "Caddy takes configurations", func() error {
		answer, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/config/apps", n.admin))
		if err == nil {
			answer.Body.Close()
		}
		return err
	})
}

func (n *node) push(sites string) error {
	answer, err := http.Post(fmt.Sprintf("http://127.0.0.1:%d/load", n.admin), "text/caddyfile", strings.NewReader(n.text(sites)))
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return errors.New(answer.Status)
	}
	return nil
}

// load gives the running Caddy other sites.
func (n *node) load(t *testing.T, sites string) {
	t.Helper()
	if err := n.push(sites); err != nil {
		t.Fatalf("load: %v", err)
	}
}

// serves waits until the node serves domain and gives its certificate's number.
func (n *node) serves(t *testing.T, domain string) string {
	t.Helper()
	var serial string
	programs.Await(t, "a certificate for "+domain, func() error {
		connection, err := tls.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", n.secure), &tls.Config{ServerName: domain, InsecureSkipVerify: true})
		if err != nil {
			return err
		}
		defer connection.Close()
		leaf := connection.ConnectionState().PeerCertificates[0]
		serial = leaf.SerialNumber.Text(16)
		return leaf.VerifyHostname(domain)
	})
	return serial
}
