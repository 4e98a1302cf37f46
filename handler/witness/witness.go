// Package witness writes down every call that a handler makes through its
// ports, with its arguments and its answer, one line of JSON each. A
// [port.World] and a place to write come in; what goes out is a world that
// answers exactly as the one inside it. The file goes with a bug report, and the
// simulator plays it back against its fakes. The package also reads such files.
//
// It never changes a call, an answer or an error, and never fails a call: when
// it cannot write it says so once and stops writing. Contents that may hold
// secrets are not written: files of checkouts are lengths and digests, a
// service's own definition is its names. Values of the KV are written.
package witness

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"io"
	"log/slog"
	"sync"

	"github.com/mlfmonde/cluster/handler/port"
)

// Limit is how many bytes a recording may have unless Config says otherwise.
const Limit = 64 << 20

// Config describes one recording.
type Config struct {
	Node    string // whose handler it is
	Version string // of the handler
	// Kernel names the start of the kernel that Clock.Boot counts from: where
	// two recordings have the same, their times compare to the nanosecond.
	// "": not known.
	Kernel string
	Clock  port.Clock
	Limit  int64 // bytes of the whole file, 0: [Limit]
	Used   int64 // bytes that the file has already
	Log    *slog.Logger
}

// Witness writes lines. Its methods may be called side by side.
type Witness struct {
	c  Config
	mu sync.Mutex
	// out is nil when it has stopped.
	out   io.Writer
	used  int64
	calls uint64
	// values has what was last written of each key of the KV: a value that
	// has not changed since is left out of the next line.
	values map[string][sha256.Size]byte
}

// New is a recording on out, which gets each line in one write.
func New(out io.Writer, c Config) *Witness {
	if c.Limit == 0 {
		c.Limit = Limit
	}
	return &Witness{c: c, out: out, used: c.Used, values: map[string][sha256.Size]byte{}}
}

// header is the first line: a handler that never gets to work writes none.
func (w *Witness) header() {
	w.line(Header{Format: Format, Node: w.c.Node, Version: w.c.Version, Boot: w.c.Clock.Boot(), Wall: w.c.Clock.Now(), Kernel: w.c.Kernel})
}

// line writes one line, or stops for good. Whoever calls it holds mu.
func (w *Witness) line(v any) {
	if w.out == nil {
		return
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // people read it
	why, err := "cannot write", e.Encode(v)
	if err == nil && w.used+int64(b.Len()) > w.c.Limit {
		why, err = "the file has its full size", io.ErrShortWrite
	}
	if err == nil {
		_, err = w.out.Write(b.Bytes())
	}
	if err != nil {
		w.out = nil
		w.c.Log.Warn("recording ends", "node", w.c.Node, "why", why, "bytes", w.used, "err", err)
		return
	}
	w.used += int64(b.Len())
}

// entry is one call that is being made.
type entry struct {
	w    *Witness
	line callLine
}

// begin takes note of a call. One that changes something is written at once:
// when it never comes back, the recording shows where the handler stands.
func (w *Witness) begin(ctx context.Context, call string, effect bool, args ...any) *entry {
	task, _ := ctx.Value(taskKey{}).(string)
	e := &entry{w: w}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.calls++; w.calls == 1 {
		w.header()
	}
	e.line = callLine{Node: w.c.Node, N: w.calls, Task: task, Call: call, Start: w.c.Clock.Boot(), Args: args}
	if effect {
		w.line(w.spared(e.line))
		e.line = callLine{Node: w.c.Node, N: e.line.N, Call: call}
	}
	return e
}

// end writes the answer.
func (e *entry) end(answer any, err error) {
	w := e.w
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.c.Clock.Boot()
	e.line.End = &now
	e.line.Error = failure(err)
	if err == nil {
		e.line.Answer = answer
	}
	w.line(w.spared(e.line))
}

// spared leaves out the values of the KV that an earlier line has.
func (w *Witness) spared(l callLine) callLine {
	for _, a := range l.Args {
		if t, ok := a.(Txn); ok {
			for _, o := range t.Ops {
				w.known(o.Key, o.Value)
			}
		}
	}
	switch a := l.Answer.(type) {
	case Pair:
		l.Answer = w.spare(a)
	case List:
		for i := range a.Pairs {
			a.Pairs[i] = w.spare(a.Pairs[i])
		}
		l.Answer = a
	}
	return l
}

func (w *Witness) spare(p Pair) Pair {
	if p.Modify != 0 && w.known(p.Key, p.Value) {
		p.Value = nil
	}
	return p
}

// known notes the value of key and reports that it was the last one noted.
func (w *Witness) known(key string, v *Value) bool {
	if v == nil {
		return false
	}
	sum := sha256.Sum256(*v)
	was, ok := w.values[key]
	w.values[key] = sum
	return ok && was == sum
}

// taskKey is where a context has the name of its task.
type taskKey struct{}

// named is what f gets as the task called name.
func named(name string, f func(context.Context)) func(context.Context) {
	return func(ctx context.Context) { f(context.WithValue(ctx, taskKey{}, name)) }
}

// look is a call that changes nothing: one line, at its end.
func look[T any](ctx context.Context, w *Witness, call string, args []any, show func(T) any, f func() (T, error)) (T, error) {
	e := w.begin(ctx, call, false, args...)
	v, err := f()
	e.end(shown(v, err, show), err)
	return v, err
}

// do is a call that changes something: a line at its begin, one at its end.
func do[T any](ctx context.Context, w *Witness, call string, args []any, show func(T) any, f func() (T, error)) (T, error) {
	e := w.begin(ctx, call, true, args...)
	v, err := f()
	e.end(shown(v, err, show), err)
	return v, err
}

// act is do for calls that answer only with an error.
func act(ctx context.Context, w *Witness, call string, args []any, f func() error) error {
	e := w.begin(ctx, call, true, args...)
	err := f()
	e.end(nil, err)
	return err
}

// shown is the answer as it is written; one that came with an error is none.
func shown[T any](v T, err error, show func(T) any) any {
	if err != nil {
		return nil
	}
	return show(v)
}

// plain writes an answer as it is.
func plain[T any](v T) any { return v }

// of lists arguments.
func of(args ...any) []any { return args }
