// Package plan decides who does what: from the old placement, the new one, the
// node itself and the request's flags it makes an ordered list of steps, the
// rescue included. It is arithmetic on placements: no I/O, no clock, and the
// same input gives the same bytes.
package plan

import (
	"strings"

	"github.com/mlfmonde/cluster/handler/app"
)

// Verb is what a step does. The comment says what doing it twice means.
type Verb string

// Verbs that prepare, while the app runs.
const (
	Tidy     Verb = "tidy"      // leftovers of earlier operations here away; again: same
	Claim    Verb = "claim"     // a first deploy refuses volumes of its name that it finds, unless asked to adopt them; again: same
	SetAside Verb = "set-aside" // stale live volumes of the set: snapshot, then away; again: nothing is left to do
	Checkout Verb = "checkout"  // fresh clone; again: same
	Inspect  Verb = "inspect"   // policy, names, conflicts; again: same
	Pull     Verb = "pull"      // images; again: same
	Build    Verb = "build"     // images, tagged by operation; again: same
	Precopy  Verb = "precopy"   // snapshot and send until a round is short; again: new snapshots
	Lend     Verb = "lend"      // migrate: snapshot of the source, sent to the target's master; again: new snapshots
)

// Verbs of the switch.
const (
	Revoke   Verb = "revoke"   // lease file away: dockerd refuses every start; again: same
	Stop     Verb = "stop"     // stop, kill what is left, list is empty; again: same
	Kill     Verb = "kill"     // without grace, list is empty; again: same
	Snapshot Verb = "snapshot" // the one that counts, taken after this operation's stop; again: a new one
	Send     Verb = "send"     // that snapshot to a node; never the same one twice
	Verify   Verb = "verify"   // every copy complete here by uuid; again: same
	Restore  Verb = "restore"  // exactly the named snapshots; only before the start or in aborted
	Grant    Verb = "grant"    // lease file; again: same
	Script   Verb = "script"   // the app's own script, named by Flag; not twice: restore first
	Start    Verb = "start"    // compose up; only with the lease; again: same
	Healthy  Verb = "healthy"  // wait until every service is; again: same
)

// Verbs that arrange what surrounds the app.
const (
	Schedule   Verb = "schedule"   // the set's lines become those of Flag; again: same
	Register   Verb = "register"   // service and checks; again: same
	Deregister Verb = "deregister" // again: same
	Remove     Verb = "remove"     // containers and local volumes away; again: same
	Retire     Verb = "retire"     // each live volume of the set: snapshot, then away; again: nothing is left
	Discard    Verb = "discard"    // a checkout and its image tags away; Flag says whose; again: same
	Replicate  Verb = "replicate"  // first replica to a node, then the catalogue; again: new snapshots
)

// Verbs that talk.
const (
	Announce Verb = "announce" // Flag is said in this node's ack; again: same
	Await    Verb = "await"    // until Flag is said by Node
	Switch   Verb = "switch"   // transaction: switching, maintenance on
	Commit   Verb = "commit"   // transaction: the outcome, the record, maintenance off
	Abort    Verb = "abort"    // transaction, with the reason in Flag
	Close    Verb = "close"    // wait for the others' done, then transaction: done
)

// Set names volumes without knowing them.
type Set string

// The sets.
const (
	None    Set = ""
	Old     Set = "old"     // of the record
	New     Set = "new"     // of the new compose file
	Common  Set = "moved"   // in both
	Added   Set = "added"   // only in the new compose file
	Dropped Set = "dropped" // only in the record
	Made    Set = "made"    // restored or created here by this operation
	Peer    Set = "source"  // a migrate's source volumes that match the target's
	Catalog Set = "replica" // those listed in replica/<name>
)

// What is announced and awaited.
const (
	Prepared    = "prepared"
	Precopied   = "precopied"
	Transferred = "transferred"
	Sourced     = "sourced"
	Started     = "started"
	Cleared     = "cleared"
	Finished    = "done"
	Switched    = "switching" // said by the Switch transaction
	Outcome     = "outcome"   // said by Commit or Abort
	Edge        = "maintenance published"
)

// Flags of Schedule.
const (
	AsMaster = "master"  // replicate (or snapshot) and purge
	AsSlave  = "slave"   // purge
	NoPurge  = "nopurge" // replicate (or snapshot)
	Off      = "off"
)

// Flags of Revoke, Grant, Start, Discard and Checkout: whose release.
const (
	OldRelease = "old"
	NewRelease = "new"
)

// BestEffort marks a step whose failure is a warning.
const BestEffort = "best-effort"

// Step is one thing one node does. Steps are comparable values.
type Step struct {
	In   app.State // the operation's state in which it is done; Aborted: rescue
	Verb Verb
	Set  Set    // volumes
	Node string // the other node: receiver, or who is waited for
	Flag string // see the constants
}

// String is the step on one line: "send old → c".
func (s Step) String() string {
	parts := []string{string(s.Verb)}
	if s.Set != None {
		parts = append(parts, string(s.Set))
	}
	if s.Flag != "" {
		parts = append(parts, s.Flag)
	}
	if s.Node != "" {
		arrow := "→"
		if s.Verb == Await {
			arrow = "←"
		}
		parts = append(parts, arrow, s.Node)
	}
	return strings.Join(parts, " ")
}

// In returns the steps of one state, in order.
func In(steps []Step, state app.State) []Step {
	var out []Step
	for _, s := range steps {
		if s.In == state {
			out = append(out, s)
		}
	}
	return out
}

// list collects steps of one state.
type list struct {
	in    app.State
	steps []Step
}

func (l *list) add(v Verb, set Set, node, flag string) {
	l.steps = append(l.steps, Step{In: l.in, Verb: v, Set: set, Node: node, Flag: flag})
}

// joined is the plan made of the rows, in order.
func joined(rows ...list) []Step {
	var steps []Step
	for _, l := range rows {
		steps = append(steps, l.steps...)
	}
	return steps
}
