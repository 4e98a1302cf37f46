package main_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/mlfmonde/cluster/caddy/internal/programs"
)

// world is what two nodes share: Consul, an authority, names, one Caddy.
type world struct {
	caddy, keys string
	consul      *programs.Consul
	authority   *programs.Process
	names       *names
	nodes       map[string]*node
}

// newWorld starts everything but the nodes. without is an option of the issuer
// that takes away a kind of challenge.
func newWorld(t *testing.T, without string) *world {
	t.Helper()
	folder := t.TempDir()
	pebble := programs.Find(t, "pebble")
	w := &world{keys: filepath.Join(folder, "keys"), consul: programs.NewConsul(t), names: newNames(t), nodes: map[string]*node{}}
	w.caddy = build(t)
	key := make([]byte, 32)
	rand.Read(key)
	write(t, w.keys, []byte(base64.StdEncoding.EncodeToString(key)+"\n"))

	ports := programs.Ports(t, 8)
	directory := fmt.Sprintf("https://127.0.0.1:%d/dir", ports[0])
	certificate := filepath.Join(folder, "pebble.crt")
	issuer := fmt.Sprintf("acme {\n\t\tdir %s\n\t\ttrusted_roots %s\n\t\t%s\n\t}", directory, certificate, without)
	for i, name := range []string{"a", "b"} {
		at := ports[2+3*i:]
		w.nodes[name] = &node{world: w, folder: t.TempDir(), admin: at[0], plain: at[1], secure: at[2], issuer: issuer}
	}
	private := selfSigned(t, certificate)
	config, err := json.Marshal(map[string]any{"pebble": map[string]any{
		"listenAddress": fmt.Sprintf("127.0.0.1:%d", ports[0]), "managementListenAddress": fmt.Sprintf("127.0.0.1:%d", ports[1]),
		"certificate": certificate, "privateKey": private, "httpPort": w.nodes["b"].plain, "tlsPort": w.nodes["b"].secure,
	}})
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(folder, "pebble.json"), config)
	w.authority = programs.Start(t, []string{"PEBBLE_VA_NOSLEEP=1", "PEBBLE_WFE_NONCEREJECT=0"},
		pebble, "-config", filepath.Join(folder, "pebble.json"), "-dnsserver", w.names.address)
	return w
}

// node is one of the two nodes, a or b.
func (w *world) node(name string) *node { return w.nodes[name] }

// issued checks how many certificates the authority gave out in all.
func (w *world) issued(t *testing.T, want int) {
	t.Helper()
	if got := strings.Count(w.authority.Said(), "Issued certificate serial"); got != want {
		t.Errorf("the authority gave out %d certificates, want %d", got, want)
	}
}

// build makes Caddy from this folder. The flags are those of
// fixtures/tools/build, so that what that compiled is used.
func build(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "caddy")
	command := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", path, ".")
	command.Env = append(os.Environ(), "CGO_ENABLED=0")
	if said, err := command.CombinedOutput(); err != nil {
		t.Fatalf("build Caddy: %v\n%s", err, said)
	}
	return path
}

func write(t *testing.T, name string, data []byte) {
	t.Helper()
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// selfSigned writes a certificate for 127.0.0.1 and gives its key's file.
func selfSigned(t *testing.T, name string) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	write(t, name, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate}))
	write(t, name+".key", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}))
	return name + ".key"
}

// names is a name server for which every name is on this machine. It is asked
// by TCP, as Pebble does.
type names struct {
	address string
	silent  atomic.Bool
}

func newNames(t *testing.T) *names {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	n := &names{address: listener.Addr().String()}
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			go n.serve(connection)
		}
	}()
	return n
}

// serve answers the one question of a connection: its length, then itself.
func (n *names) serve(connection net.Conn) {
	defer connection.Close()
	var size [2]byte
	if _, err := io.ReadFull(connection, size[:]); err != nil {
		return
	}
	question := make([]byte, binary.BigEndian.Uint16(size[:]))
	if _, err := io.ReadFull(connection, question); err != nil || n.silent.Load() {
		return
	}
	said := answer(question)
	_, _ = connection.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(said))), said...)) // whoever asked asks again
}

// silence lets questions without an answer.
func (n *names) silence(silent bool) { n.silent.Store(silent) }

func answer(question []byte) []byte {
	var m dnsmessage.Message
	if m.Unpack(question) != nil || len(m.Questions) == 0 {
		return nil
	}
	m.Response, m.RecursionAvailable, m.Additionals = true, true, nil
	if q := m.Questions[0]; q.Type == dnsmessage.TypeA {
		m.Answers = []dnsmessage.Resource{{
			Header: dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class, TTL: 1},
			Body:   &dnsmessage.AResource{A: [4]byte{127, 0, 0, 1}},
		}}
	}
	packed, _ := m.Pack() // nil is no answer
	return packed
}
