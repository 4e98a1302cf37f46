package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/mlfmonde/cluster/handler/adapter/node"
	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/client"
	"github.com/mlfmonde/cluster/handler/plan"
)

// asking is a verb that asks the cluster for something.
type asking struct {
	settings
	sh     shell
	kind   app.Kind
	ask    client.Ask
	update bool
	noWait bool
	json   bool
}

// waitFlags are those of every verb that asks.
func (a *asking) waitFlags(f *pflag.FlagSet) {
	f.BoolVar(&a.noWait, "no-wait", false, "return as soon as the request is written, and print its id")
	f.BoolVar(&a.json, "json", false, "print one JSON object a line: each thing that happens, then how it ended")
	a.consulFlags(f)
	a.httpFlag(f)
}

// appFlags name the app.
func (a *asking) appFlags(f *pflag.FlagSet) {
	f.StringVar(&a.ask.Repo, "repo", "", "URL of the git repository")
	f.StringVar(&a.ask.Branch, "branch", "", "branch or tag")
}

func (a *asking) updateFlag(f *pflag.FlagSet, usual bool) {
	f.BoolVar(&a.update, "update", usual, "run the app's update.sh before it starts")
}

// payload is the request as JSON: the argument, or what the flags say.
func (a *asking) payload(f *pflag.FlagSet, args []string) ([]byte, error) {
	if f.Changed("update") {
		a.ask.Update = &a.update
	}
	if len(args) == 0 {
		return a.ask.Payload(a.kind), nil
	}
	for _, name := range []string{"repo", "branch", "master", "slave", "update", "failover", "adopt", "force", "target-repo", "target-branch"} {
		if f.Changed(name) {
			return nil, exit(exitBad, "--%s: give the request as JSON or by flags, not both", name)
		}
	}
	return []byte(args[0]), nil
}

// usage is the help of a verb that asks; what says what it does.
func (a *asking) usage(what, example string) *cobra.Command {
	return &cobra.Command{
		Use: string(a.kind) + " [JSON]", Short: what, Args: args(cobra.MaximumNArgs(1)),
		Long: what + `, and print each step of each node to the end.

The request is given by flags, or as the documented JSON in one argument:

  handler ` + string(a.kind) + ` '` + example + `'

Exit codes: 0 committed; 1 aborted: the app runs as before; 2 bad input or
refused: nothing was touched; 3 no answer from Consul: see handler status.`,
		RunE: func(cmd *cobra.Command, given []string) error {
			payload, err := a.payload(cmd.Flags(), given)
			if err != nil {
				return err
			}
			ctx, stop := untilSignal()
			defer stop()
			return a.run(ctx, payload)
		},
	}
}

func (a *asking) run(ctx context.Context, payload []byte) error {
	c, err := a.client()
	if err != nil {
		return err
	}
	sent, err := c.Submit(ctx, a.kind, payload)
	switch {
	case err != nil && sent.ID != "":
		return fmt.Errorf("%w; look with: handler status %s", err, sent.Name)
	case err != nil:
		return err
	}
	if sent.Warning != "" {
		fmt.Fprintln(a.sh.err, "handler: warning: "+sent.Warning)
	}
	a.print(sent, fmt.Sprintf("request %s: %s %s", sent.ID, a.kind, sent.Name))
	if a.noWait {
		return nil
	}
	end, err := c.Follow(ctx, sent.ID, func(p client.Progress) { a.print(p, p.String()) })
	if err != nil {
		return a.lost(ctx, sent, err)
	}
	return a.ended(end)
}

// lost is the end of following, not of the request.
func (a *asking) lost(ctx context.Context, sent client.Sent, err error) error {
	if ctx.Err() != nil {
		err = errors.New("interrupted")
	}
	return exit(exitUnknown, "%w; request %s goes on, look with: handler status %s", err, sent.ID, sent.Name)
}

func (a *asking) ended(end client.End) error {
	text := string(end.Outcome)
	if len(end.Pending) > 0 {
		text += fmt.Sprintf("; these nodes finish their part when they are back: %v", end.Pending)
	}
	switch end.Outcome {
	case app.OutcomeCommitted:
		a.print(end, text)
		return nil
	case app.OutcomeAborted:
		a.printJSON(end)
		return exit(exitFailed, "%s of %s was aborted, it is as before: %s", a.kind, end.Name, end.Reason)
	}
	a.printJSON(end)
	return exit(exitBad, "%s of %s was refused: %s", a.kind, end.Name, end.Reason)
}

func (a *asking) print(v any, text string) {
	if a.json {
		a.printJSON(v)
		return
	}
	fmt.Fprintln(a.sh.out, text)
}

func (a *asking) printJSON(v any) {
	if a.json {
		_ = json.NewEncoder(a.sh.out).Encode(v)
	}
}

// client talks to the cluster as nobody in particular.
func (s *settings) client() (*client.Client, error) {
	times, err := s.load()
	if err != nil {
		return nil, err
	}
	c, err := s.connect("client", times, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	return &client.Client{KV: c, Events: c, Members: c, Clock: node.Clock{}, Times: times, HTTP: s.http, Steps: steps}, nil
}

// steps are those of node's plan in order, as the acks name them.
func steps(o app.Operation, node string) []string {
	var all []string
	for _, s := range plan.For(o, node) {
		all = append(all, string(s.In)+" "+s.String())
	}
	return all
}
