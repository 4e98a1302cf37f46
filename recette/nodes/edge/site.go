package edge

import (
	"context"
	"fmt"
	"net"
	"strings"

	"github.com/mlfmonde/cluster/fixtures/nodes/machine"
	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/recette/nodes"
)

// Site is an application of a world: hello with a site over http, one over
// https and, where it binds one, a port of its own.
type Site struct {
	app.App
	world *World
	name  string // of its repository
	repo  string // its URL
	Host  string // of both sites
	Port  int    // that HAProxy passes on as it is, 0: none
	count int    // releases
}

// Site makes one; nothing is deployed. name is that of its repository.
func (w *World) Site(name string, port int) (*Site, error) {
	repo := w.Git().HTTP(name)
	a, err := app.Parse(repo, "main")
	if err != nil {
		return nil, fmt.Errorf("make site %s: %w", name, err)
	}
	return &Site{App: a, world: w, name: name, repo: repo, Host: name + ".example.com", Port: port}, nil
}

// compose is the file of a release.
func (s *Site) compose(release string) string {
	text := `services:
  web:
    build: .
    environment:
      CADDYFILE: |
        http://HOST {
            reverse_proxy http://$CONTAINER:8080
        }
        https://HOST {
            reverse_proxy http://$CONTAINER:8080
        }
HAPROXY      CONSUL_CHECK_URLS: '["http://HOST/health"]'
      DATA: /data
      RELEASE: NAME
    volumes: [data:/data]
    healthcheck: {test: [CMD, /hello, healthy], interval: 1s, timeout: 2s, retries: 10}
    restart: unless-stopped
    stop_grace_period: 5s
    networks: [cluster_default]
volumes:
  data: {driver: ccomb/buttervolume}
networks:
  cluster_default: {external: true}
`
	haproxy := ""
	if s.Port != 0 {
		haproxy = fmt.Sprintf(`      HAPROXY: |
        {"PROJECT": {"frontend": {"mode": "tcp", "bind": ["*:%d"]}, "backends": [{"name": "PROJECT", "port": 8080, "peer_port": %d}]}}
`, s.Port, s.Port)
	}
	return strings.NewReplacer("HOST", s.Host, "NAME", release, "HAPROXY      ", strings.ReplaceAll(haproxy, "PROJECT", s.Project())+"      ").Replace(text)
}

// Push commits the next release, with some edits of its compose file, and
// returns its name.
func (s *Site) Push(ctx context.Context, edits ...[2]string) (release string, err error) {
	s.count++
	release = fmt.Sprintf("%s-%d", s.Project(), s.count)
	text := s.compose(release)
	for _, e := range edits {
		if strings.Count(text, e[0]) != 1 {
			return "", fmt.Errorf("edit compose file of %s: %q is there %d times, not once", s.Name(), e[0], strings.Count(text, e[0]))
		}
		text = strings.Replace(text, e[0], e[1], 1)
	}
	files := map[string][]byte{"Dockerfile": nodes.Dockerfile(release), "docker-compose.yml": []byte(text)}
	_, err = s.world.Git().Push(ctx, s.name, "main", release, files)
	return release, err
}

// Ask asks for a placement as an operator does and waits for the end.
func (s *Site) Ask(ctx context.Context, master, slave string) (machine.Result, error) {
	args := []string{"deploy", "--repo", s.repo, "--branch", "main", "--master", master}
	if slave != "" {
		args = append(args, "--slave", slave)
	}
	return s.world.Entry().Handler(ctx, args...)
}

// Deploy is Ask that must end well.
func (s *Site) Deploy(ctx context.Context, master, slave string) error {
	return done(s.Ask(ctx, master, slave))
}

// Destroy takes the application away.
func (s *Site) Destroy(ctx context.Context) error {
	return done(s.world.Entry().Handler(ctx, "destroy", "--repo", s.repo, "--branch", "main"))
}

func done(r machine.Result, err error) error {
	if err == nil && r.Code != 0 {
		err = fmt.Errorf("code %d: %s", r.Code, said(string(r.Stdout)+string(r.Stderr)))
	}
	return err
}

// URL is that of the site over http or https, or of its own port over tcp.
func (s *Site) URL(scheme string) string {
	if scheme == "tcp" {
		return fmt.Sprintf("http://%s:%d/", s.Host, s.Port)
	}
	return scheme + "://" + s.Host + "/"
}

// dialSocket always reaches one socket, "unix:///path".
func dialSocket(address string) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", strings.TrimPrefix(address, "unix://"))
	}
}
