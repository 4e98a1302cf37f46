package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/client"
	"github.com/mlfmonde/cluster/handler/ledger"
	"github.com/mlfmonde/cluster/handler/request"
)

// online reads where the apps live from the KV, and who is present.
func (p *planning) online(ctx context.Context, r app.Request) (where, error) {
	var at where
	c, err := p.client()
	if err != nil {
		return at, err
	}
	members, err := c.Members.Members(ctx)
	if err != nil {
		return at, fmt.Errorf("list the cluster's nodes: %w", err)
	}
	if err := (request.Options{AllowHTTP: p.http, Nodes: names(members)}).Check(r); err != nil {
		return at, err
	}
	if at.app, at.local, err = p.placed(ctx, c, r.App.Name()); err != nil {
		return at, err
	}
	if r.Source != nil {
		if at.source, _, err = p.placed(ctx, c, r.Source.Name()); err != nil {
			return at, err
		}
	}
	if r.Kind == app.Destroy && !present(members, at.app.Master) {
		if !r.Flags.Force {
			return at, exit(exitBad, "no handler runs on the master %s; start it, or see the plan with --force", at.app.Master)
		}
		at.lead = first(members)
	}
	return at, nil
}

// placed is where the app called name lives when the operation under way, if
// there is one, ends as it says so far.
func (p *planning) placed(ctx context.Context, c *client.Client, name string) (app.Placement, []string, error) {
	l := ledger.New(c.KV, c.Times)
	rec, index, err := l.Record(ctx, name)
	if err != nil {
		return app.Placement{}, nil, err
	}
	o, err := l.Operation(ctx, name)
	if err != nil {
		return app.Placement{}, nil, err
	}
	if o.Index != 0 && o.State != app.Done {
		fmt.Fprintf(p.sh.err, "handler: warning: %s of %s is %s; the plan is for the state before or after it, as the record says\n", o.Kind, name, o.State)
	}
	if index == 0 {
		return app.Placement{}, nil, nil
	}
	return rec.Placement(), rec.Release.Local, nil
}

func names(members []app.Member) []string {
	all := make([]string, len(members))
	for i, m := range members {
		all[i] = m.Name
	}
	return all
}

func present(members []app.Member, node string) bool {
	return slices.ContainsFunc(members, func(m app.Member) bool { return m.Name == node && m.Present })
}

// first is the first present node by name, who carries out what no other does.
func first(members []app.Member) string {
	for _, m := range members {
		if m.Present {
			return m.Name
		}
	}
	return ""
}
