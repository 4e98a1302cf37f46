package inspect

import (
	"errors"
	"slices"
	"strings"
)

// routes is what the services ask of HAProxy, Caddy and Consul.
type routes struct {
	caddyfile string
	addresses []claim
	domains   []claim
	proxy     proxy
	checks    []string
	service   string // Name in service.json, "" without one
}

// claim is a name that only one app may have.
type claim struct {
	name string
	path string // key path that asks for it
	more int    // line inside the text there
}

func names(claims []claim) []string {
	list := make([]string, 0, len(claims))
	for _, c := range claims {
		list = append(list, c.name)
	}
	return list
}

// routes reads the routing variables of all services, in file order.
func (j *judge) routes() routes {
	r := routes{proxy: newProxy()}
	var texts []string
	size := 0
	for _, name := range j.order() {
		s := j.model.Services[name]
		routed := false
		for _, key := range []string{varCaddy, varProxy, varChecks} {
			val := s.Environment[key]
			if val == nil || strings.TrimSpace(*val) == "" {
				continue
			}
			path := "services." + name + ".environment." + key
			if size += len(*val); size > maxRoutes {
				j.reject(path, 0, "makes the routing variables longer than %d KiB together", maxRoutes>>10)
				return r
			}
			if !j.printable(path, *val) {
				continue
			}
			switch key {
			case varCaddy:
				routed = true
				texts = append(texts, strings.Trim(*val, "\n"))
				r.sites(j, path, *val)
			case varProxy:
				routed = true
				r.proxy.add(j, path, name, *val)
			case varChecks:
				r.checks = append(r.checks, j.checkURLs(path, *val)...)
			}
		}
		if _, on := j.shared(s); routed && !on {
			j.reject(child("services", name), 0, "is routed by %s or %s but not on the network %s; add it as an external network", varCaddy, varProxy, clusterNetwork)
		}
	}
	r.caddyfile = strings.Join(texts, "\n")
	r.proxy.finish(j, r.domains)
	r.checks = slices.Concat(checkable(r.addresses), r.checks)
	r.checks = unique(r.checks)
	return r
}

// printable refuses control characters other than tab and newline.
func (j *judge) printable(path, text string) bool {
	i := strings.IndexFunc(text, func(c rune) bool { return c < ' ' && c != '\n' && c != '\t' && c != '\r' || c == 0x7f })
	if i >= 0 {
		j.reject(path, 1+strings.Count(text[:i], "\n"), "holds a control character")
	}
	return i < 0
}

// sites takes the addresses and domains of one CADDYFILE.
func (r *routes) sites(j *judge, path, text string) {
	list, err := sites(text)
	if err != nil {
		line := 0
		if s := (*syntax)(nil); errors.As(err, &s) {
			line = s.line
		}
		j.reject(path, line, "%s", err)
		return
	}
	for _, s := range list {
		for _, a := range s.addresses {
			d, err := domain(a)
			if err != nil {
				j.reject(path, s.line, "line %d: %s", s.line, err)
				continue
			}
			if slices.ContainsFunc(r.addresses, func(c claim) bool { return strings.EqualFold(c.name, a) }) {
				j.reject(path, s.line, "line %d: address %q is there twice", s.line, clip(a))
				continue
			}
			r.addresses = append(r.addresses, claim{name: a, path: path, more: s.line})
			if !slices.Contains(names(r.domains), d) {
				r.domains = append(r.domains, claim{name: d, path: path, more: s.line})
			}
		}
	}
}

// checkable leaves out the wildcards: nobody answers there.
func checkable(claims []claim) []string {
	var urls []string
	for _, c := range claims {
		if !strings.Contains(c.name, "*") {
			urls = append(urls, c.name)
		}
	}
	return urls
}

// unique drops what is there already, keeping the order.
func unique(list []string) []string {
	seen := map[string]bool{}
	return slices.DeleteFunc(list, func(s string) bool {
		dup := seen[s]
		seen[s] = true
		return dup
	})
}
