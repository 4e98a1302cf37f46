package edge

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/mlfmonde/cluster/handler/edge/caddyfile"
)

// Sites is what Caddy on node is to do for the apps: those that run here, and
// those of served that have gone elsewhere. An app whose text is wrong has no
// Site and a Fault with every line.
func Sites(s State, node string, served []string) ([]Site, []Fault) {
	r := caddying{node: node, claims: newClaims(len(s.Apps)), served: map[string]bool{}, options: s.Caddy}
	for _, name := range served {
		r.served[name] = true
	}
	for _, a := range s.Apps {
		for _, d := range a.Fields.Domains {
			if low, err := spelled(d); err == nil && d != "" {
				r.claims.host(a.Name, low) // who is second is told by HAProxy, which goes by domains
			}
		}
	}
	var all []Site
	for _, a := range s.Apps {
		if a.Swarm() {
			continue
		}
		if site, any := r.site(a.At(node)); any {
			all = append(all, site)
		}
	}
	return all, r.faults
}

// caddying makes the sites of one node.
type caddying struct {
	node    string
	claims  *claims
	served  map[string]bool
	options CaddyOptions
	faults  []Fault
}

func (r *caddying) fault(a App, format string, args ...any) {
	r.faults = append(r.faults, Fault{App: a.Name, Part: PartCaddy, Reason: fmt.Sprintf(format, args...)})
}

// mode says what this node does with the app's requests, "" for nothing.
func (r *caddying) mode(a App) Mode {
	switch {
	case a.Master == "":
		return ""
	case a.Master == r.node && a.Waits:
		return Hold
	case a.Master == r.node && a.Closed:
		return Page
	case a.Master == r.node:
		return Serve
	case r.served[a.Name] && a.Address != "":
		return Pass
	}
	return ""
}

func (r *caddying) site(a App) (site Site, any bool) {
	site = Site{App: a.Name, Mode: r.mode(a), Fields: a.Fields}
	if site.Mode == "" {
		return site, false
	}
	file, problems := caddyfile.Read(a.Fields.Caddyfile, caddyfile.Options{Upstreams: slices.Sorted(maps.Values(a.Fields.Ct))})
	if len(problems) > 0 && site.Mode != Page {
		r.fault(a, "%s", joined(problems))
		return site, false
	}
	var blocks []string
	for _, b := range r.blocks(a, file, site.Mode) {
		site.Addresses = append(site.Addresses, b.addresses...)
		blocks = append(blocks, r.text(a, site.Mode, b))
		if site.Mode == Serve {
			site.Standby += r.text(a, Hold, b)
		}
	}
	if site.Mode == Pass {
		site.Target = a.Address
	}
	site.Text = strings.Join(blocks, "")
	return site, len(blocks) > 0
}

// joined is every problem of a text as one line.
func joined(problems []caddyfile.Problem) string {
	lines := make([]string, len(problems))
	for i, p := range problems {
		lines[i] = p.Error()
	}
	return "caddyfile: " + strings.Join(lines, " · ")
}

// block is a site block, or what stands in its place.
type block struct {
	addresses []string
	site      caddyfile.Site // zero for an address that only urls has
}

// blocks are those whose addresses the app may have. While it is closed by a
// person urls says for what: the text may be what is being mended.
func (r *caddying) blocks(a App, file caddyfile.File, mode Mode) (list []block) {
	listed := map[string]bool{}
	if mode == Page {
		for _, u := range strings.Split(a.Fields.URLs, ",") {
			if u = strings.TrimSpace(u); u == "" {
				continue
			}
			address, _, err := caddyfile.Address(u)
			if err != nil {
				r.fault(a, "urls: %v", err)
				continue
			}
			listed[address] = true
		}
	}
	all := len(listed) == 0
	for _, s := range file.Sites {
		b := block{site: s}
		for _, address := range s.Addresses {
			if all || listed[address] {
				b.addresses = append(b.addresses, address)
			}
			delete(listed, address)
		}
		if len(b.addresses) > 0 && r.may(a, b.addresses) {
			list = append(list, b)
		}
	}
	for _, address := range slices.Sorted(maps.Keys(listed)) {
		if r.may(a, []string{address}) {
			list = append(list, block{addresses: []string{address}})
		}
	}
	return list
}

// may reports that no other app has a host of the addresses.
func (r *caddying) may(a App, addresses []string) bool {
	for _, address := range addresses {
		_, domain, err := caddyfile.Address(address)
		if err != nil {
			r.fault(a, "%v", err)
			return false
		}
		if owner := r.claims.host(a.Name, domain); owner != "" {
			r.fault(a, "%s: the domain belongs to %s; its site is left out here", address, owner)
			return false
		}
	}
	return true
}
