package main

import (
	"github.com/spf13/cobra"

	"github.com/mlfmonde/cluster/handler/app"
)

func newDeploy(sh shell) *cobra.Command {
	a := &asking{sh: sh, kind: app.Deploy}
	cmd := a.usage("run an app on a node, or move it there",
		`{"repo": "https://git.example.com/team/app", "branch": "main", "master": "n1", "slave": "n2"}`)
	f := cmd.Flags()
	a.appFlags(f)
	a.placementFlags(cmd)
	a.waitFlags(f)
	return cmd
}

// placementFlags are those that only a deploy has.
func (a *asking) placementFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&a.ask.Master, "master", "", "node that is to run the app")
	f.StringVar(&a.ask.Slave, "slave", "", "node that is to hold its replica (default none)")
	a.updateFlag(f, false)
	f.BoolVar(&a.ask.Failover, "failover", false, "the old master is off, I have looked: take the last replica; later writes are lost")
	f.BoolVar(&a.ask.Adopt, "adopt", false, "a first deploy takes the volumes of its name that it finds")
}
