package edge

import (
	"strings"
)

// CaddyOptions say how one Caddy reaches what it needs.
type CaddyOptions struct {
	HoldSocket string   // where it asks whether a request may go on; "": the default
	Roots      []string // PEM files, as Caddy sees them, of the authorities that certificates of other nodes are from; none: the system's
}

const holdSocket = "/run/cluster/edge/hold.sock"

// text is a block in the app's own words, or what stands in its place. What
// stands for it keeps its certificates, and speaks with another node by the
// scheme of its addresses.
func (r *caddying) text(a App, mode Mode, b block) string {
	if mode == Serve {
		return b.site.String() + "\n"
	}
	var out strings.Builder
	for _, scheme := range []string{"https://", "http://"} {
		var list []string
		for _, address := range b.addresses {
			if strings.HasPrefix(address, scheme) {
				list = append(list, address)
			}
		}
		if len(list) == 0 {
			continue
		}
		out.WriteString(strings.Join(list, ", ") + " {\n" + b.site.Lines("log"))
		if scheme == "https://" {
			out.WriteString(b.site.Lines("tls"))
		}
		switch mode {
		case Hold:
			out.WriteString(r.held(a, scheme, b))
		case Pass:
			out.WriteString(indented("    ", r.onward(at(a.Address, "1443"), scheme, b)))
		default:
			out.WriteString(page)
		}
		out.WriteString("}\n")
	}
	return out.String()
}

// onward sends a request to another node as this one got it: with the client's
// address before everything else, and with TLS for the name that it asked for. A
// connection serves one client only, so none is kept.
func (r *caddying) onward(target, scheme string, b block) string {
	tls := ""
	if scheme == "https://" {
		tls = "        tls\n        tls_server_name {http.request.host}\n"
		switch {
		case strings.Contains(b.site.Lines("tls"), "tls internal"):
			tls += "        tls_trust_pool pki_root local\n"
		case len(r.options.Roots) > 0:
			tls += "        tls_trust_pool file " + strings.Join(r.options.Roots, " ") + "\n"
		}
		tls += "        versions 1.1\n"
	}
	// Where there is TLS, Caddy sends the target's address as Host by itself.
	return "reverse_proxy " + target + " {\n" +
		"    header_up Host {http.request.hostport}\n" +
		"    header_up -Cluster-Target\n" +
		"    stream_close_delay 24h\n" +
		"    lb_try_duration 5s\n" +
		"    lb_try_interval 250ms\n" +
		"    transport http {\n" +
		"        proxy_protocol v2\n" + tls +
		"        keepalive off\n" +
		"    }\n" +
		"}\n"
}

// held asks the handler first, which answers when the switch is over: with where
// to go, or with the page. The request stays with Caddy meanwhile, and none of
// its headers goes along, so a client cannot name a target. Without an answer the
// handler is being restarted: Caddy asks again.
func (r *caddying) held(a App, scheme string, b block) string {
	socket := r.options.HoldSocket
	if socket == "" {
		socket = holdSocket
	}
	return "    reverse_proxy unix/" + socket + " {\n" +
		"        method GET\n" +
		"        rewrite /hold/" + a.Name + "?\n" +
		"        header_up -*\n" +
		"        header_up Host {http.request.host}\n" +
		"        header_up Cluster-Method {http.request.method}\n" +
		"        header_up Cluster-Uri {http.request.uri}\n" +
		"        header_up X-Forwarded-For {http.request.remote.host}\n" +
		"        lb_retries 20\n" +
		"        lb_try_interval 250ms\n" +
		"        @go status 200\n" +
		"        handle_response @go {\n" +
		indented("            ", r.onward("{rp.header.Cluster-Target}", scheme, b)) +
		"        }\n" +
		"    }\n" +
		"    handle_errors {\n" +
		indented("    ", builtIn) +
		"    }\n"
}

func indented(by, text string) string {
	return by + strings.ReplaceAll(strings.TrimSuffix(text, "\n"), "\n", "\n"+by) + "\n"
}

// builtIn is the maintenance page where the operator has none.
const builtIn = `    header Retry-After 30
    header Cache-Control no-store
    header Content-Type "text/html; charset=utf-8"
    respond "<!DOCTYPE html><title>Maintenance</title><h1>Back in a moment</h1><p>This site is being worked on. Please try again shortly.</p>" 503
`

// page is the operator's /srv/index.html for every request, with the files it
// needs, or the built-in one. Only what belongs to the page is a success: a
// client must not take the page for the app.
const page = `    root * /srv
    header Retry-After 30
    header Cache-Control no-store
    @asset {
        method GET HEAD
        not path / /index.html
        file {path}
    }
    handle @asset {
        file_server
    }
    @page {
        method GET HEAD
        file /index.html
    }
    handle @page {
        rewrite * /index.html
        file_server {
            status 503
        }
    }
    handle {
` + "    " + `    header Content-Type "text/html; charset=utf-8"
        respond "<!DOCTYPE html><title>Maintenance</title><h1>Back in a moment</h1><p>This site is being worked on. Please try again shortly.</p>" 503
    }
`
