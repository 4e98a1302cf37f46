package caddy_test

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"

	"github.com/mlfmonde/cluster/handler/edge"
)

// An app as the KV has it goes through all modes, in the words of the edge.
func TestApply_TakesWhatTheEdgeMakes(t *testing.T) {
	r := newCaddy(t, t.TempDir())
	p := r.publisher()
	hold := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }))
	hold.Listener.Close()
	var err error
	if hold.Listener, err = net.Listen("unix", filepath.Join(r.run, "hold.sock")); err != nil {
		t.Fatal(err)
	}
	hold.Start()
	t.Cleanup(hold.Close)
	a := edge.App{Name: "one_main.c7061", Master: "n1", Address: "192.0.2.1", Fields: edge.Fields{
		Domains: []string{"one.example.com", "two.example.com"}, URLs: "https://one.example.com, http://one.example.com, https://two.example.com",
		Caddyfile: "https://one.example.com, http://one.example.com {\n\ttls internal\n\tlog {\n\t\toutput stdout\n\t}\n\trespond served\n}\nhttps://two.example.com {\n\treverse_proxy web_1:80\n}\n",
		Ct:        map[string]string{"web": "web_1"},
	}}
	gone := a
	gone.Master, gone.Address = "n2", "192.0.2.2"
	closed, waits := a, a
	closed.Closed = true
	waits.Closed, waits.Waits = true, true
	for i, step := range []struct {
		app    edge.App
		mode   edge.Mode
		loads  int
		status int
	}{
		{a, edge.Serve, 1, http.StatusOK},
		{waits, edge.Hold, 0, http.StatusTeapot}, // as the hold says
		{a, edge.Serve, 0, http.StatusOK},
		{waits, edge.Hold, 0, http.StatusTeapot},
		{gone, edge.Pass, 0, http.StatusTeapot},
		{a, edge.Serve, 0, http.StatusOK},
		{closed, edge.Page, 1, http.StatusServiceUnavailable},
		{waits, edge.Hold, 1, http.StatusTeapot},
		{a, edge.Serve, 1, http.StatusOK},
	} {
		s := edge.State{Apps: []edge.App{step.app}, Nodes: map[string]string{"n1": "192.0.2.1", "n2": "192.0.2.2"}}
		s.Caddy.HoldSocket = r.run + "/hold.sock"
		sites, faults := edge.Sites(s, "n1", []string{a.Name})
		if len(faults) > 0 || len(sites) != 1 || sites[0].Mode != step.mode {
			t.Fatalf("step %d: the edge makes %+v, %v", i, sites, faults)
		}
		loads := count(r, func() {
			if left := apply(t, p, sites...); len(left) > 0 {
				t.Errorf("step %d, %s: left out: %q", i, step.mode, left)
			}
		})
		if loads != step.loads {
			t.Errorf("step %d, %s: %d loads, want %d", i, step.mode, loads, step.loads)
		}
		url := "https://one.example.com/"
		eventually(t, url, func() error {
			status, body, err := get(r.client("203.0.113.1:1"), url)
			if err == nil && status != step.status {
				err = fmt.Errorf("step %d, %s: %d %q, want %d", i, step.mode, status, body, step.status)
			}
			return err
		})
	}
}
