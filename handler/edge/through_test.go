package edge_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mlfmonde/cluster/handler/edge"
)

// Two nodes on loopback addresses of their own, each with a real HAProxy and
// something in the place of Caddy that says who the client is.
const (
	client           = "127.91.0.9"
	first, firstWeb  = "127.91.0.1", "127.91.0.11"
	second, behind   = "127.91.0.2", "127.91.0.12"
	throughContainer = "127.91.0.22"
)

// webPort and high move the ports of the web out of the way of whatever else runs here.
var webPort = regexp.MustCompile(`:(80|443|1443)\b`)

func high(text string) string {
	return webPort.ReplaceAllStringFunc(text, func(p string) string {
		return map[string]string{":80": ":29080", ":443": ":29443", ":1443": ":29144"}[p]
	})
}

// preface reads the PROXY v2 header and returns the client's address in it.
func preface(r io.Reader) (string, error) {
	head := make([]byte, 16)
	if _, err := io.ReadFull(r, head); err != nil {
		return "", err
	}
	if !bytes.HasPrefix(head, []byte("\r\n\r\n\x00\r\nQUIT\n!")) {
		return "", fmt.Errorf("no PROXY v2 header: %q", head)
	}
	rest := make([]byte, binary.BigEndian.Uint16(head[14:]))
	if _, err := io.ReadFull(r, rest); err != nil || len(rest) < 12 {
		return "", fmt.Errorf("%d bytes of addresses: %w", len(rest), err)
	}
	a, _ := netip.AddrFromSlice(rest[:4])
	return a.String(), nil
}

// says accepts connections and answers each request with the client's address.
func says(t *testing.T, address string, secure *tls.Config) {
	t.Helper()
	l, err := net.Listen("tcp", high(address))
	if err != nil {
		t.Skipf("the test needs loopback addresses: %v", err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				who, err := preface(c)
				if err != nil {
					return // a health check that was cut
				}
				stream := io.ReadWriter(c)
				if secure != nil {
					stream = tls.Server(c, secure)
				}
				if _, err := http.ReadRequest(bufio.NewReader(stream)); err == nil {
					fmt.Fprintf(stream, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", len(who), who)
				}
			}()
		}
	}()
}

func certificate(t *testing.T, host string) *tls.Config {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	of := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{host}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, of, of, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
}

// runs starts the HAProxy of a node on its address.
func runs(t *testing.T, haproxy, node, address, caddy string, s edge.State) {
	t.Helper()
	dir, err := os.MkdirTemp("", "edge") // short: a socket's path has a limit
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	own := edge.DefaultTemplate()
	own.Socket, own.Caddy, own.Resolver = filepath.Join(dir, "s"), caddy, "127.0.0.1:9"
	p, faults := edge.HAProxy(s, node, own)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	text := strings.NewReplacer("bind *:", "bind "+address+":", "    daemon\n", "",
		"init-addr last,libc,none", "init-addr last,libc,none source "+address, // as between machines
		"cluster-http-in-", fmt.Sprintf("cluster-test-%d-", os.Getpid())).Replace(string(p.Text(nil)))
	file := filepath.Join(dir, "cfg")
	if err := os.WriteFile(file, []byte(high(text)), 0o600); err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	cmd := exec.Command(haproxy, "-db", "-f", file)
	cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = &said, &said, &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	for end := time.Now().Add(20 * time.Second); ; {
		c, err := net.Dial("unix", own.Socket)
		if err == nil {
			c.Close()
			break
		}
		if time.Now().After(end) {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
			t.Skipf("HAProxy does not come up, its ports may be taken: %s", said.String())
		}
		<-time.After(20 * time.Millisecond)
	}
	info, err := os.Stat(own.Socket)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the runtime socket: %v, %v", info.Mode(), err)
	}
}

func TestHAProxy_KeepsTheClientsAddress(t *testing.T) {
	haproxy := tool(t, "haproxy")
	s := edge.Read([]edge.Pair{
		{Key: "node/n1", Value: []byte(`{"name": "n1", "address": "` + first + `"}`)}, {Key: "node/n2", Value: []byte(`{"name": "n2", "address": "` + second + `"}`)},
		{Key: "app/shop", Value: []byte(`{"master": "n2", "domains": ["shop.example.com"], "ct": {"web": "` + throughContainer + `"}, "haproxy": {
			"http-in": {"backends": [{"name": "own", "use_backend_option": "if { hdr(host) -i own.example.com }", "port": 8080, "peer_port": 80, "server_option": "send-proxy-v2", "ct": "` + throughContainer + `"}]},
			"own-port": {"frontend": {"mode": "tcp", "bind": ["*:2291"]}, "backends": [{"name": "own-port", "port": 8080, "peer_port": 2291, "server_option": "send-proxy-v2", "ct": "` + throughContainer + `"}]}}}`)},
	})
	secure := certificate(t, "shop.example.com")
	says(t, behind+":80", nil)
	says(t, behind+":443", secure)
	says(t, throughContainer+":8080", nil)
	runs(t, haproxy, "n2", second, behind, s)
	runs(t, haproxy, "n1", first, firstWeb, s)
	from := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(client)}, Timeout: 10 * time.Second}
	for _, at := range []string{first, second} {
		for url, port := range map[string]string{
			"http://shop.example.com/": "80", "https://shop.example.com/": "443", "http://own.example.com/": "80", "http://any.example.com/own-port": "2291",
		} {
			web := http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{
				TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
				DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
					return from.DialContext(ctx, "tcp", high(at+":"+port))
				},
			}}
			answer, err := web.Get(url)
			if err != nil {
				t.Errorf("%s by %s: %v", url, at, err)
				continue
			}
			who, err := io.ReadAll(answer.Body)
			answer.Body.Close()
			if err != nil || answer.StatusCode != http.StatusOK || string(who) != client {
				t.Errorf("%s by %s: %s, the client is %q, want %s: %v", url, at, answer.Status, who, client, err)
			}
		}
	}
	web := http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return from.DialContext(ctx, "tcp", high(first+":80"))
	}}}
	if answer, err := web.Get("http://nobody.example.com/"); err != nil || answer.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("a host that no app has: %v, %v", answer, err)
	}
}
