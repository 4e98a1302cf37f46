package caddyfile

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// proxying is one proxy of v1 on its way to reverse_proxy.
type proxying struct {
	*translation
	from      string
	to        []string // in v2
	base      string   // path of the upstreams
	without   string
	except    []string // v2 matchers
	options   []node
	transport []node
	verify    bool // the container's certificate
	checked   bool // it has a health check
	patience  bool // with its own time limit
	host      bool // the Host header is the app's to set
}

func proxy(t *translation, n node) {
	if len(n.args()) == 0 {
		t.refuse("proxy needs a path and a container", "proxy / http://$CONTAINER:80")
		return
	}
	p := proxying{translation: t, from: n.args()[0].text, verify: true}
	for i, w := range n.args()[1:] {
		p.upstream(w.text, i == 0)
	}
	for _, o := range n.block {
		t.line = o.line
		p.option(n, o)
	}
	t.line = n.line
	if len(p.to) == 0 {
		t.refuse("proxy needs a container", "proxy / http://$CONTAINER:80")
		return
	}
	p.place(p.build())
}

// upstream takes one address of a container: with a path that goes in front of
// the request's, and maybe a range of ports.
func (p *proxying) upstream(text string, first bool) {
	const way = "http://$CONTAINER:80"
	rest, scheme := text, "http"
	if i := strings.Index(text, "://"); i >= 0 {
		scheme, rest = text[:i], text[i+3:]
	}
	host, base, _ := strings.Cut(rest, "/")
	if base != "" {
		base = "/" + base
	}
	if base != "" && !v1Path.MatchString(base) {
		p.refuse(fmt.Sprintf("%q is not a plain path of a container", clip(base)), way+"/path")
	}
	if !first && base != p.base {
		p.refuse("the containers of one proxy have different paths", "a proxy for each")
	}
	p.base = base
	name, ports, _ := strings.Cut(host, ":")
	from, to, ranged := strings.Cut(ports, "-")
	if !ranged {
		p.to = append(p.to, scheme+"://"+host)
		return
	}
	low, err := strconv.Atoi(from)
	high, err2 := strconv.Atoi(to)
	if err != nil || err2 != nil || low < 1 || high <= low || high-low > 63 {
		p.refuse(fmt.Sprintf("%q is not a range of at most 64 ports", clip(ports)), "8001-8003")
		return
	}
	for n := low; n <= high; n++ {
		p.to = append(p.to, fmt.Sprintf("%s://%s:%d", scheme, name, n))
	}
}

// option takes one option of a v1 proxy.
func (p *proxying) option(n, o node) {
	args := texts(o.args())
	if name, ok := sameValue(o.name()); ok && len(args) == 1 {
		p.checked = p.checked || o.name() == "health_check"
		p.patience = p.patience || o.name() == "health_check_timeout"
		p.options = append(p.options, p.make(name, args[0]))
		return
	}
	switch one := len(args) == 1; {
	case o.name() == "upstream" && one:
		p.upstream(args[0], len(p.to) == 0)
	case o.name() == "policy" && len(args) > 0:
		p.options = append(p.options, p.make(append([]string{"lb_policy"}, args...)...))
	case o.name() == "health_check_contains" && one:
		p.options = append(p.options, p.make("health_body", regexp.QuoteMeta(args[0])))
	case o.name() == "max_fails" && one:
		if args[0] != "0" {
			p.options = append(p.options, p.make("max_fails", args[0]))
		}
	case o.name() == "keepalive" && one:
		p.transport = append(p.transport, p.keep(args[0]))
	case o.name() == "timeout" && one:
		p.transport = append(p.transport, p.make("dial_timeout", args[0]))
	case o.name() == "without" && one:
		p.without = args[0]
		p.prefix(args[0])
	case o.name() == "except" && len(args) > 0:
		for _, a := range args {
			p.except = append(p.except, p.prefix(path.Join("/", p.from, a)))
		}
	case (o.name() == "header_upstream" || o.name() == "header_downstream") && len(args) > 0:
		p.field(o)
	case o.name() == "insecure_skip_verify" && len(args) == 0:
		p.verify = false
	case (o.name() == "transparent" || o.name() == "websocket") && len(args) == 0:
	default:
		p.translation.option(n, o)
	}
}

// sameValue are the options that have another name in v2 and the same value.
func sameValue(option string) (string, bool) {
	name, ok := map[string]string{
		"fail_timeout": "fail_duration", "max_conns": "unhealthy_request_count", "try_duration": "lb_try_duration", "try_interval": "lb_try_interval",
		"health_check": "health_uri", "health_check_port": "health_port", "health_check_interval": "health_interval", "health_check_timeout": "health_timeout",
	}[option]
	return name, ok
}

func (p *proxying) keep(count string) node {
	if count == "0" {
		return p.make("keepalive", "off")
	}
	return p.make("keepalive_idle_conns_per_host", count)
}

// field takes a header line. Those that v1 needed for websockets v2 sends by
// itself, and would not let an app set.
func (p *proxying) field(o node) {
	field := o.args()[0].text
	if strings.EqualFold(field, "Connection") || strings.EqualFold(field, "Upgrade") {
		return
	}
	p.host = p.host || strings.EqualFold(field, "Host") && o.name() == "header_upstream"
	words := []string{map[string]string{"header_upstream": "header_up", "header_downstream": "header_down"}[o.name()], field}
	for _, w := range o.args()[1:] {
		words = append(words, p.text(w))
	}
	p.options = append(p.options, p.make(words...))
}

// build is the reverse_proxy, without a matcher.
func (p *proxying) build() node {
	options := p.options
	if slices.ContainsFunc(p.to, func(s string) bool { return strings.HasPrefix(s, "https://") }) {
		if !p.host {
			options = append(options, p.make("header_up", "Host", "{hostport}"))
		}
		if p.verify {
			p.r.warn(p.line, "the container's certificate is verified", "insecure_skip_verify in the proxy if it is self-signed")
		} else {
			p.transport = append(p.transport, p.make("tls_insecure_skip_verify"))
		}
	}
	if p.checked && !p.patience {
		options = append(options, p.make("health_timeout", "60s"))
	}
	transport := append(p.transport, p.make("response_header_timeout", ""))
	options = append(options, opened(p.make("transport", "http"), transport...))
	return opened(p.make(append([]string{"reverse_proxy"}, p.to...)...), options...)
}

// place puts the proxy behind its path. What it strips and adds is done for it
// alone.
func (p *proxying) place(n node) {
	matcher := p.prefix(p.from)
	if len(p.except) > 0 {
		var conditions []node
		if matcher != "" {
			conditions = append(conditions, p.make("path", matcher))
		}
		matcher = p.matcher("proxy", append(conditions, p.make(append([]string{"not", "path"}, p.except...)...))...)
	}
	list := []node{n}
	if p.base != "" && p.base != "/" {
		list = append([]node{p.make("rewrite", "*", strings.TrimSuffix(p.base, "/")+"{uri}")}, list...)
	}
	if p.without != "" && p.without != "/" {
		list = append([]node{p.make("uri", "strip_prefix", p.without)}, list...)
	}
	if len(list) > 1 {
		list = []node{opened(p.make(with(matcher, "route")...), list...)}
	} else if matcher != "" {
		n.words = slices.Insert(n.words, 1, word{text: matcher})
		list = []node{n}
	}
	p.proxy = append(p.proxy, based{path: p.from, lines: list, whole: len(p.except) == 0})
}

// patient fills in how long the containers of a site may take, which timeouts
// may say anywhere in it.
func patient(nodes []node, timeout string) {
	for i := range nodes {
		if w := nodes[i].words; w[0].text == "response_header_timeout" && len(w) == 2 && w[1].text == "" {
			w[1].text = timeout
		}
		patient(nodes[i].block, timeout)
	}
}
