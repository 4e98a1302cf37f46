package inspect

import (
	"cmp"
	"encoding/json"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/mlfmonde/cluster/handler/app"
)

// Inspect reads a checkout. It depends on nothing but its argument.
func Inspect(in Input) Result {
	return analyse(in, digest(in)).result(in)
}

// analysis is what a checkout says whatever the operation and the other apps.
type analysis struct {
	judge    *judge // with everything that speaks against the checkout itself
	routes   routes
	services []Service
	volumes  []app.Volume
	release  app.Release
	blanks   blanks
	file     []byte // canonical, with blanks
	env      []byte
	haproxy  json.RawMessage
}

// analyse reads the files; key is their digest.
func analyse(in Input, key [32]byte) *analysis {
	j := &judge{
		app: in.App, name: in.App.Name(), project: in.App.Project(), drivers: in.Drivers, files: in.Files, rules: allowed(),
		doc: &document{file: composeNames()[0], lines: map[string]int{}, block: map[string]bool{}, keys: map[string][]string{}},
	}
	a := &analysis{judge: j, blanks: newBlanks(key), routes: routes{proxy: newProxy()}}
	j.policy(in.Policy)
	a.read()
	a.haproxy = a.routes.proxy.json()
	j.files = nil
	return a
}

func (a *analysis) read() {
	j := a.judge
	list, err := settings(j.files[".env"])
	vars := &variables{values: map[string]string{}}
	if err == nil {
		err = vars.apply(list, vars.values)
	}
	if err != nil {
		j.fail(".env", err)
		return
	}
	vars.values["COMPOSE_PROJECT_NAME"] = j.project
	a.env = envFile(j.files[".env"], list, j.project)
	if !j.loadModel(vars) {
		return
	}
	j.model.DisabledServices = j.left(j.model.DisabledServices)
	j.walk("", "", reflect.ValueOf(j.model))
	j.below()
	j.names()
	j.foldEnvironment(vars)
	for _, name := range vars.unset {
		j.warn("variable %s is not in .env; it is empty", name)
	}
	a.routes = j.routes()
	a.summarise()
	if body, ok := j.files["service.json"]; ok {
		a.release.Service = j.serviceFile(body)
		a.routes.service = serviceName(a.release.Service)
	}
	if len(j.refused) > 0 {
		return
	}
	if a.file, err = j.canonical(a.blanks); err != nil {
		j.fail(j.doc.file, err)
	}
}

// loadModel finds and loads the compose file.
func (j *judge) loadModel(vars *variables) bool {
	var found []string
	for _, name := range composeNames() {
		if _, ok := j.files[name]; ok {
			found = append(found, name)
		}
	}
	if len(found) == 0 {
		j.refuseAt(j.doc.file, "is not in the checkout; an app needs one (or compose.yml)")
		return false
	}
	j.doc.file = found[0]
	for _, name := range found[1:] {
		j.warn("%s is ignored, %s is read", name, found[0])
	}
	var err error
	if j.doc.model, err = j.doc.read(j.files[j.doc.file], "", 0, true); err == nil {
		if model, ok := j.doc.model.(map[string]any); ok {
			j.screen(model)
		}
		j.model, err = load(j.doc, j.project, vars)
	}
	if err != nil {
		j.fail(j.doc.file, err)
	}
	return err == nil
}

// left says which services a profile leaves out.
func (j *judge) left(disabled types.Services) types.Services {
	for _, name := range sorted(disabled) {
		j.warn("services.%s has a profile, so it does not run in the cluster; it is left out", name)
	}
	return nil
}

// summarise draws what the record says from the judged model.
func (a *analysis) summarise() {
	j := a.judge
	a.volumes = j.volumes()
	for _, v := range a.volumes {
		if !v.Replicated {
			a.release.Local = append(a.release.Local, v.Name)
		}
		if v.NonMigrable {
			a.release.NonMigrable = append(a.release.NonMigrable, v.Name)
		}
	}
	for _, name := range j.order() {
		s := j.model.Services[name]
		a.services = append(a.services, Service{Name: name, Image: s.Image, Built: s.Build != nil})
		grace := 10 * time.Second
		if s.StopGracePeriod != nil {
			grace = time.Duration(*s.StopGracePeriod)
		}
		a.release.StopGrace = max(a.release.StopGrace, seconds(grace))
		a.release.HealthTimeout = max(a.release.HealthTimeout, health(s.HealthCheck))
	}
	a.release.Checks = a.routes.checks
}

func seconds(d time.Duration) int { return int((d + time.Second - 1) / time.Second) }

// health is how long a container may take until its check counts as failed, 0
// without a check. The defaults are Docker's.
func health(h *types.HealthCheckConfig) int {
	if h == nil || h.Disable || len(h.Test) > 0 && h.Test[0] == "NONE" {
		return 0
	}
	or := func(d *types.Duration, other time.Duration) time.Duration {
		if d == nil || *d == 0 {
			return other
		}
		return time.Duration(*d)
	}
	retries := uint64(3)
	if h.Retries != nil && *h.Retries > 0 {
		retries = min(*h.Retries, 1000)
	}
	round := min(or(h.Interval, 30*time.Second)+or(h.Timeout, 30*time.Second), 24*time.Hour)
	return seconds(min(or(h.StartPeriod, 0), 24*time.Hour) + time.Duration(retries)*round)
}

var idOK = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9-]{0,63}$`)

// result is the analysis for one operation and against the other apps.
func (a *analysis) result(in Input) Result {
	j := *a.judge
	j.refused, j.warnings = slices.Clone(j.refused), slices.Clone(j.warnings)
	release := a.release
	release.Local, release.NonMigrable = slices.Clone(release.Local), slices.Clone(release.NonMigrable)
	release.Checks, release.Service = slices.Clone(release.Checks), slices.Clone(release.Service)
	r := Result{
		Record: app.Record{
			HAProxy: slices.Clone(a.haproxy), Caddyfile: a.routes.caddyfile, RepoURL: in.App.Repo, Branch: in.App.Branch,
			Domains: slices.Sorted(slices.Values(names(a.routes.domains))), URLs: strings.Join(names(a.routes.addresses), ", "),
			Ct: map[string]string{}, Volumes: []string{}, Release: release,
		},
		Volumes: slices.Clone(a.volumes), Services: slices.Clone(a.services),
	}
	r.Record.Domains = append([]string{}, r.Record.Domains...)
	for _, v := range a.volumes {
		if v.Replicated {
			r.Record.Volumes = append(r.Record.Volumes, v.Name)
		}
	}
	slices.Sort(r.Record.Volumes)
	if j.model != nil {
		r.Record.Ct = j.containers()
	}
	j.conflicts(a.routes, r.Record, in)
	j.frontends(a.routes, r.Record, in.Ports)
	id := cmp.Or(in.ID, "check")
	if !idOK.MatchString(id) {
		j.refuseAt("operation", "%q is not an id", clip(id))
	}
	if len(j.refused) == 0 {
		r.Files = map[string][]byte{app.CanonicalFile: a.blanks.stamp(a.file, in.Seq, id), ".env": slices.Clone(a.env)}
	}
	r.Refused, r.Warnings = j.refused, j.warnings
	return r
}

// serviceName reads the name out of a checked service.json.
func serviceName(body json.RawMessage) string {
	var s struct{ Name string }
	if json.Unmarshal(body, &s) != nil {
		return ""
	}
	return s.Name
}
