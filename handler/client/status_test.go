package client_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/client"
	"github.com/mlfmonde/cluster/handler/port"
	"github.com/mlfmonde/cluster/sim"
)

func status(t *testing.T, c *sim.Cluster, name string) (o client.Overview) {
	t.Helper()
	at(t, c, func(ctx context.Context, cl *client.Client) {
		var err error
		if o, err = cl.Status(ctx, name); err != nil {
			t.Errorf("status of %q: %v", name, err)
		}
	})
	return o
}

func only(t *testing.T, o client.Overview) client.Status {
	t.Helper()
	if len(o.Apps) != 1 {
		t.Fatalf("%d apps: %+v", len(o.Apps), o.Apps)
	}
	return o.Apps[0]
}

func TestStatus_OfAnAppThatRuns(t *testing.T) {
	c := newCluster(t)
	ask(t, c, app.Deploy, deploy("a", "b"))
	run(t, c, time.Hour)
	o := status(t, c, "")
	s := only(t, o)
	if s.Name != name || s.Repo != repo || s.Branch != "main" || s.Master != "a" || s.Slave != "b" || len(s.Commit) != 40 {
		t.Errorf("%+v", s)
	}
	if s.Outcome != app.OutcomeCommitted || s.Reason != "" || s.Operation != nil || len(s.Pending)+len(s.Waiting) != 0 || s.Maintenance != "" {
		t.Errorf("%+v", s)
	}
	if s.Replica == nil || s.Replica.Node != "b" || s.Replica.Age < 0 || s.Replica.Age > 3700 {
		t.Errorf("replica %+v", s.Replica)
	}
	if len(o.Nodes) != 3 || !o.Nodes[0].Present || o.Nodes[0].Name != "a" || o.Nodes[0].Address == "" || len(o.Problems) != 0 {
		t.Errorf("nodes %+v, problems %v", o.Nodes, o.Problems)
	}
}

// An edit of master or slave moves nothing, so it changes nothing that is shown
// but the problem.
func TestStatus_OfAnAppWhoseRecordSomebodyEdited(t *testing.T) {
	c := newCluster(t)
	ask(t, c, app.Deploy, deploy("a", "b"))
	run(t, c, time.Minute)
	record := c.Get("app/" + name)
	c.Put(record.Key, []byte(strings.Replace(string(record.Value), `"master": "a"`, `"master": "c"`, 1)))
	run(t, c, time.Minute)
	o := status(t, c, "")
	if s := only(t, o); s.Master != "a" || s.Slave != "b" {
		t.Errorf("%+v", s)
	}
	if len(o.Problems) != 1 || !strings.Contains(o.Problems[0], "app/"+name+" says that the app lives on c/b; it lives on a/b") {
		t.Errorf("problems %q", o.Problems)
	}
}

func TestStatus_WhileAnOperationIsUnderWay(t *testing.T) {
	c := newCluster(t)
	c.Push(repo, "main", port.Files{"docker-compose.yml": []byte(compose)}, sim.Behaviour{ScriptTakes: time.Minute, Health: time.Minute})
	at(t, c, func(ctx context.Context, cl *client.Client) {
		for range 2 {
			if _, err := cl.Submit(ctx, app.Deploy, []byte(deploy("a", "b"))); err != nil {
				t.Error(err)
			}
		}
	})
	run(t, c, 6*time.Second)
	s := only(t, status(t, c, name))
	if s.Operation == nil || s.Operation.Kind != app.Deploy || s.Operation.New != "a/b" || s.Operation.Steps["a"] == "" {
		t.Errorf("operation %+v", s.Operation)
	}
	if len(s.Waiting) != 1 || s.Master != "" || s.Repo != repo {
		t.Errorf("%+v", s)
	}
}

func TestStatus_OfWhatWasRefusedAbortedOrDestroyed(t *testing.T) {
	c := newCluster(t)
	c.Push(repo, "main", port.Files{"docker-compose.yml": []byte(compose)}, sim.Behaviour{Exits: true})
	ask(t, c, app.Deploy, deploy("a", "b"))
	if s := only(t, status(t, c, "")); s.Outcome != app.OutcomeAborted || s.Reason == "" || s.Master != "" {
		t.Errorf("aborted: %+v", s)
	}
	ask(t, c, app.Destroy, `{"repo": "`+repo+`", "branch": "main"}`)
	if s := only(t, status(t, c, "")); s.Outcome != app.OutcomeRefused || !strings.Contains(s.Reason, "not deployed") {
		t.Errorf("refused: %+v", s)
	}
	c.Push(repo, "main", port.Files{"docker-compose.yml": []byte(compose)}, sim.Behaviour{})
	ask(t, c, app.Deploy, deploy("a", "b"))
	if s := only(t, status(t, c, "")); s.Outcome != app.OutcomeCommitted || s.Reason != "" || s.Master != "a" {
		t.Errorf("deployed: %+v", s)
	}
	ask(t, c, app.Destroy, `{"repo": "`+repo+`", "branch": "main"}`)
	if o := status(t, c, ""); len(o.Apps) != 0 {
		t.Errorf("destroyed, and still listed: %+v", o.Apps)
	}
	if s := only(t, status(t, c, name)); s.Master != "" || s.Outcome != app.OutcomeCommitted {
		t.Errorf("destroyed: %+v", s)
	}
	at(t, c, func(ctx context.Context, cl *client.Client) {
		all, err := cl.History(ctx, name)
		var outcomes []app.Outcome
		for _, h := range all {
			outcomes = append(outcomes, h.Outcome)
		}
		if want := []app.Outcome{app.OutcomeAborted, app.OutcomeCommitted, app.OutcomeCommitted}; err != nil || !slices.Equal(outcomes, want) {
			t.Errorf("history %v, %v", outcomes, err)
		}
	})
}

func TestStatus_ReportsForeignValuesAndShowsTheOthers(t *testing.T) {
	c := newCluster(t)
	ask(t, c, app.Deploy, deploy("a", "b"))
	strange := []string{"app/other_main.00000", "operation/third_main.00000", "request/strange", "replica/" + name, "history/" + name + "/1"}
	for _, key := range strange {
		c.Put(key, []byte(`{"cut`))
	}
	c.Put("maintenance/"+name, []byte("a person is at work"))
	o := status(t, c, "")
	if s := only(t, o); s.Name != name || s.Master != "a" || s.Maintenance != "a person is at work" {
		t.Errorf("%+v", s)
	}
	for _, key := range strange {
		if !slices.ContainsFunc(o.Problems, func(p string) bool { return strings.Contains(p, key) }) {
			t.Errorf("%s is not among the problems %q", key, o.Problems)
		}
	}
}

func TestStatus_OfAnUnknownAppNamesTheKnown(t *testing.T) {
	c := newCluster(t)
	ask(t, c, app.Deploy, deploy("a", "b"))
	at(t, c, func(ctx context.Context, cl *client.Client) {
		if _, err := cl.Status(ctx, "nobody"); !errors.Is(err, port.ErrNotFound) || !strings.Contains(err.Error(), name) {
			t.Errorf("got %v", err)
		}
	})
	c.ConsulAway(true)
	at(t, c, func(ctx context.Context, cl *client.Client) {
		if _, err := cl.Status(ctx, ""); !errors.Is(err, port.ErrUnknown) {
			t.Errorf("without Consul: %v", err)
		}
	})
}

func TestStatus_SaysWhatAnEdgeLeavesOutAndWhetherItIsBehind(t *testing.T) {
	c := newCluster(t)
	ask(t, c, app.Deploy, deploy("a", "b"))
	c.Put("app/other_main.00000", []byte(`{"cut`))
	run(t, c, time.Minute)
	for _, n := range status(t, c, name).Nodes {
		if n.Edge.Behind || len(n.Edge.Left) != 1 || !strings.Contains(n.Edge.Left["other_main.00000"], "cannot be read") {
			t.Errorf("%s: %+v", n.Name, n.Edge)
		}
	}
	c.Delete("app/other_main.00000")
	run(t, c, time.Minute)
	c.Put("swarm/late", []byte("{}"))
	for _, n := range status(t, c, "").Nodes {
		if !n.Edge.Behind || n.Edge.Published >= n.Edge.Newest || len(n.Edge.Left) != 0 {
			t.Errorf("%s: %+v", n.Name, n.Edge)
		}
	}
	run(t, c, time.Minute)
	for _, n := range status(t, c, "").Nodes {
		if n.Edge.Behind {
			t.Errorf("%s: %+v", n.Name, n.Edge)
		}
	}
}
