package plan

import "github.com/mlfmonde/cluster/handler/app"

// Deploy plans what self does when an app moves from old to new (old zero: a
// first deploy). The roles are the protocol's: N is the new master, O the old
// one if it is another node, S the new slave, P the old slave. A bystander's
// plan is empty. A node that is O and S does O's steps, then S's.
func Deploy(old, new app.Placement, self string, flags app.Flags) []Step {
	d := deploy{old: old, new: new, self: self, flags: flags}
	switch self {
	case "":
		return nil
	case new.Master:
		return d.newMaster()
	case old.Master:
		return d.oldMaster()
	case new.Slave:
		return d.newSlave()
	case old.Slave:
		return d.oldSlave()
	}
	return nil
}

type deploy struct {
	old, new app.Placement
	self     string
	flags    app.Flags
}

// alone reports that N does O's column itself or that there is none.
func (d deploy) alone() bool {
	return d.old.Master == "" || d.old.Master == d.new.Master || d.flags.Failover
}

func (d deploy) first() bool    { return d.old.Master == "" }
func (d deploy) redeploy() bool { return d.old.Master == d.new.Master }

func (d deploy) newMaster() []Step {
	var all []Step
	all = append(all, d.prepare()...)
	switch {
	case d.redeploy():
		all = append(all, d.switchInPlace()...)
	default:
		all = append(all, d.takeOver()...)
	}
	all = append(all, d.settle()...)
	return append(all, d.undo()...)
}

// prepare is N while the app runs.
func (d deploy) prepare() []Step {
	l := list{in: app.Preparing}
	if !d.redeploy() {
		l.add(Tidy, None, "", "")
	}
	if !d.first() {
		keep := Off
		if d.redeploy() {
			keep = NoPurge
		}
		l.add(Schedule, Old, "", keep)
	}
	l.add(Checkout, None, "", NewRelease)
	l.add(Inspect, None, "", "")
	l.add(Pull, None, "", "")
	l.add(Build, None, "", "")
	switch {
	case d.first():
		l.add(Claim, New, "", "")
	case d.redeploy():
		l.add(SetAside, Added, "", "")
	default:
		l.add(SetAside, New, "", "")
	}
	l.add(Announce, None, "", Prepared)
	if d.alone() {
		l.add(Switch, None, "", "")
	} else {
		l.add(Await, None, d.old.Master, Switched)
	}
	return l.steps
}

// takeOver is N on another node than O, on the first node, or after a failover.
func (d deploy) takeOver() []Step {
	l := list{in: app.Switching}
	switch {
	case d.first():
	case d.flags.Failover:
		l.add(Verify, Catalog, "", "")
		l.add(Restore, Catalog, "", "")
	default:
		l.add(Await, None, d.old.Master, Transferred)
		l.add(Verify, Common, "", "")
		l.add(Restore, Common, "", "")
	}
	d.run(&l)
	return l.steps
}

// switchInPlace is N where it is O too.
func (d deploy) switchInPlace() []Step {
	l := list{in: app.Switching}
	l.add(Await, None, "", Edge)
	l.add(Revoke, None, "", OldRelease)
	l.add(Stop, None, "", "")
	l.add(Schedule, Old, "", Off)
	l.add(Snapshot, Old, "", "")
	l.add(Announce, None, "", Transferred)
	d.run(&l)
	return l.steps
}

// run starts the new release and commits.
func (d deploy) run(l *list) {
	l.add(Announce, None, "", Started)
	if d.flags.Update {
		l.add(Script, None, "", "update.sh")
	}
	l.add(Start, None, "", NewRelease)
	l.add(Healthy, None, "", NewRelease)
	l.add(Commit, None, "", "")
}

// settle is N after the commit.
func (d deploy) settle() []Step {
	l := list{in: app.Committed}
	l.add(Grant, None, "", NewRelease)
	l.add(Start, None, "", NewRelease)
	l.add(Schedule, New, "", AsMaster)
	l.add(Register, None, "", "")
	if d.redeploy() {
		l.add(Schedule, Dropped, "", Off)
		l.add(Retire, Dropped, "", "")
		l.add(Discard, None, "", OldRelease)
	}
	if d.self == d.old.Slave {
		l.add(Schedule, Dropped, "", Off)
		l.add(Discard, None, "", OldRelease)
	}
	l.add(Close, None, "", "")
	if d.new.Slave != "" && d.new.Slave != d.old.Master {
		l.add(Replicate, New, d.new.Slave, BestEffort)
	}
	return l.steps
}

// undo is N's rescue.
func (d deploy) undo() []Step {
	l := list{in: app.Aborted}
	l.add(Revoke, None, "", NewRelease)
	l.add(Kill, None, "", NewRelease)
	if d.redeploy() {
		l.add(Restore, Old, "", "")
		l.add(Retire, Made, "", "")
		back(&l)
		l.add(Discard, None, "", NewRelease)
		l.add(Close, None, "", "")
		return l.steps
	}
	l.add(Announce, None, "", Cleared)
	l.add(Remove, None, "", "")
	l.add(Retire, Made, "", "")
	l.add(Discard, None, "", NewRelease)
	if d.self == d.old.Slave {
		l.add(Schedule, Old, "", AsSlave)
	}
	if d.alone() {
		l.add(Close, None, "", "")
	} else {
		l.add(Announce, None, "", Finished)
	}
	return l.steps
}

// back brings the release that ran at begin back where it ran.
func back(l *list) {
	l.add(Grant, None, "", OldRelease)
	l.add(Start, None, "", OldRelease)
	l.add(Schedule, Old, "", AsMaster)
}

func (d deploy) oldMaster() []Step {
	p := list{in: app.Preparing}
	s := list{in: app.Switching}
	c := list{in: app.Committed}
	a := list{in: app.Aborted}
	if !d.flags.Failover {
		p.add(Schedule, Old, "", NoPurge)
		p.add(Precopy, Old, d.new.Master, "")
		p.add(Announce, None, "", Precopied)
		p.add(Await, None, d.new.Master, Prepared)
		p.add(Switch, None, "", "")

		s.add(Await, None, "", Edge)
		s.add(Revoke, None, "", OldRelease)
		s.add(Stop, None, "", "")
		s.add(Schedule, Old, "", Off)
		s.add(Snapshot, Old, "", "")
		s.add(Send, Old, d.new.Master, "")
		s.add(Announce, None, "", Transferred)
		s.add(Await, None, d.new.Master, Outcome)

		a.add(Await, None, d.new.Master, Cleared)
		back(&a)
		a.add(Close, None, "", "")
	} else {
		// Back while the others go on without it: only O may say that it lives.
		p.add(Abort, None, "", "the old master is back")
		s.add(Revoke, None, "", OldRelease)
		s.add(Stop, None, "", "")
		a.add(Await, None, d.new.Master, Cleared)
		back(&a)
		c.add(Revoke, None, "", OldRelease)
		c.add(Stop, None, "", "")
		c.add(Schedule, Old, "", Off)
	}
	vacate(&c)
	if d.self == d.new.Slave {
		d.replica(&c)
	} else {
		c.add(Announce, None, "", Finished)
	}
	return joined(p, s, c, a)
}

// replica is S after the commit. What it needs to be a replica comes first;
// code and images only save time on a later move.
func (d deploy) replica(l *list) {
	l.add(Schedule, New, "", AsSlave)
	l.add(Announce, None, "", Finished)
	l.add(Checkout, None, "", BestEffort)
	l.add(Pull, None, "", BestEffort)
	l.add(Build, None, "", BestEffort)
}

func (d deploy) newSlave() []Step {
	l := list{in: app.Committed}
	if d.self == d.old.Slave {
		l.add(Schedule, Dropped, "", Off)
		l.add(Discard, None, "", OldRelease)
	}
	d.replica(&l)
	return l.steps
}

func (d deploy) oldSlave() []Step {
	l := list{in: app.Committed}
	l.add(Schedule, Old, "", Off)
	l.add(Discard, None, "", OldRelease)
	l.add(Announce, None, "", Finished)
	return l.steps
}
