// Package client is what a person's tools call: the command line, and later a
// web page. What comes in is a request as people write it; it is checked,
// written to the KV and announced, and then followed to its end. What goes out
// besides is the state of the cluster in words that can be shown. It never
// changes anything but request/<id>: the handlers do the rest.
package client
