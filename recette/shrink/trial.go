package shrink

import (
	"errors"
	"strings"

	"github.com/mlfmonde/cluster/handler/inspect"
	"github.com/mlfmonde/cluster/recette"
	"github.com/mlfmonde/cluster/sim"
)

// trial plays drafts and remembers how they ended.
type trial struct {
	ended func() bool // somebody wants it to end
	name  string
	o     Options
	memo  *inspect.Memo
	want  reason
	most  uint64 // steps of a play, 0: any number
	stays int    // how many expectations are kept: what led to the last one
	plays int
	seen  map[string]bool // by text: it fails in the same way
}

// ending is how a play ended.
type ending struct {
	err  error
	at   int // the line, from 1; 0: at none
	hash uint64
	took uint64 // steps
}

// errLonger ends a play that takes much longer than that of the whole scenario:
// it waits for what will not come.
var errLonger = errors.New("it takes longer than the whole scenario")

// over reports that no more is to be tried.
func (t *trial) over() bool { return t.plays >= t.o.Plays || t.ended() }

// fails reports that d is worth going on with: it breaks the same rule, and
// holds where it must.
func (t *trial) fails(d draft) bool {
	key := string(d.text())
	if fails, played := t.seen[key]; played {
		return fails
	}
	if t.over() || d.expects() < t.stays {
		return false
	}
	was := t.play(d, t.o.Setting)
	fails := was.err != nil && !refused(was.err) && !errors.Is(was.err, errLonger) && t.want.same(reasonOf(was.err, t.name, d))
	if fails && t.o.Holds != nil {
		fails = t.play(d, *t.o.Holds).err == nil
	}
	t.seen[key] = fails
	return fails
}

func (t *trial) play(d draft, set recette.Setting) ending { return t.playText(d.text(), set) }

// playText plays a text once.
func (t *trial) playText(text []byte, set recette.Setting) ending {
	sc, err := recette.ParseScenario(t.name, text)
	if err != nil {
		return ending{err: err}
	}
	t.plays++
	set.Tell, set.Cue, set.Calls, set.Memo, set.Mute = nil, nil, false, t.memo, !looksBack(sc.Lines)
	set.Tune = t.bounded(set.Tune)
	s, err := sc.Play(set)
	if s == nil {
		return ending{err: err}
	}
	defer s.Close()
	e := ending{err: err, hash: s.Tally().Hash, took: s.Tally().Steps}
	if err != nil {
		e.at = lineOf(err, t.name)
	}
	return e
}

// bounded lets a play end after most steps.
func (t *trial) bounded(tune func(*sim.Options)) func(*sim.Options) {
	if t.most == 0 {
		return tune
	}
	return func(o *sim.Options) {
		if tune != nil {
			tune(o)
		}
		look := o.OnStep
		o.OnStep = func(c *sim.Cluster) {
			if c.Steps() > t.most {
				c.Fail(errLonger)
			}
			if look != nil {
				look(c)
			}
		}
	}
}

// looksBack reports that a command needs the lines of what has happened.
func looksBack(lines []string) bool {
	for _, line := range lines {
		words := strings.Fields(line)
		switch {
		case len(words) == 0:
		case words[0] == "step", len(words) > 2 && words[0] == "until" && (words[2] == "begins" || words[2] == "did"):
			return true
		case len(words) > 1 && words[0] == "expect" && (words[1] == "log" || words[1] == "no"):
			return true
		}
	}
	return false
}
