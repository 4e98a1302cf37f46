package inspect

import (
	"net/netip"
	"strconv"
	"strings"
)

// listener is where a bind line listens.
type listener struct {
	host     string // "" everywhere
	from, to int
}

// listeners reads the addresses of a bind line, as lenient as HAProxy: a
// record may come from the old tool. What cannot be read is left out.
func listeners(bind string) (all []listener) {
	fields := strings.Fields(bind)
	if len(fields) == 0 {
		return nil
	}
	for address := range strings.SplitSeq(fields[0], ",") {
		for _, family := range []string{"ipv4@", "ipv6@", "tcp@", "tcp4@", "tcp6@"} {
			address = strings.TrimPrefix(address, family)
		}
		i := strings.LastIndexByte(address, ':')
		if i < 0 {
			continue
		}
		first, last, span := strings.Cut(address[i+1:], "-")
		if !span {
			last = first
		}
		from, errFrom := strconv.Atoi(first)
		to, errTo := strconv.Atoi(last)
		if errFrom == nil && errTo == nil && from > 0 && from <= to {
			all = append(all, listener{host: listening(address[:i]), from: from, to: to})
		}
	}
	return all
}

// listening is an address in its one spelling.
func listening(text string) string {
	text = strings.TrimSuffix(strings.TrimPrefix(text, "["), "]")
	if text == "*" {
		return ""
	}
	ip, err := netip.ParseAddr(text)
	if err != nil {
		return text
	}
	if ip = ip.Unmap(); ip.IsUnspecified() {
		return ""
	}
	return ip.String()
}

// overlap reports that two bind lines cannot both be listened on.
func overlap(a, b string) bool {
	for _, x := range listeners(a) {
		for _, y := range listeners(b) {
			if x.from <= y.to && y.from <= x.to && (x.host == y.host || x.host == "" || y.host == "") {
				return true
			}
		}
	}
	return false
}
