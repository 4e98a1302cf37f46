package recette

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/ledger"
	"github.com/mlfmonde/cluster/handler/port"
)

// doStatus tells in a few lines where applications are and what happens to
// them, by the KV.
func (s *Scene) doStatus(ctx context.Context, args []string) error {
	about := s.apps
	if len(args) > 0 {
		c, err := s.named(ctx, args)
		if err != nil {
			return err
		}
		about = []*cast{c}
	}
	pairs, err := s.KV(ctx)
	if err != nil {
		return err
	}
	if len(about) == 0 {
		s.text("no application yet; try: deploy app %s", strings.Join(s.Nodes()[:min(2, len(s.Nodes()))], " "))
	}
	for _, c := range about {
		s.status(c, pairs)
	}
	return nil
}

func (s *Scene) status(c *cast, pairs []port.Pair) {
	var rec app.Record
	var o app.Operation
	value(pairs, ledger.RecordKey(c.Name()), &rec)
	value(pairs, ledger.OperationKey(c.Name()), &o)
	where := "nowhere"
	if p := rec.Placement(); !p.IsZero() {
		where = fmt.Sprintf("master %s, slave %s, commit %.8s", p.Master, on(p.Slave == "", "none", p.Slave), rec.Commit)
	}
	s.text("%-8s %s", c.short, where)
	switch {
	case o.Seq == 0:
	case o.State == app.Done:
		s.text("         operation %d, %s: %s%s", o.Seq, o.Kind, o.Outcome, on(o.Reason == "", "", " because "+o.Reason))
	default:
		s.text("         operation %d, %s from %s to %s: %s", o.Seq, o.Kind, o.Old, o.New, o.State)
	}
	var copied app.Replica
	if len(o.Pending) > 0 {
		s.text("         pending: %s", strings.Join(o.Pending, ", "))
	}
	if _, closed := find(pairs, ledger.MaintenanceKey(c.Name())); closed {
		s.text("         in maintenance")
	}
	for _, id := range requests(pairs, c.App) {
		var r app.Request
		if value(pairs, ledger.RequestKey(id), &r) && !r.Done {
			s.text("         request %s waits: %s", id, r.Kind)
		}
	}
	if value(pairs, ledger.ReplicaKey(c.Name()), &copied) && copied.Node != "" {
		s.text("         complete replica on %s, of operation %d", copied.Node, copied.Seq)
	}
}

// find is the value of a key, and whether it is there.
func find(pairs []port.Pair, key string) (data []byte, there bool) {
	for _, p := range pairs {
		if p.Key == key {
			return p.Value, true
		}
	}
	return nil, false
}

// showApp tells all that the KV says of an application.
func (s *Scene) showApp(ctx context.Context, args []string) error {
	c, err := s.named(ctx, args)
	if err != nil {
		return err
	}
	pairs, err := s.KV(ctx)
	if err != nil {
		return err
	}
	s.text("%s is %s, branch %s of %s", c.short, c.Name(), c.Branch, c.Repo)
	for _, p := range pairs {
		if !concerns(p, []app.App{c.App}) && !strings.Contains(p.Key, "/"+c.Name()) {
			continue
		}
		var b bytes.Buffer
		if json.Indent(&b, p.Value, "", "  ") != nil {
			b.Reset()
			b.Write(p.Value)
		}
		s.text("%s @%d", p.Key, p.Modify)
		for line := range strings.SplitSeq(b.String(), "\n") {
			s.text("    %s", line)
		}
	}
	return nil
}
