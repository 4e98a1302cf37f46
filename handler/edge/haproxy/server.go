package haproxy

import (
	"fmt"
	"slices"
	"strings"
	"sync"
)

// serverOptions are the words of a server line that concern that server alone →
// how many words follow each. Not here: other addresses, files, other sections.
var serverOptions = sync.OnceValue(func() map[string]int {
	return map[string]int{
		"allow-0rtt": 0, "alpn": 1, "backup": 0, "check": 0, "check-alpn": 1, "check-proto": 1, "check-send-proxy": 0, "check-sni": 1, "check-ssl": 0,
		"ciphers": 1, "ciphersuites": 1, "cookie": 1, "disabled": 0, "downinter": 1, "enabled": 0, "error-limit": 1, "fall": 1, "fastinter": 1,
		"force-tlsv12": 0, "force-tlsv13": 0, "init-addr": 1, "inter": 1, "maxconn": 1, "maxqueue": 1, "max-reuse": 1, "minconn": 1,
		"no-check": 0, "no-send-proxy": 0, "no-send-proxy-v2": 0, "no-ssl": 0, "no-verifyhost": 0, "observe": 1, "on-error": 1, "on-marked-down": 1,
		"on-marked-up": 1, "pool-low-conn": 1, "pool-max-conn": 1, "pool-purge-delay": 1, "port": 1, "proto": 1, "proxy-v2-options": 1,
		"resolve-net": 1, "resolve-opts": 1, "resolve-prefer": 1, "resolvers": 1, "rise": 1, "send-proxy": 0, "send-proxy-v2": 0,
		"send-proxy-v2-ssl": 0, "send-proxy-v2-ssl-cn": 0, "slowstart": 1, "sni": 1, "ssl": 0, "ssl-max-ver": 1, "ssl-min-ver": 1,
		"tcp-ut": 1, "tfo": 0, "verify": 1, "verifyhost": 1, "weight": 1, "ws": 1, "ca-file": 1,
	}
})

// server judges server_option.
func server(text string) (why string) {
	words, why := line(text)
	if why != "" {
		return why
	}
	if why := pairs(words, serverOptions(), "an option of a server that apps may set"); why != "" {
		return why
	}
	for i, w := range words {
		value := ""
		if i+1 < len(words) {
			value = words[i+1]
		}
		switch {
		case w == "resolvers" && value != "dns":
			return fmt.Sprintf("names the resolvers %q; the cluster has dns", clip(value))
		case w == "ca-file" && value != "@system-ca":
			return "reads a file of the machine; use ca-file @system-ca"
		case w == "init-addr" && slices.ContainsFunc(strings.Split(value, ","), func(m string) bool { return m != "last" && m != "libc" && m != "none" }):
			return "gives an address of its own in init-addr; use last, libc and none"
		}
	}
	return ""
}

// SendsProxy reports that a server_option sends the client's address by the
// PROXY protocol, and with which word.
func SendsProxy(text string) (word string, ok bool) {
	words, _ := line(text)
	for _, w := range words {
		if strings.HasPrefix(w, "send-proxy") {
			return w, true
		}
	}
	return "", false
}

// Resolved is a server_option with what makes HAProxy look the name up again
// and again, each word where the option does not say it.
func Resolved(text string) string {
	words, _ := line(text)
	has := func(word string) bool { return slices.Contains(words, word) }
	if text != "" {
		text += " "
	}
	if !has("resolvers") {
		text += "resolvers dns "
	}
	if !has("check") && !has("no-check") {
		text += "check "
	}
	if !has("inter") && !has("no-check") {
		text += "inter 3s "
	}
	return strings.TrimSuffix(text, " ")
}
