package app

import (
	"bytes"
	"encoding/json"
)

// Record is what the KV says of an app under app/<name>: for routes and for
// people. The fields before Generation, their names and their order are those
// of existing clusters; templates that others wrote read them.
type Record struct {
	HAProxy          json.RawMessage   `json:"haproxy"`   // aggregated HAPROXY variables, {} when none
	Caddyfile        string            `json:"caddyfile"` // site blocks of all services, "" when none
	RepoURL          string            `json:"repo_url"`
	Branch           string            `json:"branch"`
	DeployDate       string            `json:"deploy_date"` // UTC with Z; shown, never compared
	DeployID         string            `json:"deploy_id"`   // id of the operation that wrote the record
	PreviousDeployID *string           `json:"previous_deploy_id"`
	Domains          []string          `json:"domains"` // sorted
	URLs             string            `json:"urls"`    // addresses joined by ", "
	IP               string            `json:"ip"`
	Master           string            `json:"master"`
	Slave            *string           `json:"slave"`
	Ct               map[string]string `json:"ct"`      // service → container name
	Volumes          []string          `json:"volumes"` // full names of the Buttervolume volumes, sorted

	Generation uint64  `json:"generation"` // seq of the operation that wrote it; 0: the old tool
	Commit     string  `json:"commit,omitempty"`
	Release    Release `json:"release,omitzero"`
}

// Release is what belongs together of one deploy: enough to start it again
// exactly, and to say which data it started from.
type Release struct {
	Images        map[string]string `json:"images,omitempty"`         // service → image id
	Local         []string          `json:"local,omitempty"`          // full names of volumes with another driver: disposable
	NonMigrable   []string          `json:"non_migrable,omitempty"`   // full names of volumes that a migrate leaves alone
	Checks        []string          `json:"checks,omitempty"`         // URLs that Consul checks every 60 s
	Service       json.RawMessage   `json:"service,omitempty"`        // service.json, checked; replaces name and checks
	Snapshots     map[string]string `json:"snapshots,omitempty"`      // volume → snapshot it was restored from
	StopGrace     int               `json:"stop_grace,omitempty"`     // seconds, longest of the services
	HealthTimeout int               `json:"health_timeout,omitempty"` // seconds until a start counts as failed
}

// Placement is where the record says the app lives.
func (r Record) Placement() Placement {
	p := Placement{Master: r.Master}
	if r.Slave != nil {
		p.Slave = *r.Slave
	}
	return p
}

// App is the application the record describes.
func (r Record) App() App { return App{Repo: r.RepoURL, Branch: r.Branch} }

// DeployRoot is where checkouts live on every node.
const DeployRoot = "/deploy"

// CanonicalFile is the file, in a checkout, that compose runs: the inspected
// model with nothing left to interpolate.
const CanonicalFile = "compose.cluster.yml"

// LeaseRoot is the tmpfs folder with one lease file per app and seq.
const LeaseRoot = "/run/cluster/lease"

// Labels that every container, image and network of ours carries.
const (
	LabelApp       = "com.github.mlfmonde.cluster.app"
	LabelSeq       = "com.github.mlfmonde.cluster.seq"
	LabelOperation = "com.github.mlfmonde.cluster.operation"
	// LabelNonMigrable on a volume of a compose file keeps migrate away from it.
	LabelNonMigrable = "com.github.mlfmonde.cluster.nonmigrable"
)

// Checkout names the folder of one operation's checkout below [DeployRoot].
func Checkout(name, id string) string { return name + "-" + id }

// Stack is a Compose project on a node, as far as running it needs to know.
type Stack struct {
	Name    string            // the app's name
	Project string            // Compose project
	Dir     string            // name of the checkout below DeployRoot
	Seq     uint64            // lease and label of its containers
	ID      string            // operation that made it: the tag of its images
	Images  map[string]string // service → image id it must run; empty: whatever the file names
}

// Stack is the release that r describes.
func (r Record) Stack() Stack {
	a := r.App()
	return Stack{Name: a.Name(), Project: a.Project(), Dir: Checkout(a.Name(), r.DeployID), Seq: r.Generation, ID: r.DeployID, Images: r.Release.Images}
}

// MarshalJSON writes an empty list or object where r has none: existing
// templates range over the fields and know no null there.
func (r Record) MarshalJSON() ([]byte, error) {
	if len(r.HAProxy) == 0 {
		r.HAProxy = json.RawMessage("{}")
	}
	if r.Domains == nil {
		r.Domains = []string{}
	}
	if r.Ct == nil {
		r.Ct = map[string]string{}
	}
	if r.Volumes == nil {
		r.Volumes = []string{}
	}
	type plain Record
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // people read it; whoever writes the record decides about escapes
	if err := e.Encode(plain(r)); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
