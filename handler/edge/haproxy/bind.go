package haproxy

import (
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"sync"
)

// maxPorts is how many ports one bind may listen on.
const maxPorts = 1000

// Listen is the address of a bind line.
type Listen struct {
	Host     string // in its one spelling, "" for every interface
	From, To int    // ports
}

var listenOK = regexp.MustCompile(`^((?:[0-9.]+|\*|\[[0-9a-fA-F:]*\]|::)?):(\d+)(?:-(\d+))?$`)

// ParseListen reads the address that a bind line begins with.
func ParseListen(text string) (Listen, bool) {
	first, _, _ := strings.Cut(strings.TrimSpace(text), " ")
	m := listenOK.FindStringSubmatch(first)
	if m == nil {
		return Listen{}, false
	}
	from, err := strconv.Atoi(m[2])
	to := from
	if err == nil && m[3] != "" {
		to, err = strconv.Atoi(m[3])
	}
	ok := err == nil && from > 0 && from <= to && to <= 65535 && to-from < maxPorts
	host := strings.Trim(m[1], "[]*")
	if ip, err := netip.ParseAddr(host); err == nil {
		if ip = ip.Unmap(); ip.IsUnspecified() {
			host = ""
		} else {
			host = ip.String()
		}
	}
	return Listen{Host: host, From: from, To: to}, ok
}

// Overlaps reports that two addresses cannot both be listened on.
func (l Listen) Overlaps(o Listen) bool {
	return l.From <= o.To && o.From <= l.To && (l.Host == o.Host || l.Host == "" || o.Host == "")
}

// Taken says who listens on a port on every node, "" for nobody.
func Taken(port int) string {
	switch {
	case port == 80, port == 443, port == 1443:
		return "HAProxy"
	case port == 2375, port == 2376:
		return "Docker"
	case port >= 8300 && port <= 8302, port == 8500, port == 8600:
		return "Consul"
	case port == 1122:
		return "Buttervolume"
	case port == 22:
		return "ssh"
	}
	return ""
}

// bind judges one bind line: an address and options that concern it alone.
func bind(text string) (why string) {
	l, ok := ParseListen(text)
	if !ok {
		return fmt.Sprintf(`%q is not an address and a port, such as "*:5432"`, clip(text))
	}
	for n := l.From; n <= l.To; n++ {
		if who := Taken(n); who != "" {
			return fmt.Sprintf("port %d is used by %s on every node", n, who)
		}
	}
	all, why := line(text)
	if why != "" {
		return why
	}
	return pairs(all[1:], bindOptions(), "an option of bind that apps may set")
}

// bindOptions are the words after an address → how many words follow each.
var bindOptions = sync.OnceValue(func() map[string]int {
	return map[string]int{
		"accept-proxy": 0, "backlog": 1, "defer-accept": 0, "maxconn": 1, "mss": 1, "name": 1, "nice": 1, "tcp-ut": 1, "tfo": 0, "v4v6": 0, "v6only": 0,
	}
})
