package recette

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/ledger"
)

// epilogue delivers every event once more, after which nothing may change, and
// then deploys afresh, which must work.
func (s *Stage) epilogue() error {
	before := s.decided()
	pairs, _ := s.KV()
	for _, p := range pairs {
		if id, ok := strings.CutPrefix(p.Key, ledger.Requests); ok {
			s.Fire(nodes[0], string(app.Deploy), fmt.Appendf(nil, `{"ref":%q}`, id))
		}
	}
	if err := s.RunFor(2 * s.Times.Poll); err != nil {
		return err
	}
	if after := s.decided(); after != before {
		return fmt.Errorf("events delivered again changed the cluster: %s, was %s", after, before)
	}
	s.push(s.app)
	var op app.Operation
	_ = json.Unmarshal(s.Get(ledger.OperationKey(s.app.Name())).Value, &op) // zero: nowhere
	m := Move{Kind: app.Deploy, Old: op.Runs(), New: op.Runs()}
	if m.New.IsZero() {
		m.New = app.Placement{Master: nodes[0], Slave: nodes[1]}
	}
	req := app.Request{Kind: app.Deploy, App: s.app, New: m.New}
	got, err := s.do(req)
	if err != nil {
		return fmt.Errorf("a fresh deploy: %w", err)
	}
	if got.Outcome != app.OutcomeCommitted {
		return fmt.Errorf("a fresh deploy ended %s: %s", got.Outcome, got.Reason)
	}
	if err := s.check(m, got, Expected{}); err != nil {
		return fmt.Errorf("after a fresh deploy: %w", err)
	}
	return nil
}

// decided is what the KV says of every app, and its versions.
func (s *Stage) decided() string {
	var b strings.Builder
	pairs, _ := s.KV()
	for _, p := range pairs {
		for _, prefix := range []string{ledger.Records, ledger.Operations, ledger.Requests, ledger.Histories} {
			if strings.HasPrefix(p.Key, prefix) {
				fmt.Fprintf(&b, "%s@%d ", p.Key, p.Modify)
			}
		}
	}
	return b.String()
}
