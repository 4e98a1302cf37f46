// Package edge turns what the KV says into what HAProxy and Caddy of one node
// are to run. In come keys and values; out go configuration and, for each thing
// that is left out of it, a fault that says why. It starts nothing, reads no
// file and no clock: same keys, same bytes.
//
//	Read ──► State ──► HAProxy ──► Proxy   static part, one Part for each app and swarm key
//	               └─► Sites   ──► []Site  what Caddy answers for the apps of this node
//
// One bad app stops nobody else: what is wrong with it becomes a Fault, and the
// rest is rendered. Whoever runs the proxies remembers the Fields of an app that
// were good, and puts them back with State.With when the app's next ones are not:
// routes then follow the app's moves although its own text is an old one.
//
// An operator's edit of a record in Consul is treated as what a deploy wrote:
// the same readers, the same rules. Where an app lives is not the record's to
// say when operation/<name> says it; an edit of that is reported, never acted on.
package edge
