package plan

import "github.com/mlfmonde/cluster/handler/app"

// Words is what a step means to somebody who does not know the protocol. It is
// shown beside the step and decides nothing.
func (s Step) Words() string {
	switch s.Verb {
	case Tidy, Claim, SetAside, Checkout, Inspect, Pull, Build:
		return s.wordsOfCode()
	case Precopy, Lend, Snapshot, Send, Verify, Restore, Retire, Replicate:
		return s.wordsOfData()
	case Schedule:
		return s.wordsOfSchedule()
	case Announce, Await:
		return s.wordsOfTalk()
	}
	return s.wordsOfRun()
}

func (s Step) wordsOfCode() string {
	switch s.Verb {
	case Tidy:
		return "what an earlier stay left here goes: leases, containers"
	case Claim:
		return "volumes of this name that are already here: refused, unless it is to adopt them"
	case SetAside:
		return "live volumes of an earlier stay: a snapshot of each, then it goes"
	case Checkout:
		return "a fresh clone, of the branch's newest commit"
	case Inspect:
		return "policy, names and conflicts; the file that compose will run"
	case Pull:
		return "images from their registries"
	}
	return "images of this operation; the tags of the old release stay"
}

func (s Step) wordsOfData() string {
	switch s.Verb {
	case Precopy:
		return "snapshot and send while the app runs, until a round is short"
	case Lend:
		if s.Node == "" {
			return "fresh snapshots of the source, which goes on running"
		}
		return "fresh snapshots of the source, which goes on running, sent"
	case Snapshot:
		return "of every volume, after the stop: the copies that count"
	case Send:
		return "what has changed since the pre-copy"
	case Verify:
		return "every copy is here whole: read-only, and with the uuid its sender named"
	case Restore:
		switch {
		case s.In == app.Aborted:
			return "the data of before, if anything may have changed it"
		case s.Set == Peer:
			return "the source's data into the target's volumes"
		}
		return "exactly these snapshots become the live volumes"
	case Retire:
		if s.Set == Made {
			return "what this operation made here, half-received copies included; no volume without a snapshot"
		}
		return "live volumes of the set: a snapshot of each, then it goes"
	}
	return "the first replica of the new state, and its entry in the catalogue"
}

func (s Step) wordsOfSchedule() string {
	switch {
	case s.Set == Dropped:
		return "nothing for volumes that the new release no longer has"
	case s.Flag == AsMaster:
		return "replicate to the slave (without one: snapshot), and purge"
	case s.Flag == AsSlave:
		return "purge"
	case s.Flag == NoPurge:
		return "no purge: it could take a snapshot that is needed"
	}
	return "nothing is scheduled here any more"
}

func (s Step) wordsOfTalk() string {
	switch s.Flag {
	case Prepared:
		return "commit, images and volumes: ready to take over"
	case Precopied:
		return "how long the last round took"
	case Transferred:
		return "the app has stopped; these snapshots hold its data"
	case Sourced:
		return "these snapshots hold the source's data"
	case Started:
		return "takes the right to run: the ack, then the lease file"
	case Cleared:
		return "nothing of this operation runs or can start on the new master"
	case Finished:
		return "this node's part is over"
	case Switched:
		return "maintenance is on, the operation is switching"
	case Outcome:
		return "committed or aborted"
	}
	return "no edge sends users to the app any more; a dead one delays, never blocks"
}

func (s Step) wordsOfRun() string {
	switch s.Verb {
	case Revoke:
		return "the lease file goes: dockerd refuses every start"
	case Stop:
		return "stop, kill what is left, nothing runs"
	case Kill:
		return "containers and scripts, without grace; nothing runs"
	case Grant:
		return "the lease file, without end"
	case Script:
		return "the app's own script, on the data it will start with"
	case Start:
		return "what does not run yet"
	case Healthy:
		return "every service answers its check, or stays up"
	case Register:
		return "service and checks in Consul"
	case Deregister:
		return "service and checks out of Consul"
	case Remove:
		return "containers, and volumes that are not replicated"
	case Discard:
		return "its checkouts and the tags of its images"
	case Switch:
		return "the operation is switching, maintenance is on"
	case Commit:
		return "outcome, record and end of maintenance, all at once"
	case Abort:
		return "the operation is aborted"
	}
	return "when the others have finished: the operation is done"
}
