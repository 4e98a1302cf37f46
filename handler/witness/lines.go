package witness

import (
	"encoding/json"
	"time"
)

// Format is the version of the lines.
const Format = 1

// Header is the first line of each incarnation of a handler, and of a file of
// [Happening] lines. With it times of several recordings can be compared.
type Header struct {
	Format  int           `json:"witness"` // [Format]
	Node    string        `json:"node,omitempty"`
	Version string        `json:"version,omitempty"`
	Boot    time.Duration `json:"boot"` // CLOCK_BOOTTIME, as every time of a line
	Wall    time.Time     `json:"wall"` // at the same moment
	Kernel  string        `json:"kernel,omitempty"`
}

// callLine is a call as it is written: whole at its end, or with an effect a
// line with Start and Args and one with End and what came back.
type callLine struct {
	Node   string         `json:"node"`
	N      uint64         `json:"n"`
	Task   string         `json:"task,omitempty"`
	Call   string         `json:"call"`
	Start  time.Duration  `json:"start,omitempty"`
	End    *time.Duration `json:"end,omitempty"`
	Args   []any          `json:"args,omitempty"`
	Answer any            `json:"answer,omitempty"`
	Error  *Failure       `json:"error,omitempty"`
}

// The kinds of [Happening].
const (
	Push     = "push"      // Repo's Branch is Commit from now on
	Put      = "put"       // somebody set Key to Value
	Delete   = "delete"    // somebody took Key away
	PowerOff = "power-off" // of Node
	PowerOn  = "power-on"
	Fault    = "fault"   // Node's calls named Call were struck: their answers say nothing, their effects may be or come late
	Touched  = "touched" // somebody changed What of Node: what is read next is as he left it
	Said     = "said"    // Text, for people
)

// Happening is something that no handler did: a line that a test, or a person,
// adds to the recordings of a cluster. It happened between Start and End.
type Happening struct {
	World  string            `json:"world"` // the kind
	Start  time.Duration     `json:"start"`
	End    time.Duration     `json:"end"`
	Node   string            `json:"node,omitempty"`
	Repo   string            `json:"repo,omitempty"`
	Branch string            `json:"branch,omitempty"`
	Commit string            `json:"commit,omitempty"`
	Files  map[string]string `json:"files,omitempty"` // of the commit, path → text; without them they are taken from what is read
	Key    string            `json:"key,omitempty"`
	Value  *Value            `json:"value,omitempty"`
	// Call is "Port.Method", "KV.Apply:<name>" for one transaction, "Port.*"
	// for a port, "" for every call.
	Call string `json:"call,omitempty"`
	// What is containers, volumes, snapshots, schedules, checkouts, services,
	// leases or journal.
	What string `json:"what,omitempty"`
	Text string `json:"text,omitempty"`
}

// Call is one call of a recording.
type Call struct {
	Node   string
	N      uint64 // of its incarnation's calls, from 1
	Task   string // which task of the handler made it, "" for the first
	Call   string // "Port.Method"
	Start  time.Duration
	End    time.Duration // -1: it had not come back when the recording ended
	Args   []json.RawMessage
	Answer json.RawMessage // nil with an error, and for calls without an answer
	Error  *Failure        // nil: success
	Begun  int             // index of its incarnation's header
	Where  string          // file and line
}

// Back reports that the call came back.
func (c Call) Back() bool { return c.End >= 0 }
