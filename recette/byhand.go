package recette

import (
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
func (s *Scene) doPut(args []string) error {
	if err := exactly(args, 1, 2); err != nil {
		return err
	}
	key := s.key(args[0])
	if len(args) == 1 {
		s.Delete(key)
		s.say("somebody deletes %s", args[0])
		return nil
	}
	s.Put(key, []byte(args[1]))
	s.say("somebody sets %s", args[0])
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

func (s *Scene) doDocker(args []string) error {
	if len(args) < 2 {
		return usage("which node?")
	}
	node, err := s.node(args[1])
	if err != nil {
		return err
	}
	c, err := s.named(args[2:])
	if err != nil {
		return err
	}
	switch args[0] {
	case "start":
		err := s.DockerStart(node, c.Project())
		s.say("docker start on %s: %s", node, answered(err))
		return nil
	case "stop":
		s.DockerStop(node, c.Project())
		s.say("docker stop on %s", node)
		return nil
	}
	return usage("docker %s", args[0])
}

func answered(err error) string {
	if err == nil {
		return "done"
	}
	return err.Error()
}

func (s *Scene) doVolume(args []string) error {
	if err := exactly(args, 3, 4); err != nil {
		return err
	}
	node, err := s.node(args[0])
	if err != nil {
		return err
	}
	c, err := s.cast(args[1])
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
	s.SetVolume(node, c.Volume(args[2]), records...)
	return nil
}

// doEvent fires the event that the old tool knows: the payload is the request.
func (s *Scene) doEvent(args []string) error {
	if err := exactly(args, 2, 4); err != nil {
		return err
	}
	c, err := s.cast(args[1])
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
	c.last = s.Fire(s.Nodes()[0], args[0], payload)
	s.say("event: %s %s", args[0], payload)
	return nil
}

// doLegacy lays what the old tool leaves: a record without an operation, a
// container without a lease, a volume.
func (s *Scene) doLegacy(args []string) error {
	if err := exactly(args, 2, 3); err != nil {
		return err
	}
	c, err := s.cast(args[0])
	if err != nil {
		return err
	}
	rec := app.Record{RepoURL: c.Repo, Branch: c.Branch, DeployDate: "2019-01-01T000000.000000Z", DeployID: "old", Master: args[1],
		Ct: map[string]string{"web": c.Container("web")}, Volumes: []string{c.Volume("data")}, URLs: "http://" + c.short + ".example.com"}
	if len(args) == 3 {
		rec.Slave = &args[2]
	}
	s.SetVolume(args[1], c.Volume("data"), sim.Record{Mark: "old"})
	s.SetCheckout(args[1], app.Checkout(c.Name(), "old"), s.set.Files, sim.Behaviour{})
	if err := s.SetContainer(args[1], sim.Found{Project: c.Project(), Service: "web", Restart: "always", Volumes: rec.Volumes}); err != nil {
		return err
	}
	value, err := json.Marshal(rec)
	if err != nil {
		return err
	}
	s.Put(ledger.RecordKey(c.Name()), value)
	s.say("an application of the old tool: %s on %s", c.short, strings.Join(args[1:], ", slave "))
	return nil
}

// doTombstones writes finished requests.
func (s *Scene) doTombstones(args []string) error {
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
	c, err := s.only()
	if err != nil {
		return err
	}
	at := time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC).Add(s.Now() - age).Format(time.RFC3339)
	for i := range n {
		r := app.Request{ID: fmt.Sprintf("old-%05d", i), Kind: app.Deploy, App: c.App, New: app.Placement{Master: s.Nodes()[0]},
			Done: true, Outcome: app.OutcomeCommitted, Finished: at}
		s.Put(ledger.RequestKey(r.ID), request.Encode(r))
	}
	return nil
}
