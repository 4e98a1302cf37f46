package caddyfile

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// word is one token of a line. A quoted one never opens or closes a block.
type word struct {
	text   string
	quoted bool
}

// sentence is the words of one line.
type sentence struct {
	line  int
	words []word
}

// lexer cuts a text into sentences as Caddy does: a quote means something only
// at the beginning of a word, and there # begins a comment. With single also ' is
// a quote, as the handler of Caddy v1 days took it; in v2 it is a letter.
type lexer struct {
	rest     string
	single   bool
	line     int
	problems []Problem
}

func lex(text string, single bool) ([]sentence, []Problem) {
	text = strings.TrimPrefix(strings.ReplaceAll(text, "\r\n", "\n"), "\ufeff")
	l := lexer{rest: text, line: 1, single: single}
	var list []sentence
	for l.rest != "" {
		s := sentence{line: l.line}
		l.sentence(&s)
		if len(s.words) > 0 {
			list = append(list, s)
		}
		l.rest = strings.TrimPrefix(l.rest, "\n")
		l.line++
	}
	return list, l.problems
}

// sentence reads up to the end of the line. A backslash there joins the next
// line to it.
func (l *lexer) sentence(s *sentence) {
	for l.rest != "" && l.rest[0] != '\n' {
		c, size := utf8.DecodeRuneInString(l.rest)
		switch {
		case strings.HasPrefix(l.rest, "\\\n"):
			l.rest = l.rest[2:]
			l.line++
		case unicode.IsSpace(c):
			l.rest = l.rest[size:]
		case c == '#':
			l.take(func(c rune) bool { return c == '\n' })
		case c == '"' || c == '`' || c == '\'' && l.single:
			l.quoted(s, byte(c))
		default:
			text := l.take(unicode.IsSpace)
			if cut, ok := strings.CutSuffix(text, "\\"); ok && strings.HasPrefix(l.rest, "\n") {
				text, l.rest = cut, "\\"+l.rest
			}
			s.words = append(s.words, word{text: text})
		}
	}
}

// take cuts off everything before the first rune that stops it.
func (l *lexer) take(stop func(rune) bool) string {
	i := strings.IndexFunc(l.rest, stop)
	if i < 0 {
		i = len(l.rest)
	}
	text := l.rest[:i]
	l.rest = l.rest[i:]
	return text
}

// quoted reads a word between quotes, which ends on its line. Only " knows an
// escape, and only of itself.
func (l *lexer) quoted(s *sentence, quote byte) {
	var text strings.Builder
	for i := 1; i < len(l.rest) && l.rest[i] != '\n'; i++ {
		switch c := l.rest[i]; {
		case c == '\\' && quote == '"' && strings.HasPrefix(l.rest[i+1:], `"`):
			text.WriteByte('"')
			i++
		case c == quote:
			s.words = append(s.words, word{text: text.String(), quoted: true})
			l.rest = l.rest[i+1:]
			return
		default:
			text.WriteByte(c)
		}
	}
	l.problems = append(l.problems, Problem{Line: l.line, Why: "a quote is not closed on its line", Way: string(quote) + "…" + string(quote) + " on one line"})
	l.take(func(c rune) bool { return c == '\n' })
}
