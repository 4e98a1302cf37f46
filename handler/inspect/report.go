package inspect

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/mlfmonde/cluster/handler/app"
)

// Check is what "handler check" shows of a checkout: what it would register,
// or every reason why it is refused. Volumes go by full name, as in the record.
type Check struct {
	Name       string            `json:"name"`
	Project    string            `json:"project"`
	Containers map[string]string `json:"containers"` // service → container
	Volumes    []string          `json:"volumes"`
	URLs       []string          `json:"urls"`
	Domains    []string          `json:"domains"`
	HAProxy    json.RawMessage   `json:"haproxy"`
	Checks     []string          `json:"checks"`
	Caddyfile  string            `json:"caddyfile"`
	Refused    []Refusal         `json:"refused"`

	warnings []string
	local    []string
}

// Report shapes the result of inspecting a for people and their CI. Volumes
// are the Buttervolume volumes; String names the local ones too.
func Report(a app.App, r Result) Check {
	c := Check{
		Name: a.Name(), Project: a.Project(), Containers: map[string]string{}, HAProxy: r.Record.HAProxy, Caddyfile: r.Record.Caddyfile,
		Volumes: append([]string{}, r.Record.Volumes...), URLs: []string{}, Domains: append([]string{}, r.Record.Domains...),
		Checks: append([]string{}, r.Record.Release.Checks...), Refused: append([]Refusal{}, r.Refused...),
		warnings: r.Warnings, local: r.Record.Release.Local,
	}
	for service, ct := range r.Record.Ct {
		c.Containers[service] = ct
	}
	if r.Record.URLs != "" {
		c.URLs = strings.Split(r.Record.URLs, ", ")
	}
	if len(c.HAProxy) == 0 {
		c.HAProxy = json.RawMessage("{}")
	}
	return c
}

// String is the report as text, a line for each thing.
func (c Check) String() string {
	var b strings.Builder
	line := func(what string, values ...string) {
		for _, v := range values {
			fmt.Fprintf(&b, "%-10s %s\n", what, v)
			what = ""
		}
	}
	line("name", c.Name)
	line("project", c.Project)
	var containers []string
	for _, s := range sorted(c.Containers) {
		containers = append(containers, s+": "+c.Containers[s])
	}
	line("containers", containers...)
	line("volumes", c.Volumes...)
	line("local", c.local...)
	line("urls", c.URLs...)
	line("domains", c.Domains...)
	line("checks", c.Checks...)
	if string(c.HAProxy) != "{}" {
		line("haproxy", string(c.HAProxy))
	}
	if c.Caddyfile != "" {
		line("caddyfile", strings.Split(c.Caddyfile, "\n")...)
	}
	line("warning", c.warnings...)
	for _, r := range c.Refused {
		line("refused", r.Where+": "+r.Why)
	}
	return b.String()
}
