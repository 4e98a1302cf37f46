package recette

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/ledger"
	"github.com/mlfmonde/cluster/handler/port"
	"github.com/mlfmonde/cluster/sim"
)

// behaviour reads how a commit behaves.
func behaviour(word string) (sim.Behaviour, bool) {
	switch word {
	case "good":
		return sim.Behaviour{}, true
	case "exits":
		return sim.Behaviour{Exits: true}, true
	case "unhealthy":
		return sim.Behaviour{NeverHealthy: true}, true
	case "update-fails":
		return sim.Behaviour{UpdateFails: true}, true
	case "migrate-fails":
		return sim.Behaviour{MigrateFails: true}, true
	case "build-fails":
		return sim.Behaviour{BuildFails: true}, true
	case "pull-fails":
		return sim.Behaviour{PullFails: true}, true
	case "slow":
		return sim.Behaviour{Health: 20 * time.Second, ScriptTakes: 20 * time.Second}, true
	}
	return sim.Behaviour{}, false
}

func (s *Scene) doPush(ctx context.Context, args []string) error {
	args, folder, err := option(args, "from")
	if err != nil {
		return err
	}
	args, domain, err := option(args, "domain")
	if err != nil {
		return err
	}
	how, said := sim.Behaviour{}, "good"
	if len(args) > 0 {
		if h, ok := behaviour(args[0]); ok {
			how, said, args = h, args[0], args[1:]
		}
	}
	c, err := s.named(ctx, args)
	if err != nil {
		return err
	}
	files := s.set.Files
	if folder != "" {
		if files = below(files, folder); len(files) == 0 {
			return usage("the scenario has no files in %s/", folder)
		}
	}
	if domain != "" {
		c.domain = domain
	}
	id, err := s.push(ctx, c, files, how)
	if err != nil {
		return err
	}
	s.say(ctx, "pushed %s to %s: %s", id[:8], c.short, said)
	return nil
}

// below is what is in a folder of files.
func below(files port.Files, folder string) port.Files {
	out := port.Files{}
	for path, content := range files {
		if rest, ok := strings.CutPrefix(path, folder+"/"); ok {
			out[rest] = content
		}
	}
	return out
}

// ask puts a request into the KV and fires its event at a node.
func (s *Scene) ask(ctx context.Context, c *cast, r app.Request, at string) error {
	s.hear.about = c.short
	r.App = c.App
	id, err := s.Ask(ctx, cmp.Or(at, s.Nodes()[len(s.Nodes())-1]), r)
	c.last = id
	return err
}

// at takes "at NODE" from args; "" when it is not there.
func (s *Scene) at(args []string) (rest []string, node string, err error) {
	rest, node, err = option(args, "at")
	if err == nil && node != "" {
		_, err = s.node(node)
	}
	return rest, node, err
}

func (s *Scene) doDeploy(ctx context.Context, args []string) error {
	r := app.Request{Kind: app.Deploy}
	args, r.Flags.Update = take(args, "update")
	args, r.Flags.Failover = take(args, "failover")
	args, r.Flags.Adopt = take(args, "adopt")
	args, at, err := s.at(args)
	if err == nil {
		err = exactly(args, 2, 3)
	}
	if err != nil {
		return err
	}
	r.New.Master = args[1]
	if len(args) == 3 {
		r.New.Slave = args[2]
	}
	if r.New.Master == r.New.Slave {
		return usage("master and slave are both %s", r.New.Master)
	}
	c, err := s.cast(ctx, args[0])
	if err != nil {
		return err
	}
	return s.ask(ctx, c, r, at)
}

func (s *Scene) doDestroy(ctx context.Context, args []string) error {
	r := app.Request{Kind: app.Destroy}
	args, r.Flags.Force = take(args, "force")
	args, at, err := s.at(args)
	if err != nil {
		return err
	}
	c, err := s.named(ctx, args)
	if err != nil {
		return err
	}
	return s.ask(ctx, c, r, at)
}

func (s *Scene) doMigrate(ctx context.Context, args []string) error {
	r := app.Request{Kind: app.Migrate}
	args, r.Flags.Update = take(args, "update")
	args, at, err := s.at(args)
	if err == nil {
		err = exactly(args, 2, 2)
	}
	if err != nil {
		return err
	}
	source, err := s.cast(ctx, args[0])
	if err != nil {
		return err
	}
	target, err := s.cast(ctx, args[1])
	if err != nil {
		return err
	}
	r.Source = &source.App
	return s.ask(ctx, target, r, at)
}

// requests are those of the KV, finished ones too.
func (s *Scene) requests(ctx context.Context) (all []app.Request, err error) {
	pairs, err := s.KV(ctx)
	for _, p := range pairs {
		var r app.Request
		if strings.HasPrefix(p.Key, ledger.Requests) && json.Unmarshal(p.Value, &r) == nil {
			r.ID = strings.TrimPrefix(p.Key, ledger.Requests)
			all = append(all, r)
		}
	}
	return all, err
}

// doRedeliver fires an event for everything that was ever asked for again, and
// looks whether anything comes of it. At once it does not look: whatever goes
// on goes on, and the events are those that there were, with their ids.
func (s *Scene) doRedeliver(ctx context.Context, args []string) error {
	switch {
	case slices.Equal(args, []string{"at", "once"}):
		return s.act(ctx, Act{Deed: Echo})
	case len(args) > 0:
		return usage("%q: expected at once, or nothing", args[0])
	}
	all, err := s.requests(ctx)
	if err != nil {
		return err
	}
	for _, r := range all {
		if _, err := s.Fire(ctx, s.Nodes()[0], string(r.Kind), reference(r.ID)); err != nil {
			return err
		}
	}
	before, err := s.KV(ctx)
	if err != nil {
		return err
	}
	if err := s.Pass(ctx, 2*s.Times().Poll); err != nil {
		return err
	}
	after, err := s.KV(ctx)
	if err != nil {
		return err
	}
	if was, is := decided(before, nil), decided(after, nil); is != was {
		return fmt.Errorf("events delivered again changed the cluster: %s", differs(was, is))
	}
	s.say(ctx, "%d events delivered again: nothing has changed", len(all))
	return nil
}

// differs names the keys whose versions are not the same, of two lists of
// [decided].
func differs(was, is string) string {
	old, now := strings.Fields(was), strings.Fields(is)
	only := func(all, but []string) string {
		return strings.Join(slices.DeleteFunc(slices.Clone(all), func(k string) bool { return slices.Contains(but, k) }), " ")
	}
	return fmt.Sprintf("%s; was %s", only(now, old), only(old, now))
}

func (s *Scene) doWrite(ctx context.Context, args []string) error {
	n := 1
	if len(args) == 2 {
		var err error
		if n, err = count(args[1]); err != nil {
			return err
		}
		args = args[:1]
	}
	c, err := s.named(ctx, args)
	if err != nil {
		return err
	}
	return s.write(ctx, c, n)
}

func (s *Scene) doWriter(ctx context.Context, args []string) error {
	if err := exactly(args, 2, 2); err != nil {
		return err
	}
	c, err := s.cast(ctx, args[0])
	if err != nil {
		return err
	}
	var d time.Duration
	if args[1] != "off" {
		if d, err = duration(args[1]); err != nil {
			return err
		}
	}
	s.writes(c, d)
	return nil
}
