package caddyfile_test

import (
	"testing"

	"github.com/mlfmonde/cluster/handler/edge/caddyfile"
)

// The text of an ordinary app, v1 to v2 and v2 again.
func BenchmarkRead(b *testing.B) {
	const text = "https://erp.example.com {\n    proxy / http://odoo:8069\n    proxy /longpolling http://odoo:8072\n    gzip\n    header / X-Frame-Options DENY\n}\n"
	o := caddyfile.Options{Upstreams: []string{"odoo"}}
	file, problems := caddyfile.Read(text, o)
	if len(problems) > 0 {
		b.Fatal(problems)
	}
	for name, text := range map[string]string{"v1": text, "v2": file.String()} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, problems := caddyfile.Read(text, o); len(problems) > 0 {
					b.Fatal(problems)
				}
			}
		})
	}
}
