package caddy

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// serverOf says which of the two servers an adapted one is.
func serverOf(listen []string) (int, error) {
	if len(listen) == 1 {
		switch listen[0] {
		case ":80":
			return plain, nil
		case ":443":
			return secure, nil
		}
	}
	return 0, fmt.Errorf("a site listens on %s; only http:// and https:// addresses without a port are served", strings.Join(listen, ", "))
}

// sortByHost divides routes into those of exact hosts and those with a * in
// theirs; a route of both becomes two.
func sortByHost(routes []map[string]json.RawMessage) (exact, wild []hosted, err error) {
	for _, r := range routes {
		var sets []map[string]json.RawMessage
		if r["match"] != nil {
			if err := json.Unmarshal(r["match"], &sets); err != nil {
				return nil, nil, fmt.Errorf("read a route's match: %w", err)
			}
		}
		var matches [2][]map[string]json.RawMessage
		var hosts [2][]string
		for _, set := range sets {
			var all []string
			if set["host"] == nil || json.Unmarshal(set["host"], &all) != nil {
				return nil, nil, errEveryHost
			}
			for i, some := range divide(all) {
				if len(some) > 0 {
					one := maps.Clone(set)
					one["host"] = encode(some)
					matches[i], hosts[i] = append(matches[i], one), append(hosts[i], some...)
				}
			}
		}
		if len(sets) == 0 {
			return nil, nil, errEveryHost
		}
		for i, to := range []*[]hosted{&exact, &wild} {
			if len(matches[i]) > 0 {
				one := maps.Clone(r)
				one["match"] = encode(matches[i])
				*to = append(*to, hosted{one, hosts[i]})
			}
		}
	}
	return exact, wild, nil
}

var errEveryHost = errors.New("a site takes requests of every host; give it an address with a host")

// hosted is a route and the hosts it is for.
type hosted struct {
	route map[string]json.RawMessage
	hosts []string
}

func divide(hosts []string) [2][]string {
	var out [2][]string
	for _, h := range hosts {
		i := 0
		if strings.Contains(h, "*") {
			i = 1
		}
		out[i] = append(out[i], h)
	}
	return out
}

// joined is one route for all of routes, nil for none: Caddy finds an
// application's certificates only by the hosts of routes at the top.
func joined(routes []hosted, name string) json.RawMessage {
	switch len(routes) {
	case 0:
		return nil
	case 1:
		return identified(routes[0].route, name)
	}
	var hosts []string
	var inner []map[string]json.RawMessage
	same := true
	for _, r := range routes {
		hosts, inner = append(hosts, r.hosts...), append(inner, r.route)
		same = same && slices.Equal(r.hosts, routes[0].hosts)
	}
	if same {
		inner = withoutHosts(inner)
	}
	slices.Sort(hosts)
	return identified(map[string]json.RawMessage{
		"match":    encode([]map[string][]string{{"host": slices.Compact(hosts)}}),
		"handle":   encode([]map[string]any{{"handler": "subroute", "routes": inner}}),
		"terminal": encode(true),
	}, name)
}

// withoutHosts are routes that stand inside one for the same hosts: looking at
// them twice would cost time at every load and request.
func withoutHosts(routes []map[string]json.RawMessage) []map[string]json.RawMessage {
	var all []map[string]json.RawMessage
	for _, r := range routes {
		var sets []map[string]json.RawMessage
		if json.Unmarshal(r["match"], &sets) != nil || len(sets) != 1 {
			return routes
		}
		one := maps.Clone(r)
		if delete(sets[0], "host"); len(sets[0]) > 0 {
			one["match"] = encode(sets)
		} else {
			delete(one, "match")
		}
		all = append(all, one)
	}
	return all
}
