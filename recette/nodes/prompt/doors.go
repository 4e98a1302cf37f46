package prompt

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/mlfmonde/cluster/fixtures/nodes/cluster"
)

// Doors are where a person reaches the cluster on this machine, and how.
type Doors struct {
	Consul string            // URL of its web page
	Git    string            // URL of all repositories, for clones and pushes
	Edges  map[string]string // by node: URL of its edge, without an application's name
	HTTP   map[string]string // by node: address of this machine that leads to its HAProxy, with Options.Edge
	HTTPS  map[string]string // likewise
	Roots  string            // file with the certificates by which https is checked
	Docker map[string]string // by node: dockerd
	Logs   map[string]string // by node: the folder
	Verbs  map[string]string // by node: what stands before a verb of the handler, in a shell here
}

// Doors tells how a person reaches the cluster.
func (g *Ground) Doors() Doors { return g.doors }

// Ports that are taken when they are free: a person may know them by heart.
const (
	consulWish = 18500
	gitWish    = 18090
	edgeWish   = 18081
)

// open lets people in: everything listens on 127.0.0.1 only.
func (g *Ground) open(ctx context.Context) error {
	d := Doors{
		Edges: map[string]string{}, HTTP: map[string]string{}, HTTPS: map[string]string{},
		Docker: map[string]string{}, Logs: map[string]string{}, Verbs: map[string]string{},
	}
	var err error
	if d.Consul, err = g.door(ctx, consulWish, passOn(g.dialConsul)); err != nil {
		return err
	}
	d.Consul += "/ui/"
	if d.Git, err = g.door(ctx, gitWish, passOn(g.dialGit)); err != nil {
		return err
	}
	for i, n := range g.cluster.All() {
		if d.Edges[n.Name], err = g.door(ctx, edgeWish+i, g.edge(g.edges[n.Name])); err != nil {
			return err
		}
		if err := g.proxied(ctx, n, &d); err != nil {
			return err
		}
		d.Docker[n.Name] = n.DockerHost()
		d.Logs[n.Name] = n.Logs()
		d.Verbs[n.Name] = fmt.Sprintf("HANDLER_CONSUL=%s HANDLER_GIT_ALLOW_HTTP=true HANDLER_TIMES=%s %s",
			n.Consul(), filepath.Join(filepath.Dir(n.Logs()), "times.json"), filepath.Join(g.cluster.Dir, "bin", "handler"))
	}
	g.doors = d
	return nil
}

// proxied leads to HAProxy of a node, where there is one.
func (g *Ground) proxied(ctx context.Context, n *cluster.Node, d *Doors) (err error) {
	if !g.cluster.Edge {
		return nil
	}
	// It lasts as long as the cluster.
	ctx = context.WithoutCancel(ctx)
	if d.HTTP[n.Name], err = n.Forward(ctx, "127.0.0.1:0", n.Address+":80"); err != nil {
		return err
	}
	if d.HTTPS[n.Name], err = n.Forward(ctx, "127.0.0.1:0", n.Address+":443"); err != nil {
		return err
	}
	d.Roots = filepath.Join(n.Machine().Dir, cluster.RootsFile)
	return nil
}

// door serves h on a port of this machine, wish when it is free, and returns
// its URL.
func (g *Ground) door(ctx context.Context, wish int, h http.Handler) (string, error) {
	var l net.Listener
	var err error
	for _, port := range []int{wish, 0} {
		if l, err = (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:"+strconv.Itoa(port)); err == nil {
			break
		}
	}
	if err != nil {
		return "", fmt.Errorf("open a port of this machine: %w", err)
	}
	s := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	g.servers = append(g.servers, s)
	g.work.Go(func() { _ = s.Serve(l) }) // it ends with the ground, and only so
	return "http://" + l.Addr().String(), nil
}

// passOn sends every request to whatever dial reaches.
func passOn(dial func(ctx context.Context) (net.Conn, error)) http.Handler {
	return &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "http", Host: "inside"})
			r.Out.Host = r.In.Host
		},
		Transport: &http.Transport{
			DisableKeepAlives: true,
			DialContext:       func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) },
		},
		FlushInterval: -1,
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			http.Error(w, err.Error(), http.StatusBadGateway)
		},
	}
}

var errNobody = errors.New("no node can be asked: they are off or frozen")

// dialConsul reaches the agent of the first node that has one.
func (g *Ground) dialConsul(ctx context.Context) (net.Conn, error) {
	err := errNobody
	for _, n := range g.cluster.All() {
		if !on(n) {
			continue
		}
		c, failed := (&net.Dialer{}).DialContext(ctx, "unix", strings.TrimPrefix(n.Consul(), "unix://"))
		if failed == nil {
			return c, nil
		}
		err = failed
	}
	return nil, err
}

// gitPort is where the git server listens for http.
const gitPort = "8080"

// dialGit reaches the git server through the first node that does.
func (g *Ground) dialGit(ctx context.Context) (net.Conn, error) {
	err := errNobody
	for _, n := range g.cluster.All() {
		if !on(n) {
			continue
		}
		one, cancel := context.WithTimeout(ctx, answerMax)
		c, failed := n.Dial(one, "tcp", net.JoinHostPort(g.cluster.Git().Address, gitPort))
		cancel()
		if failed == nil {
			return c, nil
		}
		err = failed
	}
	return nil, err
}

// edge serves applications as the edge of a node sends users on: the host name
// says which, "app.localhost", and may be anything while there is only one.
func (g *Ground) edge(e *edge) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		s, ok := g.called(q.Host)
		switch {
		case !ok:
			http.Error(w, "no application is called so; name one in the host, as in http://app.localhost:PORT/", http.StatusNotFound)
			return
		case !on(e.node):
			http.Error(w, e.node.Name+" is off or frozen", http.StatusBadGateway)
			return
		}
		r := e.route(q.Context(), s.Name())
		if err := r.open(); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		master := net.JoinHostPort(g.cluster.Node(r.master).Address, strconv.Itoa(s.port))
		passOn(func(ctx context.Context) (net.Conn, error) { return through(ctx, e.node, master) }).ServeHTTP(w, q)
	})
}

// through opens a connection from inside a node.
func through(ctx context.Context, n *cluster.Node, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, writeMax)
	defer cancel()
	return n.Dial(ctx, "tcp", address)
}

// called is the application that a host name means.
func (g *Ground) called(host string) (site, bool) {
	label, _, _ := strings.Cut(host, ".")
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, s := range g.sites {
		if s.label == label || len(g.sites) == 1 {
			return s, true
		}
	}
	return site{}, false
}
