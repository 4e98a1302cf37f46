package caddyfile

import (
	"fmt"
	"net/netip"
	"path"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// kind judges one argument: why it is refused and what to write, "" when it is
// good. It may rewrite the word to the one form the cluster uses.
type kind func(r *reader, w *word) (why, way string)

// text is anything, with the placeholders that are allowed.
func text(_ *reader, w *word) (why, way string) { return placeholders(w.text) }

// fixed is one of a few words.
func fixed(list ...string) kind {
	return func(_ *reader, w *word) (why, way string) {
		for _, f := range list {
			if w.text == f {
				return "", ""
			}
		}
		return fmt.Sprintf("%q is not allowed here", clip(w.text)), strings.Join(list, " or ")
	}
}

// shaped is a text of one shape, called what.
func shaped(what, example string, ok func(string) bool) kind {
	return func(_ *reader, w *word) (why, way string) {
		if ok(w.text) {
			return "", ""
		}
		return fmt.Sprintf("%q is not %s", clip(w.text), what), example
	}
}

func either(kinds ...kind) kind {
	return func(r *reader, w *word) (why, way string) {
		for i, k := range kinds {
			if reason, instead := k(r, w); reason == "" {
				return "", ""
			} else if i == 0 {
				why, way = reason, instead
			}
		}
		return why, way
	}
}

func matches(pattern string) func(string) bool { return regexp.MustCompile(pattern).MatchString }

var (
	number   = shaped("a whole number", "10", func(s string) bool { n, err := strconv.Atoi(s); return err == nil && n >= 0 && n <= 1<<30 })
	size     = shaped("a size", "10MB", matches(`^\d{1,12}([kKmMgG]i?[bB]?|[bB])?$`))
	buffer   = shaped("a size up to 9999KB", "64KB", matches(`^\d{1,4}([kK]i?[bB]?|[bB])?$`)) // the proxy's memory is everybody's
	tries    = shaped("a number up to 100", "2", matches(`^(\d\d?|100)$`))
	level    = shaped("a level of compression", "5", matches(`^[1-9]$`))
	status   = shaped("a status", "404", matches(`^[1-5]\d\d$`))
	statuses = shaped("a status", "404 or 5xx", matches(`^[1-5](\d\d|xx)$`))
	field    = shaped("a header field", "X-Name", matches(`^[+>?-]?[A-Za-z0-9_*-]+:?$`))
	name     = shaped("a name", "name", matches(`^[A-Za-z_][\w-]*$`))
	method   = shaped("a method", "GET", matches(`^[A-Z]{1,20}$`))
	address  = shaped("an address", "192.0.2.0/24", isRange)
	hash     = shaped("a password hash", "the output of caddy hash-password", matches(`^(\$2[aby]\$\d\d\$[./A-Za-z0-9]{53}|\$argon2id\$v=19\$m=\d+,t=\d+,p=\d+\$[A-Za-z0-9+/]+\$[A-Za-z0-9+/]+)$`))
	user     = shaped("the name of a user", "alice", matches(`^[A-Za-z0-9._@+-]+$`))
	email    = shaped("an e-mail address", "internal or you@example.com", isMail)
	local    = shaped("a path", "/path", func(s string) bool { return strings.HasPrefix(s, "/") && !strings.ContainsAny(s, "{}\\") })
	pathArg  = shaped("a path that begins with / or *", "/path/*", func(s string) bool {
		return (strings.HasPrefix(s, "/") || strings.HasPrefix(s, "*")) && !strings.ContainsAny(s, "{}`")
	})
)

func isRange(s string) bool {
	if s == "private_ranges" {
		return true
	}
	if _, err := netip.ParsePrefix(s); err == nil {
		return true
	}
	_, err := netip.ParseAddr(s)
	return err == nil
}

var isMail = matches(`^[A-Za-z0-9._+-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$`)

// maxTime is the longest time that is taken: longer ones are mistakes.
const maxTime = 7 * 24 * time.Hour

// duration is a time such as 30s, and 0.
func duration(_ *reader, w *word) (why, way string) {
	if d, err := time.ParseDuration(w.text); err != nil || d < 0 || d > maxTime {
		return fmt.Sprintf("%q is not a time up to 7 days", clip(w.text)), "30s"
	}
	return "", ""
}

// atLeast is a time that is not so short that waiting for it is work.
func atLeast(least time.Duration) kind {
	return func(r *reader, w *word) (why, way string) {
		if why, way = duration(r, w); why != "" {
			return why, way
		}
		if d, err := time.ParseDuration(w.text); err != nil || d < least {
			return fmt.Sprintf("%q is shorter than %s", clip(w.text), least), least.String()
		}
		return "", ""
	}
}

// pattern is a regular expression.
func pattern(_ *reader, w *word) (why, way string) {
	if _, err := regexp.Compile(w.text); err != nil || len(w.text) > 1000 {
		return fmt.Sprintf("%q is not a regular expression", clip(w.text)), "^/path/(.*)$"
	}
	return placeholders(w.text)
}

// folder is a place below /srv, the only files that the proxy serves.
func folder(_ *reader, w *word) (why, way string) {
	if p := w.text; p != "/srv" && !strings.HasPrefix(p, "/srv/") || path.Clean(p) != p || strings.ContainsAny(p, "{}\\$") {
		return fmt.Sprintf("%q is outside /srv, the files that the proxy serves", clip(w.text)), "/srv/…, or serve the files from a container"
	}
	return "", ""
}

// upstream is one of the app's own containers and a port.
func upstream(r *reader, w *word) (why, way string) {
	example := "http://$CONTAINER:80"
	if list := r.options.Upstreams; len(list) > 0 {
		example += " or http://" + list[0] + ":80"
	}
	scheme, rest, ok := strings.Cut(w.text, "://")
	if !ok {
		scheme, rest = "http", w.text
	}
	host, port, hasPort := strings.Cut(rest, ":")
	switch {
	case scheme != "http" && scheme != "https" && scheme != "h2c":
		return fmt.Sprintf("a proxy to %q is not allowed, only http, https and h2c are", clip(w.text)), example
	case !r.ours(host):
		return fmt.Sprintf("%q is not a container of the app", clip(host)), example
	case !hasPort:
		port = map[string]string{"http": "80", "h2c": "80", "https": "443"}[scheme]
	}
	if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 || strconv.Itoa(n) != port {
		return fmt.Sprintf("%q has no plain port", clip(w.text)), example
	}
	*w = word{text: host + ":" + port}
	if scheme != "http" {
		w.text = scheme + "://" + w.text
	}
	return "", ""
}

// ours reports that a host is one of the app's own containers. The machine
// itself is never one, whatever a record may say.
func (r *reader) ours(host string) bool {
	if _, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil || strings.EqualFold(host, "localhost") {
		return false
	}
	for _, o := range r.options.Upstreams {
		if o == host && host != "" {
			return true
		}
	}
	return false
}
