package docker_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/mlfmonde/cluster/handler/adapter/docker"
	"github.com/mlfmonde/cluster/handler/port"
)

func TestSignal_ReachesAContainerThatRunsAndSaysWhyNot(t *testing.T) {
	var sent []string
	daemon := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Api-Version", "1.41")
		w.Header().Set("Content-Type", "application/json")
		_, path, _ := strings.Cut(r.URL.Path, "/containers/")
		switch {
		case strings.HasSuffix(r.URL.Path, "/_ping"):
		case r.Method == http.MethodPost && path == "up/kill":
			sent = append(sent, r.URL.Query().Get("signal"))
			w.WriteHeader(http.StatusNoContent)
		case path == "up/json" || path == "down/json":
			fmt.Fprintf(w, `{"Id": "1", "State": {"Running": %v}}`, path == "up/json")
		default:
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, `{"message": "no such container"}`)
		}
	}))
	defer daemon.Close()
	d, err := docker.New(docker.Config{Host: "tcp://" + daemon.Listener.Addr().String(), RunDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if err := d.Signal(t.Context(), "up", "SIGUSR2"); err != nil || len(sent) != 1 || sent[0] != "SIGUSR2" {
		t.Errorf("sent %q, %v", sent, err)
	}
	if err := d.Signal(t.Context(), "down", "SIGUSR2"); err == nil || !strings.Contains(err.Error(), "container down is not running") {
		t.Errorf("one that is stopped: %v", err)
	}
	if err := d.Signal(t.Context(), "gone", "SIGUSR2"); !errors.Is(err, port.ErrNotFound) || !strings.Contains(err.Error(), "gone") {
		t.Errorf("one that is not there: %v", err)
	}
}
