package figures

// Who does something.
const (
	Handler = "handler"
	Hand    = "hand"
)

// What is done.
const (
	Redeploy = "redeploy"
	Move     = "move"
)

// Series is what the runs of one figure have in common.
type Series struct {
	What string `json:"what"`
	By   string `json:"by"`
	Size int64  `json:"size"` // bytes of the volume
	ARP  int    `json:"arp"`  // milliseconds between two ARP questions of a node
}

// Sample is one run.
type Sample struct {
	Series
	Old string `json:"old"` // master before
	New string `json:"new"` // master afterwards

	From   int64          `json:"from"`             // Unix nanoseconds of the first failure
	Outage float64        `json:"outage"`           // seconds, for users who find the application wherever it answers
	Failed int            `json:"failed"`           // requests that nobody answered, in the whole run
	Gaps   int            `json:"gaps"`             // 1: all of them were in the outage
	Routed float64        `json:"routed,omitempty"` // seconds, for users behind an edge that follows the KV
	Lost   int            `json:"lost,omitempty"`   // their requests
	Done   float64        `json:"done"`             // seconds from the request, or the first command, to the end
	Phases []Phase        `json:"phases,omitempty"`
	Causes map[string]int `json:"causes,omitempty"` // why requests to the node that was to answer failed
	Busy   float64        `json:"busy"`             // how busy the machine was just before, 0 to 1, the idle cluster included
}

// Idle is one node's programs at rest.
type Idle struct {
	Apps    int     `json:"apps"` // in the KV
	Node    string  `json:"node"`
	Master  int     `json:"master"`  // of them that it runs
	Slave   int     `json:"slave"`   // of them that it has the replica of
	RSS     float64 `json:"rss"`     // MiB of the agent
	PSS     float64 `json:"pss"`     // MiB of the agent
	CPU     float64 `json:"cpu"`     // seconds a minute of the agent
	Guard   float64 `json:"guard"`   // seconds a minute of the guard
	GuardMB float64 `json:"guardMB"` // MiB, PSS of the guard
	Minutes float64 `json:"minutes"` // that were watched
}
