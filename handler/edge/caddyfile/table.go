package caddyfile

import "slices"

// Entry is a directive of Caddy v1 that is translated.
type Entry struct {
	Name      string
	Meaning   string // what it did in v1
	Instead   string // what to write in v2
	Options   []Option
	Examples  []Example
	translate func(*translation, node)
}

// Option is one option of a directive.
type Option struct{ Name, Instead, Meaning string }

// Example is a site in v1 syntax, with $CONTAINER for a container of the app.
type Example struct{ Title, Text string }

// entry finds a directive of v1.
func entry(table []Entry, name string) (Entry, bool) {
	i := slices.IndexFunc(table, func(e Entry) bool { return e.Name == name })
	if i < 0 {
		return Entry{}, false
	}
	return table[i], true
}

// Table is every directive of v1 that is translated. docs/caddyfile.md is made
// of it, and each example is served by a real Caddy in the tests.
func Table() []Entry {
	return []Entry{
		proxyEntry(), redirEntry(),
		{Name: "gzip", translate: gzip, Instead: "encode zstd gzip", Meaning: "Compresses answers. It is on for every site that has no gzip or encode.",
			Options: []Option{
				{"level", "encode { gzip N }", "1 (fast) to 9 (small)"}, {"min_length", "encode { minimum_length N }", "shorter answers stay as they are"},
				{"not", "encode @name with @name not path /path*", "paths that are left alone"},
				{"ext", "encode @name with @name path *.ext", "extensions of the path; what is worth compressing is then still chosen by the type of the answer"},
			},
			Examples: []Example{
				{"gzip everything", "http://gzip.example.com {\n    proxy / $CONTAINER:80\n    gzip\n}"},
				{"gzip with limits", "http://gzip-limits.example.com {\n    proxy / $CONTAINER:80\n    gzip {\n        level 9\n        min_length 100\n        not /raw\n        ext .txt .html\n    }\n}"},
			}},
		{Name: "timeouts", translate: timeouts, Instead: "reverse_proxy … { transport http { response_header_timeout 300s } }",
			Meaning: "How long a container may take until its answer begins: the one time, or write. read, header and idle are the server's, which all apps share. 300s where nothing is said.",
			Options: []Option{
				{"write", "response_header_timeout", "until the answer begins"}, {"read", "", "ignored, with a warning"},
				{"header", "", "ignored, with a warning"}, {"idle", "", "ignored, with a warning"},
			},
			Examples: []Example{{"a container that takes too long", "http://timeouts.example.com {\n    proxy / $CONTAINER:80\n    timeouts 1s\n}"}}},
		{Name: "log", translate: logging, Instead: "log", Meaning: "The access log is the cluster's, on the standard output of the proxy, for every site; what an app says of it is replaced.",
			Examples: []Example{{"log", "http://log.example.com {\n    proxy / $CONTAINER:80\n    log / stdout \"{combined}\"\n}"}}},
		{Name: "tls", translate: tls, Instead: "tls internal, tls you@example.com", Meaning: "Certificates come by themselves. self_signed becomes the proxy's own authority, an e-mail address is given to the issuer, off is taken for http addresses only. Certificates from files are refused.",
			Options:  []Option{{"protocols", "protocols tls1.2 tls1.3", "lowest and highest version; below 1.2 nothing is allowed"}},
			Examples: []Example{{"a certificate for development", "https://tls.example.com {\n    proxy / $CONTAINER:80\n    tls self_signed\n}"}, {"tls off", "http://tls-off.example.com {\n    proxy / $CONTAINER:80\n    tls off\n}"}}},
		{Name: "header", translate: header, Instead: "header /path* { Name value; defer }", Meaning: "Sets (Name), adds (+Name) or removes (-Name) fields of the answer, after the container has spoken, for every path that begins with the one given.",
			Examples: []Example{{"header fields", "http://header.example.com {\n    proxy / $CONTAINER:80\n    header /api {\n        X-Frame-Options DENY\n        -X-Powered-By\n        +X-Path {path}\n    }\n    header / X-All yes\n}"}}},
		{Name: "basicauth", translate: basicauth, Instead: "basic_auth /path* { user hash }, the hash made by caddy hash-password", Meaning: "Asks for a user and password below the paths, or everywhere. OPTIONS requests pass. Passwords from htpasswd files are refused.",
			Options: []Option{{"realm", "basic_auth bcrypt \"realm\"", "what the browser says"}, {"path", "basic_auth /path*", "or the path alone on its line"}},
			Examples: []Example{
				{"basicauth below a path", "http://basicauth.example.com {\n    proxy / $CONTAINER:80\n    basicauth /admin alice secret\n    basicauth bob \"two words\" {\n        realm Staff\n        /admin/open\n        /staff\n    }\n}"},
			}},
		rewriteEntry(),
		{Name: "root", translate: root, Instead: "root * /srv/… and file_server", Meaning: "Serves the files below /srv of the proxy, where no proxy takes the request. Any other folder is refused.",
			Examples: []Example{{"files", "http://root.example.com {\n    root /srv/files\n    proxy /api $CONTAINER:80\n}"}}},
		{Name: "status", translate: answer, Instead: "respond /path* 404", Meaning: "Answers every path that begins with the one given with a status, the longest path first.",
			Examples: []Example{{"status", "http://status.example.com {\n    proxy / $CONTAINER:80\n    status 404 /.git\n    status 403 {\n        /private\n        /.git/config\n    }\n}"}}},
	}
}

func proxyEntry() Entry {
	return Entry{Name: "proxy", translate: proxy, Instead: "reverse_proxy /path* $CONTAINER:80",
		Meaning: "Hands every path that begins with the one given to containers of the app; of several proxies the longest path decides. A path of the container goes in front of the request's. Host and X-Forwarded-For, -Proto and -Host are sent, and X-Real-IP. What no proxy takes is answered with 404.",
		Options: []Option{
			{"transparent", "nothing", "always on: the container sees the Host of the request"},
			{"websocket", "nothing", "always on"},
			{"insecure_skip_verify", "transport http { tls_insecure_skip_verify }", "for https containers with certificates of their own; without it the certificate is verified, which the old cluster never did"},
			{"header_upstream", "header_up", "Name sets, +Name adds, -Name removes a field of the request"},
			{"header_downstream", "header_down", "the same for the answer"},
			{"without", "handle /path* { uri strip_prefix /path; reverse_proxy … }", "takes the path off"},
			{"except", "@name { path /path*; not path /path/except* }", "paths, below that of the proxy, that it does not take"},
			{"upstream", "to", "one more container"},
			{"policy", "lb_policy", "random, least_conn, round_robin, first, ip_hash, uri_hash, header"},
			{"fail_timeout", "fail_duration", "how long a failure is remembered"},
			{"max_fails", "max_fails", "failures until a container counts as down"},
			{"max_conns", "unhealthy_request_count", "requests at a time"},
			{"try_duration", "lb_try_duration", "how long another container is looked for"},
			{"try_interval", "lb_try_interval", "how long to wait in between"},
			{"health_check", "health_uri", "path that is asked; 200 to 399 is healthy"},
			{"health_check_port", "health_port", "of the container"},
			{"health_check_interval", "health_interval", "30s where nothing is said"},
			{"health_check_timeout", "health_timeout", "60s where nothing is said"},
			{"health_check_contains", "health_body", "text that the answer must contain"},
			{"keepalive", "transport http { keepalive_idle_conns_per_host N }", "idle connections; 0 for none"},
			{"timeout", "transport http { dial_timeout T }", "until connected"},
		},
		Examples: []Example{
			{"proxy", "http://proxy.example.com {\n    proxy / http://$CONTAINER:80 {\n        transparent\n        websocket\n    }\n}"},
			{"the longest path decides", "http://longest.example.com {\n    proxy / $CONTAINER:80/front\n    proxy /api $CONTAINER:80\n    proxy /api/v2 $CONTAINER:80 {\n        without /api/v2\n    }\n}"},
			{"only below a path, with exceptions", "http://except.example.com {\n    proxy /app $CONTAINER:80 {\n        except /static /robots.txt\n    }\n}"},
			{"header fields of request and answer", "http://fields.example.com {\n    proxy / $CONTAINER:80 {\n        header_upstream X-Site {hostonly}\n        header_upstream -Cookie\n        header_downstream X-From cluster\n        header_downstream -Server\n    }\n}"},
			{"an https container", "http://secure.example.com {\n    proxy / https://$CONTAINER:443 {\n        insecure_skip_verify\n    }\n}"},
			{"an https container that is verified", "http://verified.example.com {\n    proxy / https://$CONTAINER:443\n}"},
			{"several containers", "http://several.example.com {\n    proxy / $CONTAINER:1 $CONTAINER:80 {\n        policy round_robin\n        fail_timeout 10s\n        max_fails 1\n        try_duration 5s\n        try_interval 10ms\n        max_conns 100\n        keepalive 0\n        timeout 2s\n    }\n}"},
			{"health checks", "http://health.example.com {\n    proxy / $CONTAINER:1 {\n        upstream $CONTAINER:80\n        policy first\n        health_check /healthy\n        health_check_interval 1s\n        health_check_timeout 2s\n        health_check_contains well\n        try_duration 10s\n    }\n}"},
		}}
}

func redirEntry() Entry {
	return Entry{Name: "redir", translate: redir, Instead: "redir /from https://example.com{uri} 301",
		Meaning: "Answers with another address: 301 where no status is given. from must be the whole path, / stands for all. The target is taken as it is: it keeps the path only with {uri}. meta becomes a page that redirects.",
		Options: []Option{
			{"if", "redir @name … with @name vars_regexp {path} ^/path", "a placeholder, is, not, has, starts_with, ends_with or match (or not_… of these), a text"},
			{"if_op", "@name { … }", "and, which is the default, or or"},
		},
		Examples: []Example{
			{"redirect everything, keep no path", "http://www.example.com {\n    redir http://redir.example.com\n}"},
			{"keep the path", "http://redir-uri.example.com {\n    redir https://redir.example.com{uri} 302\n}"},
			{"redirect single paths", "http://redir-paths.example.com {\n    proxy / $CONTAINER:80\n    redir /old /new\n    redir 307 {\n        /one /1\n        /two /2 308\n    }\n}"},
			{"redirect on conditions", "http://redir-if.example.com {\n    proxy / $CONTAINER:80\n    redir {\n        if {>X-Forwarded-Proto} is http\n        if {path} not_starts_with /health\n        / https://redir-if.example.com{uri}\n    }\n}"},
			{"redirect on one condition of several", "http://redir-or.example.com {\n    proxy / $CONTAINER:80\n    redir 303 {\n        if_op or\n        if {path} ends_with .php\n        if {query} has debug\n        if {~old} match ^[0-9]+$\n        / /gone\n    }\n}"},
			{"a page that redirects", "http://redir-meta.example.com {\n    redir / http://redir.example.com/ meta\n}"},
		}}
}

func rewriteEntry() Entry {
	return Entry{Name: "rewrite", translate: rewriting, Instead: "rewrite @name /new{re.name.1} with @name path_regexp name ^/old(.*)$",
		Meaning: "Changes the request before anything else sees it: the first rule that fits, those with the longest base path first. A pattern is a regular expression on the path, or on what follows the base path; {1} is its first group. The query stays unless the target has one. {uri} and {path} elsewhere mean the request as it came.",
		Options: []Option{
			{"regexp", "path_regexp", "or r"}, {"r", "path_regexp", "the same"}, {"to", "rewrite", "one target; several, of which v1 took the first that was a file, are refused"},
			{"ext", "path *.ext", "extensions; !.ext for all others"}, {"if", "vars_regexp", "as in redir"}, {"if_op", "@name { … }", "as in redir"},
		},
		Examples: []Example{
			{"rewrite", "http://rewrite.example.com {\n    proxy / $CONTAINER:80\n    rewrite ^/old$ /new\n    rewrite {\n        regexp ^/archive/(.*)/(.*)$\n        to /a/{2}?year={1}\n    }\n    header / X-Asked {path}\n}"},
			{"rewrite below a path", "http://rewrite-base.example.com {\n    proxy / $CONTAINER:80\n    rewrite /shop {\n        r ^/item-([0-9]+)$\n        if {method} is GET\n        to /item?id={1}\n    }\n    rewrite {\n        ext .htm\n        to /page\n    }\n}"},
		}}
}

// proxyInstead is what to write for the options of a v1 proxy.
func proxyInstead() map[string]string {
	list := map[string]string{}
	for _, o := range proxyEntry().Options {
		list[o.Name] = o.Instead
	}
	return list
}

// v1Outside are directives of v1 that are not translated, and what to write.
func v1Outside() map[string]string {
	const container, operator = "it in a container of the app", "nothing: it is the operator's to set"
	return map[string]string{
		"errors": "handle_errors 404 { … } in v2", "internal": "respond /path* 404 in v2", "index": "file_server { index name } in v2", "ext": "try_files {path} {path}.html in v2",
		"browse": "file_server browse in v2", "limits": "request_body { max_size 10MB } in v2", "mime": "header @name Content-Type type in v2", "expires": "header Cache-Control max-age=3600 in v2",
		"cors": "header Access-Control-Allow-Origin … in v2", "nobots": "respond /robots.txt … in v2", "request_id": "header_up X-Request-Id {uuid} in v2", "realip": "nothing: the address of the client is known",
		"fastcgi": "reverse_proxy to a web server in a container", "websocket": container, "cgi": container, "templates": container, "markdown": container, "webdav": container, "filemanager": container,
		"filebrowser": container, "git": container, "hugo": container, "search": container, "cache": container, "minify": container, "filter": container, "upload": container, "mailout": container,
		"jwt": "forward_auth $CONTAINER:80 { … } in v2", "login": "forward_auth $CONTAINER:80 { … } in v2", "reauth": "forward_auth $CONTAINER:80 { … } in v2", "forwardproxy": container,
		"push": "nothing: browsers do not take it any more", "ratelimit": operator, "ipfilter": "@name remote_ip 192.0.2.0/24 in v2", "locale": container, "geoip": operator,
		"bind": "nothing: HAProxy hands the requests over", "startup": container, "shutdown": container, "on": container, "supervisor": container, "pprof": container, "expvar": container,
		"prometheus": operator, "datadog": operator, "proxyprotocol": "nothing: the address of the client is known", "dns": operator, "storage": operator,
	}
}

// outsideOptions are options of v1 that are not translated, and what to write.
func outsideOptions() map[string]string {
	const files = "nothing: the files are not the proxy's"
	return map[string]string{
		"tls load": files, "tls clients": files, "tls ca": "nothing: the operator chooses who makes certificates", "tls dns": "nothing: the operator chooses who makes certificates",
		"tls max_certs": "the domains as addresses", "tls ask": "the domains as addresses", "tls wildcard": "the domains as addresses", "tls key_type": "it without", "tls ciphers": "it without",
		"tls curves": "it without", "tls alpn": "it without", "tls must_staple": "it without", "proxy ca_certificates": "insecure_skip_verify, or a container without TLS", "proxy tls_client": files,
		"proxy fallback_delay": "it without", "rewrite status": "status 404 /path", "proxy tls": "https://$CONTAINER:443",
	}
}
