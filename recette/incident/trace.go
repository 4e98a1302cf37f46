package incident

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/mlfmonde/cluster/sim"
)

// line is an entry of the trace as trace.jsonl has it.
type line struct {
	Step    uint64        `json:"step"`
	At      time.Duration `json:"at"` // nanoseconds of virtual time
	Node    string        `json:"node,omitempty"`
	Process string        `json:"process,omitempty"`
	Call    string        `json:"call,omitempty"`
	Arg     string        `json:"arg,omitempty"`
	Err     string        `json:"err,omitempty"`
}

// Lines is a trace for programs: one JSON object a line.
func Lines(entries []sim.Entry) ([]byte, error) {
	var b bytes.Buffer
	to := json.NewEncoder(&b)
	to.SetEscapeHTML(false)
	for _, e := range entries {
		if err := to.Encode(line(e)); err != nil {
			return nil, fmt.Errorf("write trace: %w", err)
		}
	}
	return b.Bytes(), nil
}

// ReadLines reads what Lines wrote. name is the file's, for errors.
func ReadLines(name string, from io.Reader) (all []sim.Entry, err error) {
	in := json.NewDecoder(from)
	for n := 1; ; n++ {
		var l line
		err := in.Decode(&l)
		if err == io.EOF {
			return all, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%s:%d: expected an entry of a trace, such as {\"step\":1,\"at\":0,\"node\":\"n1\",\"call\":\"KV.Get\"}: %w", name, n, err)
		}
		all = append(all, sim.Entry(l))
	}
}

// Show is one entry for people, with the number of its step.
func Show(e sim.Entry) string {
	return fmt.Sprintf("%8d %s", e.Step, strings.ReplaceAll(e.String(), "\n", " ⏎ "))
}

// Text is the trace for people.
func (r *Recording) Text() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# %s: %s, hash %016x, code %s\n", r.Play.Name, r.made(), r.Hash, unknown(r.Code))
	b.WriteString("# step, virtual seconds, node, call, argument → error\n")
	cue := func(c Cue) {
		fmt.Fprintf(&b, "%8s %12.3f ---- line %d: %s\n", "", c.At.Seconds(), c.Line, c.Text)
	}
	cues := r.Cues
	for i, e := range r.Entries {
		for len(cues) > 0 && cues[0].Place <= i {
			cue(cues[0])
			cues = cues[1:]
		}
		b.WriteString(Show(e) + "\n")
	}
	for _, c := range cues {
		cue(c)
	}
	if r.Err != nil {
		fmt.Fprintf(&b, "# step %d: %v\n", r.Step, r.Err)
	}
	return b.Bytes()
}

// Background reports that an entry is one of those that go on all the time, in
// which nothing went wrong.
func Background(e sim.Entry) bool {
	if e.Err != "" {
		return false
	}
	switch e.Call {
	case "Warden.Touch", "Guard.List", "Presence.Join", "KV.Wait", "Events.Recent":
		return true
	}
	return false
}
