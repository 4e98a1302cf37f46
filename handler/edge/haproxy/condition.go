package haproxy

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

var (
	hostOK  = regexp.MustCompile(`^([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(:[0-9]{1,5})?$`)
	httpACL = regexp.MustCompile(`^(?:req\.f?)?hdr(_[a-z]+)?\(host(?:,-?1)?\)((?:,[a-z0-9_]+(?:\([^()]*\))?)*)$`)
	tlsACL  = regexp.MustCompile(`^req(?:_|\.)ssl_sni((?:,lower)*)$`)
)

// condition judges what follows use_backend <name>: nothing, or if and terms.
// In a frontend of its own that is all.
func condition(entry, text string) (why string) {
	words, why := line(text)
	switch {
	case why != "":
		return why
	case len(words) > 0 && words[0] != "if" && words[0] != "unless":
		return fmt.Sprintf("begins with %q; write if { … } or unless { … }", clip(words[0]))
	case len(words) == 1:
		return "has no condition"
	}
	if why := samples(words); why != "" {
		return why
	}
	if Own(entry) {
		_, why = hosts(entry, text)
	}
	return why
}

// hosts are those that a condition in http-in or https-in is true for. Every
// alternative has to name some: these frontends belong to all apps, and a
// backend without would get requests of others.
func hosts(entry, text string) (found []string, why string) {
	words, why := line(text)
	if why != "" {
		return nil, why
	}
	example := "if { hdr(host) -i app.example.com }"
	if entry == HTTPSIn {
		example = "if { req_ssl_sni -i app.example.com }"
	}
	if len(words) < 2 || words[0] != "if" {
		return nil, fmt.Sprintf("does not say which hosts it is for, so it would take the requests of other apps on %s; write %s", entry, example)
	}
	for _, alternative := range alternatives(words[1:]) {
		named, why := hostsOf(entry, alternative)
		if why != "" {
			return nil, why
		}
		if len(named) == 0 {
			return nil, fmt.Sprintf("has an alternative that names no host, so it would take the requests of other apps on %s; write %s", entry, example)
		}
		found = append(found, named...)
	}
	slices.Sort(found)
	return slices.Compact(found), ""
}

// alternatives cuts a condition at its "or".
func alternatives(words []string) (all [][]string) {
	begin, depth := 0, 0
	for i, w := range words {
		switch {
		case w == "{" || w == "!{":
			depth++
		case w == "}":
			depth--
		case depth == 0 && (w == "or" || w == "OR" || w == "||"):
			all = append(all, words[begin:i])
			begin = i + 1
		}
	}
	return append(all, words[begin:])
}

// hostsOf are the hosts of one alternative: those of its first term in braces
// that compares the host and is not negated.
func hostsOf(entry string, words []string) (found []string, why string) {
	for i := 0; i < len(words); i++ {
		not := false
		for ; i < len(words) && words[i] == "!"; i++ {
			not = !not
		}
		if i == len(words) || words[i] != "{" && words[i] != "!{" {
			continue
		}
		not = not != (words[i] == "!{")
		end := slices.Index(words[i:], "}")
		if end < 2 {
			return nil, "has a brace that is not closed, or nothing in it; write { and } as words of their own"
		}
		term := words[i+1 : i+end]
		i += end
		if not || len(found) > 0 {
			continue
		}
		if found, why = compared(entry, term); why != "" {
			return nil, why
		}
	}
	return found, ""
}

// compared are the hosts that a term compares with, none when it is about
// something else.
func compared(entry string, term []string) (found []string, why string) {
	match := "str"
	switch m := httpACL.FindStringSubmatch(term[0]); {
	case entry == HTTPIn && m != nil:
		if m[1] != "" {
			match = m[1][1:]
		}
	case entry == HTTPSIn && tlsACL.MatchString(term[0]):
	default:
		return nil, ""
	}
	values := term[1:]
	for len(values) > 0 && strings.HasPrefix(values[0], "-") {
		flag := values[0]
		values = values[1:]
		if flag == "--" {
			break
		}
		if flag == "-m" && len(values) > 0 {
			match, values = values[0], values[1:]
		} else if flag != "-i" && flag != "-n" {
			return nil, fmt.Sprintf("compares the host with %s; use -i or -m end", clip(flag))
		}
	}
	for _, v := range values {
		host := strings.ToLower(v)
		switch {
		case match == "str" && hostOK.MatchString(host):
			found = append(found, host)
		case match == "end" && strings.HasPrefix(host, ".") && hostOK.MatchString(host[1:]):
			found = append(found, "*"+host)
		default:
			return nil, fmt.Sprintf("compares the host with %q by -m %s; name the hosts, or write -m end .example.com for all below a domain", clip(v), clip(match))
		}
	}
	return found, ""
}

// Hosts are the hosts that a backend's condition in http-in or https-in is true
// for, "*.x" for all below x; none in any other entry.
func Hosts(entry, option string) []string {
	if !Own(entry) {
		return nil
	}
	found, _ := hosts(entry, option) // what is wrong with it was told when it was read
	return found
}
