package caddy

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
)

// Bounds of the two servers. What is slow but goes on is not cut here: HAProxy
// in front ends what stands still, in both directions.
const (
	readHeaderTimeout = "30s"
	idleTimeout       = "5m"
	proxyTimeout      = "5s"
	maxHeaderBytes    = 64 << 10
	retryAfter        = "5"
)

// settings are what the two servers are like, whoever they serve.
type settings struct {
	http, https string
	proxies     []string
}

// markerRoute is a route that no request reaches; its digest says what is loaded.
type markerRoute struct {
	ID     string         `json:"@id"`
	Handle []markerHandle `json:"handle"`
}

type markerHandle struct {
	Handler string `json:"handler"`
	Digest  string `json:"cluster_digest"`
}

// digest names what is made of fragments with these settings.
func (s settings) digest(fragments map[string]*fragment) string {
	sum := sha256.New()
	fmt.Fprintf(sum, "1 %s %s %s\n", s.http, s.https, s.proxies) // 1: raised when servers are made differently
	for _, app := range slices.Sorted(maps.Keys(fragments)) {
		fmt.Fprintf(sum, "%s %s\n", app, fragments[app].digest)
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// whole is the configuration with the operator's base and all fragments. order
// says whose the routes of each server are, for the sentence that Caddy refuses
// it with.
func (s settings) whole(b base, fragments map[string]*fragment) (config []byte, order [2][]string, err error) {
	apps := slices.Sorted(maps.Keys(fragments))
	servers := maps.Clone(b.servers)
	for i, name := range serverNames() {
		server := s.server(i)
		var routes, failures []json.RawMessage
		routes, order[i] = arrange(apps, fragments, i, func(p part) (json.RawMessage, json.RawMessage) { return p.exact, p.wild })
		failures, _ = arrange(apps, fragments, i, func(p part) (json.RawMessage, json.RawMessage) { return p.exactErrors, p.wildErrors })
		server["routes"] = append(routes, nobody())
		if len(failures) > 0 {
			server["errors"] = map[string]any{"routes": failures}
		}
		if logs := logsOf(apps, fragments, i); len(logs) > 0 {
			server["logs"] = map[string]any{"logger_names": logs, "skip_unmapped_hosts": true}
		}
		if i == secure {
			server["tls_connection_policies"] = connections(apps, fragments)
		}
		if named := s.named(i, apps, fragments); len(named) > 0 {
			server["named_routes"] = named
		}
		servers[name] = server
	}
	config, err = json.Marshal(b.with(s, servers, policies(apps, fragments), loggers(apps, fragments)))
	return config, order, err
}

// named are the routes of one server that others invoke, and the marker, which
// nobody invokes.
func (s settings) named(server int, apps []string, fragments map[string]*fragment) map[string]any {
	all := map[string]any{}
	for _, app := range apps {
		for name, route := range fragments[app].named {
			all[name] = route
		}
	}
	if server == plain {
		all[markerID] = markerRoute{ID: markerID, Handle: []markerHandle{{Handler: "vars", Digest: s.digest(fragments)}}}
	}
	return all
}

// server is one of the two without any application.
func (s settings) server(i int) map[string]any {
	proxy := map[string]any{"wrapper": "proxy_protocol", "timeout": proxyTimeout}
	server := map[string]any{
		"listen":              []string{[2]string{s.http, s.https}[i]},
		"protocols":           []string{"h1", "h2"},
		"read_header_timeout": readHeaderTimeout,
		"idle_timeout":        idleTimeout,
		"max_header_bytes":    maxHeaderBytes,
	}
	if len(s.proxies) > 0 {
		proxy["allow"] = s.proxies
		server["trusted_proxies"] = map[string]any{"source": "static", "ranges": s.proxies}
	}
	server["listener_wrappers"] = []any{proxy, map[string]any{"wrapper": "tls"}}
	return server
}

// nobody answers a host that no application has. Without it Caddy would say
// that all is well, with an empty page.
func nobody() json.RawMessage {
	return encode(map[string]any{"handle": []any{map[string]any{
		"handler": "static_response", "status_code": 503, "body": "No application answers to this name here.\n",
		"headers": map[string][]string{"Retry-After": {retryAfter}, "Cache-Control": {"no-store"}},
	}}})
}

// arrange puts exact routes first and longer wild hosts before shorter ones, and
// says whose they are.
func arrange(apps []string, fragments map[string]*fragment, server int, of func(part) (exact, wild json.RawMessage)) (routes []json.RawMessage, order []string) {
	var last []string
	for _, app := range apps {
		exact, wild := of(fragments[app].servers[server])
		if exact != nil {
			routes, order = append(routes, exact), append(order, app)
		}
		if wild != nil {
			last = append(last, app)
		}
	}
	slices.SortStableFunc(last, func(x, y string) int {
		_, a := of(fragments[x].servers[server])
		_, b := of(fragments[y].servers[server])
		return cmp.Compare(longestHost(b), longestHost(a))
	})
	for _, app := range last {
		_, wild := of(fragments[app].servers[server])
		routes, order = append(routes, wild), append(order, app)
	}
	return routes, order
}

// hostsOf are the hosts that a route at the top is for.
func hostsOf(route json.RawMessage) (all []string) {
	var r struct {
		Match []struct {
			Host []string `json:"host"`
		} `json:"match"`
	}
	if json.Unmarshal(route, &r) != nil {
		return nil
	}
	for _, m := range r.Match {
		all = append(all, m.Host...)
	}
	return all
}

func longestHost(route json.RawMessage) (longest int) {
	for _, h := range hostsOf(route) {
		longest = max(longest, len(h))
	}
	return longest
}

func logsOf(apps []string, fragments map[string]*fragment, server int) map[string][]string {
	all := map[string][]string{}
	for _, app := range apps {
		maps.Copy(all, fragments[app].servers[server].logs)
	}
	return all
}

// connections ends with the rule for every host without one of its own.
func connections(apps []string, fragments map[string]*fragment) (all []json.RawMessage) {
	for _, app := range apps {
		all = append(all, fragments[app].servers[secure].connections...)
	}
	return append(all, json.RawMessage("{}"))
}

func policies(apps []string, fragments map[string]*fragment) (all []json.RawMessage) {
	for _, app := range apps {
		all = append(all, fragments[app].policies...)
	}
	return all
}

func loggers(apps []string, fragments map[string]*fragment) map[string]json.RawMessage {
	all := map[string]json.RawMessage{}
	for _, app := range apps {
		maps.Copy(all, fragments[app].loggers)
	}
	return all
}

// port is the port number of a listen address, 0 when it is not one.
func port(address string) int {
	_, text, _ := net.SplitHostPort(address)
	n, _ := strconv.Atoi(text)
	return n
}
