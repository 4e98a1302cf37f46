package sim

import (
	"context"
	"log/slog"
	"strings"

	"github.com/mlfmonde/cluster/sim/sched"
)

// journalist writes a process's log into the trace, without time: lines are
// part of what two runs are compared by. It is off when no lines are kept.
type journalist struct {
	p     *process
	attrs string
	group string
}

func (j journalist) Enabled(context.Context, slog.Level) bool { return j.p.c.trace.keep }

func (j journalist) Handle(_ context.Context, r slog.Record) error {
	if j.p.owner.Dead() {
		return sched.ErrDead
	}
	var b strings.Builder
	b.WriteString(r.Level.String() + " " + r.Message + j.attrs)
	r.Attrs(func(a slog.Attr) bool {
		b.WriteString(j.attr(a))
		return true
	})
	c := j.p.c
	c.trace.lines = append(c.trace.lines, Entry{
		Step: c.sched.Steps(), At: c.sched.Now(), Node: j.p.n.name, Process: j.p.kind.String(), Call: "log", Arg: b.String(),
	})
	return nil
}

func (j journalist) attr(a slog.Attr) string { return " " + j.group + a.Key + "=" + a.Value.String() }

func (j journalist) WithAttrs(attrs []slog.Attr) slog.Handler {
	if !j.p.c.trace.keep {
		return j
	}
	for _, a := range attrs {
		j.attrs += j.attr(a)
	}
	return j
}

func (j journalist) WithGroup(name string) slog.Handler {
	j.group += name + "."
	return j
}
