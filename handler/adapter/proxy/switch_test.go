package proxy_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/edge"
)

// operation writes where an operation of shop stands: from n1 to n2.
func (s *stand) operation(state app.State, outcome app.Outcome) {
	s.kv.put("operation/"+shop, fmt.Sprintf(
		`{"seq": 2, "id": "op2", "kind": "deploy", "lead": "n2", "old": {"master": "n1"}, "new": {"master": "n2"}, "state": %q, "outcome": %q}`, state, outcome))
}

// switching is a stand whose node n1 has shop, which is being switched to n2.
func switching(t *testing.T) *stand {
	s := newStand(t)
	s.record(shop, "n1", "shop.example.com")
	s.operation(app.Preparing, "")
	s.publish()
	s.operation(app.Switching, "")
	s.kv.put("maintenance/"+shop, "op2")
	return s
}

func (s *stand) heard(want ...string) {
	s.t.Helper()
	s.machine.mu.Lock()
	defer s.machine.mu.Unlock()
	if got := strings.Join(s.machine.said, ", "); got != strings.Join(want, ", ") {
		s.t.Errorf("said %q, want %q", got, want)
	}
}

func TestOwn_LetsRequestsWaitUntilTheNewMastersEdgeIsThere(t *testing.T) {
	s := switching(t)
	s.publish()
	if got := s.site(shop).Mode; got != edge.Hold {
		t.Fatalf("switching: %s", got)
	}
	s.heard("hold " + shop)
	written := s.record(shop, "n2", "shop.example.com")
	s.operation(app.Committed, "")
	s.kv.delete("maintenance/" + shop)
	s.kv.put("node/n2", fmt.Sprintf(`{"name": "n2", "address": "192.0.2.2", "published": %d}`, written-1))
	s.publish()
	if got := s.site(shop).Mode; got != edge.Hold {
		t.Errorf("n2's edge does not know it yet: %s", got)
	}
	s.kv.put("node/n2", fmt.Sprintf(`{"name": "n2", "address": "192.0.2.2", "published": %d}`, written))
	s.publish()
	if got := s.site(shop); got.Mode != edge.Pass || got.Target != "192.0.2.2" {
		t.Errorf("n2's edge knows it: %+v", got)
	}
	s.heard("hold "+shop, "open "+shop+" 192.0.2.2:1443")
	s.again() // and a restart goes on passing
	if s.publish(); s.site(shop).Mode != edge.Pass {
		t.Errorf("after a restart: %+v", s.site(shop))
	}
}

func TestOwn_WaitsForTheNewMastersEdgeOnlySoLong(t *testing.T) {
	s := switching(t)
	s.config.EdgeWait = time.Nanosecond
	s.again()
	s.publish()
	written := s.record(shop, "n2", "shop.example.com")
	s.operation(app.Committed, "")
	s.kv.delete("maintenance/" + shop)
	s.kv.put("node/n2", fmt.Sprintf(`{"name": "n2", "address": "192.0.2.2", "published": %d}`, written-1))
	s.publish()
	if got := s.site(shop).Mode; got != edge.Hold {
		t.Errorf("at first: %s", got)
	}
	s.publish()
	if got := s.site(shop).Mode; got != edge.Pass {
		t.Errorf("when its time is over: %s", got)
	}
}

func TestOwn_SendsRequestsBackToTheRestartedAppOfAnAbort(t *testing.T) {
	s := switching(t)
	s.publish()
	s.operation(app.Done, app.OutcomeAborted)
	s.kv.delete("maintenance/" + shop)
	if s.publish(); s.site(shop).Mode != edge.Serve {
		t.Errorf("%+v", s.site(shop))
	}
	s.heard("hold "+shop, "open "+shop+" 192.0.2.1:1443")
	s.kv.delete("app/" + shop)
	s.publish()
	s.heard("hold "+shop, "open "+shop+" 192.0.2.1:1443", "forget "+shop)
}

func TestOwn_ReportsMaintenanceWhenTheRequestsUnderWayHaveEnded(t *testing.T) {
	s := switching(t)
	over := make(chan struct{})
	s.machine.under[shop] = over
	back := make(chan app.Published)
	go func() { back <- s.publish() }()
	s.until("the hold", func() bool { return s.site(shop).Mode == edge.Hold })
	written := s.record(blog, "n1", "blog.example.com")
	go func() { back <- s.publish() }()
	s.until("another app beside it", func() bool { return s.site(blog).Mode == edge.Serve })
	select {
	case p := <-back:
		t.Errorf("%+v is told while a request is under way", p)
	default:
	}
	close(over)
	first, second := <-back, <-back
	if max(first.Index, second.Index) < written {
		t.Errorf("%+v, %+v", first, second)
	}
}

func TestOwn_PassesLateRequestsOnOnlySoLong(t *testing.T) {
	s := newStand(t)
	s.config.Pass = time.Nanosecond
	s.again()
	s.record(shop, "n1", "shop.example.com")
	s.publish()
	s.record(shop, "n2", "shop.example.com")
	if s.publish(); s.site(shop).Mode != edge.Pass {
		t.Errorf("at first: %+v", s.site(shop))
	}
	if s.publish(); s.site(shop).Mode != "" {
		t.Errorf("later: %+v", s.site(shop))
	}
	s.again()
	if s.publish(); s.site(shop).Mode != "" {
		t.Errorf("after a restart: %+v", s.site(shop))
	}
}

func TestWatch_GivesARestartedProxyItsConfigurationBack(t *testing.T) {
	s := newStand(t)
	s.record(shop, "n1", "shop.example.com")
	s.publish()
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { s.Watch(ctx); close(ended) }()
	s.machine.mu.Lock()
	s.machine.marker, s.machine.sites = "", nil
	s.machine.running, s.machine.away = "", errors.New("HAProxy is not running")
	s.machine.mu.Unlock()
	s.until("Caddy's sites", func() bool { return s.site(shop).Mode == edge.Serve })
	s.machine.mu.Lock()
	s.machine.away = nil
	s.machine.mu.Unlock()
	s.until("HAProxy's configuration", func() bool { return s.has("shop.example.com") })
	stop()
	<-ended
}

// While requests wait, the word of the new master counts at once, not at the
// next look.
func TestWatch_HearsOfTheNewMastersEdge(t *testing.T) {
	s := switching(t)
	s.publish()
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { s.Watch(ctx); close(ended) }()
	written := s.record(shop, "n2", "shop.example.com")
	s.operation(app.Committed, "")
	s.kv.delete("maintenance/" + shop)
	s.kv.put("node/n2", fmt.Sprintf(`{"name": "n2", "address": "192.0.2.2", "published": %d}`, written))
	s.until("the requests to go on", func() bool {
		s.machine.mu.Lock()
		defer s.machine.mu.Unlock()
		return len(s.machine.said) > 1
	})
	stop()
	<-ended
	s.heard("hold "+shop, "open "+shop+" 192.0.2.2:1443")
}

func TestReady_ComesWithTheFirstWordOnWhoWaits(t *testing.T) {
	s := switching(t)
	s.again()
	select {
	case <-s.Ready():
		t.Error("ready before anything was read")
	default:
	}
	s.publish()
	<-s.Ready()
	s.heard("hold " + shop)
}

func TestWatch_GivesUpWaitingForAnEdgeThatDoesNotCome(t *testing.T) {
	s := switching(t)
	s.config.EdgeWait = 20 * time.Millisecond
	s.again()
	s.publish()
	written := s.record(shop, "n2", "shop.example.com")
	s.operation(app.Committed, "")
	s.kv.delete("maintenance/" + shop)
	s.kv.put("node/n2", fmt.Sprintf(`{"name": "n2", "address": "192.0.2.2", "published": %d}`, written-1))
	s.publish()
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { s.Watch(ctx); close(ended) }()
	s.until("the requests to go on", func() bool { return s.site(shop).Mode == edge.Pass })
	stop()
	<-ended
}
