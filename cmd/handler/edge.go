package main

import (
	"context"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/mlfmonde/cluster/handler/adapter/caddy"
	"github.com/mlfmonde/cluster/handler/adapter/consul"
	"github.com/mlfmonde/cluster/handler/adapter/docker"
	"github.com/mlfmonde/cluster/handler/adapter/haproxy"
	"github.com/mlfmonde/cluster/handler/adapter/hold"
	"github.com/mlfmonde/cluster/handler/adapter/process"
	"github.com/mlfmonde/cluster/handler/adapter/proxy"
	"github.com/mlfmonde/cluster/handler/edge"
	"github.com/mlfmonde/cluster/handler/execute"
	"github.com/mlfmonde/cluster/handler/port"
)

// edgeSettings are the flags of a node's HAProxy and Caddy.
type edgeSettings struct {
	edge, edgeDir                  string
	haproxyConfig, haproxySocket   string
	haproxyReload, haproxyTemplate string
	haproxyCommand                 string
	haproxyCaddy, haproxyResolver  string
	caddyAdmin                     string
	caddyProxies, caddyRoots       []string
	holdSocket, holdPage           string
	hold                           time.Duration
	holdCount, holdTotal           int
}

// private are the networks in which a node's own containers are.
func private() []string {
	return []string{"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8", "fc00::/7", "::1/128"}
}

func (s *edgeSettings) edgeFlags(f *pflag.FlagSet) {
	text := func(at *string, name, value, usage string) {
		f.StringVar(at, name, value, usage)
		env(f, name)
	}
	list := func(at *[]string, name string, value []string, usage string) {
		f.StringSliceVar(at, name, value, usage)
		env(f, name)
	}
	count := func(at *int, name string, value int, usage string) {
		f.IntVar(at, name, value, usage)
		env(f, name)
	}
	text(&s.edge, "edge", "follow", "own: this handler configures HAProxy and Caddy; follow: templates of your own do (consul-template)")
	text(&s.edgeDir, "edge-dir", "/var/lib/cluster/edge", "folder where the last good configuration of each app is kept")
	text(&s.haproxyConfig, "haproxy-config", "/var/lib/cluster/edge/haproxy/haproxy.cfg", "file that HAProxy starts with; HAProxy has to see its folder at the same path")
	text(&s.haproxySocket, "haproxy-socket", "/run/cluster/edge/haproxy.sock", "HAProxy's runtime socket, by which a new configuration is proven to run")
	text(&s.haproxyReload, "haproxy-reload", "container:haproxy", "how to reload HAProxy: container:NAME, systemd:UNIT or pid:FILE (SIGUSR2 to its master, started with -W)")
	text(&s.haproxyTemplate, "haproxy-template", "", "file with the part that belongs to no app, in the place of the built-in one")
	text(&s.haproxyCommand, "haproxy-command", "haproxy", "the command that checks a configuration, words separated by blanks, as \"docker exec haproxy haproxy\"")
	text(&s.haproxyCaddy, "haproxy-caddy", "caddy", "name or address of this node's Caddy as HAProxy sees it")
	text(&s.haproxyResolver, "haproxy-resolver", "127.0.0.11:53", "DNS server, as HAProxy sees it, that knows the containers")
	text(&s.caddyAdmin, "caddy-admin", "unix//run/cluster/edge/caddy.sock", "Caddy's admin endpoint: unix//PATH of its socket, or HOST:PORT in a network that no app reaches")
	list(&s.caddyProxies, "caddy-proxies", private(), "networks from which Caddy takes HAProxy's word about the client's address")
	list(&s.caddyRoots, "caddy-roots", nil, "PEM files, as Caddy sees them, of who signs the certificates of the other nodes (default the system's)")
	text(&s.holdSocket, "hold-socket", "/run/cluster/edge/hold.sock", "socket on which Caddy asks whether a request that waits may go on")
	text(&s.holdPage, "hold-page", "", "HTML file for requests that waited for too long (default built in)")
	f.DurationVar(&s.hold, "hold", hold.DefaultLimit, "how long a request waits while its app is switched")
	env(f, "hold")
	count(&s.holdCount, "hold-count", hold.DefaultPerApp, "requests of one app that wait side by side; more get the maintenance page")
	count(&s.holdTotal, "hold-total", hold.DefaultTotal, "requests of all apps that wait side by side")
}

// running is an edge and what has to run beside the handler for it.
type running struct {
	port.Edge
	beside []func(context.Context)
}

// makeEdge wires the edge that --edge names. Proxies that are not there yet are
// waited for.
func (s *edgeSettings) makeEdge(c execute.Config, kv *consul.Consul, daemon *docker.Docker, runner *process.Runner, log *slog.Logger) (running, error) {
	switch s.edge {
	case "follow":
		return running{Edge: proxy.New(kv)}, nil
	case "own":
	default:
		return running{}, exit(exitBad, "--edge %q: use own or follow", s.edge)
	}
	requests, err := hold.New(hold.Config{Socket: s.holdSocket, Limit: s.hold, PerApp: s.holdCount, Total: s.holdTotal, Page: s.holdPage, Log: log})
	if err != nil {
		return running{}, exit(exitBad, "--hold…: %w", err)
	}
	sites, err := s.makeCaddy(log)
	if err != nil {
		return running{}, err
	}
	routes, template, err := s.makeHAProxy(daemon, runner, log)
	if err != nil {
		return running{}, err
	}
	own := proxy.NewOwn(proxy.Config{
		KV: kv, Node: c.Node, HAProxy: routes, Caddy: sites, Hold: requests, Template: template,
		Options: edge.CaddyOptions{HoldSocket: s.holdSocket, Roots: s.caddyRoots},
		Dir:     filepath.Join(s.edgeDir, "good"), EdgeWait: c.Times.EdgeWait, Log: log,
	})
	asked := func(ctx context.Context) { answer(ctx, own, requests, filepath.Dir(s.holdSocket), log) }
	return running{Edge: own, beside: []func(context.Context){own.Watch, asked}}, nil
}

func (s *edgeSettings) makeCaddy(log *slog.Logger) (*caddy.Publisher, error) {
	c := caddy.Config{Admin: s.caddyAdmin, Gates: filepath.Join(filepath.Dir(s.holdSocket), "held"), Log: log}
	for _, text := range s.caddyProxies {
		p, err := netip.ParsePrefix(strings.TrimSpace(text))
		if err != nil {
			return nil, exit(exitBad, "--caddy-proxies: %w; write networks such as 172.16.0.0/12", err)
		}
		c.Proxies = append(c.Proxies, p)
	}
	made, err := caddy.New(c)
	if err != nil {
		return nil, exit(exitBad, "--caddy-admin: %w", err)
	}
	return made, nil
}

func (s *edgeSettings) makeHAProxy(daemon *docker.Docker, runner *process.Runner, log *slog.Logger) (*haproxy.HAProxy, *edge.Template, error) {
	text := edge.DefaultTemplateText()
	if s.haproxyTemplate != "" {
		data, err := os.ReadFile(s.haproxyTemplate)
		if err != nil {
			return nil, nil, exit(exitBad, "--haproxy-template: %w", err)
		}
		text = string(data)
	}
	template, err := edge.NewTemplate(text)
	if err != nil {
		return nil, nil, exit(exitBad, "--haproxy-template %s: %w", s.haproxyTemplate, err)
	}
	template.Socket, template.Caddy, template.Resolver = s.haproxySocket, s.haproxyCaddy, s.haproxyResolver
	way, err := haproxy.ParseReload(s.haproxyReload)
	if err != nil {
		return nil, nil, exit(exitBad, "--haproxy-reload: %w", err)
	}
	made, err := haproxy.New(haproxy.Config{File: s.haproxyConfig, Socket: s.haproxySocket, Command: strings.Fields(s.haproxyCommand),
		Reload: way, Signal: daemon.Signal, Runner: runner, Log: log})
	if err != nil {
		return nil, nil, exit(exitBad, "--haproxy…: %w", err)
	}
	return made, template, nil
}

// answer lets Caddy ask on a socket in dir, once it is known which requests
// have to wait, until ctx ends.
func answer(ctx context.Context, own *proxy.Own, requests *hold.Server, dir string, log *slog.Logger) {
	select {
	case <-own.Ready():
	case <-ctx.Done():
	}
	for ctx.Err() == nil {
		err := os.MkdirAll(dir, 0o755)
		if err == nil {
			err = requests.Run(ctx)
		}
		if err != nil && ctx.Err() == nil {
			log.Error("requests cannot wait while their app is switched", "err", err)
		}
		again := time.NewTimer(time.Second)
		select {
		case <-again.C:
		case <-ctx.Done():
		}
		again.Stop()
	}
}
