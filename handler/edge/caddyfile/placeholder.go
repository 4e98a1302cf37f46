package caddyfile

import (
	"fmt"
	"regexp"
	"strings"
)

// known are the placeholders that say something of the request, or of the
// answer to it, and nothing of the machine: no environment, no files. The last
// ones are counts in a regular expression.
var known = regexp.MustCompile(`^(` + strings.Join([]string{
	`host|hostport|port|method|scheme|uuid|remote|remote_host|remote_port|client_ip|upstream_hostport`,
	`%?(uri|path|dir|file|query)|\?query`,
	`orig_(method|uri|path|dir|file|\??query)`,
	`tls_(cipher|version|client_fingerprint|client_issuer|client_serial|client_subject)`,
	`(header|cookie|labels|path|query|re|rp|err)\.[\w.-]+`,
	`http\.request\.(orig_)?(uri|method|hostport|host|port|proto|scheme|remote|uuid|header|cookie|tls\.(version|cipher_suite|proto|server_name))([._][\w.-]+)?`,
	`http\.(regexp|error|reverse_proxy|auth\.user|response\.header)\.[\w.-]+`,
	`time\.now(\.(unix|unix_ms|year|http|common_log))?`,
	`\d+(,\d*)?`,
}, "|") + `)$`)

var placeholderAt = regexp.MustCompile(`\{([^{}]*)\}`)

// placeholders says what is wrong with the placeholders of a word.
func placeholders(text string) (why, way string) {
	if strings.Contains(text, "{$") {
		return "{$…} is filled in from the environment of the proxy, which is not the app's", "the value, or $NAME with NAME in .env"
	}
	if !strings.Contains(text, "{") {
		return "", ""
	}
	plain := text
	for _, m := range placeholderAt.FindAllStringSubmatch(text, -1) {
		switch name := m[1]; {
		case known.MatchString(name):
			plain = strings.Replace(plain, m[0], "", 1)
		case strings.HasPrefix(name, "env."), strings.HasPrefix(name, "file."), strings.HasPrefix(name, "system."):
			return fmt.Sprintf("{%s} reads from the machine of the proxy, which is not the app's", clip(name)), "the value"
		case v1Placeholder(name) != "":
			return fmt.Sprintf("{%s} is a placeholder of Caddy v1", clip(name)), v1Placeholder(name)
		default:
			return fmt.Sprintf("{%s} is not a placeholder that is allowed", clip(name)), "one of docs/caddyfile.md"
		}
	}
	if strings.Contains(plain, "{") {
		return fmt.Sprintf("a brace in %q is part of no placeholder", clip(text)), "the text without braces"
	}
	return "", ""
}

// renaming is a placeholder of v1 and the one of v2 that means the same.
type renaming struct{ v1, v2 string }

// renamed are the placeholders of v1. They mean the request as it came, before
// any rewrite.
func renamed() []renaming {
	return []renaming{
		{"host", "{hostport}"}, {"hostonly", "{host}"}, {"uri", "{orig_uri}"}, {"path", "{orig_path}"}, {"query", "{orig_query}"},
		{"rewrite_uri", "{uri}"}, {"rewrite_path", "{path}"}, {"remote", "{remote_host}"}, {"port", "{remote_port}"},
		{"scheme", "{scheme}"}, {"method", "{method}"}, {"dir", "{dir}"}, {"file", "{file}"}, {"proto", "{http.request.proto}"},
		{"request_id", "{uuid}"}, {"tls_cipher", "{tls_cipher}"}, {"tls_protocol", "{tls_version}"}, {"when_unix", "{time.now.unix}"},
	}
}

var v1Prefixed = regexp.MustCompile(`^([>~?])([\w-]+)$`)

// v1Placeholder is the v2 placeholder that means what name meant in v1, "" for
// none.
func v1Placeholder(name string) string {
	for _, r := range renamed() {
		if r.v1 == name {
			return r.v2
		}
	}
	if m := v1Prefixed.FindStringSubmatch(name); m != nil {
		return map[string]string{">": "{header.", "~": "{cookie.", "?": "{query."}[m[1]] + m[2] + "}"
	}
	return ""
}

// modern translates the placeholders of a v1 word. With plain the request is
// never rewritten, so that the shorter names mean the same.
func modern(text string, plain bool) (out, why, way string) {
	if strings.Contains(text, "{$") {
		why, way = placeholders(text)
		return text, why, way
	}
	out = placeholderAt.ReplaceAllStringFunc(text, func(m string) string {
		name := m[1 : len(m)-1]
		to := v1Placeholder(name)
		switch {
		case to != "" && plain:
			return strings.Replace(to, "{orig_", "{", 1)
		case to != "":
			return to
		case known.MatchString(name) && name[0] >= '0' && name[0] <= '9':
			return m
		case why == "" && !strings.ContainsAny(name, "."):
			why, way = fmt.Sprintf("{%s} is not a placeholder that is translated from Caddy v1", clip(name)), "one of docs/caddyfile.md"
		}
		return m
	})
	if why == "" {
		why, way = placeholders(out)
	}
	return out, why, way
}
