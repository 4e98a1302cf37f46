// Package nodes is the real world of the recette: the one table of moves and
// troubles, played on four containers with real daemons. What comes in are the
// cells to play, what goes out the verdict of each, with the proof that its
// trouble struck.
//
// A [Bench] is one cluster that many plays share. A [Play] is one turn of a
// cell with applications of its own, and implements recette.World: the driver
// and the checks are the recette's. Plays whose trouble touches only their own
// calls run side by side. A trouble of a whole node happens once for several
// plays, each of which waits at the call that its trouble names: a batch, and a
// window in which nobody else does anything. [Run] decides who plays when, and
// takes a fresh cluster after a play that left one broken.
package nodes
