package caddyfile_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/mlfmonde/cluster/handler/edge/caddyfile"
)

// body reads a text that is good and gives the lines of its sites.
func body(t *testing.T, text string) string {
	t.Helper()
	f, problems := caddyfile.Read(text, own)
	if len(problems) > 0 {
		t.Fatalf("%q: %v", text, problems)
	}
	return f.String()
}

func TestRead_Addresses(t *testing.T) {
	for text, want := range map[string][]string{
		"https://A.Example.com {\n}":                                   {"https://a.example.com"},
		"https://a.example.com:443/, http://a.example.com:80 {\n}":     {"https://a.example.com", "http://a.example.com"},
		"https://a.b https://c.d,\n   ,https://e.f\t, http://g.h {\n}": {"https://a.b", "https://c.d", "https://e.f", "http://g.h"},
		"\ufeffhttp://a.b:8080 {\n}":                                   {"http://a.b:8080"},
		"http://*.a.b {\r\n}\r\n":                                      {"http://*.a.b"},
		"http://a.b/x {\n}":                                            {"http://a.b/x*"}, // v1: everything below
		"http://a.b/x {\n encode\n}":                                   {"http://a.b/x"},
		"http://a.b/x* {\n}":                                           {"http://a.b/x*"},
	} {
		f, problems := caddyfile.Read(text, own)
		if len(problems) > 0 || len(f.Sites) != 1 || !slices.Equal(f.Sites[0].Addresses, want) {
			t.Errorf("%q: %+v %v, want %q", text, f.Sites, problems, want)
		}
	}
	f, _ := caddyfile.Read("https://a.b, http://a.b:81/x {\n}", own)
	if got := f.Sites[0].Domains(); !slices.Equal(got, []string{"a.b", "a.b:81"}) {
		t.Errorf("domains %q", got)
	}
}

// One line that only v2 has makes a text v2; what both have means what v1 meant.
func TestRead_Syntax(t *testing.T) {
	for text, want := range map[string]string{
		"redir https://b.c{uri}":           "redir https://b.c{uri} 301\n",
		"redir https://b.c{uri}\n encode":  "redir https://b.c{uri}\n",
		"redir https://b.c{uri} permanent": "redir https://b.c{uri} permanent\n",
		"redir /x /y":                      "redir /x /y 301\n",
		"header / X y":                     "header {\n        X y\n        defer\n",
		"header X y":                       "header X y\n",
		"rewrite ^/a$ /b":                  "rewrite @rewrite1 /b\n",
		"rewrite * /b":                     "rewrite * /b\n",
		"root /srv/x":                      "    root * /srv/x\n    file_server\n",
		"root * /srv/x\n file_server":      "    root * /srv/x\n    file_server\n",
		"tls self_signed":                  "tls internal\n",
		"tls internal\n respond ok":        "tls internal\n",
		"basicauth /x alice secret":        "header Authorization \"Basic YWxpY2U6c2VjcmV0\"\n",
		"basicauth {\n a $2a$14$" + strings.Repeat("a", 53) + "\n }": "basic_auth {\n",
		"header / X 'a b'":                   "X \"a b\"\n",
		"header X 'self'":                    "header X \"'self'\"\n",
		"respond `a \"b`":                    "respond \"a \\\"b\"\n",
		"respond \"it's\" # and this is not": "respond it's\n",
		"reverse_proxy \\\n http://ct":       "reverse_proxy ct:80 {\n",
		"proxy\t/x\tct:8001-8003":            "reverse_proxy /x* ct:8001 ct:8002 ct:8003 {\n",
		"reverse_proxy ct {\n header_up +X (\n header_up Y ^a(.*)$ b$1\n }": "header_up +X (\n        header_up Y ^a(.*)$ b$1\n",
		"file_server": "root * /srv\n",
		"header / X '{>User-Agent} {remote} {?q} {~c} {host}'": "X \"{header.User-Agent} {remote_host} {query.q} {cookie.c} {hostport}\"\n",
		"header / X {uri}\n rewrite ^/a$ /b{uri}":              "X {orig_uri}\n",
		"log / stdout {combined}":                              "respond 404\n",
	} {
		if got := body(t, in(text)); !strings.Contains(got, want) {
			t.Errorf("%q becomes\n%s\nwithout %q", text, got, want)
		}
	}
	if _, problems := caddyfile.Read("http://a.b {\n gzip\n}\nhttp://c.d {\n encode\n}\n", own); len(problems) != 1 || problems[0].Line != 2 {
		t.Errorf("two syntaxes: %v", problems)
	}
}

// What the site says itself is kept, and never said twice.
func TestRead_Defaults(t *testing.T) {
	for text, want := range map[string]string{
		"reverse_proxy ct:80": "    encode zstd gzip\n    reverse_proxy ct:80 {\n        header_up X-Real-IP {remote_host}\n        stream_close_delay 24h\n        transport http {\n            response_header_timeout 300s\n        }\n    }\n" +
			"    log {\n        output stdout\n        format json\n    }\n",
		"encode gzip\n reverse_proxy ct:80 {\n header_up x-real-ip {client_ip}\n stream_close_delay 1m\n transport http {\n response_header_timeout 5s\n }\n }\n log": "    encode gzip\n    reverse_proxy ct:80 {\n        header_up x-real-ip {client_ip}\n" +
			"        stream_close_delay 1m\n        transport http {\n            response_header_timeout 5s\n        }\n    }\n    log {\n        output stdout\n        format json\n    }\n",
		"proxy / ct:80\n timeouts none":                       "response_header_timeout 0\n",
		"timeouts {\n write 1m\n read 2s\n }\n proxy / ct:80": "response_header_timeout 1m\n",
	} {
		if got := body(t, in(text)); !strings.Contains(got, want) {
			t.Errorf("%q becomes\n%s\nwithout\n%s", text, got, want)
		}
	}
	for text, want := range map[string]string{
		"proxy / https://ct":                              "certificate is verified",
		"log /var/log/x":                                  "standard output",
		"timeouts {\n idle 1m\n }":                        "idle is the server's",
		"basicauth / alice secret":                        "can be read in the record",
		"log {\n output stdout\n level ERROR\n }\n abort": "level is ignored",
	} {
		f, problems := caddyfile.Read(in(text), own)
		if len(problems) > 0 || len(f.Warnings) != 1 || !strings.Contains(f.Warnings[0].Error(), want) {
			t.Errorf("%q: %v %v, want %q", text, problems, f.Warnings, want)
		}
	}
}

// A text that is refused gives nothing to write, but who it wanted to be.
func TestRead_RefusedHasAddressesOnly(t *testing.T) {
	f, problems := caddyfile.Read(in("reverse_proxy evil:80"), own)
	if len(problems) != 1 || len(f.Sites) != 1 || f.String() != "https://a.example.com {\n}" {
		t.Errorf("%v %s", problems, f)
	}
}
