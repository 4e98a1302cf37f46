package porttest

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"time"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/port"
)

// DataPrefix begins the name of every volume that a clause makes, so that an
// environment that lives longer than a clause can sweep up.
const DataPrefix = "porttest-"

// DataPorts are the ports of one node's volume driver.
type DataPorts struct {
	Volumes   port.Volumes
	Snapshots port.Snapshots
	Schedules port.Schedules
}

// Data is two nodes with a volume driver each. Nothing whose name begins with
// DataPrefix is there at the start; anything else may be.
type Data struct {
	DataPorts
	Other        DataPorts // a second node
	Address      string    // of the first node, for sends
	OtherAddress string    // of the second node
	DeadAddress  string    // nobody answers there, and that shows at once

	// Create makes an empty live volume on the first node, Write sets what is
	// in a live volume of it and Read returns that, "" when nothing was
	// written. ReadOther reads on the second node. They fail the test by
	// themselves.
	Create    func(volume string)
	Write     func(volume, text string)
	Read      func(volume string) string
	ReadOther func(volume string) string

	// Advance lets d pass for the drivers' schedulers. Where time cannot be
	// made to pass, it waits for a round of them.
	Advance func(d time.Duration)

	// Hang stops the first node's driver from answering. The context it
	// returns ends while the next call waits. After resume the driver answers
	// what it was asked. Only DataHangClauses need it.
	Hang func(ctx context.Context) (hung context.Context, resume func())

	// Down ends the first node's driver; up starts it again. Only
	// DataDownClauses need it.
	Down func() (up func())
}

// DataClauses are the promises of Volumes, Snapshots and Schedules.
func DataClauses() []Clause[Data] {
	return slices.Concat(
		volumeClauses(), restoreClauses(), restoreRefusals(), takeClauses(), listClauses(), dropClauses(),
		sendClauses(), laterSendClauses(), passOnClauses(), failedSendClauses(), sendRefusals(),
		scheduleClauses(), scheduleRefusals(), jobClauses(),
	)
}

// DataHangClauses are the promises about a driver that does not answer.
func DataHangClauses() []Clause[Data] {
	hung := func(call func(context.Context, Data, string, app.Snapshot) error) func(context.Context, T, Data) {
		return func(ctx context.Context, t T, e Data) {
			v := filled(t, e, "hung", "old")
			s := take(ctx, t, e, v)
			unanswered, resume := e.Hang(ctx)
			err := call(unanswered, e, v, s)
			want(t, err, port.ErrUnknown)
			for what, err := range touches(ctx, e, v, s) {
				if !errors.Is(err, port.ErrBlocked) {
					t.Errorf("%s of a volume with an unanswered call: %v, want ErrBlocked", what, err)
				}
			}
			resume()
			for range 100 {
				if _, err = e.Snapshots.List(ctx, v); !errors.Is(err, port.ErrBlocked) {
					break
				}
				e.Advance(time.Second)
			}
			ok(t, err)
		}
	}
	return []Clause[Data]{{
		Method: "Volumes.Restore", Says: "without an answer is unknown and blocks the volume until there is one",
		Check: hung(func(ctx context.Context, e Data, v string, s app.Snapshot) error {
			return e.Volumes.Restore(ctx, s.Name, v)
		}),
	}, {
		Method: "Volumes.Remove", Says: "without an answer is unknown and blocks the volume until there is one",
		Check: hung(func(ctx context.Context, e Data, v string, _ app.Snapshot) error {
			return e.Volumes.Remove(ctx, v)
		}),
	}}
}

// DataDownClauses are the promises about a driver that is not there.
func DataDownClauses() []Clause[Data] {
	return []Clause[Data]{{
		Method: "Snapshots.Take", Says: "of a driver that is not there is an error, and known not to have happened", Check: down,
	}}
}

func down(ctx context.Context, t T, e Data) {
	v := filled(t, e, "down", "old")
	s := take(ctx, t, e, v)
	up := e.Down()
	_, took := e.Snapshots.Take(ctx, v)
	_, volumes := e.Volumes.List(ctx)
	for what, err := range map[string]error{"snapshot": took, "list of volumes": volumes, "restore": e.Volumes.Restore(ctx, s.Name, v)} {
		if err == nil || errors.Is(err, port.ErrUnknown) || errors.Is(err, port.ErrBlocked) {
			t.Errorf("%s: %v", what, err)
		}
	}
	up()
	if names := listed(ctx, t, e.Snapshots, v); len(names) != 1 {
		t.Errorf("snapshots are %q", names)
	}
}

// touches calls everything that names the volume.
func touches(ctx context.Context, e Data, v string, s app.Snapshot) map[string]error {
	_, took := e.Snapshots.Take(ctx, v)
	_, listed := e.Snapshots.List(ctx, v)
	return map[string]error{
		"restore":          e.Volumes.Restore(ctx, s.Name, v),
		"removal":          e.Volumes.Remove(ctx, v),
		"snapshot":         took,
		"list":             listed,
		"send":             e.Snapshots.Send(ctx, s.Name, e.OtherAddress),
		"snapshot's end":   e.Snapshots.Remove(ctx, s.Name),
		"schedule's lines": e.Schedules.Set(ctx, v, nil),
	}
}

// volumeName makes base a name that no other clause uses.
func volumeName(t T, base string) string {
	h := fnv.New32a()
	_, _ = h.Write([]byte(t.Name()))
	return fmt.Sprintf("%s%08x-%s", DataPrefix, h.Sum32(), base)
}

// filled makes a live volume on the first node with text in it.
func filled(t T, e Data, base, text string) string {
	t.Helper()
	v := volumeName(t, base)
	e.Create(v)
	e.Write(v, text)
	return v
}

func take(ctx context.Context, t T, e Data, volume string) app.Snapshot {
	t.Helper()
	s, err := e.Snapshots.Take(ctx, volume)
	if err != nil {
		t.Fatalf("take: %v", err)
	}
	return s
}

// listed returns the names of volume's snapshots on a node.
func listed(ctx context.Context, t T, s port.Snapshots, volume string) []string {
	t.Helper()
	all, err := s.List(ctx, volume)
	if err != nil {
		t.Fatalf("list: %v", err)
	}
	names := []string{}
	for _, one := range all {
		names = append(names, one.Name)
	}
	return names
}

// find returns the named snapshot on a node.
func find(ctx context.Context, t T, s port.Snapshots, name string) (app.Snapshot, bool) {
	t.Helper()
	all, err := s.List(ctx, "")
	if err != nil {
		t.Fatalf("list: %v", err)
	}
	for _, one := range all {
		if one.Name == name {
			return one, true
		}
	}
	return app.Snapshot{}, false
}

func ok(t T, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%v", err)
	}
}

func want(t T, err, sentinel error) {
	t.Helper()
	if !errors.Is(err, sentinel) {
		t.Errorf("got %v, want %v", err, sentinel)
	}
}

func refused(t T, what string, err error) {
	t.Helper()
	if err == nil {
		t.Errorf("%s: no error", what)
	}
}

func holds(t T, what, got, text string) {
	t.Helper()
	if got != text {
		t.Errorf("%s holds %q, want %q", what, got, text)
	}
}

// hostile are names that would leave a folder, a command line or a line of a
// file if somebody let them.
func hostile() []string {
	return []string{
		"", ".", "..", "../x", "/x", "a/b", "-x", "a b", "a;touch x", "a|x", "$(id)", "`id`", "a\nb", "a\x00b",
		"a\"b", "a'b", "a\\b", "a*", "é", "a..b",
	}
}
