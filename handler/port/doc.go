// Package port is the world as the handler sees it: small interfaces, the
// sentinels they return and the values they pass. It holds no code. Package
// porttest has the promises of each port as one suite; the simulator's fakes
// and the real adapters pass the same suite.
//
// Every method takes a context first and returns soon after it is cancelled,
// with an error that wraps the context's; a cancelled call may or may not have
// had its effect. Every method is safe to run twice unless its comment says
// why not.
package port
