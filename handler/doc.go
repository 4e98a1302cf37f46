// Package handler is the story of a node: take a request, look, decide, do,
// tell.
//
//	request/<id> ──► first of its app? ──► begin (one transaction) ──► operation/<name>
//	                                                                        │
//	    every participant: plan.For(operation, self) ──► execute.Operate ◄──┘
//	                                                        │
//	              done ──► settle: what may not run is stopped, what must run is started
//
// What comes in is a world of ports; nothing but a context ends it. It keeps no
// state that the KV, the node's journal and the machine do not have: a handler
// that restarts reads them and goes on.
package handler
