package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/plan"
	"github.com/mlfmonde/cluster/handler/request"
)

// planning is the verb plan.
type planning struct {
	asking
	records []string
	lead    string
}

func newPlan(sh shell) *cobra.Command {
	cmd := &cobra.Command{
		Use: "plan", Short: "print what every node would do for a request", Args: args(cobra.NoArgs),
		Long: `plan prints the steps of every node for a request, and does nothing. Where the app
lives is read from the KV, or offline from --record FILE: a record as in
app/<name>. An empty file is an app that is not deployed.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return bad(cmd, fmt.Errorf("plan what? known are %s", strings.Join(verbs(cmd), ", ")))
		},
	}
	for _, kind := range []app.Kind{app.Deploy, app.Destroy, app.Migrate} {
		cmd.AddCommand(newPlanOf(sh, kind))
	}
	return cmd
}

func newPlanOf(sh shell, kind app.Kind) *cobra.Command {
	p := &planning{asking: asking{sh: sh, kind: kind}}
	cmd := &cobra.Command{
		Use: string(kind) + " [JSON]", Short: "print what every node would do for a " + string(kind), Args: args(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			payload, err := p.payload(cmd.Flags(), given)
			if err != nil {
				return err
			}
			ctx, stop := untilSignal()
			defer stop()
			return p.print(ctx, payload)
		},
	}
	f := cmd.Flags()
	p.appFlags(f)
	switch kind {
	case app.Deploy:
		p.placementFlags(cmd)
	case app.Destroy:
		f.BoolVar(&p.ask.Force, "force", false, "although the master is away")
		f.StringVar(&p.lead, "lead", "", "with --force and --record: the node that carries it out (default the slave)")
	case app.Migrate:
		p.targetFlags(cmd)
	}
	f.StringArrayVar(&p.records, "record", nil, "record to plan against, offline; twice for a migrate")
	f.BoolVar(&p.json, "json", false, "print JSON")
	p.consulFlags(f)
	p.httpFlag(f)
	return cmd
}

func (p *planning) print(ctx context.Context, payload []byte) error {
	r, err := request.Decode(string(p.kind), "plan", payload, request.Options{AllowHTTP: p.http})
	if err != nil {
		return err
	}
	find := p.online
	if len(p.records) > 0 {
		find = p.offline
	}
	at, err := find(ctx, r)
	if err != nil {
		return err
	}
	o, err := operation(r, at)
	if err != nil {
		return err
	}
	return p.show(o, at.local)
}

func (p *planning) show(o app.Operation, local []string) error {
	title, plans := plan.Title(o), plan.Plans(o)
	if !p.json {
		_, err := fmt.Fprint(p.sh.out, plan.Text(title, plans))
		if len(local) > 0 && err == nil {
			_, err = fmt.Fprintf(p.sh.out, "\nVolumes of other drivers, which do not move and go with the containers: %s\n", strings.Join(local, ", "))
		}
		return err
	}
	data, err := plan.JSON(title, plans)
	if err != nil {
		return err
	}
	var shaped struct {
		Title string          `json:"title"`
		Nodes json.RawMessage `json:"nodes"`
		Local []string        `json:"local"` // volumes of other drivers
	}
	if err := json.Unmarshal(data, &shaped); err != nil {
		return fmt.Errorf("shape plan: %w", err)
	}
	shaped.Local = append([]string{}, local...)
	e := json.NewEncoder(p.sh.out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(shaped)
}

// where is what a plan depends on besides the request.
type where struct {
	app, source app.Placement
	lead        string // who carries out a destroy without the master, "": nobody has to
	local       []string
}

// operation is r as it would begin.
func operation(r app.Request, at where) (app.Operation, error) {
	o := app.Operation{Seq: 1, ID: r.ID, Kind: r.Kind, App: r.App, Flags: r.Flags, Old: at.app, State: app.Preparing, Lead: at.app.Master}
	if r.Kind != app.Deploy && at.app.IsZero() {
		return o, exit(exitBad, "%s is not deployed", r.App.Name())
	}
	switch r.Kind {
	case app.Deploy:
		o.New, o.Lead = r.New, r.New.Master
		if o.Old.Master == "" || o.Old.Master == r.New.Master {
			o.Flags.Failover = false
		}
	case app.Destroy:
		if at.lead != "" {
			o.Lead = at.lead
		}
	case app.Migrate:
		if at.source.IsZero() {
			return o, exit(exitBad, "source: %s is not deployed", r.Source.Name())
		}
		o.New, o.Peer, o.PeerAt = at.app, r.Source, at.source
	}
	return o, nil
}

// offline reads the records that were given.
func (p *planning) offline(_ context.Context, r app.Request) (where, error) {
	var at where
	for _, path := range p.records {
		data, err := os.ReadFile(path)
		if err != nil {
			return at, exit(exitBad, "--record: %w", err)
		}
		if len(bytes.TrimSpace(data)) == 0 {
			continue
		}
		var rec app.Record
		if err := json.Unmarshal(data, &rec); err != nil || rec.Master == "" || rec.RepoURL == "" {
			return at, exit(exitBad, "--record %s: is not a record as in app/<name>: JSON with master and repo_url", path)
		}
		switch name := rec.App().Name(); {
		case name == r.App.Name():
			at.app, at.local = rec.Placement(), rec.Release.Local
		case r.Source != nil && name == r.Source.Name():
			at.source = rec.Placement()
		default:
			return at, exit(exitBad, "--record %s: is of %s, which the request does not name", path, name)
		}
	}
	if r.Flags.Force {
		at.lead = p.forced(at.app)
	}
	return at, nil
}

// forced is who destroys without the master.
func (p *planning) forced(at app.Placement) string {
	if p.lead != "" {
		return p.lead
	}
	return at.Slave
}
