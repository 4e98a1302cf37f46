package handler

import "context"

// unheard is what a node does that cannot read the KV, before it could or since:
// its volume driver works on, and may have begun its rounds before this handler.
// Once a pass is enough.
func (a *Agent) unheard(ctx context.Context) {
	now := a.Clock.Boot()
	if ctx.Err() != nil || a.sparedAt != 0 && now-a.sparedAt < a.Times.Poll {
		return
	}
	a.sparedAt = max(now, 1)
	err := a.Within(ctx, a.Times.Poll, a.SpareUnheard)
	if err != nil && ctx.Err() == nil {
		a.Log.Warn("cannot look at the purges", "node", a.Config.Node, "err", err)
	}
}
