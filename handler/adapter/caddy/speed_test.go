package caddy_test

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mlfmonde/cluster/handler/edge"
)

// many are n apps as they usually are, of which one has been changed to say v.
func many(n int, scheme string, v int) []edge.Site {
	var sites []edge.Site
	for i := range n {
		name, header, answer := fmt.Sprintf("app%04d", i), 0, ""
		switch i {
		case n / 2:
			header = v
		case 0, n - 1:
			answer = "respond hello"
		}
		sites = append(sites, edge.Site{App: name, Mode: edge.Serve, Standby: standby(name, scheme), Text: fmt.Sprintf(`%[3]s%[1]s.example.com {
	log {
		output discard
	}
	encode gzip zstd
	header Version %[2]d
	%[4]s
	reverse_proxy %[1]s_web_1:80 {
		stream_close_delay 24h
		header_up X-Real-IP {http.request.remote.host}
	}
}
`, name, header, scheme, answer)})
	}
	return sites
}

// standby is what holds the requests of an app, as the edge writes it.
func standby(name, scheme string) string {
	tls := ""
	if scheme == "https://" {
		tls = "tls\n\t\t\t\t\ttls_server_name {http.request.host}\n\t\t\t\t\tversions 1.1\n"
	}
	return fmt.Sprintf(`%[2]s%[1]s.example.com {
	log {
		output discard
	}
	reverse_proxy unix//run/cluster/edge/hold.sock {
		method GET
		rewrite /hold/%[1]s?
		header_up -*
		header_up Host {http.request.host}
		lb_retries 20
		lb_try_interval 250ms
		@go status 200
		handle_response @go {
			reverse_proxy {rp.header.Cluster-Target} {
				header_up Host {http.request.hostport}
				stream_close_delay 24h
				lb_try_duration 5s
				lb_try_interval 250ms
				transport http {
					proxy_protocol v2
					%[3]s
					keepalive off
				}
			}
		}
	}
	handle_errors {
		header Retry-After 5
		respond "back in a moment" 503
	}
}
`, name, scheme, tls)
}

// The whole of a publication, from the changed text until Caddy has answered
// that it runs, and what a request costs beside 2,000 apps.
func BenchmarkApply_OneChangeOf2000(b *testing.B) {
	if testing.Short() {
		b.Skip("a real Caddy is started only without -short")
	}
	for _, scheme := range []string{"http://", "https://"} {
		b.Run(scheme[:len(scheme)-3], func(b *testing.B) {
			r := newCaddy(b, b.TempDir())
			p := r.publisher()
			began := time.Now()
			if left, err := p.Apply(b.Context(), many(2000, scheme, 0)); err != nil || len(left) > 0 {
				b.Fatal(len(left), err)
			}
			first := time.Since(began)
			last := scheme + "app1999.example.com/"
			client := r.client("")
			eventually(b, last, func() error {
				_, _, err := get(client, last)
				if all, _ := os.ReadDir(filepath.Join(r.dir, "storage", "certificates", "local")); scheme == "https://" && len(all) < 2000 {
					err = fmt.Errorf("%d certificates of 2000", len(all))
				}
				return err
			})
			v, theirs, ours := 1, r.processor(), processor("self")
			for b.Loop() {
				if left, err := p.Apply(b.Context(), many(2000, scheme, v)); err != nil || len(left) > 0 {
					b.Fatal(left, err)
				}
				v++
			}
			b.ReportMetric(float64(first.Milliseconds()), "ms-first")
			b.ReportMetric(float64(r.processor()-theirs)/float64(b.N), "ms-of-caddy/op")
			b.ReportMetric(float64(processor("self")-ours)/float64(b.N), "ms-of-ours/op")
			client.Transport.(*http.Transport).DisableKeepAlives = false
			for name, url := range map[string]string{"us-first-app": scheme + "app0000.example.com/", "us-last-app": last} {
				began = time.Now()
				for range 200 {
					if _, _, err := get(client, url); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(time.Since(began).Microseconds())/200, name)
			}
		})
	}
}

// processor is the time that Caddy has had of a processor, in milliseconds: what
// a publication takes where nothing else runs.
func (r *real) processor() int { return processor(strconv.Itoa(r.process.Process.Pid)) }

func processor(process string) int {
	text, _ := os.ReadFile("/proc/" + process + "/stat")
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return (user + system) * 10
}

// What the gate of an app costs each of its requests: a look for a file.
func BenchmarkRequest(b *testing.B) {
	if testing.Short() {
		b.Skip("a real Caddy is started only without -short")
	}
	for _, c := range []struct{ name, standby string }{{"open", ""}, {"gate", "http://one.example.com {\n\trespond held\n}\n"}} {
		b.Run(c.name, func(b *testing.B) {
			r := newCaddy(b, b.TempDir())
			site := edge.Site{App: "one", Mode: edge.Serve, Text: "http://one.example.com {\n\trespond served\n}\n", Standby: c.standby}
			if left, err := r.publisher().Apply(b.Context(), []edge.Site{site}); err != nil || len(left) > 0 {
				b.Fatal(left, err)
			}
			client := r.client("")
			client.Transport.(*http.Transport).DisableKeepAlives = false
			for b.Loop() {
				if _, _, err := get(client, "http://one.example.com/"); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
