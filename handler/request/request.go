// Package request turns what arrives into requests: Consul's batch of events,
// the documented JSON payloads and the values of request/<id> in the KV. Bytes
// come in, values go out; what is not exactly a request is one error that
// names the field and the way out. It touches nothing and asks nobody.
package request

import (
	"errors"
	"slices"
	"strings"

	"github.com/mlfmonde/cluster/handler/app"
)

// Sizes in bytes above which nothing is parsed. Consul itself refuses event
// payloads over 300 bytes; requests in the KV and on a command line are longer.
const (
	MaxPayload = 4 << 10
	MaxValue   = 64 << 10
	MaxBatch   = 1 << 20
	maxReason  = 4 << 10
)

// Options are what a request is checked against besides its own text.
type Options struct {
	AllowHTTP bool     // repositories by plain http: development and the recette only
	Nodes     []string // names of the cluster's nodes; nil: not checked
}

// Decode reads the payload of an event or a command line of the given kind
// (deploy, destroy or migrate) as the request id. The fields are those of the
// documented events; an unknown, doubled, missing or mistyped one is refused.
// Errors are [*app.FieldError].
func Decode(kind, id string, payload []byte, opt Options) (app.Request, error) {
	k, err := known("name", kind)
	if err != nil {
		return app.Request{}, err
	}
	r := app.Request{ID: id, Kind: k}
	o := open("payload", "", payload, MaxPayload)
	switch k {
	case app.Deploy:
		deploy(o, &r)
	case app.Destroy:
		destroy(o, &r)
	case app.Migrate:
		migrate(o, &r)
	}
	if o.err == nil {
		o.fail(valid(r))
	}
	if o.err == nil {
		o.fail(opt.Check(r))
	}
	if o.err != nil {
		return app.Request{}, o.err
	}
	return r, nil
}

func known(field, kind string) (app.Kind, error) {
	kinds := []app.Kind{app.Deploy, app.Destroy, app.Migrate}
	if !slices.Contains(kinds, app.Kind(kind)) {
		return "", wrong(field, "unknown event name %.80q; use deploy, destroy or migrate", kind)
	}
	return app.Kind(kind), nil
}

func deploy(o *object, r *app.Request) {
	o.only("repo", "branch", "master", "slave", "update", "failover", "adopt")
	r.App = named(o, app.App{})
	r.New.Master = master(o)
	if raw := o.fields["slave"]; string(raw) != "null" {
		r.New.Slave = o.text("slave")
	}
	r.Flags = app.Flags{Update: o.flag("update", false), Failover: o.flag("failover", false), Adopt: o.flag("adopt", false)}
}

func master(o *object) string {
	o.must("master", "the name of the node that is to run the application")
	s := o.text("master")
	if o.err == nil && s == "" {
		o.fail(wrong(o.at+"master", "is empty; name the node that is to run the application"))
	}
	return s
}

func destroy(o *object, r *app.Request) {
	o.only("repo", "branch", "force")
	r.App = named(o, app.App{})
	r.Flags.Force = o.flag("force", false)
}

func migrate(o *object, r *app.Request) {
	o.only("repo", "branch", "target", "update")
	source := named(o, app.App{})
	o.must("target", "the application that takes the data, as {\"branch\": …} or {\"repo\": …}")
	target := o.object("target")
	target.only("repo", "branch")
	if target.err == nil && !target.has("repo") && !target.has("branch") {
		target.fail(wrong("target", "names neither repo nor branch; give at least the one that differs from the source"))
	}
	r.App = named(target, source)
	o.close(target)
	r.Source = &source
	r.Flags.Update = o.flag("update", true)
}

// named reads the application that o names by repo and branch; what is missing
// is taken from def.
func named(o *object, def app.App) app.App {
	if def.Repo == "" {
		o.must("repo", "the URL of the git repository")
	}
	if def.Branch == "" {
		o.must("branch", "the branch or tag to take")
	}
	repo, branch := def.Repo, def.Branch
	if o.has("repo") {
		repo = o.text("repo")
	}
	if o.has("branch") {
		branch = o.text("branch")
	}
	if o.err != nil {
		return app.App{}
	}
	a, err := app.Parse(repo, branch)
	if fe := (*app.FieldError)(nil); errors.As(err, &fe) {
		err = wrong(o.at+fe.Field, "%s", fe.Why)
	}
	if err != nil {
		o.fail(err)
	}
	return a
}

// valid holds the rules between the fields, wherever the request came from.
func valid(r app.Request) error {
	if err := app.CheckID("id", r.ID); err != nil {
		return err
	}
	switch r.Kind {
	case app.Deploy:
		return placed(r.New)
	case app.Migrate:
		return distinct(*r.Source, r.App)
	}
	return nil
}

func placed(p app.Placement) error {
	if err := app.CheckNode("master", p.Master); err != nil {
		return err
	}
	if p.Slave == "" {
		return nil
	}
	if p.Slave == p.Master {
		return wrong("slave", "is the master too (%q); name another node or none", p.Slave)
	}
	return app.CheckNode("slave", p.Slave)
}

// distinct refuses a migrate onto itself: both ends would be the same volumes.
func distinct(source, target app.App) error {
	switch {
	case source.Name() == target.Name():
		return wrong("target", "is the source itself (%s); name another branch or repository", source.Name())
	case source.Project() == target.Project():
		return wrong("target", "%s has the same Compose project as the source %s, so the same volumes; name another branch", target.Name(), source.Name())
	}
	return nil
}

// Check refuses a request that asks for what this cluster does not have: a
// repository by plain http, a node that is not there. Errors are [*app.FieldError].
func (opt Options) Check(r app.Request) error {
	field := "repo"
	if r.Source != nil {
		if err := opt.secure(field, *r.Source); err != nil {
			return err
		}
		field = "target.repo"
	}
	if err := opt.secure(field, r.App); err != nil {
		return err
	}
	if err := opt.member("master", r.New.Master); err != nil {
		return err
	}
	return opt.member("slave", r.New.Slave)
}

func (opt Options) secure(field string, a app.App) error {
	if a.Insecure() && !opt.AllowHTTP {
		return wrong(field, "is reached by plain http, which anybody on the way can change; use https or ssh")
	}
	return nil
}

func (opt Options) member(field, node string) error {
	if node == "" || opt.Nodes == nil || slices.Contains(opt.Nodes, node) {
		return nil
	}
	return wrong(field, "no node %q in this cluster; it has %s", node, strings.Join(opt.Nodes, ", "))
}
