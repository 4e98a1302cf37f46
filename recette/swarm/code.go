package swarm

import "slices"

// codes are the files of the applications: all have scripts, and some are not
// the smallest good one.
func (r *run) codes() (all []string) {
	all = append(all, scripts)
	for _, c := range []struct{ folder, text string }{{"none", none}, {"two", two}} {
		if slices.ContainsFunc(r.apps, func(a *application) bool { return a.code == c.folder }) {
			all = append(all, c.text)
		}
	}
	return all
}

const scripts = `-- update.sh --
true
-- post_migrate.sh --
true
`

// An application without volumes.
const none = `-- none/docker-compose.yml --
services:
  web:
    image: registry.example.com/web
    environment:
      CADDYFILE: "http://hello.example.com {\n reverse_proxy http://$CONTAINER:8080\n}"
    networks: [cluster_default]
networks:
  cluster_default: {external: true}
`

// An application with two replicated volumes and a local one.
const two = `-- two/docker-compose.yml --
services:
  web:
    build: .
    environment:
      CADDYFILE: "http://hello.example.com {\n reverse_proxy http://$CONTAINER:8080\n}"
    volumes: ["data:/data", "more:/more", "cache:/cache"]
    healthcheck: {test: ["CMD", "true"], interval: 1s}
    networks: [cluster_default]
networks:
  cluster_default: {external: true}
volumes:
  data: {driver: "ccomb/buttervolume"}
  more: {driver: "ccomb/buttervolume"}
  cache: {}
-- two/Dockerfile --
FROM scratch
-- two/update.sh --
true
-- two/post_migrate.sh --
true
`
