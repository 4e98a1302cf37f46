package main

import (
	"cmp"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"

	"github.com/spf13/pflag"

	"github.com/mlfmonde/cluster/handler/adapter/consul"
	"github.com/mlfmonde/cluster/handler/adapter/node"
	"github.com/mlfmonde/cluster/handler/app"
)

// settings are the flags that several verbs share.
type settings struct {
	consulAddr, consulToken string
	times                   string
	level, format           string
	runDir                  string
	http                    bool
	events                  string
	drivers                 []string
	ports                   []int
}

// consulFlags say which agent to talk to.
func (s *settings) consulFlags(f *pflag.FlagSet) {
	f.StringVar(&s.consulAddr, "consul", "", "address of the local Consul agent, unix:///path for a socket (default CONSUL_HTTP_ADDR, else 127.0.0.1:8500)")
	f.StringVar(&s.consulToken, "consul-token-file", "", "file with the ACL token (default CONSUL_HTTP_TOKEN_FILE, else CONSUL_HTTP_TOKEN)")
	s.timesFlag(f)
	env(f, "consul")
	env(f, "consul-token-file")
}

func (s *settings) timesFlag(f *pflag.FlagSet) {
	f.StringVar(&s.times, "times", "", `JSON file with durations of the protocol that differ, as {"silence": "60s"}; the same on every node`)
	env(f, "times")
}

func (s *settings) logFlags(f *pflag.FlagSet) {
	f.StringVar(&s.level, "log-level", "info", "debug, info, warn or error")
	f.StringVar(&s.format, "log-format", "json", "json or text")
	env(f, "log-level")
	env(f, "log-format")
}

func (s *settings) httpFlag(f *pflag.FlagSet) {
	f.BoolVar(&s.http, "git-allow-http", false, "take repositories by plain http: for development, anybody on the way can change them")
	env(f, "git-allow-http")
}

func (s *settings) runDirFlag(f *pflag.FlagSet) {
	f.StringVar(&s.runDir, "run-dir", node.DefaultRunDir, "folder, on a tmpfs, of what must not survive a reboot; the same for agent, guard and watch")
	env(f, "run-dir")
}

func (s *settings) eventsFlag(f *pflag.FlagSet) {
	f.StringVar(&s.events, "events", "auto", "documented events that carry a whole request: accept, refuse, or auto (refuse when an ACL token is configured)")
	env(f, "events")
}

func (s *settings) driversFlag(f *pflag.FlagSet) {
	f.StringSliceVar(&s.drivers, "drivers", []string{"anybox/buttervolume", "ccomb/buttervolume"}, "names of the Buttervolume driver, with or without :latest")
	env(f, "drivers", "BTRFSDRIVER")
}

func (s *settings) portsFlag(f *pflag.FlagSet) {
	f.IntSliceVar(&s.ports, "haproxy-ports", nil, "ports that HAProxy's container publishes, as 80,443,1443,2222: a bind on another one is refused (default: not looked at)")
	env(f, "haproxy-ports")
}

// published checks --haproxy-ports.
func (s *settings) published() ([]int, error) {
	for _, n := range s.ports {
		if n < 1 || n > 65535 {
			return nil, exit(exitBad, "--haproxy-ports %d: a port is a number from 1 to 65535", n)
		}
	}
	return s.ports, nil
}

// names are the drivers without blanks.
func (s *settings) names() []string {
	var names []string
	for _, d := range s.drivers {
		if d = strings.TrimSpace(d); d != "" {
			names = append(names, d)
		}
	}
	return names
}

// refusesEvents decides --events.
func (s *settings) refusesEvents(sh shell) (bool, error) {
	switch s.events {
	case "accept":
		return false, nil
	case "refuse":
		return true, nil
	case "auto":
		return cmp.Or(s.consulToken, sh.env("CONSUL_HTTP_TOKEN_FILE"), sh.env("CONSUL_HTTP_TOKEN")) != "", nil
	}
	return false, exit(exitBad, "--events %q: use accept, refuse or auto", s.events)
}

// logger writes to w. Everything that a process of a node logs goes there.
func (s *settings) logger(w io.Writer) (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(s.level)); err != nil {
		return nil, exit(exitBad, "--log-level %q: use debug, info, warn or error", s.level)
	}
	o := &slog.HandlerOptions{Level: level}
	switch s.format {
	case "json":
		return slog.New(slog.NewJSONHandler(w, o)), nil
	case "text":
		return slog.New(slog.NewTextHandler(w, o)), nil
	}
	return nil, exit(exitBad, "--log-format %q: use json or text", s.format)
}

// connect prepares the client of the Consul agent; it sends nothing.
func (s *settings) connect(as string, t app.Times, log *slog.Logger) (*consul.Consul, error) {
	c, err := consul.New(consul.Config{Address: s.consulAddr, TokenFile: s.consulToken, Node: as, Times: t, Log: log})
	if err != nil {
		return nil, exit(exitBad, "%w", err)
	}
	return c, nil
}

// thisNode is the name of this node unless name says another.
func thisNode(name string) (string, error) {
	if name == "" {
		host, err := os.Hostname()
		if err != nil {
			return "", exit(exitBad, "--node: the host has no name: %w", err)
		}
		name = host
	}
	if err := app.CheckNode("--node", name); err != nil {
		return "", fmt.Errorf("%w; it is the name of this node in Consul", err)
	}
	return name, nil
}
