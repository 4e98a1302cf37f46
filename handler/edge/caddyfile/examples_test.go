package caddyfile_test

import (
	"bufio"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mlfmonde/cluster/fixtures"
	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/edge/caddyfile"
	"github.com/mlfmonde/cluster/handler/inspect"
)

// ask is one request and what must come back.
type ask struct {
	request string   // method, when it is not GET, and URL
	with    []string // header fields; Authorization as user:password
	status  int
	says    []string // how lines of the answer begin
	holds   string   // what else it has
	lacks   []string // texts that it does not have
	fields  []string // header fields of the answer; one without value must not be there
}

// behaviour is what each example of the table does in v1, by its title.
func behaviour() map[string][]ask {
	all := map[string][]ask{}
	for _, part := range []map[string][]ask{proxying(), redirecting(), others()} {
		maps.Copy(all, part)
	}
	return all
}

func proxying() map[string][]ask {
	return map[string][]ask{
		"proxy": {
			{request: "http://proxy.example.com/a/b?c=d", status: 200, says: []string{"GET /a/b?c=d", "Host: proxy.example.com", "X-Real-Ip: 127.0.0.1", "X-Forwarded-For: 127.0.0.1", "X-Forwarded-Proto: http", "X-Forwarded-Host: proxy.example.com"}},
			{request: "http://proxy.example.com/", with: []string{"X-Real-IP: 192.0.2.1", "X-Forwarded-For: 192.0.2.1"}, status: 200, lacks: []string{"192.0.2.1"}},
			{request: "POST http://proxy.example.com/form", status: 200, says: []string{"POST /form"}},
		},
		"the longest path decides": {
			{request: "http://longest.example.com/x?y", status: 200, says: []string{"GET /front/x?y"}},
			{request: "http://longest.example.com/api/x", status: 200, says: []string{"GET /api/x"}},
			{request: "http://longest.example.com/apix", status: 200, says: []string{"GET /apix"}},
			{request: "http://longest.example.com/api/v2/x?y=1", status: 200, says: []string{"GET /x?y=1"}},
			{request: "http://longest.example.com/api/v2", status: 200, says: []string{"GET /"}},
		},
		"only below a path, with exceptions": {
			{request: "http://except.example.com/app/x", status: 200, says: []string{"GET /app/x"}},
			{request: "http://except.example.com/app/static/x", status: 404},
			{request: "http://except.example.com/app/robots.txt", status: 404},
			{request: "http://except.example.com/other", status: 404},
		},
		"header fields of request and answer": {
			{request: "http://fields.example.com/", with: []string{"Cookie: a=b"}, status: 200, says: []string{"X-Site: fields.example.com"}, lacks: []string{"Cookie"}, fields: []string{"X-From: cluster", "X-Powered-By: container"}},
		},
		"an https container":                  {{request: "http://secure.example.com/x", status: 200, says: []string{"GET /x", "Host: secure.example.com"}}},
		"an https container that is verified": {{request: "http://verified.example.com/x", status: 502}},
		"several containers": {
			{request: "http://several.example.com/1", status: 200, says: []string{"GET /1"}}, {request: "http://several.example.com/2", status: 200, says: []string{"GET /2"}},
			{request: "http://several.example.com/3", status: 200, says: []string{"GET /3"}},
		},
		"health checks": {{request: "http://health.example.com/x", status: 200, says: []string{"GET /x"}}},
	}
}

func redirecting() map[string][]ask {
	const proto = "X-Forwarded-Proto: "
	return map[string][]ask{
		"redirect everything, keep no path": {
			{request: "http://www.example.com/a?b", status: 301, fields: []string{"Location: http://redir.example.com"}},
		},
		"keep the path": {{request: "http://redir-uri.example.com/a?b", status: 302, fields: []string{"Location: https://redir.example.com/a?b"}}},
		"redirect single paths": {
			{request: "http://redir-paths.example.com/old", status: 301, fields: []string{"Location: /new"}},
			{request: "http://redir-paths.example.com/old/x", status: 200, says: []string{"GET /old/x"}},
			{request: "http://redir-paths.example.com/one", status: 307, fields: []string{"Location: /1"}},
			{request: "http://redir-paths.example.com/two", status: 308, fields: []string{"Location: /2"}},
		},
		"redirect on conditions": {
			{request: "http://redir-if.example.com/a", with: []string{proto + "http"}, status: 301, fields: []string{"Location: https://redir-if.example.com/a"}},
			{request: "http://redir-if.example.com/health/a", with: []string{proto + "http"}, status: 200},
			{request: "http://redir-if.example.com/a", with: []string{proto + "https"}, status: 200},
			{request: "http://redir-if.example.com/a", status: 200},
		},
		"redirect on one condition of several": {
			{request: "http://redir-or.example.com/a.php", status: 303, fields: []string{"Location: /gone"}},
			{request: "http://redir-or.example.com/a?x=1&debug=1", status: 303},
			{request: "http://redir-or.example.com/a", with: []string{"Cookie: old=12"}, status: 303},
			{request: "http://redir-or.example.com/a", with: []string{"Cookie: old=x"}, status: 200},
		},
		"a page that redirects": {{request: "http://redir-meta.example.com/a", status: 200, holds: "http://redir.example.com/"}},
		"rewrite": {
			{request: "http://rewrite.example.com/old?a=b", status: 200, says: []string{"GET /new?a=b"}, fields: []string{"X-Asked: /old"}},
			{request: "http://rewrite.example.com/older", status: 200, says: []string{"GET /older"}},
			{request: "http://rewrite.example.com/archive/2001/x", status: 200, says: []string{"GET /a/x?year=2001"}},
		},
		"rewrite below a path": {
			{request: "http://rewrite-base.example.com/shop/item-12", status: 200, says: []string{"GET /item?id=12"}},
			{request: "POST http://rewrite-base.example.com/shop/item-12", status: 200, says: []string{"POST /shop/item-12"}},
			{request: "http://rewrite-base.example.com/item-12", status: 200, says: []string{"GET /item-12"}},
			{request: "http://rewrite-base.example.com/x/y.htm", status: 200, says: []string{"GET /page"}},
		},
	}
}

func others() map[string][]ask {
	zip := []string{"Accept-Encoding: gzip"}
	return map[string][]ask{
		"gzip everything": {
			{request: "http://gzip.example.com/x?size=1", with: zip, status: 200, fields: []string{"Content-Encoding: gzip"}},
			{request: "http://gzip.example.com/x?size=1", status: 200, says: []string{"GET /x?size=1"}, fields: []string{"Content-Encoding"}},
		},
		"gzip with limits": {
			{request: "http://gzip-limits.example.com/x.txt?size=1", with: zip, status: 200, fields: []string{"Content-Encoding: gzip"}},
			{request: "http://gzip-limits.example.com/x?size=1", with: zip, status: 200, fields: []string{"Content-Encoding"}},
			{request: "http://gzip-limits.example.com/raw/x.txt?size=1", with: zip, status: 200, fields: []string{"Content-Encoding"}},
		},
		"a container that takes too long": {{request: "http://timeouts.example.com/never", status: 504}, {request: "http://timeouts.example.com/x", status: 200}},
		"log":                             {{request: "http://log.example.com/x", status: 200, says: []string{"GET /x"}}},
		"a certificate for development":   {{request: "https://tls.example.com/x", status: 200, says: []string{"GET /x", "X-Forwarded-Proto: https"}}},
		"tls off":                         {{request: "http://tls-off.example.com/x", status: 200, says: []string{"GET /x"}}},
		"header fields": {
			{request: "http://header.example.com/api/x", status: 200, fields: []string{"X-Frame-Options: DENY", "X-Powered-By", "X-Path: /api/x", "X-All: yes"}},
			{request: "http://header.example.com/x", status: 200, fields: []string{"X-Frame-Options: SAMEORIGIN", "X-Powered-By: container", "X-Path", "X-All: yes"}},
		},
		"basicauth below a path": {
			{request: "http://basicauth.example.com/x", status: 200},
			{request: "http://basicauth.example.com/admin/x", status: 401, fields: []string{`Www-Authenticate: Basic realm="Staff"`}, lacks: []string{"GET /admin"}},
			{request: "OPTIONS http://basicauth.example.com/admin/x", status: 200},
			{request: "http://basicauth.example.com/admin/x", with: []string{"Authorization: alice:secret"}, status: 200, says: []string{"GET /admin/x"}},
			{request: "http://basicauth.example.com/admin/x", with: []string{"Authorization: alice:wrong"}, status: 401},
			{request: "http://basicauth.example.com/admin/x", with: []string{"Authorization: bob:two words"}, status: 401},
			{request: "http://basicauth.example.com/admin/open", with: []string{"Authorization: bob:two words"}, status: 200},
			{request: "http://basicauth.example.com/admin/open", with: []string{"Authorization: alice:secret"}, status: 200},
			{request: "http://basicauth.example.com/staff", with: []string{"Authorization: alice:secret"}, status: 401},
		},
		"files": {
			{request: "http://root.example.com/a.txt", status: 200, says: []string{"a file"}}, {request: "http://root.example.com/b.txt", status: 404},
			{request: "http://root.example.com/../caddy.json", status: 404}, {request: "http://root.example.com/api/x", status: 200, says: []string{"GET /api/x"}},
		},
		"status": {
			{request: "http://status.example.com/.git/HEAD", status: 404}, {request: "http://status.example.com/private/x", status: 403},
			{request: "http://status.example.com/.git/config", status: 403}, {request: "http://status.example.com/x", status: 200},
		},
	}
}

// examples are the texts of the table, read for a container called ct.
func examples(t *testing.T) (titles []string, files map[string]caddyfile.File) {
	t.Helper()
	files = map[string]caddyfile.File{}
	for _, e := range caddyfile.Table() {
		for _, x := range e.Examples {
			f, problems := caddyfile.Read(strings.ReplaceAll(x.Text, "$CONTAINER", "ct"), own)
			if len(problems) > 0 {
				t.Fatalf("%s: %v", x.Title, problems)
			}
			titles = append(titles, x.Title)
			files[x.Title] = f
		}
	}
	return titles, files
}

var own = caddyfile.Options{Upstreams: []string{"ct"}}

// Each example of the table does on a real Caddy what it did on the old one. The
// texts of the applications stand beside them.
func TestExamples_OnRealCaddy(t *testing.T) {
	w := newWorld(t)
	titles, files := examples(t)
	var texts []string
	for _, title := range titles {
		texts = append(texts, files[title].String())
	}
	for _, name := range slices.Sorted(maps.Keys(applications(t))) {
		text := applications(t)[name]
		if err := w.validate(text); err != nil {
			t.Errorf("Caddy does not take the text of %s: %v\n%s", name, err, text)
		}
	}
	modern, problems := caddyfile.Read("http://modern.example.com {\n    reverse_proxy $CONTAINER:80\n}\n", caddyfile.Options{Upstreams: []string{"$CONTAINER"}})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	w.serve(strings.Join(append(texts, strings.ReplaceAll(modern.String(), "$CONTAINER", "ct")), "\n"))
	expected := behaviour()
	for _, title := range titles {
		t.Run(title, func(t *testing.T) {
			if len(expected[title]) == 0 {
				t.Fatal("nothing is known of what this example does")
			}
			for _, a := range expected[title] {
				for _, wrong := range w.check(a) {
					t.Errorf("%s: %s", a.request, wrong)
				}
			}
			if t.Failed() {
				t.Log(files[title])
			}
		})
	}
	t.Run("v2 has the same defaults", func(t *testing.T) {
		for _, wrong := range w.check(ask{request: "http://modern.example.com/x?size=1", with: []string{"Accept-Encoding: gzip"}, status: 200, fields: []string{"Content-Encoding: gzip"}}) {
			t.Error(wrong)
		}
		for _, wrong := range w.check(ask{request: "http://modern.example.com/x", status: 200, says: []string{"X-Real-Ip: 127.0.0.1", "Host: modern.example.com"}}) {
			t.Error(wrong)
		}
	})
	t.Run("health checks are made", func(t *testing.T) { await(t, "nobody asked", func() bool { return w.asked.Load() > 0 }) })
	t.Run("access log", func(t *testing.T) { w.accessLog(t) })
	t.Run("websocket", func(t *testing.T) { w.websocket(t, "proxy.example.com") })
	if len(expected) != len(titles) {
		t.Errorf("%d examples and %d behaviours", len(titles), len(expected))
	}
}

// check asks once and says what is wrong with the answer.
func (w *world) check(a ask) (wrong []string) {
	resp, body, err := w.ask(a)
	if err != nil {
		return []string{err.Error()}
	}
	if resp.StatusCode != a.status {
		wrong = append(wrong, fmt.Sprintf("status %d, want %d", resp.StatusCode, a.status))
	}
	for _, line := range a.says {
		if !strings.Contains("\n"+body, "\n"+line) {
			wrong = append(wrong, fmt.Sprintf("no %q in %q", line, body))
		}
	}
	if !strings.Contains(body, a.holds) {
		wrong = append(wrong, fmt.Sprintf("no %q in %q", a.holds, body))
	}
	for _, text := range a.lacks {
		if strings.Contains(body, text) {
			wrong = append(wrong, fmt.Sprintf("%q in %q", text, body))
		}
	}
	for _, f := range a.fields {
		name, value, _ := strings.Cut(f, ": ")
		if got := strings.Join(resp.Header.Values(name), ", "); got != value {
			wrong = append(wrong, fmt.Sprintf("%s is %q, want %q", name, got, value))
		}
	}
	return wrong
}

// accessLog finds the facts that the log of v1 had in what Caddy writes.
func (w *world) accessLog(t *testing.T) {
	for _, host := range []string{"proxy.example.com", "modern.example.com"} {
		if wrong := w.check(ask{request: "POST http://" + host + "/logged?a=b", with: []string{"Referer: http://from.example.com/", "User-Agent: a client"}, status: 200}); len(wrong) > 0 {
			t.Fatal(wrong)
		}
		line := w.logged(t, `"host":"`+host+`"`, `"uri":"/logged?a=b"`)
		for _, fact := range []string{`"remote_ip":"127.0.0.1"`, `"method":"POST"`, `"proto":"HTTP/1.1"`, `"status":200`, `"size":`, `"user_id":""`, `"ts":`, `"Referer":["http://from.example.com/"]`, `"User-Agent":["a client"]`} {
			if !strings.Contains(line, fact) {
				t.Errorf("no %s in %s", fact, line)
			}
		}
	}
}

// logged waits for a line of the access log.
func (w *world) logged(t *testing.T, parts ...string) (line string) {
	t.Helper()
	await(t, fmt.Sprintf("no line with %q in the access log", parts), func() bool {
		lines := w.out.lines()
		i := slices.IndexFunc(lines, func(line string) bool {
			return !slices.ContainsFunc(parts, func(p string) bool { return !strings.Contains(line, p) })
		})
		if i >= 0 {
			line = lines[i]
		}
		return i >= 0
	})
	return line
}

// websocket talks through an upgraded connection.
func (w *world) websocket(t *testing.T, host string) {
	c, err := net.DialTimeout("tcp", w.plain, patience)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	_, _ = fmt.Fprintf(c, "GET /socket HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", host)
	r := bufio.NewReader(c)
	if line, err := r.ReadString('\n'); err != nil || !strings.Contains(line, "101") {
		t.Fatalf("%q %v", line, err)
	}
	for line := ""; line != "\r\n"; {
		if line, err = r.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
	_, _ = io.WriteString(c, "hello\n")
	if line, err := r.ReadString('\n'); line != "hello\n" {
		t.Errorf("%q %v", line, err)
	}
}

// applications are the texts of the good applications of the fixtures.
func applications(t *testing.T) map[string]string {
	t.Helper()
	list, err := fs.ReadDir(fixtures.Apps(), "good")
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{}
	for _, entry := range list {
		a, err := app.Parse("https://git.example.com/team/"+entry.Name(), "master")
		if err != nil {
			t.Fatal(err)
		}
		in := inspect.Input{App: a, Files: map[string][]byte{}, Seq: 1, ID: "op", Drivers: []string{"anybox/buttervolume", "ccomb/buttervolume"}}
		sub, err := fs.Sub(fixtures.Apps(), "good/"+entry.Name())
		if err != nil {
			t.Fatal(err)
		}
		err = fs.WalkDir(sub, ".", func(path string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() && inspect.Wants(path) {
				in.Files[path], err = fs.ReadFile(sub, path)
			}
			return err
		})
		if r := inspect.Inspect(in); err != nil || len(r.Refused) > 0 {
			t.Fatalf("%s: %v %v", entry.Name(), err, r.Refused)
		} else if r.Record.Caddyfile != "" {
			texts[entry.Name()] = r.Record.Caddyfile
		}
	}
	return texts
}
