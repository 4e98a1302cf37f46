package main_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mlfmonde/cluster/caddy/internal/programs"
)

// The configuration that the image starts with, but for its folders: Caddy is
// configured by a socket that only its own user and root open, and starts
// without Consul.
func TestDeploy_FirstConfigurationOfCaddy(t *testing.T) {
	if testing.Short() {
		t.Skip("real programs are started only without -short")
	}
	folder := t.TempDir()
	text, err := os.ReadFile("../deploy/edge/caddy.json")
	if err != nil {
		t.Fatal(err)
	}
	moved := strings.NewReplacer("/run/cluster/edge", folder, "/run/secrets", folder, "/data", folder).Replace(string(text))
	write(t, filepath.Join(folder, "caddy.json"), []byte(moved))
	write(t, filepath.Join(folder, "caddy_storage_key"), []byte("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"))
	port := programs.Ports(t, 1)[0]
	programs.Start(t, []string{
		"HOME=" + folder, "XDG_DATA_HOME=" + folder, "XDG_CONFIG_HOME=" + folder, "ACME_EMAIL=someone@example.com", "ACME_CA=https://127.0.0.1/dir",
		fmt.Sprintf("CONSUL_HTTP_ADDR=127.0.0.1:%d", port), "CONSUL_HTTP_TOKEN_FILE=",
	}, build(t), "run", "--config", filepath.Join(folder, "caddy.json"))

	socket := filepath.Join(folder, "caddy.sock")
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}}}
	ask := func(origin string) (int, error) {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://localhost/config/", nil)
		if err != nil {
			return 0, err
		}
		if origin != "" {
			request.Header.Set("Origin", origin)
		}
		answer, err := client.Do(request)
		if err != nil {
			return 0, err
		}
		return answer.StatusCode, answer.Body.Close()
	}
	programs.Await(t, "Caddy takes configurations", func() error {
		code, err := ask("")
		if err == nil && code != http.StatusOK {
			err = errors.New(http.StatusText(code))
		}
		return err
	})
	if code, err := ask("http://evil.example.com"); err != nil || code != http.StatusForbidden {
		t.Errorf("a page of another site: %d, %v", code, err)
	}
	if info, err := os.Stat(socket); err != nil || info.Mode() != fs.ModeSocket|0o600 {
		t.Errorf("the socket: %v, %v", info.Mode(), err)
	}
}

func TestDeploy_FirstConfigurationOfHAProxy(t *testing.T) {
	said, err := exec.Command(programs.Find(t, "haproxy"), "-c", "-f", "../deploy/edge/first.cfg").CombinedOutput()
	if err != nil || strings.Contains(string(said), "WARNING") {
		t.Errorf("haproxy -c: %v\n%s", err, said)
	}
}
