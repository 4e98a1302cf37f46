package inspect

import (
	"reflect"

	"github.com/compose-spec/compose-go/v2/types"
)

// pass accepts a value and whatever is below it.
func pass(*judge, string, reflect.Value) {}

// into accepts a value if everything below it is accepted.
func into(pattern string) rule {
	return func(j *judge, path string, v reflect.Value) { j.walk(path, pattern, v) }
}

// only accepts the listed texts.
func only(why string, texts ...string) rule {
	return func(j *judge, path string, v reflect.Value) {
		for _, t := range texts {
			if v.String() == t {
				return
			}
		}
		j.refuse(path, "%q is not allowed; %s", clip(v.String()), why)
	}
}

// allowed is the whole of what a compose file may say: key path with names and
// indexes replaced → how its value is judged. What is not here is refused, so
// a key that a later Compose invents is refused as well.
func allowed() map[string]rule {
	rules := map[string]rule{
		"name": pass, "WorkingDir": pass, "Environment": pass, "ComposeFiles": pass, "Profiles": pass,
		"DisabledServices": pass, // services with a profile: not part of what runs
		"services":         services,
		"volumes":          into("volumes"),
		"networks":         into("networks"),
		"secrets":          into("secrets"),
		"configs":          into("configs"),

		"volumes.*.name":        volumeName,
		"volumes.*.driver":      volumeDriver,
		"volumes.*.driver_opts": volumeOptions,
		"volumes.*.external":    volumeExternal,
		"volumes.*.labels":      volumeLabels,

		"networks.*.name":        networkName,
		"networks.*.driver":      only("leave it out, or say bridge", "bridge"),
		"networks.*.external":    pass, // judged with the name
		"networks.*.internal":    pass,
		"networks.*.attachable":  pass,
		"networks.*.enable_ipv4": pass,
		"networks.*.enable_ipv6": pass,
		"networks.*.labels":      labels,

		"secrets.*.name": fileName,
		"secrets.*.file": fileRule,
		"configs.*.name": fileName,
		"configs.*.file": fileRule,
	}
	serviceRules(rules)
	buildRules(rules)
	mountRules(rules)
	return rules
}

func serviceRules(rules map[string]rule) {
	const service = "services.*."
	for _, key := range []string{
		"name", "command", "entrypoint", "environment", "env_file", "depends_on", "healthcheck", "expose", "shm_size", "user",
		"working_dir", "hostname", "init", "stop_grace_period", "stop_signal", "read_only", "ulimits", "extra_hosts",
		"mem_limit", "mem_reservation", "memswap_limit", "cpus", "cpu_shares", "pids_limit", "cap_drop", "tty", "stdin_open",
		"pull_policy", "networks.*.aliases", "networks.*.priority", "networks.*.gw_priority",
		"deploy.resources.limits.cpus", "deploy.resources.limits.memory", "deploy.resources.limits.pids",
		"deploy.resources.reservations.cpus", "deploy.resources.reservations.memory",
	} {
		rules[service+key] = pass // hostname and aliases are judged with the names, env_file when it is read
	}
	for _, key := range []string{"build", "logging", "networks", "deploy", "deploy.resources", "deploy.resources.limits", "deploy.resources.reservations"} {
		rules[service+key] = into(service + key)
	}
	for key, r := range map[string]rule{
		"image": image, "container_name": containerName, "restart": restart, "labels": labels, "links": links,
		"scale": once, "deploy.replicas": once, "security_opt": securityOpt, "tmpfs": tmpfs,
		"secrets": secretTargets, "configs": configTargets,
		"logging.driver":  only("use json-file, local, journald or none", "json-file", "local", "journald", "none"),
		"logging.options": logOptions,
		"ports":           into(service + "ports"), "ports[]": portRule,
		"volumes": into(service + "volumes"), "volumes[]": mountRule,
	} {
		rules[service+key] = r
	}
}

func buildRules(rules map[string]rule) {
	for _, key := range []string{"args", "target", "dockerfile_inline", "no_cache", "shm_size"} {
		rules["services.*.build."+key] = pass
	}
	rules["services.*.build.context"] = buildContext
	rules["services.*.build.dockerfile"] = pass // judged with the context
	rules["services.*.build.labels"] = labels
	rules["services.*.build.network"] = only("leave it out, or say none", "default", "none")
}

func mountRules(rules map[string]rule) {
	for _, key := range []string{
		"type", "source", "target", "read_only", "consistency", "bind.create_host_path", "bind.selinux", "volume.nocopy", "tmpfs.size", "tmpfs.mode",
	} {
		rules["services.*.volumes[]."+key] = pass
	}
	rules["services.*.volumes[].bind.propagation"] = only("leave it out", "rprivate", "private")
	for _, key := range []string{"bind", "volume", "tmpfs"} {
		rules["services.*.volumes[]."+key] = into("services.*.volumes[]." + key)
	}
	for _, key := range []string{"target", "published", "protocol", "mode", "host_ip", "name", "app_protocol"} {
		rules["services.*.ports[]."+key] = pass
	}
}

// services judges each service and remembers which one is meant.
func services(j *judge, path string, v reflect.Value) {
	all := v.Interface().(types.Services)
	for _, name := range sorted(all) {
		j.service = name
		j.serviceName(child(path, name), name)
		j.walk(child(path, name), "services.*", reflect.ValueOf(all[name]))
		if build := all[name].Build; build != nil {
			j.dockerfile(child(path, name)+".build.dockerfile", build)
		}
	}
}
