package app

// Placement says where an app lives: Master runs it, Slave holds the replica.
// The zero Placement is "nowhere"; an empty Slave is "no replica".
type Placement struct {
	Master string `json:"master,omitempty"`
	Slave  string `json:"slave,omitempty"`
}

// IsZero reports that the app is not placed at all.
func (p Placement) IsZero() bool { return p == Placement{} }

// String is "a/b", "a/–" without a slave, "–" for nowhere.
func (p Placement) String() string {
	switch {
	case p.IsZero():
		return "–"
	case p.Slave == "":
		return p.Master + "/–"
	}
	return p.Master + "/" + p.Slave
}

// Role is what a node is for an app under a placement.
type Role int

// The three roles.
const (
	Nothing Role = iota
	Master
	Slave
)

func (r Role) String() string { return [...]string{"nothing", "master", "slave"}[r] }

// Role tells what node is under p.
func (p Placement) Role(node string) Role {
	switch {
	case node == "":
		return Nothing
	case node == p.Master:
		return Master
	case node == p.Slave:
		return Slave
	}
	return Nothing
}
