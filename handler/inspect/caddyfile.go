package inspect

import (
	"maps"
	"slices"
	"strings"

	"github.com/mlfmonde/cluster/handler/edge/caddyfile"
)

// sites takes the sites of one CADDYFILE, in v1 or v2, and returns them as
// v2 text, "" when something is wrong with it. Each thing that is wrong is refused
// with its line.
func (r *routes) sites(j *judge, path, text string) string {
	file, problems := caddyfile.Read(text, caddyfile.Options{Upstreams: slices.Sorted(maps.Values(j.containers()))})
	for _, p := range problems {
		j.reject(path, p.Line, "%s", p.Error())
	}
	for _, w := range file.Warnings {
		j.warn("%s %s", path, w.Error())
	}
	for _, s := range file.Sites {
		for _, a := range s.Addresses {
			url := strings.TrimSuffix(a, "*")
			if slices.ContainsFunc(r.addresses, func(c claim) bool { return c.name == url }) {
				j.reject(path, s.Line, "line %d: address %q is there twice", s.Line, clip(url))
				continue
			}
			r.addresses = append(r.addresses, claim{name: url, path: path, more: s.Line})
		}
		for _, d := range s.Domains() {
			if !slices.Contains(names(r.domains), d) {
				r.domains = append(r.domains, claim{name: d, path: path, more: s.Line})
			}
		}
	}
	if len(problems) > 0 {
		return ""
	}
	return file.String()
}
