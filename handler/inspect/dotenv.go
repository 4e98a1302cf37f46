package inspect

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/mlfmonde/cluster/handler/app"
)

// setting is one line of an env file; start and end are its bytes, the final
// newline included.
type setting struct {
	name       string
	text       string // as written, without quotes, escapes undone
	quote      byte   // ', " or 0
	bare       bool   // a name alone: inherited
	start, end int
	line       int
}

var (
	settingAt = regexp.MustCompile(`^(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_.-]*)[ \t]*(=|:|\r?\n|$)[ \t]*`)
	escapeIn  = regexp.MustCompile(`\\(?:[abcfnrtv$"\\]|0\d{0,3})`)
)

// settings reads an env file as Compose does.
func settings(content []byte) ([]setting, error) {
	if err := size(content); err != nil {
		return nil, err
	}
	src := string(content)
	var list []setting
	line := 1
	for pos := 0; pos < len(src); {
		rest := src[pos:]
		trimmed := strings.TrimLeft(strings.TrimPrefix(rest, "\ufeff"), " \t\r")
		switch {
		case trimmed == "":
			return list, nil
		case trimmed[0] == '\n':
			pos, line = len(src)-len(trimmed)+1, line+1
			continue
		case trimmed[0] == '#':
			pos = endOfLine(src, pos)
			line++
			continue
		}
		m := settingAt.FindStringSubmatchIndex(trimmed)
		if m == nil {
			return nil, faultf("", line, "%q is not NAME=value", clip(strings.SplitN(trimmed, "\n", 2)[0]))
		}
		s := setting{name: trimmed[m[2]:m[3]], start: pos, line: line}
		if sep := trimmed[m[4]:m[5]]; sep != "=" && sep != ":" {
			s.bare = true
			s.end = endOfLine(src, len(src)-len(trimmed)+m[3])
		} else if err := s.value(src, len(src)-len(trimmed)+m[1]); err != nil {
			return nil, err
		}
		line += strings.Count(src[pos:s.end], "\n")
		list = append(list, s)
		pos = s.end
	}
	return list, nil
}

// endOfLine is the position after the newline that ends the line of pos.
func endOfLine(src string, pos int) int {
	if i := strings.IndexByte(src[pos:], '\n'); i >= 0 {
		return pos + i + 1
	}
	return len(src)
}

// value reads the value that begins at pos.
func (s *setting) value(src string, pos int) error {
	if pos < len(src) && (src[pos] == '\'' || src[pos] == '"') {
		return s.quoted(src, pos)
	}
	s.end = endOfLine(src, pos)
	text, _, _ := strings.Cut(src[pos:s.end], " #")
	s.text = strings.TrimSpace(text)
	return nil
}

func (s *setting) quoted(src string, pos int) error {
	s.quote = src[pos]
	var out strings.Builder
	for i := pos + 1; i < len(src); i++ {
		switch c := src[i]; {
		case c == s.quote:
			s.text = out.String()
			if s.quote == '"' {
				s.text = escapeIn.ReplaceAllStringFunc(s.text, unescape)
			}
			s.end = endOfLine(src, i)
			if tail := strings.TrimSpace(src[i+1 : s.end]); tail != "" && tail[0] != '#' {
				return faultf("", s.line, "%s has text after its closing quote", s.name)
			}
			return nil
		case c == '\\' && i+1 < len(src) && src[i+1] == s.quote:
			i++
			out.WriteByte(s.quote)
		case c == '\\' && i+1 < len(src):
			i++
			out.WriteString(src[i-1 : i+1])
		default:
			out.WriteByte(c)
		}
	}
	return faultf("", s.line, "%s has no closing quote", s.name)
}

func unescape(match string) string {
	if match == `\$` {
		return "$$"
	}
	if strings.HasPrefix(match, `\0`) {
		match = `\` + match[2:]
	}
	r, _, _, err := strconv.UnquoteChar(match, '"')
	if err != nil {
		return match
	}
	return string(r)
}

// apply adds an env file to v: later names win, and a text may use the names
// before it. raw files take every value as it is written.
func (v *variables) apply(list []setting, into map[string]string) error {
	for _, s := range list {
		if s.bare {
			if val, ok := v.values[s.name]; ok {
				into[s.name] = val
			}
			continue
		}
		text := s.text
		if s.quote != '\'' {
			out, err := v.expand(text, false)
			if err != nil {
				return faultf(s.name, s.line, "%s", err)
			}
			text = out
		}
		if err := v.count(len(text)); err != nil {
			return faultf(s.name, s.line, "%s", err)
		}
		into[s.name] = text
	}
	return nil
}

// steersCompose names the variables of .env that would change what docker
// compose runs, or where, when a person calls it in the checkout.
func steersCompose(name string) bool {
	switch name {
	case "DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG":
		return true
	}
	return strings.HasPrefix(name, "COMPOSE_")
}

// envFile is the .env that is written into the checkout: the repository's own
// without what steers Compose, and the lines that make "docker compose" run
// exactly what the handler runs.
func envFile(content []byte, list []setting, project string) []byte {
	var out strings.Builder
	pos := 0
	for _, s := range list {
		out.Write(content[pos:s.start])
		if !steersCompose(s.name) {
			out.Write(content[s.start:s.end])
		}
		pos = s.end
	}
	out.Write(content[pos:])
	if text := out.String(); text != "" && !strings.HasSuffix(text, "\n") {
		out.WriteByte('\n')
	}
	fmt.Fprintf(&out, "COMPOSE_PROJECT_NAME=%s\nCOMPOSE_FILE=%s\n", project, app.CanonicalFile)
	return []byte(out.String())
}
