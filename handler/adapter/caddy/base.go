package caddy

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// object is a JSON object whose values are not looked at.
type object map[string]json.RawMessage

// base is a running configuration without what is ours: what the operator gave
// Caddy, kept as it is.
type base struct {
	top, apps, http, tls, automation, logging object
	servers                                   map[string]any
	policies                                  []json.RawMessage
	logs                                      object
	ours                                      map[string]json.RawMessage // the two servers, to find last versions in
	oursPolicies                              []json.RawMessage
	oursLogs                                  object
}

// readBase takes a running configuration apart. The error names the part that
// is not what Caddy documents.
func readBase(config []byte) (base, error) {
	b := base{servers: map[string]any{}, ours: map[string]json.RawMessage{}, oursLogs: object{}}
	var servers object
	err := open(config, &b.top)
	within := func(outer object, key string, inner *object) {
		if err == nil {
			if err = open(outer[key], inner); err != nil {
				err = fmt.Errorf("read the running configuration: %s: %w", key, err)
			}
		}
	}
	within(b.top, "apps", &b.apps)
	within(b.apps, "http", &b.http)
	within(b.http, "servers", &servers)
	within(b.apps, "tls", &b.tls)
	within(b.tls, "automation", &b.automation)
	within(b.top, "logging", &b.logging)
	within(b.logging, "logs", &b.logs)
	if err != nil {
		return base{}, err
	}
	names := serverNames()
	for name, server := range servers {
		if slices.Contains(names[:], name) {
			b.ours[name] = server
			continue
		}
		b.servers[name] = server
	}
	return b, b.takePolicies()
}

// open reads the object in raw; nothing and null are an empty one.
func open(raw json.RawMessage, to *object) error {
	if len(raw) > 0 {
		if err := json.Unmarshal(raw, to); err != nil {
			return err
		}
	}
	if *to == nil {
		*to = object{}
	}
	return nil
}

// takePolicies divides the TLS policies and the logs.
func (b *base) takePolicies() error {
	var all []json.RawMessage
	if raw := b.automation["policies"]; raw != nil {
		if err := json.Unmarshal(raw, &all); err != nil {
			return fmt.Errorf("read the running configuration: policies: %w", err)
		}
	}
	for _, p := range all {
		if strings.HasPrefix(nameOf(p), idPrefix+kindPolicy) {
			b.oursPolicies = append(b.oursPolicies, p)
			continue
		}
		b.policies = append(b.policies, p)
	}
	for name, log := range b.logs {
		if strings.HasPrefix(name, loggerPrefix) {
			b.oursLogs[name] = log
		}
	}
	maps.DeleteFunc(b.logs, func(name string, _ json.RawMessage) bool { return strings.HasPrefix(name, loggerPrefix) })
	return nil
}

// nameOf is the @id of an object.
func nameOf(raw json.RawMessage) string {
	var named struct {
		ID string `json:"@id"`
	}
	if json.Unmarshal(raw, &named) != nil {
		return ""
	}
	return named.ID
}

// with is the base and what is ours. The operator's TLS policies come last, one
// of them may be for every host.
func (b base) with(s settings, servers map[string]any, policies []json.RawMessage, logs map[string]json.RawMessage) map[string]any {
	http := copied(b.http)
	http["servers"] = servers
	for key, address := range map[string]string{"http_port": s.http, "https_port": s.https} {
		if n := port(address); b.http[key] == nil && n != 0 && n != map[string]int{"http_port": 80, "https_port": 443}[key] {
			http[key] = n // certificates and redirects go by it
		}
	}
	apps := copied(b.apps)
	apps["http"] = http
	if all := slices.Concat(policies, b.policies); len(all) > 0 || b.apps["tls"] != nil {
		automation := copied(b.automation)
		delete(automation, "policies")
		if len(all) > 0 {
			automation["policies"] = all
		}
		tls := copied(b.tls)
		delete(tls, "automation")
		if len(automation) > 0 {
			tls["automation"] = automation
		}
		apps["tls"] = tls
	}
	top := copied(b.top)
	top["apps"] = apps
	if logging := b.logged(logs); len(logging) > 0 {
		top["logging"] = logging
	} else {
		delete(top, "logging")
	}
	return top
}

// logged is the logging with access logs of ours, which the default log, the
// one for everything else, is told to leave out.
func (b base) logged(ours map[string]json.RawMessage) map[string]any {
	logging, logs := copied(b.logging), copied(b.logs)
	def := map[string]any{}
	var exclude []string
	if raw := b.logs["default"]; raw != nil && json.Unmarshal(raw, &def) == nil {
		if all, is := def["exclude"].([]any); is {
			for _, e := range all {
				if name, is := e.(string); is && !strings.HasPrefix(name, accessPrefix+loggerPrefix) {
					exclude = append(exclude, name)
				}
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(ours)) {
		logs[name] = ours[name]
		exclude = append(exclude, accessPrefix+name)
	}
	delete(def, "exclude")
	if len(exclude) > 0 {
		def["exclude"] = exclude
	}
	delete(logs, "default")
	if len(def) > 0 {
		logs["default"] = def
	}
	delete(logging, "logs")
	if len(logs) > 0 {
		logging["logs"] = logs
	}
	return logging
}

func copied(o object) map[string]any {
	c := make(map[string]any, len(o)+1)
	for k, v := range o {
		c[k] = v
	}
	return c
}
