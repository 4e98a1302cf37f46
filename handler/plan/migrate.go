package plan

import "github.com/mlfmonde/cluster/handler/app"

// Migrate plans what self does when the data of the app placed at source is
// copied over that of the app placed at target. The source goes on running;
// the target's master does the transaction. Records and registrations stay.
func Migrate(source, target app.Placement, self string, flags app.Flags) []Step {
	switch self {
	case "":
		return nil
	case target.Master:
		return receive(source, target, flags)
	case source.Master:
		return lend(source, target)
	}
	return nil
}

// lend is the source's master on another node than the target's.
func lend(source, target app.Placement) []Step {
	l := list{in: app.Preparing}
	l.add(Schedule, Peer, "", NoPurge)
	l.add(Lend, Peer, target.Master, "")
	l.add(Announce, None, "", Sourced)
	for _, in := range []app.State{app.Committed, app.Aborted} {
		end := list{in: in}
		end.add(Schedule, Peer, "", AsMaster)
		end.add(Announce, None, "", Finished)
		l.steps = append(l.steps, end.steps...)
	}
	return l.steps
}

// receive is the target's master.
func receive(source, target app.Placement, flags app.Flags) []Step {
	c, a := list{in: app.Committed}, list{in: app.Aborted}
	a.add(Revoke, None, "", OldRelease)
	a.add(Kill, None, "", OldRelease)
	a.add(Restore, Old, "", "")
	a.add(Retire, Made, "", "")
	for _, l := range []*list{&c, &a} {
		back(l)
		switch target.Master {
		case source.Master:
			l.add(Schedule, Peer, "", AsMaster)
		case source.Slave:
			l.add(Schedule, Peer, "", AsSlave)
		}
		l.add(Close, None, "", "")
	}
	if target.Slave != "" {
		c.add(Replicate, Old, target.Slave, BestEffort)
	}
	return joined(borrow(source, target), replace(flags), c, a)
}

// borrow is the target's master while the target runs: it gets the source's
// snapshots whole, from another node or from itself.
func borrow(source, target app.Placement) list {
	l := list{in: app.Preparing}
	l.add(Schedule, Old, "", NoPurge)
	switch target.Master {
	case source.Master:
		l.add(Schedule, Peer, "", NoPurge)
		l.add(Lend, Peer, "", "")
		l.add(Announce, None, "", Sourced)
	case source.Slave:
		l.add(Schedule, Peer, "", Off)
		l.add(Await, None, source.Master, Sourced)
	default:
		l.add(Await, None, source.Master, Sourced)
	}
	l.add(Verify, Peer, "", "")
	l.add(Switch, None, "", "")
	return l
}

// replace is the target's master while the target is down.
func replace(flags app.Flags) list {
	l := list{in: app.Switching}
	l.add(Await, None, "", Edge)
	l.add(Revoke, None, "", OldRelease)
	l.add(Stop, None, "", "")
	l.add(Schedule, Old, "", Off) // else a replica of half-restored data could pass for the newest
	l.add(Snapshot, Old, "", "")
	l.add(Announce, None, "", Transferred)
	l.add(Restore, Peer, "", "")
	l.add(Announce, None, "", Started)
	l.add(Script, None, "", "post_migrate.sh")
	if flags.Update {
		l.add(Script, None, "", "update.sh")
	}
	l.add(Start, None, "", OldRelease)
	l.add(Healthy, None, "", OldRelease)
	l.add(Commit, None, "", "")
	return l
}
