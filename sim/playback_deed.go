package sim

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/mlfmonde/cluster/handler/witness"
)

// forever is the end of a call that never came back.
const forever time.Duration = math.MaxInt64

// deed is one recorded call, or one thing that happened besides.
type deed struct {
	witness.Call
	how        method
	start, end time.Duration // in the time of all recordings; end is forever where its effect may come late
	until      time.Duration // when its caller had an answer, or died
	index      uint64        // of the KV after it, 0: not known
	need       uint64        // what it shows of the KV is at least so new
	excused    bool          // its answer says nothing
	optional   bool          // nor is it known whether it had its effect
	opened     bool
	begun      bool // a transfer that has left a part
	done       bool // the effect is made, or the answer explained
	doubted    bool // what it left has been taken as it was seen
	flight     *flight
	known      map[int]any // what is decoded: arguments by place, -1 the answer
}

// flight is a call of the fakes that is under way.
type flight struct {
	done bool
	err  error
}

// method is how a kind of call is played.
type method struct {
	effect bool
	slow   bool     // not in one piece: who reads meanwhile sees anything in between
	consul bool     // about what the whole cluster shares
	about  []string // kinds of things of a node that it changes
	// before is what the world must be like for the recorded answer.
	before func(p *player, d *deed) []take
	// call makes it on the fakes and compares. nil: it is not played.
	call func(p *player, d *deed) verdict
}

// verdict is what comparing gave.
type verdict struct {
	diffs []string
	takes []take // what has to be taken for true so that there is no other difference
}

func (v *verdict) differs(format string, args ...any) {
	v.diffs = append(v.diffs, fmt.Sprintf(format, args...))
}

// take is something that an answer shows and the fakes cannot know.
type take struct {
	why string // counted under it, "" for what the world merely draws
	// nature: the world did it by itself, or nobody that was recorded did. It
	// is taken only when no call under way explains the answer.
	nature bool
	do     func()
}

func (v verdict) natural() bool {
	return slices.ContainsFunc(v.takes, func(t take) bool { return t.nature })
}

// arg decodes an argument. It is shared: look, do not change.
func arg[T any](p *player, d *deed, i int) T {
	if i >= len(d.Args) {
		p.fail(fmt.Errorf("%s: %s has %d arguments", d.Where, d.Call.Call, len(d.Args)))
		return *new(T)
	}
	return decoded[T](p, d, i, d.Args[i])
}

// answerOf decodes the recorded answer. It is shared as well.
func answerOf[T any](p *player, d *deed) T {
	if len(d.Answer) == 0 {
		return *new(T)
	}
	return decoded[T](p, d, -1, d.Answer)
}

// decoded decodes once: calls are made again many times.
func decoded[T any](p *player, d *deed, i int, data []byte) T {
	if v, ok := d.known[i].(T); ok {
		return v
	}
	var v T
	if err := json.Unmarshal(data, &v); err != nil {
		p.fail(fmt.Errorf("%s: value %d of %s: %w", d.Where, i+1, d.Call.Call, err))
	}
	if d.known == nil {
		d.known = map[int]any{}
	}
	d.known[i] = v
	return v
}

// args are the arguments for people.
func (d *deed) args() string {
	var all []string
	for _, a := range d.Args {
		text := string(a)
		if len(text) > 120 {
			text = strings.ToValidUTF8(text[:120], "") + "…"
		}
		all = append(all, text)
	}
	return strings.Join(all, " ")
}

// failed reports that the recorded answer is an error that wraps one of the
// named ones; without names any error.
func (d *deed) failed(names ...string) bool {
	if d.Error == nil || len(names) == 0 {
		return d.Error != nil
	}
	return slices.ContainsFunc(names, func(n string) bool { return slices.Contains(d.Error.Is, n) })
}

// plainly reports that the recorded answer is an error that nobody branches on.
func (d *deed) plainly() bool { return d.Error != nil && len(d.Error.Is) == 0 }

// load puts the recordings on one time, and finds what they tell before they
// are played.
func (p *player) load(all []witness.Recording) error {
	clocks := map[string]time.Duration{}
	var faults []fault
	for _, r := range all {
		offsets := make([]time.Duration, len(r.Headers))
		for i, h := range r.Headers {
			offsets[i] = offset(clocks, h)
			p.incarnation(r.Headers, i, h.Boot+offsets[i])
		}
		for _, c := range r.Calls {
			p.result.Calls++
			p.deeds = append(p.deeds, newDeed(c, offsets[c.Begun]))
		}
		for _, h := range r.World {
			if f, ok := asFault(h, offsets[0]); ok {
				faults = append(faults, f)
				continue
			}
			p.happening(h, offsets[0])
		}
	}
	known := methods()
	for _, d := range p.deeds {
		d.how = known[d.Call.Call]
		d.excuse(faults)
		p.die(d)
	}
	p.deeds = append(p.deeds, p.world...)
	p.learn()
	if len(p.seed.recorded) == 0 {
		return errNobody
	}
	return p.err
}

// offset is from a boot clock to wall time. Recordings under one kernel share it.
func offset(clocks map[string]time.Duration, h witness.Header) time.Duration {
	if known, ok := clocks[h.Kernel]; ok && h.Kernel != "" {
		return known
	}
	o := time.Duration(h.Wall.UnixNano()) - h.Boot
	clocks[h.Kernel] = o
	return o
}

// incarnation notes the i-th beginning of a node's handler.
func (p *player) incarnation(all []witness.Header, i int, at time.Duration) {
	h := all[i]
	if h.Node == "" {
		return
	}
	if !slices.Contains(p.nodes, h.Node) {
		p.nodes = append(p.nodes, h.Node)
		p.seed.recorded = append(p.seed.recorded, h.Node)
	}
	if i > 0 {
		other := h.Kernel != "" && all[i-1].Kernel != "" && h.Kernel != all[i-1].Kernel
		p.starts = append(p.starts, restart{at: at, node: h.Node, kernel: other})
	}
}

func newDeed(c witness.Call, offset time.Duration) *deed {
	d := &deed{Call: c, start: c.Start + offset, end: forever, until: forever}
	if c.Back() {
		d.end = c.End + offset
		d.until = d.end
	}
	return d
}

// die finds the end of the caller of a call that never came back.
func (p *player) die(d *deed) {
	for _, r := range p.starts {
		if r.node == d.Node && r.at > d.start {
			d.until = min(d.until, r.at)
		}
	}
}

// fault is a time in which calls were struck.
type fault struct {
	node, call string
	start, end time.Duration
}

func asFault(h witness.Happening, offset time.Duration) (fault, bool) {
	return fault{node: h.Node, call: h.Call, start: h.Start + offset, end: h.End + offset}, h.World == witness.Fault
}

// strikes reports that the fault may have struck d.
func (f fault) strikes(d *deed) bool {
	if f.node != "" && f.node != d.Node || d.start > f.end || d.end < f.start {
		return false
	}
	name := d.Call.Call
	if port, any := strings.CutSuffix(f.call, "*"); any {
		return strings.HasPrefix(name, port)
	}
	txn, named := strings.CutPrefix(f.call, "KV.Apply:")
	if !named {
		return f.call == "" || f.call == name
	}
	var t witness.Txn
	return name == "KV.Apply" && len(d.Args) > 0 && json.Unmarshal(d.Args[0], &t) == nil && t.Name == txn
}

// sendable reports that the words of a transfer are ones that a driver takes.
func sendable(d *deed) bool {
	var snapshot, host string
	if len(d.Args) != 2 || json.Unmarshal(d.Args[0], &snapshot) != nil || json.Unmarshal(d.Args[1], &host) != nil {
		return false
	}
	_, err := volumeOf(snapshot)
	return err == nil && checkHost(host) == nil
}

// excuse decides whether d's answer says anything: not when the handler was
// told that the outcome is unknown, or gave up, nor when a fault made it fail.
// Transfers fail for reasons of the other side, and leave anything there.
func (d *deed) excuse(faults []fault) {
	struck := slices.ContainsFunc(faults, func(f fault) bool { return f.strikes(d) })
	broke := d.Call.Call == "Snapshots.Send" && d.plainly() && sendable(d)
	d.excused = !d.Back() || d.failed("ErrUnknown", "Canceled", "DeadlineExceeded") || broke || struck && d.failed()
	if d.excused && d.how.effect {
		d.optional, d.end = true, forever
	}
}
