package incident

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/mlfmonde/cluster/sim/sched"
)

// Head is what a tape says of itself: of which run it is.
type Head struct {
	Code   string
	Hash   uint64
	Step   uint64 // the last of the run
	Seed   uint64
	Strict bool
	Made   string // nodes, seed and strategy, for people
}

func (r *Recording) head() Head {
	return Head{Code: unknown(r.Code), Hash: r.Hash, Step: r.Step, Seed: r.Seed, Strict: r.Play.Strict, Made: r.made()}
}

// magic is the first line of a tape.
const magic = "tape of a simulated run, version 1"

// wide is how long a line of choices becomes at most.
const wide = 100

// text is the tape as a file: lines of words until an empty one, then the
// choices as took/of, the same ones in a row as took/of*times.
func (h Head) text(t sched.Tape) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s\ncode %s\nhash %016x\nstep %d\nseed %d\nstrict %v\nmade %s\n\n", magic, h.Code, h.Hash, h.Step, h.Seed, h.Strict, h.Made)
	length := 0
	for i := 0; i < len(t); {
		n := 1
		for i+n < len(t) && t[i+n] == t[i] {
			n++
		}
		word := fmt.Sprintf("%d/%d", t[i].Took, t[i].Of)
		if n > 1 {
			word += fmt.Sprintf("*%d", n)
		}
		if length > 0 && length+1+len(word) > wide {
			b.WriteByte('\n')
			length = 0
		}
		if length > 0 {
			b.WriteByte(' ')
			length++
		}
		b.WriteString(word)
		length += len(word)
		i += n
	}
	b.WriteByte('\n')
	return b.Bytes()
}

// errTape says that a file is no tape.
var errTape = errors.New("not a tape")

// ReadTape reads a tape file called name.
func ReadTape(name string, data []byte) (h Head, t sched.Tape, err error) {
	in := bufio.NewScanner(bytes.NewReader(data))
	in.Buffer(nil, len(data)+1)
	n, choices := 0, false
	for in.Scan() {
		n++
		text := in.Text()
		switch {
		case n == 1 && text != magic:
			err = fmt.Errorf("expected %q", magic)
		case n == 1:
		case text == "":
			choices = true
		case choices:
			t, err = appendChoices(t, text)
		default:
			err = h.read(text)
		}
		if err != nil {
			return h, nil, fmt.Errorf("%s:%d: %w: %w", name, n, errTape, err)
		}
	}
	if n == 0 {
		return h, nil, fmt.Errorf("%s: %w: it is empty", name, errTape)
	}
	return h, t, in.Err()
}

// read takes one line of the head.
func (h *Head) read(text string) (err error) {
	word, rest, _ := strings.Cut(text, " ")
	switch word {
	case "code":
		h.Code = rest
	case "made":
		h.Made = rest
	case "hash":
		h.Hash, err = strconv.ParseUint(rest, 16, 64)
	case "step":
		h.Step, err = strconv.ParseUint(rest, 10, 64)
	case "seed":
		h.Seed, err = strconv.ParseUint(rest, 10, 64)
	case "strict":
		h.Strict, err = strconv.ParseBool(rest)
	default:
		return fmt.Errorf("%q: expected code, hash, step, seed, strict or made", word)
	}
	if err != nil {
		return fmt.Errorf("%s %q: expected a number: %w", word, rest, err)
	}
	return nil
}

// appendChoices reads one line of choices.
func appendChoices(t sched.Tape, text string) (sched.Tape, error) {
	for word := range strings.FieldsSeq(text) {
		one, times, many := strings.Cut(word, "*")
		took, of, ok := strings.Cut(one, "/")
		a, err1 := strconv.ParseUint(took, 10, 16)
		b, err2 := strconv.ParseUint(of, 10, 16)
		n := 1
		var err3 error
		if many {
			n, err3 = strconv.Atoi(times)
		}
		if !ok || errors.Join(err1, err2, err3) != nil || a >= b || n < 1 || n > 1<<24 {
			return nil, fmt.Errorf("%q: expected a choice such as 1/3 or 0/2*40", word)
		}
		for range n {
			t = append(t, sched.Choice{Took: uint16(a), Of: uint16(b)})
		}
	}
	return t, nil
}
