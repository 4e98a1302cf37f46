package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/recette"
)

// printer writes lines that fit 120 columns: time, node, text, and a column for
// each node. Colour is for terminals.
type printer struct {
	out    io.Writer
	colour bool
	nodes  int    // columns of the last heading
	prompt func() // writes the prompt again that a line has overwritten; nil: there is none
}

// Widths of the columns.
const (
	width     = 120
	timeWidth = 10
	nodeWidth = 4
	oneNode   = 14
)

func newPrinter(out io.Writer) *printer {
	f, ok := out.(*os.File)
	return &printer{out: out, colour: ok && terminal(f) && os.Getenv("NO_COLOR") == ""}
}

// terminal reports whether somebody sits before f.
func terminal(f *os.File) bool {
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}

// Colours, as the numbers of ANSI's sequences.
const (
	red   = "31"
	green = "32"
	blue  = "36"
	faint = "2"
	bold  = "1"
)

func (p *printer) paint(code, text string) string {
	if !p.colour || code == "" || text == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// line prints one line; those of an answer have no time.
func (p *printer) line(l recette.Line) {
	if p.prompt != nil {
		fmt.Fprint(p.out, "\r\x1b[K")
		defer p.prompt()
	}
	if l.At < 0 {
		fmt.Fprintln(p.out, "           "+l.Text)
		return
	}
	p.heading(l.Nodes)
	room := width - timeWidth - nodeWidth - 2 - len(l.Nodes)*(oneNode+1)
	first, rest := wrap(strings.ReplaceAll(l.Text, "\n", ", "), max(room, 30))
	style := ""
	switch {
	case l.Bad:
		style = red
	case l.Node == "":
		style = bold
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%*.3f %s %s", timeWidth, l.At.Seconds(), p.paint(blue, pad(l.Node, nodeWidth-1)), p.paint(style, pad(first, room)))
	for _, g := range l.Nodes {
		b.WriteString(" " + p.glance(g))
	}
	fmt.Fprintln(p.out, strings.TrimRight(b.String(), " "))
	for _, more := range rest {
		fmt.Fprintf(p.out, "%*s %s\n", timeWidth+nodeWidth, "", p.paint(style, more))
	}
}

// heading names the columns when there are others than before.
func (p *printer) heading(nodes []recette.Glance) {
	if p.nodes == len(nodes) {
		return
	}
	p.nodes = len(nodes)
	fmt.Fprintf(p.out, "%s\n", p.paint(faint, "A node's column: M master, S slave; its containers; how many records are in its volume, (in its newest snapshot)."))
	room := width - timeWidth - nodeWidth - 2 - len(nodes)*(oneNode+1)
	head := fmt.Sprintf("%*s %s %s", timeWidth, "seconds", pad("node", nodeWidth-1), pad("step", room-1))
	for _, g := range nodes {
		head += " " + pad(g.Node, oneNode)
	}
	fmt.Fprintln(p.out, p.paint(faint, strings.TrimRight(head, " ")))
}

// glance is one node's column.
func (p *printer) glance(g recette.Glance) string {
	role := map[app.Role]string{app.Master: "M", app.Slave: "S"}[g.Role]
	records := ""
	switch {
	case g.Live:
		records = fmt.Sprint(g.Records)
	case g.Records >= 0:
		records = fmt.Sprintf("(%d)", g.Records)
	}
	state, colour := g.State, ""
	switch {
	case state == recette.Up:
		colour = green
	case state == recette.Off || state == recette.Frozen:
		colour = red
	case !g.Handler:
		state, colour = strings.TrimSpace(state+" †"), red
	case state == "":
		state = "·"
	}
	text := pad(or(role, "-"), 1) + " " + pad(state, 6) + " " + fmt.Sprintf("%5s", records)
	return p.paint(colour, text)
}

func or(text, other string) string {
	if text == "" {
		return other
	}
	return text
}

func pad(text string, n int) string {
	return text + strings.Repeat(" ", max(0, n-utf8.RuneCountInString(text)))
}

// wrap breaks text at spaces into lines of at most n characters, the first
// and the others.
func wrap(text string, n int) (first string, rest []string) {
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(text) {
		if line != "" && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > n {
			lines = append(lines, line)
			line = ""
		}
		line = strings.TrimPrefix(line+" "+word, " ")
	}
	lines = append(lines, line)
	return lines[0], lines[1:]
}
