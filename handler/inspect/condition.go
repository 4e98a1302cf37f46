package inspect

import (
	"regexp"
	"slices"
	"strings"
)

// How a pattern looks at a host.
const (
	exactly   = "str"
	beginning = "beg"
	ending    = "end"
	within    = "sub"
	inLabels  = "dom"
	likely    = "reg"
)

// pattern is one word of a HAProxy condition that a host is compared with.
type pattern struct {
	how, text string
}

func (p pattern) String() string { return "-m " + p.how + " " + p.text }

// takes reports that requests for a domain meet the pattern. For a wildcard
// any name below it may.
func (p pattern) takes(domain string) bool {
	parent, wild := strings.CutPrefix(domain, "*")
	switch p.how {
	case exactly:
		return p.text == domain || wild && strings.HasSuffix(p.text, parent)
	case beginning:
		return strings.HasPrefix(domain, p.text) || wild
	case ending:
		return strings.HasSuffix(domain, p.text) || wild && strings.HasSuffix(p.text, parent)
	case within:
		return strings.Contains(domain, p.text) || wild && strings.Contains(p.text, parent)
	case inLabels:
		inside := "." + strings.Trim(p.text, ".") + "."
		return strings.Contains("."+domain+".", inside) || wild && strings.Contains(inside, parent+".")
	}
	expression, err := regexp.Compile("(?i)" + p.text)
	return err == nil && expression.MatchString(strings.Replace(domain, "*", "any", 1))
}

// meets reports that two patterns take the same hosts, as far as their words
// show it.
func (p pattern) meets(q pattern) bool {
	if p.how == ending && q.how == ending {
		return strings.HasSuffix(p.text, q.text) || strings.HasSuffix(q.text, p.text)
	}
	return p == q
}

// asked are the hosts that a use_backend_option asks for, in whatever terms:
// "if { hdr(host) -i a.example.com }". Those that it excludes are not.
func asked(option string) (all []pattern) {
	words := strings.Fields(strings.NewReplacer("{", " { ", "}", " } ", "!", " ! ", `"`, "", "'", "").Replace(option))
	unless := slices.Contains(words, "unless")
	negated := unless
	for i := 0; i < len(words); i++ {
		switch words[i] {
		case "!":
			negated = !negated
		case "{":
			end := i + 1
			for end < len(words) && words[end] != "}" {
				end++
			}
			if !negated {
				all = append(all, compared(words[i+1:end])...)
			}
			i, negated = end, unless
		}
	}
	return all
}

// What HAProxy calls the host of a request; with a suffix such as _end it says
// how it is compared.
var (
	hostSent = regexp.MustCompile(`^(?:req\.)?f?hdr(?:_([a-z]+))?\(host(?:,-?[0-9]+)?\)`)
	nameSent = regexp.MustCompile(`^(?:req_ssl_sni|req\.ssl_sni|ssl_fc_sni|base)(?:_([a-z]+))?(?:,|$)`)
)

// compared are the patterns of a term that looks at the host.
func compared(words []string) (all []pattern) {
	if len(words) == 0 {
		return nil
	}
	fetch := strings.ToLower(words[0])
	m := hostSent.FindStringSubmatch(fetch)
	if m == nil {
		m = nameSent.FindStringSubmatch(fetch)
	}
	if m == nil {
		return nil
	}
	how := m[1]
	words = words[1:]
	for len(words) > 0 && strings.HasPrefix(words[0], "-") {
		flag := words[0]
		words = words[1:]
		if flag == "--" {
			break
		}
		if flag == "-m" && len(words) > 0 {
			how, words = words[0], words[1:]
		}
	}
	for _, w := range words {
		all = append(all, spelled(how, w))
	}
	return all
}

// spelled is a pattern in its one spelling.
func spelled(how, text string) pattern {
	switch how {
	case ending, within, inLabels:
		return pattern{how: how, text: strings.TrimSuffix(strings.ToLower(text), ".")}
	case beginning:
		return pattern{how: how, text: strings.ToLower(text)}
	case likely:
		return pattern{how: how, text: text}
	}
	return pattern{how: exactly, text: host(text)}
}
