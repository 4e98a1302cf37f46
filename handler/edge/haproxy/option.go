package haproxy

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// place is where a line of options stands.
type place int

const (
	front place = 1
	back  place = 2
	both  place = front | back
)

// keyword says where the first word of a line may stand, and judges the words
// after it beyond what holds for all.
type keyword struct {
	in    place
	judge func(args []string) (why string)
}

// keywords are the lines that concern their own section alone. What is not here
// is refused: it would write files, name other sections, begin one, or is new.
var keywords = sync.OnceValue(func() map[string]keyword {
	return map[string]keyword{
		"option": {both, knownOption}, "no": {both, negated},
		"timeout": {both, nil}, "retries": {back, nil}, "retry-on": {back, nil}, "maxconn": {front, nil}, "fullconn": {back, nil}, "backlog": {front, nil},
		"acl": {both, nil}, "description": {both, nil}, "balance": {back, nil}, "hash-type": {back, nil}, "hash-balance-factor": {back, nil},
		"cookie": {back, nil}, "dynamic-cookie-key": {back, nil}, "persist": {back, nil}, "force-persist": {back, nil}, "ignore-persist": {back, nil},
		"http-request": {both, httpAction}, "http-response": {both, httpAction}, "http-after-response": {both, httpAction},
		"tcp-request": {both, tcpAction}, "tcp-response": {back, tcpAction},
		"http-check": {back, check}, "tcp-check": {back, check}, "http-reuse": {back, nil}, "http-send-name-header": {back, nil},
		"redirect": {both, nil}, "compression": {both, nil}, "monitor-uri": {front, nil}, "monitor": {front, nil}, "rate-limit": {front, nil},
		"errorloc": {both, nil}, "errorloc302": {both, nil}, "errorloc303": {both, nil}, "http-error": {both, reply},
		"capture": {front, nil}, "declare": {front, nil}, "unique-id-format": {front, nil}, "unique-id-header": {front, nil},
		"log-format": {front, nil}, "log-tag": {both, nil}, "max-keep-alive-queue": {back, nil}, "max-session-srv-conns": {front, nil},
		"stick": {back, nil}, "stick-table": {back, table}, "default-server": {back, func(a []string) string { return server(strings.Join(a, " ")) }},
	}
})

// instead is the way out for lines that people try.
func instead(word string) string {
	switch word {
	case "frontend", "backend", "listen", "global", "defaults", "resolvers", "peers", "userlist", "mailers", "cache", "program", "http-errors", "ring", "fcgi-app", "log-forward":
		return "begins a section of its own; write an entry of HAPROXY for each"
	case "bind":
		return "belongs into bind"
	case "mode":
		return "belongs into mode"
	case "server", "server-template", "dispatch":
		return "is written by the cluster, from port, peer_port and server_option"
	case "use_backend", "default_backend":
		return "is written by the cluster, from use_backend_option"
	case "stats":
		return "shows every app; ask the operator"
	case "log":
		return "would send the log elsewhere; the operator chooses where it goes"
	case "external-check":
		return "starts programs where HAProxy runs"
	case "errorfile", "errorfiles":
		return "reads files of the machine; use http-error with a string"
	}
	return "is not a line that apps may add"
}

// option judges one line of options.
func option(text string, where place) (why string) {
	words, why := line(text)
	if why != "" || len(words) == 0 {
		return why
	}
	known, ok := keywords()[words[0]]
	switch {
	case !ok:
		return fmt.Sprintf("%q %s", clip(words[0]), instead(words[0]))
	case known.in&where == 0 && where == front:
		return fmt.Sprintf("%q belongs into the options of a backend", words[0])
	case known.in&where == 0:
		return fmt.Sprintf("%q belongs into the options of the frontend", words[0])
	}
	if why := samples(words[1:]); why != "" {
		return why
	}
	if known.judge != nil {
		return known.judge(words[1:])
	}
	return ""
}

func negated(args []string) string {
	if len(args) < 2 || args[0] != "option" {
		return "no is for options; write no option …"
	}
	return knownOption(args[1:])
}

// knownOption judges the word after option: not those that start programs or
// send elsewhere.
func knownOption(args []string) string {
	const known = " abortonclose accept-invalid-http-request accept-invalid-http-response allbackups clitcpka contstats disable-h2-upgrade " +
		"dontlog-normal dontlognull forwardfor http-buffer-request http-ignore-probes http-keep-alive http-no-delay http-pretend-keepalive " +
		"http-server-close http-use-proxy-header httpchk httpclose httplog httpslog independent-streams ldap-check log-health-checks " +
		"log-separate-errors logasap mysql-check nolinger originalto persist pgsql-check prefer-last-server redis-check redispatch smtpchk " +
		"socket-stats splice-auto splice-request splice-response spop-check srvtcpka ssl-hello-chk tcp-check tcp-smart-accept tcp-smart-connect " +
		"tcpka tcplog "
	if len(args) == 0 || !strings.Contains(known, " "+args[0]+" ") {
		return fmt.Sprintf("option %q is not one that apps may set", clip(strings.Join(args, " ")))
	}
	return ""
}

// httpAction judges http-request and its like.
func httpAction(args []string) string {
	if len(args) == 0 {
		return "has no action"
	}
	const known = " add-header allow auth capture del-header deny disable-l7-retry early-hint normalize-uri redirect reject replace-header " +
		"replace-path replace-pathq replace-uri replace-value return sc-inc-gpc sc-inc-gpc0 sc-inc-gpc1 sc-set-gpt sc-set-gpt0 set-header set-method " +
		"set-path set-pathq set-query set-status set-uri set-var set-var-fmt silent-drop strict-mode tarpit track-sc0 track-sc1 track-sc2 unset-var " +
		"wait-for-body wait-for-handshake "
	action, _, _ := strings.Cut(args[0], "(")
	if !strings.Contains(known, " "+action+" ") {
		return fmt.Sprintf("the action %q is not one that apps may take", clip(args[0]))
	}
	return reply(args[1:])
}

// reply refuses answers that are files of the machine.
func reply(args []string) string {
	for _, w := range args {
		switch w {
		case "if", "unless":
			return ""
		case "file", "lf-file", "errorfile", "errorfiles":
			return w + " reads a file of the machine; use string or lf-string"
		}
	}
	return ""
}

// tcpAction judges tcp-request and tcp-response.
func tcpAction(args []string) string {
	if len(args) == 2 && args[0] == "inspect-delay" {
		return ""
	}
	const known = " accept capture close expect-proxy reject sc-inc-gpc sc-inc-gpc0 sc-inc-gpc1 sc-set-gpt sc-set-gpt0 set-var set-var-fmt " +
		"silent-drop track-sc0 track-sc1 track-sc2 unset-var "
	if len(args) < 2 || !slices.Contains([]string{"connection", "session", "content"}, args[0]) {
		return "is neither inspect-delay nor an action of connection, session or content"
	}
	if action, _, _ := strings.Cut(args[1], "("); !strings.Contains(known, " "+action+" ") {
		return fmt.Sprintf("the action %q is not one that apps may take", clip(args[1]))
	}
	return ""
}

// check refuses health checks that ask somebody else.
func check(args []string) string {
	if len(args) > 0 && args[0] == "connect" && slices.ContainsFunc(args, func(w string) bool { return w == "addr" || w == "unix" || w == "via-socks4" }) {
		return "checks another machine than the app's; leave addr out"
	}
	return ""
}

// table bounds a stick-table and keeps it out of the other nodes'.
func table(args []string) string {
	i := slices.Index(args, "size")
	if i < 0 || i+1 == len(args) {
		return "needs a size of at most 100k"
	}
	number, kilo := strings.CutSuffix(args[i+1], "k")
	if n, err := strconv.Atoi(number); err != nil || n < 1 || kilo && n > 100 || n > 100<<10 {
		return "needs a size of at most 100k"
	}
	if slices.Contains(args, "peers") {
		return "names a section peers; leave it out"
	}
	return ""
}
