package main

import (
	"github.com/spf13/cobra"

	"github.com/mlfmonde/cluster/handler/app"
)

func newMigrate(sh shell) *cobra.Command {
	a := &asking{sh: sh, kind: app.Migrate}
	cmd := a.usage("copy an app's data over that of another one",
		`{"repo": "https://git.example.com/team/app", "branch": "main", "target": {"branch": "staging"}}`)
	f := cmd.Flags()
	a.appFlags(f)
	a.targetFlags(cmd)
	a.waitFlags(f)
	return cmd
}

// targetFlags are those that only a migrate has.
func (a *asking) targetFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&a.ask.TargetRepo, "target-repo", "", "repository of the app that takes the data (default the source's)")
	f.StringVar(&a.ask.TargetBranch, "target-branch", "", "its branch (default the source's)")
	a.updateFlag(f, true)
}
