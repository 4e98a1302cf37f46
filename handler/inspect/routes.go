package inspect

import (
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
				if text := r.sites(j, path, *val); text != "" {
					texts = append(texts, text)
				}
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
