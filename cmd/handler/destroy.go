package main

import (
	"github.com/spf13/cobra"

	"github.com/mlfmonde/cluster/handler/app"
)

func newDestroy(sh shell) *cobra.Command {
	a := &asking{sh: sh, kind: app.Destroy}
	cmd := a.usage("take an app away; snapshots of its volumes stay",
		`{"repo": "https://git.example.com/team/app", "branch": "main"}`)
	f := cmd.Flags()
	a.appFlags(f)
	f.BoolVar(&a.ask.Force, "force", false, "although its master is away, which removes its part when it is back")
	a.waitFlags(f)
	return cmd
}
