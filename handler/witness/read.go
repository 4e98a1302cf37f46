package witness

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// Recording is what one file holds, in the order of its lines. A line that was
// cut short by a power cut is left out.
type Recording struct {
	Headers []Header // of the incarnations; their times begin what follows
	Calls   []Call   // by line of their beginning
	World   []Happening
}

// anyLine is any line of a file.
type anyLine struct {
	Format int               `json:"witness"`
	World  string            `json:"world"`
	Node   string            `json:"node"`
	N      uint64            `json:"n"`
	Task   string            `json:"task"`
	Call   string            `json:"call"`
	Start  time.Duration     `json:"start"`
	End    *time.Duration    `json:"end"`
	Args   []json.RawMessage `json:"args"`
	Answer json.RawMessage   `json:"answer"`
	Error  *Failure          `json:"error"`
}

// reader is what reading one file keeps.
type reader struct {
	name   string
	number int
	torn   error // of the line before
	out    Recording
	open   map[uint64]int // calls of this incarnation whose answer is missing, by N
	values map[string]Value
}

// maxLine bounds one line: a list of a whole KV is one.
const maxLine = Limit

// Read reads a recording; name says in messages which it is.
func Read(name string, in io.Reader) (Recording, error) {
	r := &reader{name: name}
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		r.number++
		if len(bytes.TrimSpace(lines.Bytes())) == 0 {
			continue
		}
		if err := r.line(lines.Bytes()); err != nil {
			return r.out, fmt.Errorf("read recording %s line %d: %w", name, r.number, err)
		}
	}
	if err := lines.Err(); err != nil {
		return r.out, fmt.Errorf("read recording %s after line %d: %w", name, r.number, err)
	}
	if len(r.out.Headers) == 0 {
		return r.out, fmt.Errorf("read recording %s: it has no line with \"witness\"", name)
	}
	return r.out, nil
}

func (r *reader) line(data []byte) error {
	var l anyLine
	if err := json.Unmarshal(data, &l); err != nil {
		if r.torn != nil {
			return err
		}
		r.torn = err // the last one, or the last before a new beginning
		return nil
	}
	if r.torn != nil && l.Format == 0 {
		return fmt.Errorf("the line before: %w", r.torn)
	}
	r.torn = nil
	switch {
	case l.Format != 0:
		return r.header(l.Format, data)
	case len(r.out.Headers) == 0:
		return errors.New("it does not begin with a line \"witness\"")
	case l.World != "":
		var h Happening
		if err := json.Unmarshal(data, &h); err != nil {
			return err
		}
		r.out.World = append(r.out.World, h)
		return nil
	case l.Call == "":
		return errors.New("neither a call nor something that happened")
	}
	return r.call(l)
}

func (r *reader) header(format int, data []byte) error {
	if format != Format {
		return fmt.Errorf("format %d, this program knows %d", format, Format)
	}
	var h Header
	if err := json.Unmarshal(data, &h); err != nil {
		return err
	}
	r.out.Headers = append(r.out.Headers, h)
	r.open, r.values = map[uint64]int{}, map[string]Value{}
	return nil
}

func (r *reader) call(l anyLine) error {
	i, begun := r.open[l.N]
	if !begun {
		i = len(r.out.Calls)
		c := Call{Node: l.Node, N: l.N, Task: l.Task, Call: l.Call, Start: l.Start, End: -1, Args: l.Args, Begun: len(r.out.Headers) - 1, Where: fmt.Sprintf("%s:%d", r.name, r.number)}
		r.out.Calls = append(r.out.Calls, c)
		if err := r.learn(&r.out.Calls[i]); err != nil {
			return err
		}
	}
	c := &r.out.Calls[i]
	switch {
	case l.End == nil && begun:
		return fmt.Errorf("call %d begins twice", l.N)
	case l.End == nil:
		r.open[l.N] = i
		return nil
	case c.Call != l.Call:
		return fmt.Errorf("call %d begins as %s and ends as %s", l.N, c.Call, l.Call)
	}
	delete(r.open, l.N)
	c.End, c.Answer, c.Error = *l.End, l.Answer, l.Error
	return r.fill(c)
}

// learn keeps the values that a transaction has.
func (r *reader) learn(c *Call) error {
	if c.Call != "KV.Apply" || len(c.Args) == 0 {
		return nil
	}
	var t Txn
	if err := json.Unmarshal(c.Args[0], &t); err != nil {
		return err
	}
	for _, o := range t.Ops {
		if o.Value != nil {
			r.values[o.Key] = *o.Value
		}
	}
	return nil
}

// fill puts the values into an answer of the KV that an earlier line has.
func (r *reader) fill(c *Call) error {
	if c.Error != nil {
		return nil
	}
	var err error
	switch c.Call {
	case "KV.Get":
		var p Pair
		if err = json.Unmarshal(c.Answer, &p); err == nil {
			if err = r.whole(&p); err == nil {
				c.Answer, err = json.Marshal(p)
			}
		}
	case "KV.List":
		var l List
		err = json.Unmarshal(c.Answer, &l)
		for i := range l.Pairs {
			err = errors.Join(err, r.whole(&l.Pairs[i]))
		}
		if err == nil {
			c.Answer, err = json.Marshal(l)
		}
	}
	return err
}

func (r *reader) whole(p *Pair) error {
	if p.Modify == 0 {
		return nil
	}
	if p.Value != nil {
		r.values[p.Key] = *p.Value
		return nil
	}
	v, ok := r.values[p.Key]
	if !ok {
		return fmt.Errorf("no line before has the value of %s", p.Key)
	}
	p.Value = &v
	return nil
}

// Note begins a file of happenings, or goes on with it: it writes lines to out.
type Note struct{ out io.Writer }

// NewNote begins a file of happenings on out with its header.
func NewNote(out io.Writer, h Header) (*Note, error) {
	h.Format = Format
	n := &Note{out: out}
	return n, n.write(h)
}

// Happens writes one line.
func (n *Note) Happens(h Happening) error { return n.write(h) }

func (n *Note) write(v any) error {
	data, err := json.Marshal(v)
	if err == nil {
		_, err = n.out.Write(append(data, '\n'))
	}
	if err != nil {
		return fmt.Errorf("write to the recording: %w", err)
	}
	return nil
}
