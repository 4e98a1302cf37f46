package caddyfile

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/caddyfile.md again")

// The document is made of the tables, so it cannot say anything else.
func TestDocument_IsOfTheTables(t *testing.T) {
	file := filepath.Join("..", "..", "..", "docs", "caddyfile.md")
	got := document(t)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Error("docs/caddyfile.md is stale: go test ./handler/edge/caddyfile -run Document -update")
	}
}

const preface = `# CADDYFILE: what an application may say to the proxy

This file is made by ` + "`go test ./handler/edge/caddyfile -run Document -update`" + ` from the tables in ` + "`handler/edge/caddyfile`" + `.
Each example of Caddy v1 below is also served by a real Caddy v2 in the tests, and asked for what it promises.

The environment variable ` + "`CADDYFILE`" + ` of a service holds site blocks for the proxy that all applications share. It may be
written for Caddy v1, as applications of the old cluster are, or for Caddy v2. Which one it is, is found out: one line that
only v2 has makes the text v2. One text holds one syntax. The record of the application (` + "`app/<name>`" + ` in Consul) always holds v2.
` + "`$CONTAINER`" + ` stands for the container of the service, ` + "`$NAME`" + ` and ` + "`${NAME}`" + ` for values of ` + "`.env`" + `. ` + "`handler check`" + ` tells everything that
is wrong with a text, with its line and what to write.

## What every site has

Added where the site does not say otherwise:

%s
- compression: ` + "`encode zstd gzip`" + `;
- the access log, on the standard output of the proxy, with host, client, time, method, URI, protocol, status, size, Referer and
  User-Agent; what a site says of its log is replaced;
- for each proxy: Host (v1; for https containers too), X-Forwarded-For, X-Forwarded-Proto and X-Forwarded-Host of the
  client, which cannot send its own; X-Real-IP; %s until the answer begins, then 504; websockets live on for %s when the
  configuration changes.

The certificate of an https container is verified unless the proxy says otherwise. Only containers of the application can be
reached, by the names that they have in the cluster: no address, no localhost, no socket. Files can be served from /srv only.

## Addresses

` + "`http://`" + ` or ` + "`https://`" + `, a domain, maybe a path; several are separated by commas. A certificate comes by itself for each https domain.
A brace stands at the end of the line, after a space; a closing one on a line of its own. In v1 a path stands for everything that begins with it.

## Caddy v1

The order of the lines means nothing, as in v1: rewrite, gzip, header, basicauth, redir, status, proxy, files. Paths match everything that
begins with them (` + "`/api`" + ` is ` + "`/api*`" + ` in v2).

`

func document(t *testing.T) string {
	var b strings.Builder
	ct := Options{Upstreams: []string{"$CONTAINER"}}
	first, problems := Read("http://app.example.com {\n    proxy / $CONTAINER:80\n}", ct)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	fmt.Fprintf(&b, preface, code("", "# v1: http://app.example.com { proxy / $CONTAINER:80 }", first.String()), patience, farewell)
	for _, e := range Table() {
		fmt.Fprintf(&b, "### %s\n\n%s\n\nIn v2: `%s`.\n\n", e.Name, e.Meaning, e.Instead)
		if len(e.Options) > 0 {
			b.WriteString("| option | v2 | |\n|---|---|---|\n")
		}
		for _, o := range e.Options {
			fmt.Fprintf(&b, "| `%s` | %s | %s |\n", o.Name, ticked(o.Instead), escaped(o.Meaning))
		}
		for _, x := range e.Examples {
			f, problems := Read(x.Text, ct)
			if len(problems) > 0 {
				t.Fatalf("%s: %v", x.Title, problems)
			}
			fmt.Fprintf(&b, "\n%s:\n\n%s\nbecomes, besides what every site has,\n\n%s", capital(x.Title), code("", x.Text), code("", without(f.String())))
		}
		b.WriteByte('\n')
	}
	b.WriteString("### Placeholders\n\n| v1 | v2 |\n|---|---|\n")
	for _, r := range renamed() {
		fmt.Fprintf(&b, "| `{%s}` | `%s` |\n", r.v1, r.v2)
	}
	b.WriteString("| `{>Field}` | `{header.Field}` |\n| `{~name}` | `{cookie.name}` |\n| `{?name}` | `{query.name}` |\n\nWhere nothing is rewritten, `{uri}`, `{path}` and `{query}` stay as they are.\n")
	b.WriteString("\n### Directives of v1 that are refused\n\n| v1 | write |\n|---|---|\n")
	refused := v1Outside()
	maps.Copy(refused, outsideOptions())
	for _, name := range slices.Sorted(maps.Keys(refused)) {
		fmt.Fprintf(&b, "| `%s` | %s |\n", name, escaped(refused[name]))
	}
	b.WriteString("\n" + allowed())
	return b.String()
}

// allowed is what v2 text may hold.
func allowed() string {
	var b strings.Builder
	b.WriteString("## Caddy v2\n\nThese directives pass as they are written, with these options; everything else is refused, and so are `import`, snippets, a block for the whole\nserver, heredocs, and placeholders that read the environment or files of the proxy (`{$NAME}`, `{env.…}`, `{file.…}`).\n\n| directive | options |\n|---|---|\n")
	for _, u := range directives() {
		options := named(u.block)
		if u.routes {
			options = "directives"
		}
		fmt.Fprintf(&b, "| `%s` | %s |\n", u.name, options)
	}
	fmt.Fprintf(&b, "| `log` | taken, and replaced by the cluster's |\n\nOptions of `transport http`: %s.\n\nConditions of a matcher (`@name …`): %s.\n\nPlaceholders: `%s`.\n",
		named(transportOptions()), named(matchers()), strings.Join(strings.Fields(`{host} {hostport} {port} {method} {scheme} {uri} {path} {dir} {file} {query} {orig_…} {remote_host} {remote_port} {client_ip} {uuid} {tls_…} {header.…} {cookie.…} {labels.…} {path.…} {query.…} {re.…} {rp.…} {err.…} {upstream_hostport} {time.now.…}`), "` `"))
	return b.String()
}

func named(rules []rule) string {
	var list []string
	for _, u := range rules {
		if u.name == "" {
			list = append(list, "names")
			continue
		}
		list = append(list, "`"+u.name+"`")
	}
	return strings.Join(list, ", ")
}

func ticked(s string) string {
	if s == "" || s == "nothing" {
		return s
	}
	return "`" + s + "`"
}

func escaped(s string) string { return strings.ReplaceAll(s, "|", `\|`) }

func capital(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

func code(lang string, texts ...string) string {
	return "```" + lang + "\n" + strings.Join(texts, "\n") + "\n```\n"
}

var added = []*regexp.Regexp{
	regexp.MustCompile(`(?m)^ *log \{\n.*\n.*\n *\}\n`), regexp.MustCompile(`(?m)^ *header_up X-Real-IP \{remote_host\}\n`),
	regexp.MustCompile(`(?m)^ *stream_close_delay 24h\n`), regexp.MustCompile(`(?m)^ *response_header_timeout 300s\n`),
	regexp.MustCompile(`(?m)^ *transport http \{\n *\}\n`), regexp.MustCompile(`(?m)^ *encode zstd gzip\n`),
}

var empty = regexp.MustCompile(` \{\n *\}`)

// without leaves out what every site has.
func without(text string) string {
	for _, a := range added {
		text = a.ReplaceAllString(text, "")
	}
	return empty.ReplaceAllString(text, "")
}
