// Package sim is a whole cluster in one process: nodes with their disks and
// clocks, Consul, git remotes, dockerd, Buttervolume, proxies, users and
// everything that goes wrong between them. The production handler runs in it
// unchanged, as ordinary blocking code. What comes in are programs (functions
// that get a [port.World]), requests and faults; what goes out is what can be
// seen of the cluster ([Observation]), a trace, and its hash.
//
// # Time and order
//
// Every task is a coroutine under one scheduler ([sched.Scheduler]); exactly
// one runs. Each port call begins with a yield, where the strategy chooses who
// goes on; then its effect happens in one piece. Calls of git, dockerd and the
// driver take virtual time ([Timing]): they are put to the daemon when called
// and happen later, even when their caller has died, because real daemons
// finish the calls of dead callers. When nothing can run, the clock jumps to
// the next thing due. Clock.Now, Clock.Boot and Tasks.Go do not yield. A
// context with a real deadline fails the run: it could not be repeated.
//
// The same Options and programs give the same [Cluster.Hash], and the same
// lines when Options.Trace keeps them.
//
// # Nodes
//
// A node has two processes of ours, [Handler] and [Guard], each with one
// incarnation at a time. [Cluster.Crash] ends one: its tasks unwind with
// [ErrDead] from every call, its scripts run on until the next handler starts,
// containers and daemons do not notice. [Cluster.PowerCut] takes everything
// but the disk; [Cluster.Boot] brings back dockerd, which starts what restart
// policies say and the lease files allow, and then the two processes. Frozen
// processes and machines keep what they have and go on after the thaw.
//
// # Faults
//
// A [Fault] is addressed by node, process, call and count, never by time. It
// counts from the moment it is armed ([Cluster.Inject]); [Armed.Fired] says
// whether it struck. With Percent it strikes by chance, and "KV.*" is every call
// of a port: a bad link. [Cluster.Hanging] lists calls that do not return. [Cluster.Sites] lists the calls of a run, which is what a
// fault-free learning run is for. [Cluster.Cut], [Cluster.FreezeMachine],
// [Cluster.ConsulAway] and the like happen at once; inside Fault.Do they
// happen at a call.
//
// # Users and data
//
// A volume is a list of records. [Cluster.Write] is a user's request: it
// enters at a node's edge, follows what that edge has published, and reaches
// containers that run and are healthy, or fails. What was acknowledged is kept
// in [Cluster.Acked]. Scripts leave marks. Snapshots share the records of
// their volume; a half-received one is there under its final name, without
// ReadOnly.
//
// # Invariants
//
// Options.OnStep runs after every effect. [Cluster.Changes] says what may
// have changed since the last time; [Cluster.Fail] ends the run.
//
// # Playback
//
// A fake is only as good as it is like the real thing. [Playback] makes the
// calls that real handlers have written down (handler agent --record) on the
// fakes, with no handler program, and compares every answer; the recordings
// in fixtures/recordings are played by every test run. A difference is mended
// in the fake, with a clause of porttest that both pass, or in the
// comparison, when it is the world's own doing.
package sim
