package recette

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/ledger"
	"github.com/mlfmonde/cluster/handler/port"
)

// epilogue delivers every event of the play once more, after which nothing may
// change, and then deploys afresh, which must work.
func (p *play) epilogue(ctx context.Context) error {
	pairs, err := p.KV(ctx)
	if err != nil {
		return err
	}
	before := decided(pairs, p.own())
	for _, id := range requests(pairs, p.own()...) {
		if err := p.Fire(ctx, nodes[0], app.Deploy, id); err != nil {
			return err
		}
	}
	if err := p.Pass(ctx, 2*p.Times().Poll); err != nil {
		return err
	}
	if pairs, err = p.KV(ctx); err != nil {
		return err
	}
	if after := decided(pairs, p.own()); after != before {
		return fmt.Errorf("events delivered again changed the cluster: %s, was %s", after, before)
	}
	return p.afresh(ctx, pairs)
}

// afresh deploys the app where it is, or anywhere.
func (p *play) afresh(ctx context.Context, pairs []port.Pair) error {
	if err := p.Push(ctx, p.app, Good); err != nil {
		return err
	}
	var op app.Operation
	value(pairs, ledger.OperationKey(p.app.Name()), &op) // zero: nowhere
	m := Move{Kind: app.Deploy, Old: op.Runs(), New: op.Runs()}
	if m.New.IsZero() {
		m.New = app.Placement{Master: nodes[0], Slave: nodes[1]}
	}
	got, err := p.do(ctx, app.Request{Kind: app.Deploy, App: p.app, New: m.New})
	if err != nil {
		return fmt.Errorf("a fresh deploy: %w", err)
	}
	if got.Outcome != app.OutcomeCommitted {
		return fmt.Errorf("a fresh deploy ended %s: %s", got.Outcome, got.Reason)
	}
	if err := p.rest(ctx); err != nil {
		return fmt.Errorf("after a fresh deploy: %w", err)
	}
	if err := p.check(ctx, m, got, Expected{}); err != nil {
		return fmt.Errorf("after a fresh deploy: %w", err)
	}
	return nil
}

// requests lists the ids of the requests for apps, finished ones too.
func requests(pairs []port.Pair, apps ...app.App) (ids []string) {
	for _, p := range pairs {
		var r app.Request
		id, ours := strings.CutPrefix(p.Key, ledger.Requests)
		if ours && json.Unmarshal(p.Value, &r) == nil && slices.Contains(apps, r.App) {
			ids = append(ids, id)
		}
	}
	return ids
}

// reference is the payload of an event that names a request.
func reference(id string) []byte { return fmt.Appendf(nil, `{"ref":%q}`, id) }
