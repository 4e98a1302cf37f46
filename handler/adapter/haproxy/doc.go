// Package haproxy makes a node's HAProxy run a configuration. What comes in is
// the configuration in parts, one for each app; what goes out is which parts the
// real binary refuses and why, and whether the running process has the rest.
//
// The configuration carries its own digest as the description of the process.
// Nothing counts as running until the process shows that digest on its runtime
// socket, so a reload that HAProxy gave up does not pass for one that worked.
//
// It never decides what an app may ask for, and keeps no old parts: who calls it
// does.
package haproxy
