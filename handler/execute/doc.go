// Package execute carries out one node's part of an operation: one loop runs
// the plan's steps through the ports and says in the KV what it has reached. A
// step that fails before the commit aborts the operation, and the rescue steps
// of the plan follow once "aborted" has been read, never before. What comes in
// is a node with its world; what goes out are effects and an error for the log.
// Nothing is decided here except "stop and run the rescue".
package execute
