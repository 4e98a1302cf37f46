package inspect

import (
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// site is one block of a CADDYFILE: its addresses and the line they stand on.
type site struct {
	addresses []string
	line      int
}

// syntax is an error in a CADDYFILE.
type syntax struct {
	line int
	why  string
}

func (s *syntax) Error() string { return fmt.Sprintf("line %d: %s", s.line, s.why) }

// word is one token. Quoted ones never open or close a block.
type word struct {
	text   string
	quoted bool
}

// sentence is the words of one line; a quoted word may span more.
type sentence struct {
	line  int
	words []word
}

// split cuts a CADDYFILE into lines of words as Caddy does: quotes and
// backquotes only at the beginning of a word, # begins a comment there.
func split(text string) ([]sentence, error) {
	var list []sentence
	text = strings.ReplaceAll(text, "\r\n", "\n")
	line := 1
	for text != "" {
		s := sentence{line: line}
		for text != "" && text[0] != '\n' {
			switch c := text[0]; {
			case c == ' ' || c == '\t':
				text = text[1:]
			case c == '#':
				text = text[len(until(text, "\n")):]
			case c == '"' || c == '`':
				body, rest, ok := unquote(text)
				if !ok {
					return nil, &syntax{line: s.line, why: "a quote is not closed"}
				}
				line += strings.Count(body, "\n")
				s.words = append(s.words, word{text: body, quoted: true})
				text = rest
			default:
				w := until(text, " \t\n")
				s.words = append(s.words, word{text: w})
				text = text[len(w):]
			}
		}
		if len(s.words) > 0 {
			list = append(list, s)
		}
		text = strings.TrimPrefix(text, "\n")
		line++
	}
	return list, nil
}

// until is the beginning of s before any of stop.
func until(s, stop string) string {
	if i := strings.IndexAny(s, stop); i >= 0 {
		return s[:i]
	}
	return s
}

// unquote reads the quoted word at the beginning of s.
func unquote(s string) (body, rest string, ok bool) {
	for i := 1; i < len(s); i++ {
		if s[i] == '\\' && s[0] == '"' {
			i++
			continue
		}
		if s[i] == s[0] {
			return s[1:i], s[i+1:], true
		}
	}
	return "", "", false
}

// sites reads the blocks of a CADDYFILE. It knows the shape only: addresses
// before an opening brace at the end of a line, a closing brace alone.
func sites(text string) ([]site, error) {
	lines, err := split(text)
	if err != nil {
		return nil, err
	}
	var list []site
	var pending []string
	depth := 0
	for _, s := range lines {
		opens, closes, err := s.shape()
		switch {
		case err != nil:
			return nil, err
		case closes && depth == 0:
			return nil, &syntax{line: s.line, why: "a closing brace too many"}
		case closes:
			depth--
		case opens && depth == maxDepth:
			return nil, &syntax{line: s.line, why: fmt.Sprintf("blocks are nested deeper than %d levels", maxDepth)}
		case opens && depth > 0:
			depth++
		case depth == 0:
			pending = append(pending, s.addresses(opens)...)
			if !opens && !strings.HasSuffix(s.words[len(s.words)-1].text, ",") {
				return nil, &syntax{line: s.line, why: "an address needs an opening brace at the end of its line, after a space"}
			}
			if opens {
				if err := header(s, pending); err != nil {
					return nil, err
				}
				list = append(list, site{addresses: pending, line: s.line})
				pending, depth = nil, 1
			}
		}
	}
	if depth > 0 || len(pending) > 0 {
		return nil, &syntax{line: strings.Count(text, "\n") + 1, why: "the last block is not closed"}
	}
	return list, nil
}

// header refuses blocks that belong to no address.
func header(s sentence, addresses []string) error {
	if len(addresses) == 0 {
		return &syntax{line: s.line, why: "a block has no address; options for the whole server are not an app's to set"}
	}
	if first := addresses[0]; strings.HasPrefix(first, "(") || strings.HasPrefix(first, "&(") || first == "import" {
		return &syntax{line: s.line, why: "snippets and imports are not allowed; write an address"}
	}
	return nil
}

// shape says whether a line opens or closes a block, and refuses braces
// anywhere else.
func (s sentence) shape() (opens, closes bool, err error) {
	last := len(s.words) - 1
	for i, w := range s.words {
		if w.quoted {
			continue
		}
		switch {
		case w.text == "{" && i == last:
			opens = true
		case w.text == "}" && last == 0:
			closes = true
		case w.text == "{", w.text == "}":
			return false, false, &syntax{line: s.line, why: "a brace must end the line that opens a block, and stand alone to close it"}
		case i == last && strings.HasSuffix(w.text, "{"):
			return false, false, &syntax{line: s.line, why: "a space is missing before the brace"}
		case strings.HasPrefix(w.text, "<<"):
			return false, false, &syntax{line: s.line, why: "heredocs are not allowed; use quotes"}
		}
	}
	return opens, closes, nil
}

func (s sentence) addresses(opens bool) []string {
	words := s.words
	if opens {
		words = words[:len(words)-1]
	}
	var list []string
	for _, w := range words {
		if a := strings.TrimRight(w.text, ","); a != "" {
			list = append(list, a)
		}
	}
	return list
}

var hostOK = regexp.MustCompile(`^(\*\.)?([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// domain is the host, or host:port, of an address, in lower case.
func domain(address string) (string, error) {
	u, err := url.Parse(address)
	switch {
	case !strings.Contains(address, "://"):
		return "", fmt.Errorf("address %q has no domain; write http:// or https:// and the domain", clip(address))
	case err != nil || strings.ContainsAny(address, " \t\"'`\\$<>"):
		return "", fmt.Errorf("address %q is not a URL", clip(address))
	case u.Scheme != "http" && u.Scheme != "https":
		return "", fmt.Errorf("address %q begins with neither http:// nor https://", clip(address))
	case u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.HasSuffix(u.Host, ":"):
		return "", fmt.Errorf("address %q may hold a domain, a port and a path only", clip(address))
	}
	host := strings.ToLower(u.Hostname())
	if host == "" {
		return "", fmt.Errorf("address %q has no domain; write http:// or https:// and the domain", clip(address))
	}
	if len(host) > 253 || !hostOK.MatchString(host) {
		return "", fmt.Errorf("address %q: %q is not a domain (letters, digits and -; others as xn--…)", clip(address), clip(host))
	}
	if p := u.Port(); p != "" {
		if n, err := strconv.Atoi(p); err != nil || n < 1 || n > 65535 {
			return "", fmt.Errorf("address %q: %q is not a port", clip(address), clip(p))
		}
		host += ":" + p
	}
	return host, nil
}
