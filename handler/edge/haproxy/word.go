package haproxy

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// What HAProxy takes as one line, with room for what is added to it.
const (
	maxLine  = 1500
	maxWords = 50
)

// line cuts a text into words as HAProxy does, or says why it could be read as
// something else: quotes, escapes, comments and variables of the environment.
func line(text string) (words []string, why string) {
	switch {
	case strings.ContainsFunc(text, func(c rune) bool { return c < ' ' || c == 0x7f }):
		return nil, "holds a newline or another control character"
	case !utf8.ValidString(text):
		return nil, "is not UTF-8 text"
	case len(text) > maxLine:
		return nil, fmt.Sprintf("is longer than %d characters", maxLine)
	}
	var word strings.Builder
	inside, begun := byte(0), false
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c == '\\' && inside != '\'':
			if i++; i == len(text) {
				return nil, `ends in a backslash, which would join it to the next line; write \\ for one`
			}
			plain, used := escape(text[i:])
			if plain == "\x00" {
				return nil, `holds \x00, which ends a text`
			}
			word.WriteString(plain)
			i += used - 1
			begun = true
		case inside != 0 && c == inside:
			inside = 0
		case inside == 0 && (c == '"' || c == '\''):
			inside, begun = c, true
		case inside == '"' && c == '$':
			return nil, `holds a $ in double quotes, which names a variable of HAProxy's environment; use single quotes or \$`
		case inside == 0 && c == '#':
			return nil, `holds a #, which begins a comment; write \#`
		case inside == 0 && c == ' ':
			if begun {
				words = append(words, word.String())
				word.Reset()
			}
			begun = false
		default:
			word.WriteByte(c)
			begun = true
		}
	}
	if inside != 0 {
		return nil, "has a quote that is not closed"
	}
	if begun {
		words = append(words, word.String())
	}
	if len(words) > maxWords {
		return nil, fmt.Sprintf("has more than %d words", maxWords)
	}
	return words, ""
}

// escape is what HAProxy makes of the text after a backslash, and how much of it
// that takes: the words are judged as HAProxy will see them.
func escape(after string) (plain string, used int) {
	switch c := after[0]; c {
	case ' ', '\\', '"', '\'', '#', '$':
		return after[:1], 1
	case 'n':
		return "\n", 1
	case 'r':
		return "\r", 1
	case 't':
		return "\t", 1
	case 'x':
		if len(after) >= 3 {
			if n, err := strconv.ParseUint(after[1:3], 16, 8); err == nil {
				return string([]byte{byte(n)}), 3
			}
		}
	}
	return `\` + after[:1], 1
}

// clip shortens a text that came from a repository for a message.
func clip(s string) string {
	if r := []rune(s); len(r) > 60 {
		return string(r[:60]) + "…"
	}
	return s
}

// pairs judges words that come with a fixed number of values each.
func pairs(words []string, known map[string]int, what string) (why string) {
	for i := 0; i < len(words); i++ {
		n, ok := known[words[i]]
		if !ok {
			return fmt.Sprintf("%q is not %s", clip(words[i]), what)
		}
		if i += n; i >= len(words) {
			return fmt.Sprintf("%q has no value", words[i-n])
		}
		for _, w := range words[i-n+1 : i+1] {
			if why := sample(w); why != "" {
				return why
			}
		}
	}
	return ""
}
