package client

import (
	"bytes"
	"encoding/json"

	"github.com/mlfmonde/cluster/handler/app"
)

// Ask is a request as somebody fills it in, field by field. What a field must
// hold is decided by [Client.Submit].
type Ask struct {
	Repo, Branch             string
	Master, Slave            string // deploy
	TargetRepo, TargetBranch string // migrate: what differs from the source
	Update                   *bool  // nil: the kind's default
	Failover, Adopt, Force   bool
}

// Payload is the documented JSON of a. Fields that the kind does not have are
// written when they are set, so that they are refused by their name.
func (a Ask) Payload(kind app.Kind) []byte {
	type target struct {
		Repo   string `json:"repo,omitempty"`
		Branch string `json:"branch,omitempty"`
	}
	p := struct {
		Repo     *string `json:"repo,omitempty"`
		Branch   *string `json:"branch,omitempty"`
		Master   *string `json:"master,omitempty"`
		Slave    string  `json:"slave,omitempty"`
		Target   *target `json:"target,omitempty"`
		Update   *bool   `json:"update,omitempty"`
		Failover bool    `json:"failover,omitempty"`
		Adopt    bool    `json:"adopt,omitempty"`
		Force    bool    `json:"force,omitempty"`
	}{Repo: &a.Repo, Branch: &a.Branch, Slave: a.Slave, Update: a.Update, Failover: a.Failover, Adopt: a.Adopt, Force: a.Force}
	if kind == app.Deploy || a.Master != "" {
		p.Master = &a.Master
	}
	if kind == app.Migrate || a.TargetRepo != "" || a.TargetBranch != "" {
		p.Target = &target{Repo: a.TargetRepo, Branch: a.TargetBranch}
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(p) // strings and flags always encode
	return bytes.TrimSpace(b.Bytes())
}
