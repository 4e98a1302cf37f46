package caddyfile

import (
	"fmt"
	"strings"
)

// maxDepth is how deep blocks may be nested.
const maxDepth = 32

// node is one line of a block and the block that it opens.
type node struct {
	line  int
	words []word
	block []node
	open  bool // it has a block, maybe an empty one
}

// name is the first word of the line, "" for a brace alone.
func (n node) name() string {
	if len(n.words) == 0 {
		return ""
	}
	return n.words[0].text
}

// args are the words after the first.
func (n node) args() []word { return n.words[min(1, len(n.words)):] }

// blocks turns sentences into a tree. A block opens at the end of a line and
// closes on a line of its own.
func blocks(list []sentence, last int) ([]node, []Problem) {
	var problems []Problem
	bad := func(line int, why, way string) { problems = append(problems, Problem{Line: line, Why: why, Way: way}) }
	stack := []*node{{open: true}}
	for _, s := range list {
		opens, closes, problem := s.shape()
		if problem.Why != "" {
			problems = append(problems, problem)
		}
		if closes {
			if len(stack) == 1 {
				bad(s.line, "a closing brace too many", "")
				continue
			}
			stack = stack[:len(stack)-1]
			continue
		}
		words := s.words
		if opens {
			words = words[:len(words)-1]
		}
		if len(words) == 0 && len(stack) > 1 {
			bad(s.line, "a block that belongs to no line", "its brace at the end of the line before")
		}
		top := stack[len(stack)-1]
		top.block = append(top.block, node{line: s.line, words: words, open: opens})
		if opens {
			if len(stack) > maxDepth {
				return nil, []Problem{{Line: s.line, Why: fmt.Sprintf("blocks are nested deeper than %d levels", maxDepth)}}
			}
			stack = append(stack, &top.block[len(top.block)-1])
		}
	}
	if len(stack) > 1 {
		bad(last, fmt.Sprintf("the block of line %d is not closed", stack[len(stack)-1].line), "} on a line of its own at its end")
	}
	return stack[0].block, problems
}

// shape says whether a line opens or closes a block, and refuses braces
// anywhere else. Where the meaning is plain it goes on as if nothing was wrong.
func (s *sentence) shape() (opens, closes bool, p Problem) {
	last := len(s.words) - 1
	for i := range s.words {
		w := &s.words[i]
		if w.quoted {
			continue
		}
		switch {
		case w.text == "{" && i == last:
			opens = true
		case w.text == "}" && last == 0:
			closes = true
		case w.text == "{", w.text == "}":
			return false, false, Problem{Line: s.line, Why: "a brace must end the line that opens a block, and stand alone to close it", Way: "each directive and each } on a line of its own"}
		case i == last && strings.HasSuffix(w.text, "{"):
			p = Problem{Line: s.line, Why: "a space is missing before the brace", Way: clip(strings.TrimSuffix(w.text, "{")) + " {"}
			w.text = strings.TrimSuffix(w.text, "{")
			s.words = append(s.words, word{text: "{"})
			return true, false, p
		case strings.HasPrefix(w.text, "<<"):
			p = Problem{Line: s.line, Why: "heredocs are not allowed", Way: `"…" on one line`}
		}
	}
	return opens, closes, p
}

// clip shortens a text that came from a repository for a message.
func clip(s string) string {
	if r := []rune(s); len(r) > 60 {
		return string(r[:60]) + "…"
	}
	return s
}
