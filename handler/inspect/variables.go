package inspect

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// The environment variables of a service that are addressed to the cluster.
const (
	varCaddy  = "CADDYFILE"
	varProxy  = "HAPROXY"
	varChecks = "CONSUL_CHECK_URLS"
)

// routing reports that a variable is addressed to the cluster. Its text keeps
// $CONTAINER for later, Caddy's {$NAME}, and every $ that names nothing.
func routing(name string) bool { return name == varCaddy || name == varProxy || name == varChecks }

var (
	nameAt      = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*`)
	caddyEnvAt  = regexp.MustCompile(`^\{\$[A-Za-z_][A-Za-z0-9_]*(:[^}\n]*)?\}`)
	containerIn = regexp.MustCompile(`\$(CONTAINER\b|\{CONTAINER\})`)
)

// variables fills in ${NAME} as Compose does, from .env and nothing else. It
// is our own because the text it makes has to be bounded: a few lines that
// refer to each other can otherwise ask for gigabytes.
type variables struct {
	values map[string]string
	text   int      // bytes made so far
	unset  []string // names that were asked for plainly and are not there
}

// expansion is one text being filled in.
type expansion struct {
	vars *variables
	lax  bool // of a routing variable
	out  strings.Builder
}

// expand returns s with its variables filled in.
func (v *variables) expand(s string, lax bool) (string, error) {
	if !strings.Contains(s, "$") {
		return s, v.count(len(s))
	}
	e := expansion{vars: v, lax: lax}
	if err := e.run(s, 0); err != nil {
		return "", err
	}
	return e.out.String(), nil
}

func (v *variables) count(n int) error {
	if v.text += n; v.text > maxText {
		return fmt.Errorf("the variables expand to more than %d KiB", maxText>>10)
	}
	return nil
}

func (e *expansion) put(s string) error {
	e.out.WriteString(s)
	return e.vars.count(len(s))
}

func (e *expansion) run(s string, depth int) error {
	if depth > 8 {
		return fmt.Errorf("variables are nested deeper than 8 levels")
	}
	for s != "" {
		i := strings.IndexByte(s, '$')
		if i < 0 {
			return e.put(s)
		}
		if e.lax && i > 0 && s[i-1] == '{' {
			if m := caddyEnvAt.FindString(s[i-1:]); m != "" {
				if err := e.put(s[:i-1] + m); err != nil {
					return err
				}
				s = s[i-1+len(m):]
				continue
			}
		}
		if err := e.put(s[:i]); err != nil {
			return err
		}
		n, err := e.dollar(s[i:], depth)
		if err != nil {
			return err
		}
		s = s[i+n:]
	}
	return nil
}

// dollar handles s, which begins with "$", and returns how much of it is done.
func (e *expansion) dollar(s string, depth int) (int, error) {
	if strings.HasPrefix(s, "$$") {
		return 2, e.put("$")
	}
	if name := nameAt.FindString(s[1:]); name != "" {
		return 1 + len(name), e.plain(s[:1+len(name)], name)
	}
	if strings.HasPrefix(s, "${") {
		if name := nameAt.FindString(s[2:]); name != "" {
			return e.braced(s, name, depth)
		}
	}
	if e.lax {
		return 1, e.put("$")
	}
	return 0, fmt.Errorf("a lone $ in %q names no variable; write $$ for a dollar", clip(s))
}

// plain is $NAME or ${NAME}, written as text.
func (e *expansion) plain(text, name string) error {
	if e.lax && name == "CONTAINER" {
		return e.put(text)
	}
	val, set := e.vars.values[name]
	if !set {
		if e.lax {
			return fmt.Errorf("variable %s is not in .env; define it there, or write $$%s to keep the text", name, name)
		}
		if !slices.Contains(e.vars.unset, name) {
			e.vars.unset = append(e.vars.unset, name)
		}
	}
	return e.put(val)
}

func (e *expansion) braced(s, name string, depth int) (int, error) {
	end := closing(s)
	if end < 0 {
		return 0, fmt.Errorf("%q has no closing brace", clip(s))
	}
	rest := s[2+len(name) : end]
	if rest == "" {
		return end + 1, e.plain(s[:end+1], name)
	}
	val, set := e.vars.values[name]
	op := rest[0]
	if op == ':' && len(rest) > 1 {
		set = set && val != ""
		rest = rest[1:]
		op = rest[0]
	}
	word := rest[1:]
	switch {
	case op == '-' && set, op == '?' && set:
		return end + 1, e.put(val)
	case op == '-', op == '+' && set:
		return end + 1, e.run(word, depth+1)
	case op == '+':
		return end + 1, nil
	case op == '?':
		return 0, fmt.Errorf("variable %s is required and not in .env: %s", name, clip(word))
	}
	return 0, fmt.Errorf("%q is not a variable that Compose understands; write $$ for a dollar", clip(s))
}

// closing finds the brace that ends s, which begins with "${", or -1.
func closing(s string) int {
	depth := 0
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '{' && s[i-1] == '$':
			depth++
		case s[i] == '}':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

// clip shortens a text that came from a repository for a message.
func clip(s string) string {
	if len(s) > 60 {
		return s[:60] + "…"
	}
	return s
}

// fill expands every text of a compose file. Keys are left alone, as in Compose.
func (v *variables) fill(model map[string]any) error {
	services, _ := model["services"].(map[string]any)
	for _, name := range sorted(services) {
		service, ok := services[name].(map[string]any)
		if !ok {
			continue
		}
		if err := v.environment(service, child("services", name)+".environment"); err != nil {
			return err
		}
	}
	_, err := v.walk(model, "")
	return err
}

// environment expands the routing variables of one service and marks them as
// done by doubling what is left of their dollars, so that walk restores them.
func (v *variables) environment(service map[string]any, path string) error {
	done := func(name, text, path string) (string, error) {
		out, err := v.expand(text, true)
		if err != nil {
			return "", faultf(path, 0, "%s", err)
		}
		return strings.ReplaceAll(out, "$", "$$"), nil
	}
	switch env := service["environment"].(type) {
	case map[string]any:
		fresh := maps.Clone(env)
		for _, name := range sorted(env) {
			text, ok := env[name].(string)
			if !ok || !routing(name) {
				continue
			}
			out, err := done(name, text, child(path, name))
			if err != nil {
				return err
			}
			fresh[name] = out
		}
		service["environment"] = fresh
	case []any:
		for i, e := range env {
			text, _ := e.(string)
			name, text, ok := strings.Cut(text, "=")
			if !ok || !routing(name) {
				continue
			}
			out, err := done(name, text, child(path, name))
			if err != nil {
				return err
			}
			env[i] = name + "=" + out
		}
	}
	return nil
}

func (v *variables) walk(x any, path string) (any, error) {
	switch x := x.(type) {
	case string:
		out, err := v.expand(x, false)
		if err != nil {
			return nil, faultf(path, 0, "%s", err)
		}
		return out, nil
	case map[string]any:
		for _, k := range sorted(x) {
			out, err := v.walk(x[k], child(path, k))
			if err != nil {
				return nil, err
			}
			x[k] = out
		}
	case []any:
		for i, e := range x {
			out, err := v.walk(e, path+"["+strconv.Itoa(i)+"]")
			if err != nil {
				return nil, err
			}
			x[i] = out
		}
	}
	return x, nil
}

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
