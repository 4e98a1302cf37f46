package client_test

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/client"
	"github.com/mlfmonde/cluster/handler/port"
	"github.com/mlfmonde/cluster/handler/request"
	"github.com/mlfmonde/cluster/sim"
)

func TestSubmit_RefusesBadInputBeforeAnythingIsTouched(t *testing.T) {
	for _, c := range []struct {
		kind    app.Kind
		payload string
		field   string
	}{
		{app.Deploy, ``, "payload"},
		{app.Deploy, `[]`, "payload"},
		{app.Deploy, `{"repo": "https://h.example/a", "branch": "main"}`, "master"},
		{app.Deploy, `{"repo": "https://h.example/a", "branch": "", "master": "a"}`, "branch"},
		{app.Deploy, `{"repo": "ext::sh -c x", "branch": "main", "master": "a"}`, "repo"},
		{app.Deploy, `{"repo": "http://h.example/a", "branch": "main", "master": "a"}`, "repo"},
		{app.Deploy, `{"repo": "https://h.example/a", "branch": "main", "master": "a", "slave": "a"}`, "slave"},
		{app.Deploy, `{"repo": "https://h.example/a", "branch": "main", "master": "a", "force": true}`, "force"},
		{app.Destroy, `{"repo": "https://h.example/a", "branch": "main", "master": "a"}`, "master"},
		{app.Migrate, `{"repo": "https://h.example/a", "branch": "main", "target": {}}`, "target"},
		{app.Migrate, `{"repo": "https://h.example/a", "branch": "main", "target": {"branch": "main"}}`, "target"},
		{"reboot", `{}`, "name"},
	} {
		nothing := &client.Client{} // without ports, so that any use of one is a panic
		sent, err := nothing.Submit(t.Context(), c.kind, []byte(c.payload))
		var field *app.FieldError
		if !errors.As(err, &field) || field.Field != c.field || sent.ID != "" {
			t.Errorf("%s %s: got %v and id %q, want an error of field %q", c.kind, c.payload, err, sent.ID, c.field)
		}
	}
}

func TestSubmit_RefusesANodeThatIsNotThere(t *testing.T) {
	c := cluster(t, nil)
	at(t, c, func(ctx context.Context, cl *client.Client) {
		_, err := cl.Submit(ctx, app.Deploy, []byte(deploy("a", "z")))
		var field *app.FieldError
		if !errors.As(err, &field) || field.Field != "slave" || !strings.Contains(err.Error(), "a, b, c") {
			t.Errorf("got %v, want an error of the slave that lists the nodes", err)
		}
	})
	if found := keys(c, "request/"); len(found) != 0 {
		t.Errorf("written: %v", found)
	}
}

func TestSubmit_WritesTheRequestAndFiresItsEvent(t *testing.T) {
	c := cluster(t, nil)
	var sent client.Sent
	at(t, c, func(ctx context.Context, cl *client.Client) {
		var err error
		if sent, err = cl.Submit(ctx, app.Deploy, []byte(deploy("a", "b"))); err != nil {
			t.Error(err)
		}
		events, _, err := cl.Events.Recent(ctx, 0, 0)
		if err != nil || len(events) != 1 || events[0].Name != "deploy" || string(events[0].Payload) != `{"ref":"`+sent.ID+`"}` {
			t.Errorf("events %v, %v", events, err)
		}
	})
	if sent.Name != name || sent.Warning != "" || !regexp.MustCompile(`^[0-9a-f]{32}$`).MatchString(sent.ID) {
		t.Errorf("sent %+v", sent)
	}
	r, err := request.Parse(sent.ID, c.Get("request/"+sent.ID).Value)
	if err != nil || r.New != (app.Placement{Master: "a", Slave: "b"}) || r.Done {
		t.Errorf("request %+v, %v", r, err)
	}
}

func TestSubmit_WithoutAnEventIsAWarning(t *testing.T) {
	c := cluster(t, nil)
	c.Inject(sim.Fault{Process: sim.Shell, Call: "Events.Fire", Phase: sim.ErrorBefore, Times: -1})
	at(t, c, func(ctx context.Context, cl *client.Client) {
		sent, err := cl.Submit(ctx, app.Deploy, []byte(deploy("a", "b")))
		if err != nil || sent.Warning == "" {
			t.Errorf("sent %+v, %v", sent, err)
		}
	})
	if found := keys(c, "request/"); len(found) != 1 {
		t.Errorf("requests %v", found)
	}
}

func TestSubmit_WritesOnceWhateverTheAnswerIs(t *testing.T) {
	for _, phase := range []sim.Phase{sim.ErrorBefore, sim.Lost, sim.Hang, sim.Late} {
		c := cluster(t, nil)
		fault := c.Inject(sim.Fault{Process: sim.Shell, Call: "KV.Apply:request", Phase: phase})
		at(t, c, func(ctx context.Context, cl *client.Client) {
			if _, err := cl.Submit(ctx, app.Deploy, []byte(deploy("a", "b"))); err != nil {
				t.Errorf("%s: %v", phase, err)
			}
		})
		if fault.Fired == 0 {
			t.Errorf("%s: the fault did not strike", phase)
		}
		run(t, c, 2*app.DefaultTimes().Gone) // what is late comes
		if found := keys(c, "request/"); len(found) != 1 {
			t.Errorf("%s: requests %v", phase, found)
		}
	}
}

func TestSubmit_WithoutConsulSaysThatNothingIsKnown(t *testing.T) {
	c := cluster(t, nil)
	fault := c.Inject(sim.Fault{Process: sim.Shell, Call: "KV.Apply:request", Phase: sim.ErrorBefore, Times: -1})
	at(t, c, func(ctx context.Context, cl *client.Client) {
		sent, err := cl.Submit(ctx, app.Deploy, []byte(deploy("a", "b")))
		if !errors.Is(err, port.ErrUnknown) || sent.ID == "" {
			t.Errorf("sent %+v, %v", sent, err)
		}
	})
	if fault.Fired != 3 {
		t.Errorf("tried %d times, want 3", fault.Fired)
	}
	c.ConsulAway(true)
	at(t, c, func(ctx context.Context, cl *client.Client) {
		sent, err := cl.Submit(ctx, app.Deploy, []byte(deploy("a", "b")))
		if !errors.Is(err, port.ErrUnknown) || sent.ID != "" {
			t.Errorf("without members: sent %+v, %v", sent, err)
		}
	})
}

func TestSubmit_NeverTakesTheIDOfAnother(t *testing.T) {
	c := cluster(t, nil)
	at(t, c, func(ctx context.Context, cl *client.Client) {
		cl.NewID = func() string { return "same" }
		if _, err := cl.Submit(ctx, app.Deploy, []byte(deploy("a", "b"))); err != nil {
			t.Error(err)
		}
		if _, err := cl.Submit(ctx, app.Deploy, []byte(deploy("b", "a"))); !errors.Is(err, port.ErrRefused) {
			t.Errorf("another request took the id: %v", err)
		}
	})
	r, err := request.Parse("same", c.Get("request/same").Value)
	if err != nil || r.New.Master != "a" {
		t.Errorf("request %+v, %v", r, err)
	}
}

func TestAsk_IsTheDocumentedJSON(t *testing.T) {
	yes, no := true, false
	for _, c := range []struct {
		kind app.Kind
		ask  client.Ask
		want string // as JSON, or the field of the error
	}{
		{app.Deploy, client.Ask{Repo: repo, Branch: "main", Master: "a", Slave: "b", Update: &yes},
			`{"repo":"` + repo + `","branch":"main","master":"a","slave":"b","update":true}`},
		{app.Deploy, client.Ask{Repo: repo, Branch: "main", Master: "a", Failover: true, Adopt: true, Update: &no},
			`{"repo":"` + repo + `","branch":"main","master":"a","failover":true,"adopt":true}`},
		{app.Destroy, client.Ask{Repo: repo, Branch: "main", Force: true}, `{"repo":"` + repo + `","branch":"main","force":true}`},
		{app.Migrate, client.Ask{Repo: repo, Branch: "main", TargetBranch: "dev"}, `{"repo":"` + repo + `","branch":"main","target":{"branch":"dev"}}`},
		{app.Migrate, client.Ask{Repo: repo, Branch: "main", TargetRepo: repo + "2", TargetBranch: "dev", Update: &no},
			`{"repo":"` + repo + `","branch":"main","target":{"repo":"` + repo + `2","branch":"dev"},"update":false}`},
		{app.Deploy, client.Ask{}, "repo"},
		{app.Deploy, client.Ask{Repo: repo, Branch: "main"}, "master"},
		{app.Destroy, client.Ask{Repo: repo, Branch: "main", Master: "a"}, "master"},
		{app.Destroy, client.Ask{Repo: repo, Branch: "main", TargetBranch: "a"}, "target"},
		{app.Migrate, client.Ask{Repo: repo, Branch: "main"}, "target"},
	} {
		got, err := request.Decode(string(c.kind), "id", c.ask.Payload(c.kind), request.Options{})
		if c.want[0] != '{' {
			var field *app.FieldError
			if !errors.As(err, &field) || field.Field != c.want {
				t.Errorf("%s %+v: got %v, want an error of %s", c.kind, c.ask, err, c.want)
			}
			continue
		}
		want, werr := request.Decode(string(c.kind), "id", []byte(c.want), request.Options{})
		if err != nil || werr != nil || string(request.Encode(got)) != string(request.Encode(want)) {
			t.Errorf("%s %+v: got %s (%v), want %s (%v)", c.kind, c.ask, request.Encode(got), err, request.Encode(want), werr)
		}
	}
}
