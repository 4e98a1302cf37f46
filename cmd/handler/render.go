package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mlfmonde/cluster/handler/edge"
	"github.com/mlfmonde/cluster/handler/ledger"
)

// rendering is the verb render.
type rendering struct {
	settings
	edgeSettings
	sh   shell
	node string
	file string
	app  string
}

func newRender(sh shell) *cobra.Command {
	cmd := &cobra.Command{
		Use: "render", Short: "print the configuration that a node's proxy would get", Args: args(cobra.NoArgs),
		Long: `render prints what a node's HAProxy or Caddy would get of the KV as it is now, or
offline of --kv FILE.json, as "consul kv export" writes it. What is left out, and
what was edited and is not acted on, is told on the standard error with the reason.
It changes nothing.

Exit codes: 0 all of it is there; 1 something is left out; 2 bad input; 3 no answer
from Consul.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return bad(cmd, fmt.Errorf("render what? known are %s", strings.Join(verbs(cmd), ", ")))
		},
	}
	cmd.AddCommand(
		newRenderOf(sh, "haproxy", "print the HAProxy configuration of a node", (*rendering).haproxy),
		newRenderOf(sh, "caddy", "print the Caddyfile of a node", (*rendering).caddy),
	)
	return cmd
}

func newRenderOf(sh shell, what, short string, print func(*rendering, edge.State) ([]edge.Fault, error)) *cobra.Command {
	r := &rendering{sh: sh}
	cmd := &cobra.Command{
		Use: what + " --node N", Short: short, Args: args(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			ctx, stop := untilSignal()
			defer stop()
			return r.run(ctx, what, print)
		},
	}
	f := cmd.Flags()
	f.StringVar(&r.node, "node", "", "name of the node (default this host's)")
	f.StringVar(&r.file, "kv", "", `keys to render instead of those in Consul: FILE.json of "consul kv export"`)
	f.StringVar(&r.app, "app", "", "print only what belongs to this app, or to swarm/KEY")
	env(f, "node")
	if what == "haproxy" {
		f.StringVar(&r.haproxyTemplate, "haproxy-template", "", "file with the part that belongs to no app, in the place of the built-in one")
		f.StringVar(&r.haproxySocket, "haproxy-socket", "", "HAProxy's runtime socket")
		f.StringVar(&r.haproxyCaddy, "haproxy-caddy", "", "name or address of the node's Caddy as HAProxy sees it")
		f.StringVar(&r.haproxyResolver, "haproxy-resolver", "", "DNS server, as HAProxy sees it, that knows the containers")
		for _, name := range []string{"haproxy-template", "haproxy-socket", "haproxy-caddy", "haproxy-resolver"} {
			env(f, name)
		}
	} else {
		f.StringVar(&r.holdSocket, "hold-socket", "", "socket on which Caddy asks whether a request that waits may go on")
		f.StringSliceVar(&r.caddyRoots, "caddy-roots", nil, "PEM files, as Caddy sees them, of who signs the certificates of the other nodes")
		env(f, "hold-socket")
		env(f, "caddy-roots")
	}
	r.consulFlags(f)
	return cmd
}

func (r *rendering) run(ctx context.Context, what string, print func(*rendering, edge.State) ([]edge.Fault, error)) error {
	var err error
	if r.node, err = thisNode(r.node); err != nil {
		return err
	}
	find := r.live
	if r.file != "" {
		find = r.exported
	}
	pairs, err := find(ctx)
	if err != nil {
		return err
	}
	s := edge.Read(pairs)
	if s.Nodes[r.node] == "" && !slices.ContainsFunc(s.Apps, func(a edge.App) bool { return a.Master == r.node }) {
		fmt.Fprintf(r.sh.err, "handler: warning: no key says anything of a node %s; known are %s\n", r.node, strings.Join(known(s), ", "))
	}
	faults, err := print(r, s)
	if err != nil {
		return err
	}
	left := 0
	for _, f := range slices.Concat(s.Faults, faults) {
		if r.app == "" || f.App == r.app {
			fmt.Fprintf(r.sh.err, "handler: %s: %s\n", f.Part, f)
			left++
		}
	}
	if left > 0 {
		return exit(exitFailed, "%d reason(s) why the %s configuration of %s is not as the KV says", left, what, r.node)
	}
	return nil
}

// known are the nodes that the KV tells of.
func known(s edge.State) []string {
	var names []string
	for name := range s.Nodes {
		names = append(names, name)
	}
	for _, a := range s.Apps {
		if a.Master != "" {
			names = append(names, a.Master)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// haproxy prints the whole configuration, or one part.
func (r *rendering) haproxy(s edge.State) ([]edge.Fault, error) {
	t, err := r.template()
	if err != nil {
		return nil, err
	}
	p, faults := edge.HAProxy(s, r.node, t)
	if r.app == "" {
		_, err = r.sh.out.Write(p.Text(nil))
		return faults, err
	}
	for _, part := range p.Parts {
		if part.App == r.app {
			_, err = fmt.Fprint(r.sh.out, part.Text())
		}
	}
	return faults, err
}

// template is the operator's or the embedded one, with what the flags say.
func (r *rendering) template() (*edge.Template, error) {
	t := edge.DefaultTemplate()
	if r.haproxyTemplate != "" {
		text, err := os.ReadFile(r.haproxyTemplate)
		if err != nil {
			return nil, exit(exitBad, "--haproxy-template: %w", err)
		}
		if t, err = edge.NewTemplate(string(text)); err != nil {
			return nil, exit(exitBad, "--haproxy-template %s: %w", r.haproxyTemplate, err)
		}
	}
	for _, set := range []struct {
		to   *string
		text string
	}{{&t.Socket, r.haproxySocket}, {&t.Caddy, r.haproxyCaddy}, {&t.Resolver, r.haproxyResolver}} {
		if set.text != "" {
			*set.to = set.text
		}
	}
	return t, nil
}

// caddy prints the sites, each under a comment with the app and what is done
// with its requests.
func (r *rendering) caddy(s edge.State) ([]edge.Fault, error) {
	s.Caddy = edge.CaddyOptions{HoldSocket: r.holdSocket, Roots: r.caddyRoots}
	sites, faults := edge.Sites(s, r.node, nil)
	for _, site := range sites {
		if r.app == "" || site.App == r.app {
			if _, err := fmt.Fprintf(r.sh.out, "# %s: %s\n%s\n", site.App, site.Mode, site.Text); err != nil {
				return faults, err
			}
		}
	}
	return faults, nil
}

// exported reads the file of --kv.
func (r *rendering) exported(context.Context) ([]edge.Pair, error) {
	data, err := os.ReadFile(r.file)
	if err != nil {
		return nil, exit(exitBad, "--kv: %w", err)
	}
	var keys []struct {
		Key   *string `json:"key"`
		Value []byte  `json:"value"` // base64
	}
	if err := json.Unmarshal(bytes.TrimPrefix(data, []byte("\ufeff")), &keys); err != nil {
		return nil, exit(exitBad, `--kv %s: is not what "consul kv export" writes: %w`, r.file, err)
	}
	var pairs []edge.Pair
	for i, k := range keys {
		if k.Key == nil {
			return nil, exit(exitBad, `--kv %s: entry %d has no key; write the file with "consul kv export"`, r.file, i+1)
		}
		pairs = append(pairs, edge.Pair{Key: *k.Key, Value: k.Value})
	}
	return pairs, nil
}

// live reads the keys that an edge is made of from Consul.
func (r *rendering) live(ctx context.Context) ([]edge.Pair, error) {
	times, err := r.load()
	if err != nil {
		return nil, err
	}
	c, err := r.connect("client", times, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	var pairs []edge.Pair
	for _, prefix := range []string{ledger.Records, ledger.Maintenance, edge.SwarmPrefix, ledger.Operations, ledger.Nodes} {
		list, _, err := c.List(ctx, prefix)
		if err != nil {
			return nil, exit(exitUnknown, "read %s: %w", prefix, err)
		}
		for _, p := range list {
			pairs = append(pairs, edge.Pair{Key: p.Key, Value: p.Value, Index: p.Modify})
		}
	}
	return pairs, nil
}
