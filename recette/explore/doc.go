// Package explore tries faults: every single one at every call of every
// transition, then pairs, triples and random scenarios. What comes in is which
// transitions, how many faults at once and how long; what goes out is a report:
// what was played, what did not hold, each with the scenario that shows it.
//
// A plan is the text of a scenario: what happened before, the faults, the move
// while users write, the end of all faults, and checks. A fault-free run of each
// transition lists the calls that can be struck. Plans have an order that does
// not depend on who plays them, so the report of a number of plans is the same
// with any number of workers. Nothing here touches a real node.
package explore
