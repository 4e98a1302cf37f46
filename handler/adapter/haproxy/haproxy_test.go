package haproxy_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/mlfmonde/cluster/handler/adapter/haproxy"
)

// The load goes on from before the first reload until after the last one.
func TestRun_ReloadsUnderLoadWithoutAFailedRequest(t *testing.T) {
	const least, reloads = 1000, 5
	s := newStand(t)
	s.up(20)
	var done, failed atomic.Int64
	var over atomic.Bool
	var last atomic.Value
	var work sync.WaitGroup
	for range 8 {
		work.Go(func() {
			client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
			for !over.Load() {
				resp, err := client.Get(fmt.Sprintf("http://127.0.0.1:%d/", s.http))
				if err == nil {
					err = resp.Body.Close()
				}
				if err == nil && resp.StatusCode != http.StatusOK {
					err = errors.New(resp.Status)
				}
				if err != nil {
					failed.Add(1)
					last.Store(err)
				}
				done.Add(1)
			}
		})
	}
	for i := range reloads {
		s.until("the load to go on", func() error {
			if done.Load() < int64((i+1)*least/reloads) {
				return errors.New("too few requests")
			}
			return nil
		})
		if err := s.proxy.Run(t.Context(), s.render(records(21+i)).Text(nil)); err != nil {
			t.Errorf("reload %d: %v\n%s", i, err, s.log)
		}
	}
	over.Store(true)
	work.Wait()
	if n := failed.Load(); n > 0 {
		t.Errorf("%d of %d requests failed, such as: %v", n, done.Load(), last.Load())
	}
	t.Logf("%d requests, %d reloads", done.Load(), reloads)
}

func TestRun_ProvesItByTheRunningProcess(t *testing.T) {
	s := newStand(t)
	if err := s.proxy.Proven(t.Context()); err == nil {
		t.Error("proven before anything was given")
	}
	p := s.up(3)
	if err := s.proxy.Proven(t.Context()); err != nil {
		t.Errorf("what runs is not proven: %v", err)
	}
	info, err := os.Stat(s.template.Socket)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the runtime socket: %v, %v", info.Mode(), err)
	}
	before, err := os.Stat(s.file())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.proxy.Run(t.Context(), p.Text(nil)); err != nil {
		t.Error(err)
	}
	if after, err := os.Stat(s.file()); err != nil || !os.SameFile(before, after) {
		t.Errorf("the same again wrote the file anew: %v", err)
	}
	if err := s.proxy.Run(t.Context(), []byte("global\n")); err == nil {
		t.Error("took a configuration that nothing proves")
	}
}

// What passes the check may still not run: the port is another program's.
func TestRun_SaysWhenHAProxyGoesOnWithWhatItHad(t *testing.T) {
	s := newStand(t)
	s.up(3)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	p := s.render(records(4))
	p.Parts[3].Sections += fmt.Sprintf("\nfrontend front-taken\n    bind %s\n    mode tcp\n", taken.Addr())
	if refused, err := s.proxy.Check(t.Context(), p); err != nil || len(refused) > 0 {
		t.Fatalf("the check: %v, %v", refused, err)
	}
	good, err := os.ReadFile(s.file())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.proxy.Run(t.Context(), p.Text(nil)); !errors.Is(err, haproxy.ErrNotTaken) {
		t.Errorf("got %v", err)
	}
	if now, err := os.ReadFile(s.file()); err != nil || string(now) != string(good) {
		t.Errorf("a restart would not find what ran: %v", err)
	}
	if resp, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/", s.http)); err != nil || resp.StatusCode != http.StatusOK {
		t.Errorf("the proxy is gone: %v", err)
	}
	if err := s.proxy.Run(t.Context(), s.render(records(5)).Text(nil)); err != nil {
		t.Errorf("the next good one: %v\n%s", err, s.log)
	}
}

func TestProven_NoticesThatHAProxyWasKilledAndIsBack(t *testing.T) {
	s := newStand(t)
	s.up(3)
	s.kill()
	for _, err := range []error{s.proxy.Proven(t.Context()), s.proxy.Run(t.Context(), s.render(records(4)).Text(nil))} {
		if err == nil || !strings.Contains(err.Error(), "start it") {
			t.Errorf("while it is away: %v", err)
		}
	}
	s.start()
	if err := s.proxy.Proven(t.Context()); err != nil {
		t.Errorf("started again it has not what it was given meanwhile: %v", err)
	}
}

func TestRun_ReloadsAContainerByASignalToItsFirstProcess(t *testing.T) {
	s := newStand(t)
	s.up(3)
	var asked []string
	h := s.adapter("container:edge_haproxy_1", func(_ context.Context, name, signal string) error {
		asked = append(asked, name+" "+signal)
		return s.master.Process.Signal(syscall.SIGUSR2)
	})
	if err := h.Run(t.Context(), s.render(records(4)).Text(nil)); err != nil {
		t.Errorf("%v\n%s", err, s.log)
	}
	if len(asked) == 0 || asked[0] != "edge_haproxy_1 SIGUSR2" {
		t.Errorf("asked for %q", asked)
	}
	h = s.adapter("container:edge_haproxy_1", func(context.Context, string, string) error {
		return errors.New("container edge_haproxy_1 is not running")
	})
	err := h.Run(t.Context(), s.render(records(5)).Text(nil))
	if err == nil || !strings.Contains(err.Error(), `not running; start it with "docker start edge_haproxy_1"`) {
		t.Errorf("got %v", err)
	}
}

// The test binary stands for systemctl: it writes down what it was asked.
func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == "systemctl" {
		if err := os.WriteFile(filepath.Join(os.Getenv("PATH"), "asked"), []byte(strings.Join(os.Args[1:], " ")), 0o600); err != nil {
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func TestRun_ReloadsAUnitBySystemctl(t *testing.T) {
	s := newStand(t)
	s.up(3)
	path, err := exec.LookPath(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	if path, err = filepath.Abs(path); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(path, filepath.Join(s.dir, "systemctl")); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", s.dir)
	h := s.adapter("systemd:haproxy.service", nil)
	err = h.Run(t.Context(), s.render(records(4)).Text(nil))
	if !errors.Is(err, haproxy.ErrNotTaken) || !strings.Contains(err.Error(), `journalctl -u haproxy.service`) {
		t.Errorf("a unit that does nothing: %v", err)
	}
	if asked, err := os.ReadFile(filepath.Join(s.dir, "asked")); err != nil || string(asked) != "reload -- haproxy.service" {
		t.Errorf("asked for %q, %v", asked, err)
	}
}

func TestParseReload_RefusesWhatIsNoWay(t *testing.T) {
	for _, good := range []string{"container:cluster_haproxy_1", "systemd:haproxy.service", "systemd:haproxy@edge", "pid:/run/haproxy.pid"} {
		if r, err := haproxy.ParseReload(good); err != nil || r.String() != good {
			t.Errorf("%s: %v, %v", good, r, err)
		}
	}
	for _, bad := range []string{"", "container:", "container:-f", "systemd:--now", "systemd:a b", "pid:", "pid:run/x", "kill:1", "container:a;b", "haproxy"} {
		if r, err := haproxy.ParseReload(bad); err == nil || !strings.Contains(err.Error(), "container:NAME") {
			t.Errorf("%q is taken as %v, %v", bad, r, err)
		}
	}
}

func TestNew_SaysWhatIsMissing(t *testing.T) {
	way, err := haproxy.ParseReload("container:x")
	if err != nil {
		t.Fatal(err)
	}
	for want, c := range map[string]haproxy.Config{
		"absolute":   {File: "x", Socket: "/s", Reload: way},
		"reload":     {File: "/x", Socket: "/s"},
		"containers": {File: "/x", Socket: "/s", Reload: way},
	} {
		if _, err := haproxy.New(c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}
