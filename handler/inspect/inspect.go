// Package inspect says what a checkout is: which services, names, volumes,
// addresses and checks it asks for, and every reason why it is refused. Bytes
// come in, never paths; values go out. It starts nothing and reads nothing.
package inspect

import "github.com/mlfmonde/cluster/handler/app"

// Input is a checkout and what is needed to judge it.
type Input struct {
	App     app.App
	Files   map[string][]byte // path in the checkout → content
	Seq     uint64            // of the operation: lease and label
	ID      string            // of the operation: image tags and label
	Drivers []string          // names of the Buttervolume driver, ":latest" or not is equal
	Policy  []byte            // value of policy/<name>, nil for none
	Others  []app.Record      // records of all other apps, for conflicts
	Swarm   map[string][]byte // keys below swarm/ and their values, the same
	Ports   []int             // that HAProxy's container publishes, nil: unknown
}

// Service is one service of the compose file.
type Service struct {
	Name  string
	Image string // as the compose file names it, "" when only built
	Built bool
}

// Refusal is one reason against a checkout.
type Refusal struct {
	Where string `json:"where"` // file:line and key path
	Why   string `json:"why"`   // what is wrong and the way out
}

// Result is what a checkout says. With Refused not empty the rest is only
// what could be read.
type Result struct {
	Record   app.Record // without node, dates, ids and generation
	Volumes  []app.Volume
	Services []Service
	Files    map[string][]byte // to write into the checkout: app.CanonicalFile and .env
	Warnings []string
	Refused  []Refusal
}
