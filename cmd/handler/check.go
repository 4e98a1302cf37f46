package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/inspect"
	"github.com/mlfmonde/cluster/handler/request"
)

// checking is the verb check.
type checking struct {
	settings
	sh           shell
	repo, branch string
	policy       string
	json         bool
}

func newCheck(sh shell) *cobra.Command {
	c := &checking{sh: sh}
	cmd := &cobra.Command{
		Use: "check DIR --repo URL --branch B", Short: "show what a checkout would register, or why it is refused", Args: args(cobra.ExactArgs(1)),
		Long: `check looks at a checkout as a deploy would, offline: names, volumes, addresses and
checks, or every reason why it is refused, with file and line. App teams run it
in their own CI. What only the cluster knows (a domain that another app has) it
cannot see. Exit codes: 0 it would be taken, 2 it is refused.`,
		RunE: func(_ *cobra.Command, given []string) error { return c.run(given[0]) },
	}
	f := cmd.Flags()
	f.StringVar(&c.repo, "repo", "", "URL that the app is deployed from: its names are made of it")
	f.StringVar(&c.branch, "branch", "", "branch or tag")
	f.StringVar(&c.policy, "policy", "", "file with the operator's exceptions, as in policy/<name>")
	f.BoolVar(&c.json, "json", false, "print JSON")
	c.driversFlag(f)
	c.portsFlag(f)
	c.httpFlag(f)
	return cmd
}

func (c *checking) run(dir string) error {
	who, err := app.Parse(c.repo, c.branch)
	if err != nil {
		return err
	}
	if err := (request.Options{AllowHTTP: c.http}).Check(app.Request{App: who}); err != nil {
		return err
	}
	in := inspect.Input{App: who, Seq: 1, ID: "check", Drivers: c.names()}
	if in.Ports, err = c.published(); err != nil {
		return err
	}
	if in.Files, err = readFolder(dir); err != nil {
		return exit(exitBad, "%w", err)
	}
	if c.policy != "" {
		if in.Policy, err = os.ReadFile(c.policy); err != nil {
			return exit(exitBad, "--policy: %w", err)
		}
	}
	return c.show(inspect.Report(who, inspect.Inspect(in)))
}

func (c *checking) show(r inspect.Check) error {
	var err error
	if c.json {
		e := json.NewEncoder(c.sh.out)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		err = e.Encode(r)
	} else {
		_, err = fmt.Fprint(c.sh.out, r)
	}
	if n := len(r.Refused); n > 0 && err == nil {
		return exit(exitBad, "%s is refused, for %d reason(s)", r.Name, n)
	}
	return err
}
