package request

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/mlfmonde/cluster/handler/app"
)

// Version is the format of the values below request/. A value of another
// version is reported and left alone: another handler understands it.
const Version = 1

// Key is the key of the request id in the KV.
func Key(id string) string { return "request/" + id }

type value struct {
	V int `json:"v"`
	app.Request
}

// Encode is the value of request/<id>. A reason longer than 4 KiB is cut: it
// is for people, and a value that [Parse] refuses helps nobody.
func Encode(r app.Request) []byte {
	r.Reason = strings.ToValidUTF8(r.Reason, "\uFFFD")
	if len(r.Reason) > maxReason {
		r.Reason = strings.ToValidUTF8(r.Reason[:maxReason], "")
	}
	data, _ := json.Marshal(value{V: Version, Request: r}) // strings and flags only: it has no error to return
	return data
}

// Parse reads the value of request/<id> and checks all that [Decode] checks
// except what needs [Options]: anybody may have written the key. Created and
// Index are not part of the value. Errors begin with the key and wrap
// [*app.FieldError].
func Parse(id string, data []byte) (app.Request, error) {
	r, err := parse(id, data)
	if err != nil {
		return app.Request{}, fmt.Errorf("%s: %w", Key(printable(id)), err)
	}
	return r, nil
}

func parse(id string, data []byte) (app.Request, error) {
	o := open("value", "", data, MaxValue)
	if err := versioned(o); err != nil {
		return app.Request{}, err
	}
	o.must("id", "the id that is in the key")
	o.must("kind", "deploy, destroy or migrate")
	r := app.Request{ID: o.text("id")}
	if o.err == nil && r.ID != id {
		o.fail(wrong("id", "%.80q is not the id in the key", r.ID))
	}
	if o.fail(kind(o, &r)); o.err != nil {
		return r, o.err
	}
	body(o, &r)
	tombstone(o, &r)
	if o.err == nil {
		o.fail(valid(r))
	}
	return r, o.err
}

func kind(o *object, r *app.Request) (err error) {
	if text := o.text("kind"); o.err == nil {
		r.Kind, err = known("kind", text)
	}
	return err
}

// versioned looks at the version before anything else: a later one may have
// fields that this handler does not know.
func versioned(o *object) error {
	o.must("v", "the version of the format: the value is not a request of ours")
	if v := o.number("v"); o.err == nil && v != Version {
		return wrong("v", "version %d is not %d; a handler of that version understands it", v, Version)
	}
	return o.err
}

// body reads the fields of r's kind; those of other kinds are unknown ones.
func body(o *object, r *app.Request) {
	common := []string{"v", "id", "kind", "app", "flags", "done", "outcome", "reason", "finished"}
	flags := o.object("flags")
	switch r.Kind {
	case app.Deploy:
		o.only(append(common, "new")...)
		flags.only("update", "failover", "adopt")
		o.must("new", "the placement, as {\"master\": …, \"slave\": …}")
		at := o.object("new")
		at.only("master", "slave")
		r.New = app.Placement{Master: master(at), Slave: at.text("slave")}
		o.close(at)
	case app.Destroy:
		o.only(common...)
		flags.only("force")
	case app.Migrate:
		o.only(append(common, "source")...)
		flags.only("update")
		source := stored(o, "source")
		r.Source = &source
	}
	r.App = stored(o, "app")
	r.Flags = app.Flags{Update: flags.flag("update", false), Failover: flags.flag("failover", false),
		Adopt: flags.flag("adopt", false), Force: flags.flag("force", false)}
	o.close(flags)
}

// stored reads an application that went through [app.Parse] before it was
// written, and refuses one that did not.
func stored(o *object, key string) app.App {
	o.must(key, "the application, as {\"repo\": …, \"branch\": …}")
	sub := o.object(key)
	sub.only("repo", "branch")
	a := named(sub, app.App{})
	if sub.err == nil && (sub.text("repo") != a.Repo || sub.text("branch") != a.Branch) {
		sub.fail(wrong(o.at+key, "is not in its normal form (%s, %s)", a.Repo, a.Branch))
	}
	o.close(sub)
	return a
}

func tombstone(o *object, r *app.Request) {
	r.Done, r.Outcome = o.flag("done", false), app.Outcome(o.text("outcome"))
	r.Reason, r.Finished = o.prose("reason"), o.text("finished")
	if o.err != nil {
		return
	}
	if !r.Done {
		for _, key := range []string{"outcome", "reason", "finished"} {
			if o.has(key) {
				o.fail(wrong(key, "belongs to a finished request only, and done is not true"))
			}
		}
		return
	}
	switch r.Outcome {
	case app.OutcomeCommitted, app.OutcomeAborted, app.OutcomeRefused:
	default:
		o.fail(wrong("outcome", "%.40q is not committed, aborted or refused", string(r.Outcome)))
	}
}
