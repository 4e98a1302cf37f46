package recette

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/ledger"
	"github.com/mlfmonde/cluster/handler/request"
	"github.com/mlfmonde/cluster/sim"
)

// doPut is a person at the KV.
func (s *Scene) doPut(ctx context.Context, args []string) error {
	if err := exactly(args, 1, 2); err != nil {
		return err
	}
	key := s.key(args[0])
	does, deed := "deletes", Act{Deed: Delete, Key: key}
	if len(args) == 2 {
		does, deed = "sets", Act{Deed: Put, Key: key, Value: []byte(args[1])}
	}
	if err := s.act(ctx, deed); err != nil {
		return err
	}
	s.say(ctx, "somebody %s %s", does, args[0])
	return nil
}

// doEdit is a person at a record in Consul's UI.
func (s *Scene) doEdit(ctx context.Context, args []string) error {
	if err := exactly(args, 3, 3); err != nil {
		return err
	}
	c, err := s.cast(ctx, args[0])
	if err != nil {
		return err
	}
	p, err := s.Get(ctx, ledger.RecordKey(c.Name()))
	if err != nil {
		return err
	}
	fields := map[string]json.RawMessage{}
	if err := json.Unmarshal(p.Value, &fields); err != nil {
		return fmt.Errorf("the record of %s cannot be edited: %w", c.short, err)
	}
	value := json.RawMessage(args[2])
	if !json.Valid(value) {
		if value, err = json.Marshal(args[2]); err != nil {
			return err
		}
	}
	fields[args[1]] = value
	text, err := json.MarshalIndent(fields, "", "  ")
	if err != nil {
		return err
	}
	if err := s.act(ctx, Act{Deed: Put, Key: p.Key, Value: text}); err != nil {
		return err
	}
	s.say(ctx, "somebody edits %s of the record of %s: %s", args[1], c.short, value)
	return nil
}

// key writes the names of the KV for short ones: app/app2 is app/<its name>.
func (s *Scene) key(text string) string {
	parts := strings.Split(text, "/")
	for i, p := range parts {
		for _, c := range s.apps {
			if p == c.short && i > 0 {
				parts[i] = c.Name()
			}
		}
	}
	return strings.Join(parts, "/")
}

func (s *Scene) doDocker(ctx context.Context, args []string) error {
	if len(args) < 2 {
		return usage("which node?")
	}
	node, err := s.node(args[1])
	if err != nil {
		return err
	}
	deed, known := map[string]Deed{"start": StartByHand, "stop": StopByHand}[args[0]]
	if !known {
		return usage("docker %s", args[0])
	}
	c, err := s.named(ctx, args[2:])
	if err != nil {
		return err
	}
	return s.act(ctx, Act{Deed: deed, Node: node, Project: c.Project()})
}

func (s *Scene) doVolume(ctx context.Context, args []string) error {
	if err := exactly(args, 3, 4); err != nil {
		return err
	}
	node, err := s.node(args[0])
	if err != nil {
		return err
	}
	c, err := s.cast(ctx, args[1])
	if err != nil {
		return err
	}
	n := 0
	if len(args) == 4 {
		if n, err = count(args[3]); err != nil {
			return err
		}
	}
	var records []sim.Record
	for i := range n {
		records = append(records, sim.Record{Mark: fmt.Sprintf("old %d", i+1)})
	}
	return s.act(ctx, Act{Deed: LayVolume, Node: node, Key: c.Volume(args[2]), Records: records})
}

// doEvent fires the event that the old tool knows: the payload is the request.
func (s *Scene) doEvent(ctx context.Context, args []string) error {
	args, at, err := s.at(args)
	if err == nil {
		err = exactly(args, 2, 4)
	}
	if err != nil {
		return err
	}
	c, err := s.cast(ctx, args[1])
	if err != nil {
		return err
	}
	fields := map[string]any{"repo": c.Repo, "branch": c.Branch}
	for i, key := range []string{"master", "slave"} {
		if len(args) > i+2 {
			fields[key] = args[i+2]
		}
	}
	payload, err := json.Marshal(fields)
	if err != nil {
		return err
	}
	if c.last, err = s.Fire(ctx, cmp.Or(at, s.Nodes()[0]), args[0], payload); err != nil {
		return err
	}
	s.say(ctx, "event: %s %s", args[0], payload)
	return nil
}

// doLegacy lays what the old tool leaves: a record without an operation, a
// container without a lease, a volume.
func (s *Scene) doLegacy(ctx context.Context, args []string) error {
	if err := exactly(args, 2, 3); err != nil {
		return err
	}
	c, err := s.cast(ctx, args[0])
	if err != nil {
		return err
	}
	rec := app.Record{RepoURL: c.Repo, Branch: c.Branch, DeployDate: "2019-01-01T000000.000000Z", DeployID: "old", Master: args[1],
		Ct: map[string]string{"web": c.Container("web")}, Volumes: []string{c.Volume("data")}, URLs: "http://" + c.short + ".example.com"}
	if len(args) == 3 {
		rec.Slave = &args[2]
	}
	value, err := json.Marshal(rec)
	if err != nil {
		return err
	}
	for _, a := range []Act{
		{Deed: LayCheckout, Node: args[1], Key: app.Checkout(c.Name(), "old"), Files: s.set.Files},
		{Deed: LayVolume, Node: args[1], Key: c.Volume("data"), Records: []sim.Record{{Mark: "old"}}},
		{Deed: LayStack, Node: args[1], Found: sim.Found{Project: c.Project(), Service: "web", Restart: "always", Volumes: rec.Volumes}},
		{Deed: Put, Key: ledger.RecordKey(c.Name()), Value: value},
	} {
		if err := s.act(ctx, a); err != nil {
			return err
		}
	}
	s.say(ctx, "an application of the old tool: %s on %s", c.short, strings.Join(args[1:], ", slave "))
	return nil
}

// doTombstones writes finished requests.
func (s *Scene) doTombstones(ctx context.Context, args []string) error {
	if err := exactly(args, 2, 2); err != nil {
		return err
	}
	n, err := count(args[0])
	if err != nil {
		return err
	}
	age, err := duration(args[1])
	if err != nil {
		return err
	}
	c, err := s.only(ctx)
	if err != nil {
		return err
	}
	at := s.Epoch().Add(s.Now() - age).Format(time.RFC3339)
	for i := range n {
		r := app.Request{ID: fmt.Sprintf("old-%05d", i), Kind: app.Deploy, App: c.App, New: app.Placement{Master: s.Nodes()[0]},
			Done: true, Outcome: app.OutcomeCommitted, Finished: at}
		if err := s.act(ctx, Act{Deed: Put, Key: ledger.RequestKey(r.ID), Value: request.Encode(r)}); err != nil {
			return err
		}
	}
	return nil
}
