package porttest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/mlfmonde/cluster/handler/port"
)

func consulEvents() []Clause[Consul] {
	return []Clause[Consul]{
		{Method: "Events.Fire", Says: "reaches this node's ring once, with an id, its name and payload", Check: eventsFire},
		{Method: "Events.Fire", Says: "300 bytes travel, one more is refused and not sent", Check: eventsPayload},
		{Method: "Events.Fire", Says: "twice is two events with two ids", Check: eventsTwice},
		{Method: "Events.Fire", Says: "reaches another node whole or not at all", Range: true, Check: eventsElsewhere},
		{Method: "Events.Recent", Says: "returns at once what another index names, oldest first", Check: eventsOrder},
		{Method: "Events.Recent", Says: "returns after max with the same index when nothing came", Check: eventsQuiet},
		{Method: "Events.Recent", Says: "wakes when an event arrives", Check: eventsWake},
		{Method: "Events.Recent", Says: "keeps the newest 256", Check: eventsRing},
		{Method: "Events.Recent", Says: "a cancelled call says so", Check: eventsCancelled},
	}
}

// fire sends one event.
func (e Consul) fire(ctx context.Context, t T, name, payload string) {
	t.Helper()
	if err := e.Events.Fire(ctx, name, []byte(payload)); err != nil {
		t.Fatalf("fire %s: %v", name, err)
	}
}

// ring is what events holds now.
func ring(ctx context.Context, t T, events port.Events) ([]port.Event, uint64) {
	t.Helper()
	all, index, err := events.Recent(ctx, 0, time.Second)
	if err != nil {
		t.Fatalf("list events: %v", err)
	}
	return all, index
}

// arrived waits for n events that were not in before and returns them.
func (e Consul) arrived(ctx context.Context, t T, before []port.Event, n int) []port.Event {
	t.Helper()
	var news []port.Event
	if !e.until(ctx, consulSlack, func() bool {
		all, _ := ring(ctx, t, e.Events)
		news = fresh(before, all)
		return len(news) >= n
	}) || len(news) != n {
		t.Fatalf("%d new events %+v, want %d", len(news), news, n)
	}
	return news
}

// fresh are the events of all that before has not, by id.
func fresh(before, all []port.Event) []port.Event {
	return slices.DeleteFunc(slices.Clone(all), func(a port.Event) bool {
		return slices.ContainsFunc(before, func(b port.Event) bool { return b.ID == a.ID })
	})
}

func eventsFire(ctx context.Context, t T, e Consul) {
	before, _ := ring(ctx, t, e.Events)
	e.fire(ctx, t, "deploy", `{"ref":"1"}`)
	got := e.arrived(ctx, t, before, 1)[0]
	if got.ID == "" || got.Name != "deploy" || string(got.Payload) != `{"ref":"1"}` {
		t.Errorf("event %+v, want deploy with its payload and an id", got)
	}
}

func eventsPayload(ctx context.Context, t T, e Consul) {
	before, _ := ring(ctx, t, e.Events)
	if err := e.Events.Fire(ctx, "deploy", bytes.Repeat([]byte("x"), 301)); err == nil {
		t.Errorf("301 bytes were sent")
	}
	most := bytes.Repeat([]byte("x"), 300)
	e.fire(ctx, t, "deploy", string(most))
	if got := e.arrived(ctx, t, before, 1)[0]; !bytes.Equal(got.Payload, most) {
		t.Errorf("%d bytes arrived, want 300", len(got.Payload))
	}
}

func eventsTwice(ctx context.Context, t T, e Consul) {
	before, _ := ring(ctx, t, e.Events)
	e.fire(ctx, t, "deploy", "same")
	e.fire(ctx, t, "deploy", "same")
	if got := e.arrived(ctx, t, before, 2); got[0].ID == got[1].ID {
		t.Errorf("two events have the id %s", got[0].ID)
	}
}

func eventsElsewhere(ctx context.Context, t T, e Consul) {
	before, _ := ring(ctx, t, e.Events)
	e.fire(ctx, t, "destroy", "p")
	want := e.arrived(ctx, t, before, 1)[0]
	e.until(ctx, time.Second, func() bool {
		all, _ := ring(ctx, t, e.Other.Events)
		return slices.ContainsFunc(all, func(o port.Event) bool { return o.ID == want.ID })
	})
	all, _ := ring(ctx, t, e.Other.Events)
	for _, o := range all {
		if o.ID == want.ID && (o.Name != want.Name || !bytes.Equal(o.Payload, want.Payload)) {
			t.Errorf("the other node got %+v, want %+v or nothing", o, want)
		}
	}
}

func eventsOrder(ctx context.Context, t T, e Consul) {
	before, _ := ring(ctx, t, e.Events)
	for _, p := range []string{"1", "2", "3"} {
		e.fire(ctx, t, "deploy", p)
	}
	e.arrived(ctx, t, before, 3)
	var all []port.Event
	var err error
	took := e.took(func() { all, _, err = e.Events.Recent(ctx, 12345, time.Minute) })
	if err != nil || took > consulSlack {
		t.Fatalf("error %v after %v, want the ring at once", err, took)
	}
	var got []string
	for _, a := range fresh(before, all) {
		got = append(got, string(a.Payload))
	}
	if !slices.Equal(got, []string{"1", "2", "3"}) {
		t.Errorf("payloads %v, want 1, 2, 3", got)
	}
}

func eventsQuiet(ctx context.Context, t T, e Consul) {
	before, _ := ring(ctx, t, e.Events)
	e.fire(ctx, t, "deploy", "1")
	e.arrived(ctx, t, before, 1)
	all, index := ring(ctx, t, e.Events)
	var again []port.Event
	var next uint64
	var err error
	took := e.took(func() { again, next, err = e.Events.Recent(ctx, index, time.Second) })
	if err != nil || next != index || len(again) != len(all) {
		t.Errorf("%d events, index %d, error %v; want %d and %d", len(again), next, err, len(all), index)
	}
	if took < 900*time.Millisecond || took > time.Second+consulSlack {
		t.Errorf("returned after %v, want 1s", took)
	}
}

func eventsWake(ctx context.Context, t T, e Consul) {
	before, index := ring(ctx, t, e.Events)
	var woke atomic.Bool
	e.Tasks.Go(ctx, "listening", func(ctx context.Context) {
		all, _, err := e.Events.Recent(ctx, index, time.Minute)
		woke.Store(err == nil && len(fresh(before, all)) == 1)
	})
	if err := e.Clock.Sleep(ctx, 300*time.Millisecond); err != nil {
		t.Fatalf("sleep: %v", err)
	}
	if woke.Load() {
		t.Fatalf("the listening task returned before anything was sent")
	}
	e.fire(ctx, t, "deploy", "1")
	if !e.until(ctx, consulSlack, woke.Load) {
		t.Errorf("the listening task did not get the event")
	}
}

func eventsRing(ctx context.Context, t T, e Consul) {
	const fired = 270
	for i := range fired {
		e.fire(ctx, t, "deploy", fmt.Sprintf("ring %d", i))
	}
	var all []port.Event
	last := fmt.Sprintf("ring %d", fired-1)
	if !e.until(ctx, 3*consulSlack, func() bool {
		all, _ = ring(ctx, t, e.Events)
		return len(all) > 0 && string(all[len(all)-1].Payload) == last
	}) {
		t.Fatalf("the newest of %d events is not last in the ring", len(all))
	}
	if len(all) != 256 || string(all[0].Payload) != fmt.Sprintf("ring %d", fired-256) {
		t.Errorf("%d events, the oldest %+v; want the newest 256", len(all), all[0])
	}
}

func eventsCancelled(ctx context.Context, t T, e Consul) {
	ended, cancel := context.WithCancel(ctx)
	cancel()
	if _, _, err := e.Events.Recent(ended, 0, time.Second); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want one that wraps the context's", err)
	}
}
