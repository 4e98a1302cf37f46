package app

import (
	"maps"
	"slices"
)

// Kind is what an operation does.
type Kind string

// The three kinds.
const (
	Deploy  Kind = "deploy"
	Destroy Kind = "destroy"
	Migrate Kind = "migrate"
)

// Flags are what a request may ask for besides the placement.
type Flags struct {
	Update   bool `json:"update,omitempty"`   // run update.sh before the start
	Failover bool `json:"failover,omitempty"` // the operator states that the old master is off
	Adopt    bool `json:"adopt,omitempty"`    // a first deploy takes volumes of its name that it finds
	Force    bool `json:"force,omitempty"`    // destroy although the master is away
}

// Request is something somebody asked for: the value of request/<id>. Once
// finished it stays as a tombstone, so that an event delivered again is nothing.
type Request struct {
	ID       string    `json:"id"`
	Kind     Kind      `json:"kind"`
	App      App       `json:"app"`              // for a migrate: the target
	Source   *App      `json:"source,omitempty"` // migrate only
	New      Placement `json:"new,omitzero"`     // deploy only
	Flags    Flags     `json:"flags,omitzero"`
	Done     bool      `json:"done,omitempty"` // tombstone
	Outcome  Outcome   `json:"outcome,omitempty"`
	Reason   string    `json:"reason,omitempty"`
	Finished string    `json:"finished,omitempty"` // UTC; only the clean-up of tombstones looks at it
	Created  uint64    `json:"-"`                  // CreateIndex: the order of requests
	Index    uint64    `json:"-"`                  // ModifyIndex
}

// Names lists the apps that the request locks: one, or two for a migrate.
func (r Request) Names() []string {
	names := []string{r.App.Name()}
	if r.Source != nil {
		names = append(names, r.Source.Name())
	}
	return names
}

// State is how far an operation has come.
type State string

// preparing → switching → committed → done, or → aborted → done.
const (
	Preparing State = "preparing"
	Switching State = "switching"
	Committed State = "committed"
	Aborted   State = "aborted"
	Done      State = "done"
)

// Outcome is how a done operation ended.
type Outcome string

// An operation that never began because it may not is refused.
const (
	OutcomeCommitted Outcome = "committed"
	OutcomeAborted   Outcome = "aborted"
	OutcomeRefused   Outcome = "refused"
)

// Operation is the value of operation/<name>: the one key that decides who may
// run the app. It is never deleted and Seq never restarts.
type Operation struct {
	Seq         uint64    `json:"seq"`
	ID          string    `json:"id"`
	Kind        Kind      `json:"kind"`
	App         App       `json:"app"`
	Flags       Flags     `json:"flags,omitzero"`
	Lead        string    `json:"lead"` // the node that does N's part: the new master, or who destroys
	Old         Placement `json:"old,omitzero"`
	New         Placement `json:"new,omitzero"` // zero: destroyed
	RecordIndex uint64    `json:"record_index"` // ModifyIndex of app/<name> at begin, 0: there was none
	Generation  uint64    `json:"generation"`   // of the release that ran at begin, 0: none or the old tool's
	State       State     `json:"state"`
	Outcome     Outcome   `json:"outcome,omitempty"`
	Reason      string    `json:"reason,omitempty"`
	Pending     []string  `json:"pending,omitempty"` // nodes that had not finished their part at close
	// Peer is the other app of a migrate, PeerAt where that one lives. The
	// target's key carries both; the source's key is locked, carries Lock and
	// is written in the same transactions.
	Peer            *App      `json:"peer,omitempty"`
	PeerAt          Placement `json:"peer_at,omitzero"`
	PeerSeq         uint64    `json:"peer_seq,omitempty"`
	PeerGeneration  uint64    `json:"peer_generation,omitempty"`
	PeerRecordIndex uint64    `json:"peer_record_index,omitempty"`
	Lock            bool      `json:"lock,omitempty"`
	Hold            string    `json:"hold,omitempty"` // operation whose maintenance stays: its release may still run, and goes when its master is back

	Index uint64 `json:"-"` // ModifyIndex
}

// Runs is the placement that holds when o is done: who may run the app, and
// who has its replica.
func (o Operation) Runs() Placement {
	if o.Outcome == OutcomeCommitted {
		return o.New
	}
	return o.Old
}

// Runner is the seq whose lease and containers the operation starts: its own
// for a deploy; migrate and destroy handle the release that is there.
func (o Operation) Runner() uint64 {
	if o.Kind == Deploy {
		return o.Seq
	}
	return o.Generation
}

// Failover reports that o switches without its old master.
func (o Operation) Failover() bool { return o.Flags.Failover && o.Old.Master != o.New.Master }

// Involves reports whether node has a part in o.
func (o Operation) Involves(node string) bool {
	return slices.Contains(o.Nodes(), node)
}

// Nodes lists the participants, sorted, each once.
func (o Operation) Nodes() []string {
	var nodes []string
	for _, n := range []string{o.Lead, o.Old.Master, o.Old.Slave, o.New.Master, o.New.Slave, o.PeerAt.Master} {
		if n != "" {
			nodes = append(nodes, n)
		}
	}
	slices.Sort(nodes)
	return slices.Compact(nodes)
}

// Copy is one volume's snapshot that counts: its name and the uuid by which a
// receiver knows that it has it whole.
type Copy struct {
	Volume   string `json:"volume"`
	Snapshot string `json:"snapshot"`
	UUID     string `json:"uuid"`
}

// Volume is one volume of a compose file.
type Volume struct {
	Key         string `json:"key"`  // name in the compose file
	Name        string `json:"name"` // full name
	Driver      string `json:"driver,omitempty"`
	Replicated  bool   `json:"replicated,omitempty"` // its driver is Buttervolume
	NonMigrable bool   `json:"non_migrable,omitempty"`
}

// Ack is the value of ack/<name>/<id>/<node>: what one participant has reached
// and said. Every field is kept in later acks of the same operation.
type Ack struct {
	Node        string            `json:"node"`
	Incarnation string            `json:"incarnation"` // of the handler that wrote it
	State       State             `json:"state"`       // of the operation as this node last read it
	Step        string            `json:"step"`        // step under way, in words
	Progress    int64             `json:"progress,omitempty"`
	Beat        uint64            `json:"beat"` // changes while the step makes progress within its maximum
	Prepared    bool              `json:"prepared,omitempty"`
	Commit      string            `json:"commit,omitempty"`
	Images      map[string]string `json:"images,omitempty"`
	Volumes     []Volume          `json:"volumes,omitempty"`
	Precopied   bool              `json:"precopied,omitempty"`
	Seconds     int               `json:"seconds,omitempty"` // of the last pre-copy round
	Transferred bool              `json:"transferred,omitempty"`
	Copies      []Copy            `json:"copies,omitempty"` // with Transferred: also when empty, the word that the app has stopped
	Sourced     bool              `json:"sourced,omitempty"`
	Source      []Copy            `json:"source,omitempty"`  // with Sourced: of a migrate's source, sent to the target's master
	Started     bool              `json:"started,omitempty"` // kept until Cleared
	Lease       int               `json:"lease,omitempty"`   // seconds, 0: without end
	Cleared     bool              `json:"cleared,omitempty"` // nothing of this operation runs or can start here
	Finished    bool              `json:"done,omitempty"`    // this node's part is over
	Failed      string            `json:"failed,omitempty"`  // "step: reason"
	Warnings    []string          `json:"warnings,omitempty"`
	Took        map[string]int    `json:"took,omitempty"` // step → milliseconds

	Index uint64 `json:"-"` // ModifyIndex
}

// Replica is the value of replica/<name>: the newest complete replica, as the
// master verified it. "Newest" is what is listed here, never a name or a date.
type Replica struct {
	Seq    uint64 `json:"seq"`
	Node   string `json:"node"`
	Copies []Copy `json:"copies"`
	Date   string `json:"date"` // shown, never compared

	Index uint64 `json:"-"`
}

// History is the value of history/<name>/<seq>: a finished operation.
type History struct {
	Operation
	Took     map[string]map[string]int `json:"took,omitempty"` // node → step → milliseconds
	Warnings []string                  `json:"warnings,omitempty"`
	Date     string                    `json:"date"`
}

// Member is one node of the cluster.
type Member struct {
	Name      string `json:"name"`
	Address   string `json:"address"`
	Version   string `json:"version,omitempty"`
	Published uint64 `json:"published"` // KV index up to which its edge is published
	Present   bool   `json:"-"`         // its handler's session is alive
	// Edge is what its edge leaves out or shows as it was before, and why, as
	// Published.Shown says it.
	Edge map[string]string `json:"edge,omitempty"`
}

// Same reports that m says what o says.
func (m Member) Same(o Member) bool {
	return m.Name == o.Name && m.Address == o.Address && m.Version == o.Version &&
		m.Published == o.Published && m.Present == o.Present && maps.Equal(m.Edge, o.Edge)
}

// Snapshot is one snapshot on this node.
type Snapshot struct {
	Name     string // <volume>@<date>, with @<host> for the marker of a send
	Volume   string
	Host     string // of a marker: who has it
	UUID     string // its own
	Received string // uuid the sender named, "" for one made here
	ReadOnly bool
}

// Origin is the uuid by which other nodes know the snapshot: where it was
// first taken, however often it was passed on.
func (s Snapshot) Origin() string {
	if s.Received != "" {
		return s.Received
	}
	return s.UUID
}

// Schedule is one line of Buttervolume's schedule.
type Schedule struct {
	Volume  string
	Action  string // snapshot | replicate:<address> | purge:<pattern>
	Minutes int
	Paused  bool
}

// Container is one container of ours on this node.
type Container struct {
	Name     string
	Project  string
	Service  string
	Seq      uint64
	Image    string // id
	Running  bool
	Health   Health
	Restarts int
	ExitCode int // of one that is not running
}

// Health is what Docker's health check says.
type Health string

// A container without a check has no health.
const (
	NoHealth  Health = ""
	Starting  Health = "starting"
	Healthy   Health = "healthy"
	Unhealthy Health = "unhealthy"
)

// Lease is the right to run an app on this node. Until is in the node's
// CLOCK_BOOTTIME, in nanoseconds; 0 is a lease without end.
type Lease struct {
	Project string `json:"project"`
	Seq     uint64 `json:"seq"`
	Until   int64  `json:"until,omitempty"`
}

// Journal is the value of a node's own /deploy/.state/<name>.json, written
// before restore, start and stop: what this node last did with the app.
type Journal struct {
	Seq      uint64   `json:"seq"`
	ID       string   `json:"id"`
	Made     []string `json:"made,omitempty"`     // volumes that operation Seq restored or created here
	Stopped  bool     `json:"stopped,omitempty"`  // the release that ran at begin was or is being stopped here by operation Seq
	Ran      bool     `json:"ran,omitempty"`      // containers or scripts of Seq may have changed data here and nothing has been rolled back
	Rollback []Copy   `json:"rollback,omitempty"` // what a rollback restores
	Finished bool     `json:"finished,omitempty"` // this node's part in Seq is over
}

// Of reports that j tells of o: a KV restored from a backup may use a seq again.
func (j Journal) Of(o Operation) bool { return j.Seq == o.Seq && j.ID == o.ID }
