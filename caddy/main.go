// Command caddy is the official Caddy with one module more:
// caddy.storage.consul, which keeps certificates in Consul for all nodes. Its
// commands, its configuration and its admin API are the official ones.
package main

import (
	"github.com/caddyserver/caddy/v2"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	_ "github.com/caddyserver/caddy/v2/modules/standard" // every module of the official build

	"github.com/mlfmonde/cluster/caddy/storage"
)

func main() {
	caddy.RegisterModule(new(storage.Module))
	caddycmd.Main()
}
