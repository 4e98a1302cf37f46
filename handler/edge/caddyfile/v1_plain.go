package caddyfile

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// gzip becomes encode. Where v1 chose by the extension of the path, so does the
// matcher; what is worth compressing by its type Caddy v2 knows itself.
func gzip(t *translation, n node) {
	if len(n.args()) > 0 {
		t.refuse("gzip has no arguments", "gzip { level 5 }")
	}
	var block, conditions []node
	level := t.make("gzip")
	for _, o := range n.block {
		t.line = o.line
		switch args := texts(o.args()); {
		case o.name() == "level" && len(args) == 1:
			level = t.make("gzip", args[0])
		case o.name() == "min_length" && len(args) == 1:
			block = append(block, t.make("minimum_length", args[0]))
		case o.name() == "not" && len(args) > 0:
			conditions = append(conditions, t.make(append([]string{"not", "path"}, t.prefixes(args)...)...))
		case o.name() == "ext" && slices.Contains(args, "*"):
		case o.name() == "ext" && len(args) > 0:
			conditions = append(conditions, t.make(append([]string{"path"}, t.extensions(args)...)...))
		default:
			t.option(n, o)
		}
	}
	t.line = n.line
	matcher := ""
	if len(conditions) > 0 {
		matcher = t.matcher("gzip", conditions...)
	}
	if len(n.block) == 0 {
		t.encode = append(t.encode, t.make(with(matcher, "encode", "zstd", "gzip")...))
		return
	}
	t.encode = append(t.encode, opened(t.make(with(matcher, "encode")...), append([]node{t.make("zstd"), level}, block...)...))
}

func (t *translation) prefixes(paths []string) (list []string) {
	for _, p := range paths {
		if m := t.prefix(p); m != "" {
			list = append(list, m)
		} else {
			list = append(list, "/*")
		}
	}
	return list
}

func (t *translation) extensions(list []string) (globs []string) {
	for _, e := range list {
		if !extension(e) {
			t.refuse(fmt.Sprintf("%q is not an extension", clip(e)), ".html")
		}
		globs = append(globs, "*"+e)
	}
	return globs
}

var extension = matches(`^\.[A-Za-z0-9_-]+$`)

// option refuses an option that the table does not have.
func (t *translation) option(n, o node) {
	if e, ok := entry(t.table, n.name()); ok && slices.ContainsFunc(e.Options, func(p Option) bool { return p.Name == o.name() }) {
		t.refuse(fmt.Sprintf("the option %s of %s has %d arguments", clip(o.name()), n.name(), len(o.args())), o.name()+" as in docs/caddyfile.md")
		return
	}
	way := "one of docs/caddyfile.md"
	if instead := outsideOptions()[n.name()+" "+o.name()]; instead != "" {
		way = instead
	}
	t.refuse(fmt.Sprintf("the option %s of %s is not translated", clip(o.name()), n.name()), way)
}

func texts(words []word) (list []string) {
	for _, w := range words {
		list = append(list, w.text)
	}
	return list
}

// timeouts bounds how long a container may take until its answer begins. The
// other times of v1 are those of the server, which all apps share.
func timeouts(t *translation, n node) {
	value := func(line int, s string) string {
		t.line = line
		if s == "none" || s == "off" || s == "0" {
			return "0"
		}
		if why, way := duration(t.r, &word{text: s}); why != "" {
			t.refuse(why, way)
		}
		return s
	}
	switch {
	case len(n.args()) == 1 && !n.open:
		t.timeout = value(n.line, n.args()[0].text)
		return
	case len(n.args()) > 0 || len(n.block) == 0:
		t.refuse("timeouts has one time, or a block", "timeouts 300s")
	}
	for _, o := range n.block {
		switch {
		case len(o.args()) != 1 || !slices.Contains([]string{"read", "header", "write", "idle"}, o.name()):
			t.line = o.line
			t.option(n, o)
		case o.name() == "write":
			t.timeout = value(o.line, o.args()[0].text)
		default:
			value(o.line, o.args()[0].text)
			t.r.warn(o.line, "timeouts "+o.name()+" is the server's, which all apps share; it is ignored", "")
		}
	}
}

// logging is the cluster's: an app's own is replaced, as it always was.
func logging(t *translation, n node) {
	for _, a := range n.args() {
		if strings.HasPrefix(a.text, "/") && len(a.text) > 1 || strings.HasSuffix(a.text, ".log") {
			t.r.warn(n.line, "the log goes to the standard output of the proxy, not to "+clip(a.text), "")
		}
	}
}

// tls chooses who makes the certificate.
func tls(t *translation, n node) {
	args := texts(n.args())
	secure := slices.ContainsFunc(t.site.Addresses, func(a string) bool { return strings.HasPrefix(a, "https://") })
	const way = "nothing: certificates come by themselves; or tls self_signed"
	made := t.make("tls")
	switch {
	case len(args) > 1:
		t.refuse("tls with a certificate of its own is not allowed: the files are not the proxy's", way)
		return
	case len(args) == 1 && args[0] == "off":
		if secure {
			t.refuse("tls off on an https address", "the address with http://")
		}
		return
	case len(args) == 1 && args[0] == "self_signed":
		made = t.make("tls", "internal")
	case len(args) == 1:
		made = t.make("tls", args[0])
	case len(n.block) == 0:
		t.refuse("tls says nothing", way)
		return
	}
	var block []node
	for _, o := range n.block {
		t.line = o.line
		if o.name() == "protocols" && len(o.args()) > 0 {
			block = append(block, t.make(append([]string{"protocols"}, texts(o.args())...)...))
			continue
		}
		t.option(n, o)
	}
	if len(block) > 0 {
		made = opened(made, block...)
	}
	if secure {
		t.first = append(t.first, made)
	}
}

// header changes what is answered, after the container has spoken: so did v1.
func header(t *translation, n node) {
	args := n.args()
	if len(args) == 0 || len(args) > 3 || len(args) == 1 && len(n.block) == 0 || len(args) > 1 && n.open {
		t.refuse("header needs a path and header fields", "header / X-Name value")
		return
	}
	var block []node
	add := func(line int, words []word) {
		t.line = line
		if len(words) > 2 {
			t.refuse("a header field has one value", `X-Name "one value"`)
			return
		}
		made := []string{words[0].text}
		for _, w := range words[1:] {
			made = append(made, t.text(w))
		}
		if len(words) == 2 && words[1].text == "" {
			made = []string{"-" + words[0].text}
		}
		block = append(block, t.make(made...))
	}
	if len(args) > 1 {
		add(n.line, args[1:])
	}
	for _, o := range n.block {
		add(o.line, o.words)
	}
	t.line = n.line
	block = append(block, t.make("defer"))
	t.header = append(t.header, opened(t.make(with(t.prefix(args[0].text), "header")...), block...))
}

// answer is the v1 directive status.
func answer(t *translation, n node) {
	args := texts(n.args())
	if len(args) == 0 || len(args) > 2 || len(args) == 1 && len(n.block) == 0 || len(args) == 2 && n.open {
		t.refuse("status needs a number and paths", "status 404 /path")
		return
	}
	if code, err := strconv.Atoi(args[0]); err != nil || code < 100 || code > 599 {
		t.refuse(fmt.Sprintf("%q is not a status", clip(args[0])), "status 404 /path")
	}
	paths := args[1:]
	for _, o := range n.block {
		paths = append(paths, o.name())
	}
	for _, p := range paths {
		t.status = append(t.status, based{path: p, lines: []node{t.make(with(t.prefix(p), "respond", args[0])...)}})
	}
}

// root lets the proxy serve files: those of /srv, it has no others.
func root(t *translation, n node) {
	if len(n.args()) != 1 || n.open {
		t.refuse("root has one argument", "root /srv/…")
		return
	}
	t.files = true
	t.first = append(t.first, t.make("root", "*", n.args()[0].text))
}

// login is one basicauth of v1.
type login struct {
	credentials, realm string
	paths              []string // v2 matchers
	line               int
}

// basicauth keeps its password as it was written: v2 wants a hash of it, so the
// header is compared as a whole.
func basicauth(t *translation, n node) {
	args := n.args()
	l := login{line: n.line}
	if len(args) == 3 {
		l.paths = append(l.paths, t.prefixes(texts(args[:1]))...)
		args = args[1:]
	}
	if len(args) != 2 || strings.HasPrefix(args[1].text, "htpasswd=") || strings.Contains(args[0].text, ":") {
		t.refuse("basicauth needs a user and a password, and reads no file", "basicauth /path user password")
		return
	}
	l.credentials = base64.StdEncoding.EncodeToString([]byte(args[0].text + ":" + args[1].text))
	for _, o := range n.block {
		t.line = o.line
		switch words := texts(o.words); {
		case len(words) == 2 && words[0] == "realm":
			l.realm = words[1]
		case len(words) == 2 && words[0] == "path":
			l.paths = append(l.paths, t.prefixes(words[1:])...)
		case len(words) == 1 && strings.HasPrefix(words[0], "/"):
			l.paths = append(l.paths, t.prefixes(words)...)
		default:
			t.option(n, o)
		}
	}
	t.r.warn(n.line, "the password can be read in the record of the app", "basic_auth { user hash } in v2, the hash made by caddy hash-password")
	if len(l.paths) == 0 {
		l.paths = []string{"/*"}
	}
	t.auth = append(t.auth, l)
}

// logins lets those in whom one basicauth that has the path lets in, and OPTIONS
// requests, as v1 did.
func (t *translation) logins() []node {
	if len(t.auth) == 0 {
		return nil
	}
	t.line = t.auth[0].line
	paths, realm, open := []string{"path"}, "Restricted", []node{t.make("not", "method", "OPTIONS")}
	for _, l := range t.auth {
		for _, p := range l.paths {
			if !slices.Contains(paths, p) {
				paths = append(paths, p)
			}
		}
		if l.realm != "" {
			realm = l.realm
		}
		open = append(open, opened(t.make("not"), t.make(append([]string{"path"}, l.paths...)...), t.make("header", "Authorization", "Basic "+l.credentials)))
	}
	matcher := t.matcher("denied", append([]node{t.make(paths...)}, open...)...)
	return []node{opened(t.make("handle", matcher), t.make("header", "WWW-Authenticate", `Basic realm="`+strings.ReplaceAll(realm, `"`, "'")+`"`), t.make("respond", "401 Unauthorized", "401"))}
}
