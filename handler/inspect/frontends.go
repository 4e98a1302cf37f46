package inspect

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/mlfmonde/cluster/handler/app"
)

// frontends refuses what an app asks of the HAProxy that all share: names that
// HAProxy's configuration has of its own, and ports that its container does not
// publish (none: unknown).
func (j *judge) frontends(r routes, rec app.Record, published []int) {
	for _, h := range holds(rec) {
		why := ""
		switch {
		case h.kind == ofBind:
			if why = unpublished(h.name, published); why != "" {
				path, _ := j.place(r, h)
				j.refuse(path, "%s", why)
			}
			continue
		case h.kind != ofSection:
		case h.name == "http-in" || h.name == "https-in":
			why = "is the name of a section that HAProxy has of its own; choose another name"
		case h.domain == "" && (strings.HasPrefix(h.name, "http-swarm-") || strings.HasPrefix(h.name, "https-swarm-")):
			why = "is a name for keys below swarm/; choose one that does not begin with swarm-"
		}
		if why != "" {
			path, more := j.place(r, h)
			j.reject(path, more, "%s %s", h.name, why)
		}
	}
}

// unpublished says why nobody outside could reach a bind, "" when somebody can
// or ports is empty.
func unpublished(bind string, ports []int) string {
	if len(ports) == 0 {
		return ""
	}
	for _, l := range listeners(bind) {
		for n := l.from; n <= l.to; n++ {
			if slices.Contains(ports, n) {
				continue
			}
			text := strconv.Itoa(l.from)
			if l.to > l.from {
				text += "-" + strconv.Itoa(l.to)
			}
			return fmt.Sprintf("port %d is not published by HAProxy's container; let the operator add it to docker-compose.override.yml "+
				"(services: {haproxy: {ports: [\"%s:%s\"]}}) and to --haproxy-ports", n, text, text)
		}
	}
	return ""
}
