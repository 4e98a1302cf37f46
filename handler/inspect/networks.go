package inspect

import (
	"reflect"
	"regexp"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
)

// clusterNetwork is the network that HAProxy and Caddy share with the apps.
const clusterNetwork = "cluster_default"

func networkName(j *judge, path string, v reflect.Value) {
	key, name := keyOf(path), v.String()
	external := bool(j.model.Networks[key].External)
	switch {
	case name == clusterNetwork && external, name == j.project+"_"+key && !external:
	case name == clusterNetwork:
		j.refuse(path, "%s is the cluster's own network; say external: true", name)
	default:
		j.refuse(path, "%q is not allowed; leave the name out, or join %s as external", clip(name), clusterNetwork)
	}
}

// shared reports that a service is on the cluster's network, and under which
// other names.
func (j *judge) shared(s types.ServiceConfig) (aliases []string, on bool) {
	for _, key := range sorted(s.Networks) {
		if j.model.Networks[key].Name != clusterNetwork {
			continue
		}
		on = true
		if n := s.Networks[key]; n != nil {
			aliases = append(aliases, n.Aliases...)
		}
	}
	return aliases, on
}

var looksLikeContainer = regexp.MustCompile(`^[a-z0-9]*[0-9a-f]{5}[-_].+[-_]1$`)

// names refuses what would make Docker's DNS answer for somebody else on the
// network that all apps share: each service's name, host name and aliases are
// looked up there.
func (j *judge) names() {
	for _, name := range j.order() {
		s := j.model.Services[name]
		aliases, on := j.shared(s)
		if !on {
			continue
		}
		path := child("services", name)
		j.dnsName(path, name)
		j.dnsName(path+".container_name", s.ContainerName)
		j.dnsName(path+".hostname", s.Hostname)
		for _, a := range aliases {
			if a != name && !strings.HasPrefix(a, j.project) {
				j.refuse(path+".networks", "the alias %q on %s could be another app's; begin it with %s", clip(a), clusterNetwork, j.project)
			}
		}
	}
}

func (j *judge) dnsName(path, name string) {
	low := strings.ToLower(name)
	switch low {
	case "caddy", "haproxy", "consul", "rsyslog", "swarm_reverse", "swarm_service", "localhost":
		j.reject(path, 0, "%q is a name of the cluster itself on %s; choose another", clip(name), clusterNetwork)
		return
	}
	if strings.HasPrefix(low, "cluster_") || strings.HasPrefix(low, "cluster-") ||
		looksLikeContainer.MatchString(low) && !strings.HasPrefix(low, j.project) {
		j.reject(path, 0, "%q could be a container of the cluster or of another app on %s; choose another", clip(name), clusterNetwork)
	}
}
