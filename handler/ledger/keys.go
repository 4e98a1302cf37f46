package ledger

import "strconv"

// The prefixes of the KV.
const (
	Records     = "app/"
	Maintenance = "maintenance/"
	Requests    = "request/"
	Operations  = "operation/"
	Acks        = "ack/"
	Replicas    = "replica/"
	Nodes       = "node/"
	Histories   = "history/"
	Policies    = "policy/"
	Swarm       = "swarm/"
)

// Claims is the key that every commit changes which takes names for its app
// (domains, binds, sections of HAProxy) or gives some back: who did so last. A
// transaction cannot look at all records, but it can see that nobody has changed
// the names of any app since they were looked at.
const Claims = "edge/claims"

// RecordKey is where the record of the app called name is.
func RecordKey(name string) string { return Records + name }

// MaintenanceKey holds the id of the operation that switches name.
func MaintenanceKey(name string) string { return Maintenance + name }

// RequestKey is where request id is.
func RequestKey(id string) string { return Requests + id }

// OperationKey is the key that decides about name.
func OperationKey(name string) string { return Operations + name }

// AckTree is the prefix of all acks of operation id of name.
func AckTree(name, id string) string { return Acks + name + "/" + id + "/" }

// AckKey is the ack of one participant.
func AckKey(name, id, node string) string { return AckTree(name, id) + node }

// ReplicaKey is the catalogue entry of name.
func ReplicaKey(name string) string { return Replicas + name }

// HistoryKey is where operation seq of name is told when it is done.
func HistoryKey(name string, seq uint64) string {
	return Histories + name + "/" + strconv.FormatUint(seq, 10)
}

// PolicyKey holds what the operator grants to name.
func PolicyKey(name string) string { return Policies + name }

// NodeKey is the presence of a node.
func NodeKey(node string) string { return Nodes + node }
