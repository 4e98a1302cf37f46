package handler

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/ledger"
	"github.com/mlfmonde/cluster/handler/port"
)

// replicaOf keeps the catalogue: a slave that has no replica gets one, and the
// newest copies that this master's own markers say it has whole are listed.
func (a *Agent) replicaOf(ctx context.Context, o app.Operation, rec app.Record) error {
	slave := o.Runs().Slave
	if slave == "" || len(rec.Volumes) == 0 {
		return nil
	}
	rep, err := a.Ledger.Replica(ctx, o.App.Name())
	if err != nil {
		return err
	}
	members, err := a.Members.Members(ctx)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(members, func(m app.Member) bool { return m.Name == slave })
	if i < 0 {
		return nil
	}
	if (rep.Node != slave || rep.Seq < o.Seq) && members[i].Present {
		return a.Replicate(ctx, o.App.Name(), slave)
	}
	next := app.Replica{Seq: o.Seq, Node: slave, Date: a.Clock.Now().UTC().Format(time.RFC3339)}
	for _, v := range rec.Volumes {
		c, err := a.marked(ctx, v, members[i].Address)
		if err != nil || c.Snapshot == "" {
			return err
		}
		next.Copies = append(next.Copies, c)
	}
	if rep.Node == slave && slices.Equal(rep.Copies, next.Copies) {
		return nil
	}
	_, err = a.KV.Apply(ctx, ledger.Catalogue(o, next))
	if errors.Is(err, port.ErrRefused) {
		return nil
	}
	return err
}

// marked is the last copy of volume that address has according to this node's
// markers.
func (a *Agent) marked(ctx context.Context, volume, address string) (app.Copy, error) {
	all, err := a.Snapshots.List(ctx, volume)
	if err != nil {
		return app.Copy{}, fmt.Errorf("list snapshots: %w", err)
	}
	var c app.Copy
	for _, s := range all {
		if s.Host != address {
			continue
		}
		name := strings.TrimSuffix(s.Name, "@"+address)
		for _, o := range all {
			if o.Name == name && o.ReadOnly {
				c = app.Copy{Volume: volume, Snapshot: name, UUID: o.Origin()}
			}
		}
	}
	return c, nil
}
