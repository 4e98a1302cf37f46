package caddyfile_test

import (
	"bufio"
	"fmt"
	"io"
	"log"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
)

// containers start the one behind every proxy of the examples, and the same with
// a certificate that nobody knows. asked counts the health checks.
func containers(t *testing.T, asked *atomic.Int64) (plain, private string) {
	t.Helper()
	container := func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/healthy" {
			asked.Add(1)
		}
		container(w, r)
	}
	p, s := httptest.NewServer(http.HandlerFunc(container)), httptest.NewUnstartedServer(http.HandlerFunc(container))
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // that its certificate is refused is what one example shows
	s.StartTLS()
	t.Cleanup(p.Close)
	t.Cleanup(s.Close)
	return p.Listener.Addr().String(), s.Listener.Addr().String()
}

// container says what it was asked, a line for each thing.
func container(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Server", "container")
	h.Set("X-Powered-By", "container")
	h.Set("X-Frame-Options", "SAMEORIGIN")
	h.Set("X-All", "container")
	switch {
	case r.URL.Path == "/never":
		<-r.Context().Done()
		return
	case r.URL.Path == "/healthy":
		fmt.Fprintln(w, "all is well")
		return
	case r.Header.Get("Upgrade") == "websocket":
		upgrade(w)
		return
	}
	fmt.Fprintf(w, "%s %s\n", r.Method, r.URL.RequestURI())
	fmt.Fprintf(w, "Host: %s\n", r.Host)
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		fmt.Fprintf(w, "%s: %s\n", name, strings.Join(r.Header[name], ", "))
	}
	if size := r.URL.Query().Get("size"); size != "" {
		fmt.Fprint(w, strings.Repeat("text ", len(size)*200))
	}
}

// upgrade answers each line that comes with the same line.
func upgrade(w http.ResponseWriter) {
	c, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer c.Close()
	_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
	lines := bufio.NewReader(rw)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return
		}
		_, _ = io.WriteString(c, line)
	}
}
