package plan

import "github.com/mlfmonde/cluster/handler/app"

// Destroy plans what self does when the app placed at old goes away. lead
// carries the operation: the master, or with force whoever found it away.
// Snapshots stay.
func Destroy(old app.Placement, lead, self string) []Step {
	switch {
	case self == "":
		return nil
	case self == old.Master && self == lead:
		return destroyHere()
	case self == old.Master:
		return destroyLate()
	case self == old.Slave || self == lead:
		return destroyBeside(self == old.Slave, self == lead)
	}
	return nil
}

// destroyHere is the master.
func destroyHere() []Step {
	p := list{in: app.Preparing}
	p.add(Switch, None, "", "")
	s := list{in: app.Switching}
	s.add(Await, None, "", Edge)
	s.add(Revoke, None, "", OldRelease)
	s.add(Stop, None, "", "")
	s.add(Schedule, Old, "", Off)
	s.add(Snapshot, Old, "", "")
	s.add(Announce, None, "", Transferred)
	s.add(Commit, None, "", "")
	c := list{in: app.Committed}
	vacate(&c)
	c.add(Close, None, "", "")
	a := list{in: app.Aborted}
	back(&a)
	a.add(Close, None, "", "")
	return joined(p, s, c, a)
}

// destroyLate is a master that was away and comes back: it stops first, and
// what it stopped runs again after an abort.
func destroyLate() []Step {
	s := list{in: app.Switching}
	s.add(Revoke, None, "", OldRelease)
	s.add(Stop, None, "", "")
	c := list{in: app.Committed}
	c.add(Revoke, None, "", OldRelease)
	c.add(Stop, None, "", "")
	c.add(Schedule, Old, "", Off)
	vacate(&c)
	c.add(Announce, None, "", Finished)
	a := list{in: app.Aborted}
	back(&a)
	return joined(s, c, a)
}

// vacate takes the app off its master.
func vacate(l *list) {
	l.add(Deregister, None, "", "")
	l.add(Remove, None, "", "")
	l.add(Retire, Old, "", "")
	l.add(Discard, None, "", OldRelease)
}

// destroyBeside is a node that does not run the app: the slave, who carries
// the operation out while the master is away, or both.
func destroyBeside(slave, lead bool) []Step {
	p, s := list{in: app.Preparing}, list{in: app.Switching}
	c, a := list{in: app.Committed}, list{in: app.Aborted}
	if slave {
		c.add(Schedule, Old, "", Off)
		c.add(Discard, None, "", OldRelease)
	}
	if !lead {
		c.add(Announce, None, "", Finished)
		return c.steps
	}
	p.add(Switch, None, "", "")
	s.add(Commit, None, "", "")
	c.add(Close, None, "", "")
	a.add(Close, None, "", "")
	return joined(p, s, c, a)
}
