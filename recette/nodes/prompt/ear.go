package prompt

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mlfmonde/cluster/fixtures/nodes/cluster"
	"github.com/mlfmonde/cluster/sim"
)

// ear hears what the handlers and guards log, and notes what was done to the
// nodes, in one order: the simulator's trace.
type ear struct {
	ground *Ground
	calls  bool

	mu      sync.Mutex
	entries []sim.Entry // only grows
	logs    []*logfile
}

// logfile is the log of one process of a node.
type logfile struct {
	path    string
	node    string
	process sim.Process
	read    int64
	rest    []byte // of a line that is being written
}

// newEar hears what is said from now on.
func newEar(g *Ground, calls bool) *ear {
	e := &ear{ground: g, calls: calls}
	for _, n := range g.cluster.All() {
		for name, p := range map[string]sim.Process{cluster.Agent: sim.Handler, cluster.Guard: sim.Guard} {
			l := &logfile{path: filepath.Join(n.Logs(), name+".log"), node: n.Name, process: p}
			if info, err := os.Stat(l.path); err == nil {
				l.read = info.Size()
			}
			e.logs = append(e.logs, l)
		}
		n.Relay.Reset()
	}
	return e
}

// all is everything heard so far.
func (e *ear) all() []sim.Entry {
	e.listen()
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.entries
}

// note writes down what was done, or happened, at a node, "" for all of them.
func (e *ear) note(node, text string) {
	e.listen()
	e.mu.Lock()
	defer e.mu.Unlock()
	e.entries = append(e.entries, sim.Entry{At: e.ground.Now(), Node: node, Arg: text})
}

// listen reads on in every log.
func (e *ear) listen() {
	e.mu.Lock()
	defer e.mu.Unlock()
	var fresh []sim.Entry
	for _, l := range e.logs {
		for _, line := range l.lines() {
			at, text, ok := logged(line)
			if ok {
				fresh = append(fresh, sim.Entry{At: at.Sub(e.ground.began), Node: l.node, Process: l.process.String(), Call: "log", Arg: text})
			}
		}
	}
	if e.calls {
		fresh = append(fresh, e.seen()...)
	}
	slices.SortStableFunc(fresh, func(a, b sim.Entry) int { return int(a.At - b.At) })
	e.entries = append(e.entries, fresh...)
}

// seen are the port calls that began since the last time.
func (e *ear) seen() (all []sim.Entry) {
	for _, n := range e.ground.cluster.All() {
		for _, c := range n.Relay.Calls() {
			all = append(all, sim.Entry{At: c.Start.Sub(e.ground.began), Node: n.Name, Process: c.Process, Call: c.Address, Arg: c.Arg})
		}
		n.Relay.Reset()
	}
	return all
}

// lines are the whole ones that were written since the last time. A log that
// cannot be read says nothing.
func (l *logfile) lines() [][]byte {
	f, err := os.Open(l.path)
	if err != nil {
		return nil
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.Size() < l.read {
		l.read, l.rest = 0, nil
	}
	data, err := io.ReadAll(io.NewSectionReader(f, l.read, 1<<62))
	if err != nil && !errors.Is(err, fs.ErrClosed) {
		return nil
	}
	l.read += int64(len(data))
	data = append(l.rest, data...)
	end := bytes.LastIndexByte(data, '\n') + 1
	l.rest = bytes.Clone(data[end:])
	return bytes.Split(data[:end], []byte("\n"))
}

// logged reads one line of slog's JSON and writes it as the simulator does: the
// level, the message, and each attribute as key=value in its order.
func logged(line []byte) (at time.Time, text string, ok bool) {
	d := json.NewDecoder(bytes.NewReader(line))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return at, "", false
	}
	level, message := "", ""
	var attrs strings.Builder
	for d.More() {
		key, err := d.Token()
		var value json.RawMessage
		if err != nil || d.Decode(&value) != nil {
			return at, "", false
		}
		var word string
		if json.Unmarshal(value, &word) != nil {
			word = string(value)
		}
		switch key {
		case "time":
			if at, err = time.Parse(time.RFC3339Nano, word); err != nil {
				return at, "", false
			}
		case "level":
			level = word
		case "msg":
			message = word
		default:
			fmt.Fprintf(&attrs, " %v=%s", key, word)
		}
	}
	return at, level + " " + message + attrs.String(), message != "" && !at.IsZero()
}
