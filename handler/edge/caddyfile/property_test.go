package caddyfile_test

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/mlfmonde/cluster/handler/edge/caddyfile"
)

// words are what lines are made of: what apps write, and what would do harm.
var words = []string{
	"/", "/api", "/api*", "*", "ct:80", "http://ct:80", "https://ct", "http://ct:80/base", "evil:80", "127.0.0.1:2019", "unix//x", "@a", "@b", "301", "302", "404", "permanent", "meta", "internal", "self_signed", "off",
	"a@example.com", "{host}", "{uri}", "{>X-Y}", "{hostonly}", "{header.X}", "{re.a.1}", "{1}", "{env.X}", "{$X}", "{file./etc/passwd}", "{", "}", "{{", "\\", "\\{", `a\"b`, `a\`, "`", "``", `"`, `""`, `"a b"`, `"a\"b"`, "'a b'",
	"'", "#x", "a#b", "<<X", "\\<<X", "X-Name", "-X", "+X", "X:", "value", "é", "\u00a0", "\u2028", "10s", "300s", "0", "5", "^/a/(.*)$", ".php", "!.txt", "not", "path", "header", "if", "is", "{path}", "zstd", "gzip",
	"import", "/etc/passwd", "/srv", "/srv/x", "..", "alice", "secret", "a,", ",", "strip_prefix", "round_robin", "http", "https://b.example.com{uri}", "/new{uri}", "GET",
}

var names = []string{
	"proxy", "redir", "gzip", "timeouts", "log", "tls", "header", "basicauth", "rewrite", "root", "status", "reverse_proxy", "encode", "handle", "handle_path", "route", "respond", "@a", "@b", "uri", "file_server",
	"request_header", "basic_auth", "forward_auth", "handle_errors", "error", "abort", "method", "try_files", "request_body", "import", "bind", "templates", "nonsense", `"proxy"`, "#", "}",
}

var options = []string{
	"transparent", "websocket", "without", "except", "header_upstream", "header_downstream", "policy", "keepalive", "health_check", "upstream", "insecure_skip_verify", "level", "not", "ext", "if", "if_op", "to", "regexp", "r",
	"realm", "path", "/x", "X-Name", "-X", "header_up", "header_down", "lb_policy", "transport", "to", "dynamic", "health_uri", "protocols", "write", "read", "max_size", "index", "defer", "output", "uri", "import", "path_regexp", "expression", "vars_regexp",
}

// plausible are directives with what usually stands behind them, and their
// options; ? is any word.
func plausible() map[string][]string {
	conditions := []string{"if {path} starts_with /x", "if {>X-Y} is ?", "if ? not_has ?", "if_op or"}
	return map[string][]string{
		"proxy / ct:80":   {"without ?", "except /x ?", "header_upstream X ?", "header_upstream -X", "header_downstream ? ?", "policy ?", "keepalive ?", "health_check /x", "upstream ct:81", "insecure_skip_verify", "timeout ?", "max_fails ?"},
		"proxy ? ? ct:80": {"transparent", "try_duration ?", "fail_timeout 10s", "health_check_contains ?", "health_check_port ?"},
		"redir ? ?":       conditions, "redir ?": append(conditions, "? ? ?", "? ?"), "gzip": {"level ?", "not /x ?", "ext .x ?", "min_length ?"}, "timeouts": {"write ?", "read 10s"}, "timeouts ?": nil, "log ? ?": nil, "tls ?": {"protocols tls1.2"},
		"header / ? ?": nil, "header /x": {"X ?", "-X", "+X ?", "? ?"}, "basicauth ? ?": {"realm ?", "/x", "path ?"}, "basicauth /x ? ?": nil, "rewrite ? ?": nil, "rewrite": append(conditions, "r ?", "to ?", "to /x", "ext ?"), "rewrite /x": {"regexp ?", "to /{1}"},
		"root ?": nil, "status 404 ?": nil, "status 403": {"/x", "?"},
		"reverse_proxy ct:80":   {"header_up X ?", "header_up ? ? ?", "lb_policy ?", "lb_policy header X", "lb_policy cookie", "health_uri /x", "to ct:81", "flush_interval -1", "rewrite ?", "method GET", "health_body ?", "max_fails ?", "unhealthy_status 5xx"},
		"reverse_proxy ? ct:80": {"stream_timeout ?", "request_buffers 4KB", "transport http", "header_down -X", "header_down ? ?"}, "encode ?": {"gzip ?", "zstd", "minimum_length ?"}, "header ? ?": nil, "header @a": {"X ?", "?Y ?", ">Z ?", "defer"},
		"@a path ?": nil, "@a": {"path /x ?", "not path ?", "header X ?", "path_regexp ?", "path_regexp a ?", "method ? GET", "query a=?", "host ?", "protocol http", "remote_ip 10.0.0.0/8", "vars_regexp {path} ?", "header_regexp X ?", "not header X ?"},
		"@b path_regexp ?": nil, "@b not path ? /y": nil, "handle ?": {"tls internal", "handle_errors 404", "log", "@c path /c", "respond @c ?", "respond ?", "reverse_proxy ct:80", "header X ?"}, "handle_path /x*": {"respond ? 404", "rewrite ?"}, "route": {"uri ? ?", "rewrite ? ?", "reverse_proxy ct:80"},
		"handle_errors ?": {"respond ?", "redir ?"}, "respond ? ?": nil, "respond ?": {"body ?", "close"}, "error ? 404": nil, "redir ? permanent": nil, "uri strip_prefix ?": nil, "uri replace ? ?": nil, "uri path_regexp ? ?": nil, "uri query ?": nil,
		"request_header ? ?": nil, "request_header -X": nil, "request_body": {"max_size 10MB"}, "file_server ?": {"hide ?", "index a.html", "browse", "root /srv/x", "precompressed gzip"}, "try_files ? ?": nil, "root * /srv/x": nil,
		"basic_auth ?": {"? $2a$14$Zkx19XLiW6VYouLHR5NmfOFU0z2GTNmpkT/5qqR7hx4IjWJPDhjvG"}, "forward_auth ct:80": {"uri /x", "copy_headers X-A ?", "header_up X ?"}, "abort ?": nil, "log_skip ?": nil, "method ?": nil, "tls internal": nil,
	}
}

// line is one of list with words put in.
func line(list []string) *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		text := rapid.SampledFrom(list).Draw(t, "line")
		for strings.Contains(text, "?") && rapid.IntRange(0, 9).Draw(t, "fill") > 0 {
			text = strings.Replace(text, "?", rapid.SampledFrom(words).Draw(t, "word"), 1)
		}
		return strings.ReplaceAll(text, " ", rapid.SampledFrom([]string{" ", " ", " ", "\t", "  ", " \\\n "}).Draw(t, "space"))
	})
}

// site is one block with lines that may have blocks. One line in ten is any.
func site(address string) *rapid.Generator[string] {
	usual := plausible()
	heads := slices.Sorted(maps.Keys(usual))
	return rapid.Custom(func(t *rapid.T) string {
		text := address + " {\n"
		for range rapid.IntRange(0, 3).Draw(t, "lines") {
			head := rapid.SampledFrom(heads).Draw(t, "head")
			inside := usual[head]
			if rapid.IntRange(0, 9).Draw(t, "any") == 0 {
				head, inside = rapid.SampledFrom(names).Draw(t, "name")+" ?", options
			}
			text += line([]string{head}).Draw(t, "line")
			if len(inside) > 0 && rapid.Bool().Draw(t, "block") {
				text += " {\n" + strings.Join(rapid.SliceOfN(line(inside), 1, 3).Draw(t, "options"), "\n") + "\n}"
			}
			text += "\n"
		}
		return text + "}\n"
	})
}

// faithful are the properties of whatever is taken.
func faithful(t interface {
	Helper()
	Fatalf(string, ...any)
}, text string) bool {
	t.Helper()
	f, problems := caddyfile.Read(text, own)
	if len(problems) > 0 {
		return false
	}
	out := f.String()
	g, problems := caddyfile.Read(out, own)
	if len(problems) > 0 || len(g.Warnings) > 0 {
		t.Fatalf("%q is taken, and what it becomes is not: %v %v\n%s", text, problems, g.Warnings, out)
	}
	if again := g.String(); again != out {
		t.Fatalf("%q becomes\n%s\nand then\n%s", text, out, again)
	}
	for i, s := range f.Sites {
		if !slices.Equal(s.Addresses, g.Sites[i].Addresses) || len(s.Addresses) == 0 {
			t.Fatalf("%q: addresses %q and %q", text, s.Addresses, g.Sites[i].Addresses)
		}
	}
	if harm := forbidden(out); harm != "" {
		t.Fatalf("%q becomes %s\n%s", text, harm, out)
	}
	return true
}

var (
	reads    = regexp.MustCompile(`\{\$|\{(env|file|system)\.`)
	imports  = regexp.MustCompile(`(?m)^\s*["` + "`" + `]?import["` + "`" + `]?(\s|$)`)
	begins   = regexp.MustCompile(`(?m)^\s*["` + "`" + `]?(bind|templates|fs|php_fastcgi|acme_server|metrics|dynamic|expression|tls_trusted_ca_certs|health_upstream|client_auth|on_demand|resolvers|\(.*|&\(.*)["` + "`" + `]?(\s|$)`)
	writes   = regexp.MustCompile(`(?m)^\s*output (.*)$`)
	proxies  = regexp.MustCompile(`(?m)^\s*(?:reverse_proxy|to|forward_auth)((?: [^ {]\S*)*)(?: \{)?$`)
	target   = regexp.MustCompile(`^((https|h2c)://)?ct:[1-9][0-9]{0,4}$|^[/@*]`)
	rooted   = regexp.MustCompile(`(?m)^\s*root (?:\S+ )?(\S+)$`)
	heredocs = regexp.MustCompile(`(?m)(^|\s)<<`)
)

// forbidden looks for what no text may hold, without the reader's help. It knows
// the form that is written, nothing else.
func forbidden(text string) string {
	switch {
	case reads.MatchString(text):
		return "what reads the machine: " + reads.FindString(text)
	case imports.MatchString(text):
		return "an import"
	case heredocs.MatchString(text):
		return "a heredoc"
	}
	text = withoutNames(text)
	if begins.MatchString(text) {
		return "what is not allowed: " + begins.FindString(text)
	}
	for _, m := range writes.FindAllStringSubmatch(text, -1) {
		if m[1] != "stdout" {
			return "a log of its own: " + m[1]
		}
	}
	for _, m := range proxies.FindAllStringSubmatch(text, -1) {
		for i, to := range strings.Fields(m[1]) {
			if !target.MatchString(to) || i > 0 && !strings.Contains(to, "ct:") {
				return "a proxy to " + to
			}
		}
	}
	for _, m := range rooted.FindAllStringSubmatch(text, -1) {
		if m[1] != "/srv" && !strings.HasPrefix(m[1], "/srv/") {
			return "files of " + m[1]
		}
	}
	return ""
}

// withoutNames leaves out the blocks whose lines begin with any name.
func withoutNames(text string) string {
	var out []string
	inside := ""
	for _, line := range strings.Split(text, "\n") {
		if inside != "" && line != inside+"}" {
			continue
		}
		inside = ""
		if m := anyName.FindStringSubmatch(line); m != nil {
			inside = m[1]
			continue
		}
		out = append(out, line)
	}
	return strings.Join(out, "\n")
}

var anyName = regexp.MustCompile(`^( *)(header|health_headers|basic_auth|copy_headers)( .*)? \{$`)

func TestForbidden_CanBeFound(t *testing.T) {
	for _, text := range []string{"a {$X}", "{env.X}", "x {file.a}", "  import x", "  \"bind\" x", "x <<E", "    output file x", "reverse_proxy evil:80", "  reverse_proxy ct:80 evil:80 {", "to unix//x", "root * /etc", "(x) {", "header {\n    import x\n}", "header {\n    X y\n}\nbind x"} {
		if forbidden(text) == "" {
			t.Errorf("%q is not found", text)
		}
	}
}

// Whatever is taken is written so that it is read as the same, and holds nothing
// that is forbidden.
func TestRead_IsAFixedPoint(t *testing.T) {
	taken := 0
	rapid.Check(t, func(t *rapid.T) {
		if faithful(t, site("https://a.example.com, http://a.example.com").Draw(t, "site")) {
			taken++
		}
	})
	t.Logf("%d texts were taken", taken)
	if taken == 0 {
		t.Error("no text was taken: nothing was checked")
	}
	for _, e := range caddyfile.Table() {
		for _, x := range e.Examples {
			if !faithful(t, strings.ReplaceAll(x.Text, "$CONTAINER", "ct")) {
				t.Errorf("%s is not taken", x.Title)
			}
		}
	}
}

func FuzzRead(f *testing.F) {
	for _, e := range caddyfile.Table() {
		for _, x := range e.Examples {
			f.Add(strings.ReplaceAll(x.Text, "$CONTAINER", "ct"))
		}
	}
	for _, w := range words {
		f.Add("https://a.example.com {\n respond " + w + "\n header X {\n " + w + " a\n }\n}\n")
		f.Add("https://a.example.com {\n header / " + w + " a\n redir " + w + "\n}\n")
	}
	f.Fuzz(func(t *testing.T, text string) { faithful(t, text) })
}
