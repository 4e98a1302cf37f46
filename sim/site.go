package sim

// callID numbers the calls that faults and the trace name.
type callID uint16

const (
	noCall callID = iota
	callGet
	callList
	callWait
	callJoin
	callLeave
	callMembers
	callFire
	callRecent
	callRegister
	callDeregister
	callRegistered
	callLastConsul // of Consul's: what hangs ends at the call time-out
	callCheckout
	callRead
	callWrite
	callCheckouts
	callUncheckout
	callPull
	callBuild
	callDrop
	callUp
	callStop
	callContainers
	callKill
	callDown
	callPin
	callRun
	callVolumes
	callRestore
	callRemoveVolume
	callTake
	callSnapshots
	callSend
	callRemoveSnapshot
	callSet
	callSchedules
	callGrant
	callRelease
	callLeases
	callMark
	callTouch
	callSlay
	callJournal
	callWriteJournal
	callForget
	callJournals
	callPublish
	callTxn // the first of KV.Apply:<name>, in order of appearance
)

// names of the calls up to callTxn.
var names = [callTxn]string{
	"", "KV.Get", "KV.List", "KV.Wait", "Presence.Join", "Presence.Leave", "Members.Members", "Events.Fire",
	"Events.Recent", "Checks.Register", "Checks.Deregister", "Checks.Registered", "", "Source.Checkout",
	"Checkouts.Read", "Checkouts.Write", "Checkouts.List", "Checkouts.Remove", "Images.Pull", "Images.Build",
	"Images.Drop", "Stack.Up", "Stack.Stop", "Containers.List", "Containers.Kill", "Containers.Remove",
	"Containers.Pin", "Scripts.Run", "Volumes.List", "Volumes.Restore", "Volumes.Remove", "Snapshots.Take",
	"Snapshots.List", "Snapshots.Send", "Snapshots.Remove", "Schedules.Set", "Schedules.List", "Guard.Grant",
	"Guard.Release", "Guard.List", "Guard.Mark", "Warden.Touch", "Warden.Slay", "Journal.Read", "Journal.Write",
	"Journal.Forget", "Journal.List", "Edge.Publish",
}

// Site is a call that was made: where a fault can strike.
type Site struct {
	Node    string
	Process Process
	Call    string
	Calls   int // how often; the nth is addressed by Fault.Nth from 1
}

// siteTable counts calls per node, process and name.
type siteTable struct {
	txns   map[string]callID
	extra  []string
	counts [][]int // node and process → call → count
}

// txn is the id of the transaction called name.
func (s *siteTable) txn(name string) callID {
	if id, ok := s.txns[name]; ok {
		return id
	}
	if s.txns == nil {
		s.txns = map[string]callID{}
	}
	id := callTxn + callID(len(s.extra))
	s.txns[name] = id
	s.extra = append(s.extra, "KV.Apply:"+name)
	return id
}

func (s *siteTable) name(id callID) string {
	if id < callTxn {
		return names[id]
	}
	return s.extra[id-callTxn]
}

// known is the id of a call by name, 0 while there is none.
func (s *siteTable) known(name string) callID {
	for i, n := range names {
		if n == name && n != "" {
			return callID(i)
		}
	}
	for i, n := range s.extra {
		if n == name {
			return callTxn + callID(i)
		}
	}
	return noCall
}

func (s *siteTable) count(p *process, id callID) {
	row := p.n.idx*int(processes) + int(p.kind)
	for len(s.counts) <= row {
		s.counts = append(s.counts, make([]int, callTxn+16))
	}
	for len(s.counts[row]) <= int(id) {
		s.counts[row] = append(s.counts[row], 0)
	}
	s.counts[row][id]++
}

// Sites lists every call made so far, by node, process and the order in which
// the calls are declared: what a learning run is for.
func (c *Cluster) Sites() []Site {
	var sites []Site
	for row, counts := range c.sites.counts {
		for id, n := range counts {
			if n > 0 {
				sites = append(sites, Site{Node: c.nodes[row/int(processes)].name, Process: Process(row % int(processes)), Call: c.sites.name(callID(id)), Calls: n})
			}
		}
	}
	return sites
}

// Calls lists the names of all calls that have a fixed name.
func Calls() []string {
	var all []string
	for _, n := range names {
		if n != "" {
			all = append(all, n)
		}
	}
	return all
}
