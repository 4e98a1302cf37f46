// Package proxy is the edge of a node: what sends traffic to the apps. The KV
// comes in; what goes out is the index that the edge reflects, and which apps it
// could not show as the KV has them.
//
// [Own] renders both proxies and proves that they run with it. [Follower] is
// for clusters that keep templates of their own: the handler then writes no file
// and reloads nothing.
package proxy

// Prefixes that decide what an edge shows.
const (
	records      = "app/"
	maintenances = "maintenance/"
	swarms       = "swarm/"
	operations   = "operation/"
	nodes        = "node/"
)
