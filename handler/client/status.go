package client

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/ledger"
	"github.com/mlfmonde/cluster/handler/port"
)

// Overview is what can be said of a cluster.
type Overview struct {
	Nodes    []Node   `json:"nodes"`
	Apps     []Status `json:"apps"`
	Problems []string `json:"problems"` // values of the KV that the handler did not write
}

// Node is one node of the cluster.
type Node struct {
	Name    string `json:"name"`
	Address string `json:"address"`
	Present bool   `json:"present"` // its handler is alive
	Version string `json:"version,omitempty"`
	Edge    Edge   `json:"edge"`
}

// Edge is what a node says of its HAProxy and Caddy. Behind and Left are of
// nodes that are present: of another one nobody knows.
type Edge struct {
	Published uint64 `json:"published"` // KV index that it shows
	Newest    uint64 `json:"newest"`    // index of the newest change that it has to show
	Behind    bool   `json:"behind"`    // it does not show that one yet
	// Left are the apps that it leaves out or shows as they were before, and
	// why; under app.WholeEdge what holds up all of it, under app.MoreLeft how
	// many more there are.
	Left map[string]string `json:"left,omitempty"`
}

// Status is what can be said of one app.
type Status struct {
	Name        string      `json:"name"`
	Repo        string      `json:"repo"`
	Branch      string      `json:"branch"`
	Master      string      `json:"master"` // "": the app is not deployed
	Slave       string      `json:"slave"`
	Commit      string      `json:"commit"`
	Deployed    string      `json:"deployed"` // when the record was written, UTC
	Replica     *Replica    `json:"replica"`  // nil: there is none
	Operation   *Operation  `json:"operation"`
	Outcome     app.Outcome `json:"outcome"` // of what ended last, "": nothing has
	Reason      string      `json:"reason"`
	Pending     []string    `json:"pending"`  // nodes that have not finished their part of it
	Warnings    []string    `json:"warnings"` // of the operation under way, else of the last one
	Waiting     []string    `json:"waiting"`  // ids of requests that have not begun, in order
	Maintenance string      `json:"maintenance"`

	release uint64       // generation of the record
	changed uint64       // index of what ended last
	refused *app.Request // that, if it was refused
}

// Replica is the newest complete replica, as the master verified it.
type Replica struct {
	Node string `json:"node"`
	Date string `json:"date"`
	Age  int    `json:"age"` // seconds, by this machine's clock; -1: the date cannot be read
}

// Operation is an operation under way.
type Operation struct {
	ID    string            `json:"id"`
	Seq   uint64            `json:"seq"`
	Kind  app.Kind          `json:"kind"`
	Old   string            `json:"old"` // placement as master/slave
	New   string            `json:"new"`
	State app.State         `json:"state"`
	Steps map[string]string `json:"steps"` // node → step it is at
}

// Status reads the state of the app called name, or with "" of all that are
// deployed, wait to be, or could not be; those that were destroyed are left
// out. port.ErrNotFound: nothing in the KV knows that name.
func (c *Client) Status(ctx context.Context, name string) (Overview, error) {
	v := &view{Client: c, ledger: ledger.New(c.KV, c.Times), only: name, apps: map[string]*Status{}}
	for _, read := range []func(context.Context) error{v.nodes, v.records, v.replicas, v.operations, v.requests, v.maintenance, v.edges} {
		if err := read(ctx); err != nil {
			return Overview{}, fmt.Errorf("read the state: %w", err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(v.apps)) {
		v.out.Apps = append(v.out.Apps, *v.apps[name])
	}
	if name != "" && len(v.out.Apps) == 0 {
		return v.out, fmt.Errorf("status of %s: %w; known here: %s", name, port.ErrNotFound, strings.Join(v.known, ", "))
	}
	return v.out, nil
}

// History returns the finished operations of the app called name, oldest first.
func (c *Client) History(ctx context.Context, name string) ([]app.History, error) {
	return ledger.New(c.KV, c.Times).Histories(ctx, name)
}
