package edge

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/mlfmonde/cluster/handler/edge/haproxy"
)

// claims are the names that apps have: the first by order of the keys that asks
// for one has it, on every node alike. Inspection refuses the second before it
// is deployed; what got past it is left out here.
type claims struct {
	hosts    map[string]string    // host without port → app
	below    map[string][2]string // domain → the first two apps that have hosts below it
	wild     map[string]string    // x of *.x → app
	sections map[string]string
	ports    map[int][]listener
}

type listener struct {
	haproxy.Listen
	app string
}

func newClaims(size int) *claims {
	return &claims{hosts: make(map[string]string, 2*size), below: make(map[string][2]string, 2*size), wild: map[string]string{},
		sections: make(map[string]string, 4*size), ports: map[int][]listener{}}
}

var domainOK = regexp.MustCompile(`^(\*\.)?([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(:[0-9]{1,5})?$`)

// spelled is a domain as the cluster writes it.
func spelled(domain string) (string, error) {
	low := strings.ToLower(domain)
	if len(low) > 253 || !plain(low) && !domainOK.MatchString(low) {
		return "", fmt.Errorf("%.60q is not a domain (letters, digits and -; others as xn--…)", domain)
	}
	return low, nil
}

// plain is the usual case of domainOK, which costs less: labels of letters and
// digits.
func plain(s string) bool {
	label := 0
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= 'a' && c <= 'z' || c >= '0' && c <= '9':
			label++
		case c == '.' && label > 0:
			label = 0
		default:
			return false
		}
		if label > 63 {
			return false
		}
	}
	return label > 0
}

// host takes a host for an app, or says who has it. A port is no part of who
// owns a name: traffic is told apart by host alone.
func (c *claims) host(app, domain string) (owner string) {
	host, _, _ := strings.Cut(domain, ":")
	rest, star := strings.CutPrefix(host, "*.")
	if star {
		owner = c.wild[rest]
		if two := c.below[rest]; owner == "" && two[0] != app {
			owner = two[0]
		} else if owner == "" {
			owner = two[1]
		}
	} else {
		owner = c.hosts[host]
	}
	for up := host; owner == ""; {
		i := strings.IndexByte(up, '.')
		if i < 0 {
			break
		}
		up = up[i+1:]
		if who := c.wild[up]; who != app {
			owner = who
		}
	}
	if owner != "" && owner != app {
		return owner
	}
	if star {
		c.wild[rest] = app
	} else {
		c.hosts[host] = app
	}
	for up := host; ; {
		i := strings.IndexByte(up, '.')
		if i < 0 {
			return ""
		}
		up = up[i+1:]
		switch two := c.below[up]; {
		case two[0] == "":
			c.below[up] = [2]string{app}
		case two[0] != app && two[1] == "":
			c.below[up] = [2]string{two[0], app}
		}
	}
}

// section takes the name of a frontend or backend.
func (c *claims) section(app, name string) (owner string) {
	if who := c.sections[name]; who != "" {
		return who
	}
	c.sections[name] = app
	return ""
}

// bind takes an address to listen on.
func (c *claims) bind(app, text string) (owner string) {
	l, ok := haproxy.ParseListen(text)
	if !ok {
		return ""
	}
	for n := l.From; n <= l.To; n++ {
		for _, o := range c.ports[n] {
			if o.app != app && o.Overlaps(l) {
				return o.app
			}
		}
	}
	for n := l.From; n <= l.To; n++ {
		c.ports[n] = append(c.ports[n], listener{Listen: l, app: app})
	}
	return ""
}
