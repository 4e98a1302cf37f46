// Package hold lets requests wait while their application moves. What comes in
// are questions that Caddy asks on a unix socket, one for each request to an
// application in mode Hold; what goes out is where to send the request now, or
// the maintenance page. The request itself, its headers and its body never come
// here: Caddy keeps them and sends them on.
//
// # The question
//
//	GET /hold/<app> HTTP/1.1
//	Host: <host of the request>
//	Cluster-Method: <method of the request>
//	Cluster-Uri: <its path and query>
//	X-Forwarded-For: <address of the client>
//
// The application is in the path because the path is written in Caddy's
// configuration, where no client reaches it. The headers are for the log only.
// Caddy sends no other header (header_up -*), so a client's own Cluster-Target
// ends there.
//
// # The answer
//
//	200, Cluster-Target: <ip>:1443   send the request there
//	503, Retry-After, Cache-Control  give the client this page
//
// A 200 comes as soon as Open has named a target, at once when that was before
// the question. A 503 comes at once for an application that nobody holds and
// when too many requests wait, and after the application's limit otherwise. The
// target is read by Caddy from the answer alone ({rp.header.Cluster-Target}).
//
// A question that ends without any answer was cut by a restart of the handler:
// Caddy asks again, up to twenty times a quarter of a second apart, then gives
// the page by itself (handle_errors). So whoever starts a Server says Hold for
// every application in mode Hold before Run, and loses no waiting request.
package hold
