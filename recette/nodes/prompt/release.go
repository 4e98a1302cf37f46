package prompt

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"

	"gopkg.in/yaml.v3"

	"github.com/mlfmonde/cluster/handler/port"
	"github.com/mlfmonde/cluster/sim"
)

// Release is one commit of an application as it is made to behave.
type Release struct {
	Name string // the container has it as RELEASE
	Port int    // published, and 8080 inside
	// Secure: every site over http is one over https too.
	Secure bool
	sim.Behaviour
}

const composeFile = "docker-compose.yml"

// Files are those that are pushed: files, which stay as they are, with what the
// release wants of them. The application is the service called web, or the
// first by name.
func (r Release) Files(files port.Files) (map[string][]byte, error) {
	own := map[string][]byte{}
	maps.Copy(own, files)
	var compose map[string]any
	if err := yaml.Unmarshal(files[composeFile], &compose); err != nil {
		return own, nil // the handler has to say what is wrong with it
	}
	services, ok := compose["services"].(map[string]any)
	if !ok || len(services) == 0 {
		return own, nil
	}
	name := "web"
	if services[name] == nil {
		name = slices.Sorted(maps.Keys(services))[0]
	}
	service, ok := services[name].(map[string]any)
	if !ok {
		return own, nil
	}
	r.edit(service)
	data, err := yaml.Marshal(compose)
	if err != nil {
		return nil, fmt.Errorf("edit %s: %w", composeFile, err)
	}
	own[composeFile] = data
	return own, r.scripts(own)
}

// plainSite is the first line of a site that has one address, over http.
var plainSite = regexp.MustCompile(`(?m)^http://([a-z0-9.-]+) \{$`)

// edit makes the service behave.
func (r Release) edit(service map[string]any) {
	if service["ports"] == nil && r.Port != 0 {
		service["ports"] = []string{fmt.Sprintf("%d:8080", r.Port)}
	}
	if env, ok := service["environment"].(map[string]any); ok {
		env["RELEASE"] = r.Name
		if text, ok := env["CADDYFILE"].(string); ok && r.Secure {
			env["CADDYFILE"] = plainSite.ReplaceAllString(text, "http://$1, https://$1 {")
		}
	}
	if r.Exits {
		service["command"] = []string{"healthy"} // hello asks nobody, and ends
	}
	if r.PullFails {
		delete(service, "build")
		service["image"] = "registry.invalid/nothing:" + r.Name
	}
	check, ok := service["healthcheck"].(map[string]any)
	if !ok {
		check = map[string]any{}
	}
	switch {
	case r.NeverHealthy:
		check["test"], check["retries"] = []string{"CMD", "/nothing"}, 3
	case r.Health > 0:
		check["interval"] = r.Health.String() // the first check comes after it
	default:
		return
	}
	service["healthcheck"] = check
}

// scripts changes what stands beside the compose file.
func (r Release) scripts(own map[string][]byte) error {
	if r.BuildFails {
		if own["Dockerfile"] == nil {
			return errors.New("a build can only fail where there is a Dockerfile")
		}
		own["Dockerfile"] = append(slices.Clone(own["Dockerfile"]), "COPY nothing-of-that-name /\n"...)
	}
	if r.ScriptTakes > 0 {
		own["update.sh"] = fmt.Appendf(nil, "#!/bin/sh\nsleep %d\n", int(r.ScriptTakes.Seconds()))
	}
	for name, fails := range map[string]bool{"update.sh": r.UpdateFails, "post_migrate.sh": r.MigrateFails} {
		if fails {
			own[name] = []byte("#!/bin/sh\necho this one fails\nexit 1\n")
		}
	}
	return nil
}
