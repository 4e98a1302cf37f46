package client_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/client"
	"github.com/mlfmonde/cluster/handler/port"
	"github.com/mlfmonde/cluster/sim"
)

func TestFollow_TellsEachStepOfEachNodeOnceInTheOrderOfThePlan(t *testing.T) {
	c := newCluster(t)
	if end, _ := ask(t, c, app.Deploy, deploy("a", "b")); end.Outcome != app.OutcomeCommitted || end.Seq != 1 || end.Name != name {
		t.Fatalf("first deploy: %+v", end)
	}
	end, told := ask(t, c, app.Deploy, deploy("c", "a"))
	if end.Outcome != app.OutcomeCommitted || end.Seq != 2 || len(end.Pending) != 0 {
		t.Fatalf("move: %+v", end)
	}
	o := app.Operation{Kind: app.Deploy, Old: app.Placement{Master: "a", Slave: "b"}, New: app.Placement{Master: "c", Slave: "a"}}
	for _, node := range []string{"a", "b", "c"} {
		var got []string
		for _, p := range words(told, client.Ended) {
			if p.Node == node {
				got = append(got, string(p.State)+" "+p.Step)
			}
		}
		// What a node does once it has said that it is done is nobody's news:
		// the operation may be closed by then.
		want := slices.DeleteFunc(steps(o, node), func(s string) bool { return strings.HasPrefix(s, "aborted ") })
		if last := slices.IndexFunc(want, func(s string) bool { return s == "committed announce done" || s == "committed close" }); last >= 0 {
			want = want[:last]
		}
		if len(got) < len(want) || !slices.Equal(got[:len(want)], want) {
			t.Errorf("%s: told\n%s\nwant\n%s", node, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
	var states []string
	for _, p := range words(told, client.Reached) {
		states = append(states, p.String())
	}
	if !slices.Equal(states, []string{"preparing", "switching", "committed"}) {
		t.Errorf("states %v", states)
	}
	seen := map[client.Progress]bool{}
	for _, p := range told {
		if p.Took = 0; seen[p] {
			t.Errorf("told twice: %s", p)
		}
		seen[p] = true
	}
}

func TestFollow_SaysWhyAnOperationWasAborted(t *testing.T) {
	c := newCluster(t)
	c.Push(repo, "main", port.Files{"docker-compose.yml": []byte(compose)}, sim.Behaviour{Exits: true})
	end, told := ask(t, c, app.Deploy, deploy("a", "b"))
	if end.Outcome != app.OutcomeAborted || !strings.Contains(end.Reason, "exit code 1") {
		t.Errorf("end %+v", end)
	}
	if last := words(told, client.Reached); len(last) == 0 || last[len(last)-1].State != app.Aborted || last[len(last)-1].Step != end.Reason {
		t.Errorf("reached %v", last)
	}
}

func TestFollow_SaysWhyARequestWasRefused(t *testing.T) {
	c := newCluster(t)
	end, told := ask(t, c, app.Destroy, `{"repo": "`+repo+`", "branch": "main"}`)
	if end.Outcome != app.OutcomeRefused || !strings.Contains(end.Reason, "not deployed") || end.Seq != 0 {
		t.Errorf("end %+v", end)
	}
	if began := words(told, client.Reached); len(began) != 0 {
		t.Errorf("an operation began: %v", began)
	}
}

func TestFollow_SaysWhatARequestWaitsFor(t *testing.T) {
	c := newCluster(t)
	c.Push(repo, "main", port.Files{"docker-compose.yml": []byte(compose)}, sim.Behaviour{Health: time.Minute})
	first := ""
	at(t, c, func(ctx context.Context, cl *client.Client) {
		sent, err := cl.Submit(ctx, app.Deploy, []byte(deploy("a", "b")))
		if first = sent.ID; err != nil {
			t.Error(err)
		}
	})
	run(t, c, 5*time.Second)
	end, told := ask(t, c, app.Deploy, deploy("a", "c"))
	if end.Outcome != app.OutcomeCommitted || end.Seq != 2 {
		t.Errorf("end %+v", end)
	}
	if q := words(told, client.Queued); len(q) == 0 || !strings.Contains(q[0].Step, first) || !strings.HasPrefix(q[0].String(), "queued: ") {
		t.Errorf("queued %v", q)
	}
}

// counted counts the reads of a KV.
type counted struct {
	port.KV
	reads *int
}

func (k counted) Get(ctx context.Context, key string) (port.Pair, error) {
	*k.reads++
	return k.KV.Get(ctx, key)
}

func (k counted) List(ctx context.Context, prefix string) ([]port.Pair, uint64, error) {
	*k.reads++
	return k.KV.List(ctx, prefix)
}

func TestFollow_DoesNotPollBusily(t *testing.T) {
	c := newCluster(t)
	c.Push(repo, "main", port.Files{"docker-compose.yml": []byte(compose)}, sim.Behaviour{Health: 5 * time.Minute})
	reads, began := 0, c.Now()
	at(t, c, func(ctx context.Context, cl *client.Client) {
		cl.KV = counted{cl.KV, &reads}
		sent, err := cl.Submit(ctx, app.Deploy, []byte(deploy("a", "b")))
		if err == nil {
			_, err = cl.Follow(ctx, sent.ID, func(client.Progress) {})
		}
		if err != nil {
			t.Error(err)
		}
	})
	beats := int((c.Now() - began) / app.DefaultTimes().Beat)
	// Two nodes say something every beat, and each look is three reads.
	if most := 3*3*beats + 100; beats < 3 || reads > most {
		t.Errorf("%d reads in %d beats, at most %d", reads, beats, most)
	}
}

func TestFollow_GoesOnAfterAConsulOutage(t *testing.T) {
	c := newCluster(t)
	c.At(c.Now()+3*time.Second, "outage", func() { c.ConsulAway(true) })
	c.At(c.Now()+20*time.Second, "back", func() { c.ConsulAway(false) })
	end, told := ask(t, c, app.Deploy, deploy("a", "b"))
	if end.Outcome == "" {
		t.Errorf("end %+v", end)
	}
	if lost := words(told, client.Unheard); len(lost) != 1 || lost[0].Step == "" {
		t.Errorf("told of the outage: %v", lost)
	}
}

func TestFollow_GivesUpWhenConsulStaysAway(t *testing.T) {
	c := newCluster(t)
	at(t, c, func(ctx context.Context, cl *client.Client) {
		sent, err := cl.Submit(ctx, app.Deploy, []byte(deploy("a", "b")))
		if err != nil {
			t.Error(err)
		}
		c.ConsulAway(true)
		began := cl.Clock.Boot()
		_, err = cl.Follow(ctx, sent.ID, func(client.Progress) {})
		if took := cl.Clock.Boot() - began; !errors.Is(err, port.ErrUnknown) || took < app.DefaultTimes().Gone {
			t.Errorf("after %v: %v", took, err)
		}
	})
}

func TestFollow_OfNothing(t *testing.T) {
	c := cluster(t, nil)
	c.Put("request/strange", []byte(`{"v":2}`))
	at(t, c, func(ctx context.Context, cl *client.Client) {
		if _, err := cl.Follow(ctx, "unheardof", func(client.Progress) {}); !errors.Is(err, port.ErrNotFound) {
			t.Errorf("unknown id: %v", err)
		}
		if _, err := cl.Follow(ctx, "../x", func(client.Progress) {}); err == nil {
			t.Error("a path was taken for an id")
		}
		if _, err := cl.Follow(ctx, "strange", func(client.Progress) {}); err == nil || !strings.Contains(err.Error(), "request/strange") {
			t.Errorf("a value that is not ours: %v", err)
		}
		ended, cancel := context.WithCancel(ctx)
		cancel()
		if _, err := cl.Follow(ended, "unheardof", func(client.Progress) {}); !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: %v", err)
		}
	})
}

func TestProgress_IsOneLine(t *testing.T) {
	for _, p := range []client.Progress{
		{Word: client.Reached, State: app.Preparing}, {Word: client.Began, Node: "a", State: app.Preparing, Step: "pull"},
		{Word: client.Ended, Node: "a", State: app.Preparing, Step: "pull", Took: 1500}, {Word: client.Failed, Node: "a", Step: "pull: no"},
		{Word: client.Queued, Step: "for x"}, {Word: client.Unheard, Step: "x"}, {Word: client.Warned, Node: "b", Step: "x"},
	} {
		text := p.String()
		if strings.Contains(text, "\n") || p.Node != "" && !strings.Contains(text, p.Node) || !strings.Contains(text, p.Step) {
			t.Errorf("%+v: %q", p, text)
		}
		if p.Took != 0 && !strings.Contains(text, fmt.Sprint(1500*time.Millisecond)) {
			t.Errorf("%+v: %q", p, text)
		}
	}
}
