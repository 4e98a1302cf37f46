package recette

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/ledger"
	"github.com/mlfmonde/cluster/handler/port"
)

// outcome reads how request id for a ended.
func (p *play) outcome(ctx context.Context, a app.App, id string) (o app.Operation, err error) {
	pairs, err := p.KV(ctx)
	if err != nil {
		return o, err
	}
	return outcome(pairs, a, id)
}

func outcome(pairs []port.Pair, a app.App, id string) (o app.Operation, err error) {
	var r app.Request
	if value(pairs, ledger.RequestKey(id), &r) && r.Outcome == app.OutcomeRefused {
		return app.Operation{Outcome: r.Outcome, Reason: r.Reason}, nil
	}
	if !value(pairs, ledger.OperationKey(a.Name()), &o) {
		return o, fmt.Errorf("there is no operation of %s", a.Name())
	}
	if o.ID != id {
		text, _ := json.Marshal(r) // of a value that was decoded
		return o, fmt.Errorf("request %s was not carried out: %s", id, text)
	}
	return o, nil
}

// check looks whether everything is as the outcome says: as asked, or as
// before, on every node, and nothing in between.
func (p *play) check(ctx context.Context, m Move, got app.Operation, before Expected) error {
	s, err := Look(ctx, p)
	if err != nil {
		return err
	}
	now, committed := before, got.Outcome == app.OutcomeCommitted
	switch {
	case committed && m.Kind == app.Deploy:
		now = s.expected(p.app, m.New, p.Address)
		if now.Record.Generation != got.Seq {
			return fmt.Errorf("the record is of generation %d, operation %d was committed", now.Record.Generation, got.Seq)
		}
	case committed && m.Kind == app.Destroy:
		now = Expected{App: p.app, Address: p.Address}
	}
	faults := slices.Concat(now.Faults(s, p.Acked(p.app)), s.Leftovers(p.own(), p.Known()), []error{s.Absent(p.Nodes())})
	all := []Expected{now}
	if m.Kind == app.Migrate {
		source := s.expected(p.source, m.Source, p.Address)
		faults, all = append(faults, source.Faults(s, p.Acked(p.source))...), append(all, source)
		if committed {
			faults = append(faults, s.migrated(m.Old.Master, p.app, p.source, p.Acked(p.source)))
		}
	}
	for _, e := range all {
		faults = append(faults, p.served(ctx, e)) // last: it writes
	}
	return errors.Join(faults...)
}

// served writes to an app that is somewhere through the edge of every node.
func (p *play) served(ctx context.Context, e Expected) error {
	var faults []error
	for _, node := range p.Nodes() {
		if e.At.IsZero() {
			continue
		}
		refused, err := p.Write(ctx, node, e.App)
		if err != nil {
			return err
		}
		if refused != nil {
			faults = append(faults, fmt.Errorf("no write through the edge of %s: %w", node, refused))
		}
	}
	return errors.Join(faults...)
}
