package caddyfile_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/mlfmonde/cluster/handler/edge/caddyfile"
)

// in is a site with one line, which is line 2.
func in(line string) string { return "https://a.example.com {\n    " + line + "\n}\n" }

// v2 is the same with a line of v2 after it.
func v2(line string) string { return in(line + "\n    encode") }

// Each text has one thing wrong with it, and is told where, why and what to
// write instead.
func TestRead_Problems(t *testing.T) {
	for text, want := range map[string]string{
		// the shape of a text
		"https://a.example.com {\n    gzip\n":                        "line 2: the block of line 1 is not closed; write }",
		"https://a.example.com {\n gzip {\n level 1\n}\n":            "line 4: the block of line 1 is not closed",
		"https://a.example.com {\n}\n}\n":                            "line 3: a closing brace too many",
		"https://a.example.com{\n}\n":                                "line 1: a space is missing before the brace; write https://a.example.com {",
		"https://a.example.com\n{\n}\n":                              "line 1: an address needs an opening brace at the end of its line",
		"https://a.example.com { gzip }\n":                           "line 1: a brace must end the line",
		in(`log / stdout "{combined}`):                               "line 2: a quote is not closed on its line",
		in("respond <<EOF\nx\nEOF"):                                  "line 2: heredocs are not allowed",
		"https://a.example.com {\n    header / X \"\x07\"\n}":        "line 2: a control character",
		"https://a.example.com {\n}\nhttps://b.example.com,\n":       "line 3: addresses without a block",
		strings.Repeat("https://a.example.com {\n", 40):              "nested deeper than 32 levels",
		"https://a.example.com {\n gzip {\n  level {\n x\n }\n }\n}": "line 3: the option level of gzip has no block",
		// addresses
		"{\n    admin :2019\n}\n":                                   "line 1: a block has no address; options for the whole server",
		"(common) {\n    gzip\n}\n":                                 "line 1: snippets and named routes are not allowed",
		"&(common) {\n    gzip\n}\n":                                "line 1: snippets and named routes are not allowed",
		"import /etc/hosts\n":                                       "line 1: import reads another file",
		"import /etc/hosts {\n}\n":                                  "line 1: import reads another file",
		"a.example.com {\n}\n":                                      "has no domain; write http:// or https://",
		":80 {\n}\n":                                                "has no domain; write http:// or https://",
		"https:// {\n}\n":                                           "has no domain",
		"http://* {\n}\n":                                           "is not a domain",
		"http://a.*.com {\n}\n":                                     "is not a domain",
		"ftp://a.example.com {\n}\n":                                "neither http:// nor https://",
		"https://{$DOMAIN} {\n}\n":                                  "is not a URL; a domain is written out",
		"https://{env.DOMAIN} {\n}\n":                               "is not a URL",
		"https://a.example.com:80 {\n}\n":                           "port 80 is not https",
		"https://a.example.com/{file./etc/passwd} {\n}\n":           "is not a URL",
		"https://a.example.com, https://A.example.com:443 {\n}\n":   "line 1: address https://A.example.com:443 is there twice",
		"https://a.example.com {\n}\nhttps://a.example.com/ {\n}\n": "line 3: address https://a.example.com/ is there twice",
		// what no syntax may say
		in("import common"):                     "line 2: the directive import is not allowed; write its lines here",
		v2("import common"):                     "line 2: the directive import reads another file or a snippet",
		v2("header {\n import /etc/passwd\n }"): "line 3: the option import of header reads another file",
		v2("bind 0.0.0.0"):                      "line 2: the directive bind takes an address of the node; write nothing",
		in("bind 127.0.0.1"):                    "line 2: the directive bind of Caddy v1 is not translated",
		v2("templates"):                         "reaches into the machine of the proxy",
		v2("php_fastcgi ct:9000"):               "needs the app's files beside the proxy; write reverse_proxy",
		v2(`"reverse_proxy" ct:80`):             "is in quotes",
		v2("nonsense"):                          "line 2: the directive nonsense is not one that is allowed; write a directive of docs/caddyfile.md",
		in("nonsense"):                          "line 2: the directive nonsense is not one that is allowed",
		in("browse"):                            "line 2: the directive browse of Caddy v1 is not translated; write file_server browse in v2",
		in("fastcgi / ct:9000 php"):             "not translated; write reverse_proxy to a web server",
		in("proxy / ct:80") + "https://b.example.com {\n encode\n}\n": "line 2: the directive proxy is of Caddy v1, and the text has lines of v2; write reverse_proxy",
		in("gzip\n reverse_proxy ct:80"):                              "line 3: reverse_proxy is of Caddy v2, and the text has lines of v1; write the whole text",
		in("header / X {$SECRET}"):                                    "line 2: {$…} is filled in from the environment of the proxy",
		v2("respond {$SECRET}"):                                       "line 2: {$…} is filled in from the environment of the proxy",
		in("header / X {env.SECRET}"):                                 "{env.SECRET} reads from the machine of the proxy",
		v2("respond {env.SECRET}"):                                    "{env.SECRET} reads from the machine of the proxy",
		v2("respond {file./etc/passwd}"):                              "{file./etc/passwd} reads from the machine of the proxy",
		v2("respond {http.vars.root}"):                                "{http.vars.root} is not a placeholder that is allowed",
		v2("respond {{env.SECRET}}"):                                  "{env.SECRET} reads from the machine",
		v2("respond \\{env.SECRET}"):                                  "{env.SECRET} reads from the machine",
		v2("respond {hostonly}"):                                      "{hostonly} is a placeholder of Caddy v1; write {host}",
		v2("redir https://b.example.com{>X-Path}"):                    "{>X-Path} is a placeholder of Caddy v1; write {header.X-Path}",
		v2(`respond "{\"a\": 1}"`):                                    "is not a placeholder that is allowed",
		v2("@a expression `true`\n respond @a 404"):                   "the condition expression can read what is not the app's",
		v2("@a `true`\n respond @a 404"):                              "is not one that is allowed",
		v2("@a file /etc/passwd\n respond @a 404"):                    "the condition file is not one that is allowed",
		v2("respond @b 404"):                                          "the matcher @b is not defined in this site",
		v2("log {\n output file /var/log/x\n }"):                      "line 3: log output file /var/log/x is not allowed",
		v2("log {\n output net 192.0.2.1:514\n }"):                    "log output net 192.0.2.1:514 is not allowed",
		v2("root * /etc"):                                             `line 2: "/etc" is outside /srv`,
		in("root /etc"):                                               `line 2: "/etc" is outside /srv`,
		v2("root * /srv/../etc"):                                      "is outside /srv",
		v2("file_server {\n root /\n }"):                              `line 3: "/" is outside /srv`,
		v2("tls /etc/a.crt /etc/a.key"):                               "tls has 2 arguments; write tls internal",
		in("tls /etc/a.crt /etc/a.key"):                               "tls with a certificate of its own is not allowed",
		in("tls off"):                                                 "tls off on an https address; write the address with http://",
		v2("tls {\n client_auth {\n mode require\n }\n }"):            "reads files of the proxy, or is the operator's to set",
		v2("tls {\n on_demand\n }"):                                   "lets anybody ask for certificates",
		in("basicauth alice htpasswd=/etc/passwd"):                    "reads no file",
		v2("basic_auth {\n alice secret\n }"):                         `"secret" is not a password hash; write the output of caddy hash-password`,
		in("rewrite {\n regexp (\n to /\n }"):                         `"(" is not a regular expression`,
		in("redir / https://b.example.com 200"):                       `"200" is not the status of a redirect`,
		in("gzip {\n level\n }"):                                      "line 3: the option level of gzip has 0 arguments",
		in("proxy / ct:80 {\n ca_certificates /x\n }"):                "line 3: the option ca_certificates of proxy is not translated; write insecure_skip_verify",
		in("proxy / ct:80 {\n policy nonsense\n }"):                   `"nonsense" is not allowed here`,
		in("timeouts forever"):                                        `"forever" is not a time`,
		in("header / \"X: y\\nZ\" 1"):                                 "is not a header field",
		v2("reverse_proxy ct:80 {\n transport fastcgi\n }"):           `"fastcgi" is not allowed here; write http`,
		v2("reverse_proxy ct:80 {\n dynamic a ct 80\n }"):             "the option dynamic of reverse_proxy reaches more than the app's own containers",
		v2("reverse_proxy ct:80 {\n health_upstream b:1\n }"):         "reaches more than the app's own containers",
		v2("reverse_proxy ct:80 {\n transport http {\n tls_trusted_ca_certs /x\n }\n }"): "line 4: the option tls_trusted_ca_certs of transport reads files of the proxy",
		v2("reverse_proxy ct:80 {\n header_upstream X y\n }"):                            "is of Caddy v1; write header_up",
		v2("header X ( y"):                                 `"(" is not a regular expression`,
		v2("header {\n X ( y\n }"):                         `line 3: "(" is not a regular expression`,
		v2("reverse_proxy ct {\n header_up X ( y\n }"):     `line 3: "(" is not a regular expression`,
		v2("handle {\n tls internal\n }"):                  "line 3: tls belongs to the site as a whole",
		v2("reverse_proxy ct {\n lb_try_interval 1ns\n }"): `"1ns" is shorter than 10ms`,
		v2("reverse_proxy ct {\n request_buffers 1GB\n }"): `"1GB" is not a size up to 9999KB`,
		v2("reverse_proxy"):                                "reverse_proxy says nothing",
	} {
		_, problems := caddyfile.Read(text, own)
		switch {
		case len(problems) != 1:
			t.Errorf("%q has %d problems, want one: %v", text, len(problems), problems)
		case !strings.Contains(problems[0].Error(), want):
			t.Errorf("%q: %s\nwant %s", text, problems[0], want)
		}
	}
}

// A proxy reaches nothing but the app's own containers, whatever the spelling,
// and also when the record lists what can be no container.
func TestRead_ProxiesReachOwnContainersOnly(t *testing.T) {
	for _, to := range []string{
		"127.0.0.1:80", "http://127.0.0.1:2019", "localhost:2019", "LOCALHOST:80", "[::1]:2019", "::1", ":2019", ":80", "0.0.0.0:80", "169.254.169.254:80", "http://169.254.169.254/latest",
		"consul:8500", "other-web-1:80", "ct.evil.example.com:80", "evil.example.com:80", "ct@evil.example.com:80", "ct:80@evil.example.com", "ct:80,evil:80", "http://ct:80#@evil", "CT:80",
		"unix//run/docker.sock", "unix:/run/docker.sock", "unix+h2c//run/x", "fd/3", "srv+http://ct", "srv://ct", "tcp/ct:80", "udp/ct:80", "quic://ct:80", "file:///etc/passwd",
		"{header.X}:80", "ct:{header.X}", "{env.HOST}:80", "http://{host}:80", "ct:80-90000", "ct:0", "ct:65536", "ct:080", "ct:http", "ct:", "2130706433:80", "0x7f.1:80", "127.1:80", "ct\\:80",
	} {
		o := caddyfile.Options{Upstreams: []string{"ct", "127.0.0.1", "localhost", "::1", "", "LOCALHOST"}}
		for _, text := range []string{
			in("proxy / " + to), in("proxy / ct:80 {\n upstream " + to + "\n }"), v2("reverse_proxy " + to), v2("reverse_proxy * ct:80 " + to),
			v2("reverse_proxy {\n to " + to + "\n }"), v2("handle /x {\n reverse_proxy " + to + "\n }"), v2("forward_auth " + to + " {\n uri /\n }"),
		} {
			if f, problems := caddyfile.Read(text, o); len(problems) == 0 {
				t.Errorf("%q is taken:\n%s", text, f)
			}
		}
	}
	for _, to := range []string{"ct:80", "http://ct:80", "https://ct:443", "h2c://ct:80", "ct", "http://ct"} {
		if _, problems := caddyfile.Read(v2("reverse_proxy "+to), own); len(problems) > 0 {
			t.Errorf("%q: %v", to, problems)
		}
	}
	if _, problems := caddyfile.Read(in("proxy / ct:80"), caddyfile.Options{}); len(problems) != 1 {
		t.Errorf("without containers: %v", problems)
	}
}

// Every problem of a text is told, in the order of its lines, and not without
// end.
func TestRead_TellsAll(t *testing.T) {
	text := "https://a.example.com {\n    browse\n    gzip\n    proxy / db:1\n    tls a b\n}\nb.example.com {\n    nonsense\n}\n"
	_, problems := caddyfile.Read(text, own)
	var lines []string
	for _, p := range problems {
		lines = append(lines, fmt.Sprint(p.Line))
	}
	if got := strings.Join(lines, " "); got != "2 4 5 7 8" {
		t.Errorf("lines %s: %v", got, problems)
	}
	if _, problems := caddyfile.Read(in(strings.Repeat("nonsense\n", 10_000)), own); len(problems) == 0 || len(problems) > 100 {
		t.Errorf("%d problems", len(problems))
	}
}

// Many domains are no reason to take long, and none to refuse.
func TestRead_ManyDomains(t *testing.T) {
	var b strings.Builder
	for i := range 10_000 {
		fmt.Fprintf(&b, "https://d%d.example.com {\n    proxy / ct:80\n}\n", i)
	}
	f, problems := caddyfile.Read(b.String(), own)
	if len(problems) > 0 || len(f.Sites) != 10_000 {
		t.Errorf("%d sites, %v", len(f.Sites), problems)
	}
}
