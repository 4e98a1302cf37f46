package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/mlfmonde/cluster/handler"
	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/ledger"
	"github.com/mlfmonde/cluster/handler/port"
	"github.com/mlfmonde/cluster/handler/request"
)

// watcher hands the events of one firing over to the KV.
type watcher struct {
	settings
	refuse bool      // events that carry a whole request
	err    io.Writer // a line for each element that is refused
	kv     func() (port.KV, error)
}

func newWatch(sh shell) *cobra.Command {
	w := &watcher{err: sh.err}
	cmd := &cobra.Command{
		Use: "watch", Short: "take Consul's batch of events on standard input", Args: args(cobra.NoArgs),
		Long: `watch is the script of a Consul watch of type event:

  {"watches": [{"type": "event", "handler_type": "script", "args": ["handler", "watch"]}]}

It writes each request that an event carries to request/<event id>, unless it is
there, and returns at once; the agent does the rest. Consul hands over its whole
ring of 256 events with each new one: those of the last firing are remembered in
<run-dir>/watch.seen, and without a new one Consul is not asked at all.

Exit code 2: a new event is no request (the others were taken); 3: Consul did
not answer, the next firing takes what is left.`,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if w.refuse, err = w.refusesEvents(sh); err != nil {
				return err
			}
			times, err := w.load()
			if err != nil {
				return err
			}
			w.kv = func() (port.KV, error) { return w.connect("watch", times, slog.New(slog.DiscardHandler)) }
			return w.run(cmd.Context(), sh.in)
		},
	}
	f := cmd.Flags()
	w.consulFlags(f)
	w.eventsFlag(f)
	w.httpFlag(f)
	w.runDirFlag(f)
	return cmd
}

// run takes one batch.
func (w *watcher) run(ctx context.Context, stdin io.Reader) error {
	data, err := io.ReadAll(io.LimitReader(stdin, request.MaxBatch+1))
	if err != nil {
		return exit(exitBad, "read the batch: %w", err)
	}
	path := filepath.Join(w.runDir, "watch.seen")
	ids, fresh := unseen(data, readSeen(path))
	events, err := request.Batch(fresh)
	if err != nil {
		return err
	}
	if len(events) == 0 {
		return nil
	}
	requests, refused := w.sort(events)
	left, err := w.hand(ctx, requests)
	if err := writeSeen(path, ids, left); err != nil {
		fmt.Fprintf(w.err, "handler: cannot remember the events, the next firing takes longer: %v\n", err)
	}
	switch {
	case err != nil:
		return err
	case refused > 0:
		return exit(exitBad, "%d of %d new events refused, as said above", refused, len(events))
	}
	return nil
}

// sort finds the requests that the events carry, and how many are refused.
func (w *watcher) sort(events []request.Event) (requests []app.Request, refused int) {
	for _, e := range events {
		r, carries, err := w.decode(e)
		switch {
		case err != nil:
			refused++
			fmt.Fprintf(w.err, "handler: event %s %s: %v\n", e.Name, e.ID, err)
		case carries:
			requests = append(requests, r)
		}
	}
	return requests, refused
}

// decode reads an element. One that names a request carries none: that waits
// in the KV, which the agents watch.
func (w *watcher) decode(e request.Event) (r app.Request, carries bool, err error) {
	if e.Err != nil {
		return r, false, e.Err
	}
	if _, ok := request.Ref(e.Payload); ok {
		return r, false, nil
	}
	if w.refuse {
		return r, false, fmt.Errorf("this cluster takes no requests from events; use the command: handler %s", e.Name)
	}
	r, err = request.Decode(e.Name, e.ID, e.Payload, request.Options{AllowHTTP: w.http})
	return r, err == nil, err
}

// hand writes the requests that the KV does not have and returns the ids of
// those that may not be there.
func (w *watcher) hand(ctx context.Context, requests []app.Request) (left map[string]bool, err error) {
	if len(requests) == 0 {
		return nil, nil
	}
	kv, err := w.kv()
	if err != nil {
		return unwritten(requests), err
	}
	there := map[string]bool{}
	if len(requests) > 1 { // one listing instead of a refused write for each
		pairs, _, err := kv.List(ctx, ledger.Requests)
		if err != nil {
			return unwritten(requests), err
		}
		for _, p := range pairs {
			there[p.Key] = true
		}
	}
	for i, r := range requests {
		if there[ledger.RequestKey(r.ID)] {
			continue
		}
		if err := handler.Submit(ctx, kv, r); err != nil {
			return unwritten(requests[i:]), errors.Join(fmt.Errorf("hand over event %s", r.ID), err)
		}
	}
	return nil, nil
}

func unwritten(requests []app.Request) map[string]bool {
	all := map[string]bool{}
	for _, r := range requests {
		all[r.ID] = true
	}
	return all
}
