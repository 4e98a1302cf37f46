package prompt

import (
	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/recette/nodes"
)

// times are those of real cells but for what a person's own application may
// take: to pull, build and copy it has as long as in production.
func times() app.Times {
	t, usual := nodes.Short(), app.DefaultTimes()
	t.Pull, t.Build, t.Precopy = usual.Pull, usual.Build, usual.Precopy
	t.DeltaGoal, t.DeltaMax = usual.DeltaGoal, usual.DeltaMax
	return t
}
