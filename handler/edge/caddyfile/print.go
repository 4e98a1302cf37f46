package caddyfile

import (
	"strings"
	"unicode"
)

// String is the file in Caddy v2 syntax. Read of it gives the same sites.
func (f File) String() string {
	var b strings.Builder
	for i, s := range f.Sites {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(s.String())
	}
	return b.String()
}

// String is the site alone.
func (s Site) String() string {
	var b strings.Builder
	b.WriteString(strings.Join(s.Addresses, ", "))
	b.WriteString(" {\n")
	write(&b, s.body, 1)
	b.WriteByte('}')
	return b.String()
}

func write(b *strings.Builder, nodes []node, depth int) {
	indent := strings.Repeat("    ", depth)
	for _, n := range nodes {
		b.WriteString(indent)
		for i, w := range n.words {
			if i > 0 {
				b.WriteByte(' ')
			}
			b.WriteString(w.String())
		}
		if n.open {
			b.WriteString(" {\n")
			write(b, n.block, depth+1)
			b.WriteString(indent + "}")
		}
		b.WriteByte('\n')
	}
}

// String is the word as Caddy reads it back, with quotes where it needs them.
func (w word) String() string {
	switch {
	case !needsQuotes(w):
		return w.text
	case !strings.Contains(w.text, `\"`) && !strings.HasSuffix(w.text, `\`):
		return `"` + strings.ReplaceAll(w.text, `"`, `\"`) + `"`
	}
	return "`" + w.text + "`"
}

// needsQuotes reports that the bare text would not be read as this one word.
func needsQuotes(w word) bool {
	t := w.text
	switch {
	case t == "", strings.ContainsFunc(t, unicode.IsSpace), strings.ContainsAny(t[:1], "\"`'#"), strings.HasPrefix(t, "<<"):
		return true
	case strings.HasSuffix(t, `\`), strings.Contains(t, `\<`):
		return true
	case strings.HasSuffix(t, "{"), t == "}":
		return true
	}
	return w.quoted && (t == "import" || strings.HasPrefix(t, "@"))
}

// representable reports that some quotes can hold the text.
func representable(text string) bool {
	return !strings.Contains(text, "`") || !strings.Contains(text, `\"`) && !strings.HasSuffix(text, `\`)
}
