// Package shrink makes a failing scenario small. What comes in is the text of
// a scenario that does not hold and how it is played; what goes out is the text
// of a scenario of a few lines that breaks the same rule in the same way, ready
// to be kept. It only leaves out and makes smaller, it never adds; whatever it
// tries it plays, and the same text gives the same result.
package shrink

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/mlfmonde/cluster/handler/inspect"
	"github.com/mlfmonde/cluster/recette"
	"github.com/mlfmonde/cluster/sim/sched"
)

// usualSeed is that of a scenario which names none.
const usualSeed = 1

// enough is how many scenarios are played when nobody says how many.
const enough = 2000

// Options say how a scenario is played, and for how long.
type Options struct {
	Setting recette.Setting // of every play; nothing is told
	// Holds, unless it is nil, is a setting under which the scenario holds, and
	// must go on to hold: the true code, where Setting plays a mistake.
	Holds *recette.Setting
	Plays int // at most so many; 0: 2,000
}

// Result is a scenario that has been made small.
type Result struct {
	Text   []byte // of the scenario, with a comment that says why it does not hold
	Kind   recette.Kind
	Reason string // why the small one does not hold
	Before int    // commands, settings and files of the scenario
	After  int    // and of the small one
	Plays  int    // how many scenarios were played
	Whole  bool   // nothing more can be left out; false: it ended before that
}

// ErrHolds says that a scenario does not fail.
var ErrHolds = errors.New("nothing to shrink: it holds")

// Shrink makes the scenario of text smaller until nothing more can be left out,
// ctx ends or Plays are over; then it returns what it has. The error is that it
// holds, that it cannot be understood, or that two plays of it differ.
func Shrink(ctx context.Context, name string, text []byte, o Options) (Result, error) {
	if o.Plays <= 0 {
		o.Plays = enough
	}
	if o.Setting.Seed == 0 {
		o.Setting.Seed = usualSeed
	}
	if o.Holds != nil {
		same := *o.Holds // it is the caller's
		same.Seed, same.Strategy, same.Nodes = o.Setting.Seed, o.Setting.Strategy, o.Setting.Nodes
		o.Holds = &same
	}
	t := &trial{ended: func() bool { return ctx.Err() != nil }, name: name, o: o, memo: &inspect.Memo{}, seen: map[string]bool{}}
	first, err := t.begin(text)
	if err != nil {
		return Result{}, err
	}
	small := t.shrink(first)
	err = t.play(small, o.Setting).err
	r := Result{Kind: recette.KindOf(err), Reason: firstLine(plain(err, name)), Before: first.size(), After: small.size(), Plays: t.plays, Whole: !t.over()}
	head := fmt.Sprintf("# It does not hold (%s): %s\n# Shrunk from %s.\n", r.Kind, r.Reason, name)
	r.Text = append([]byte(head), small.text()...)
	return r, nil
}

// begin plays the scenario as it came, and notes what is to be kept.
func (t *trial) begin(text []byte) (draft, error) {
	sc, err := recette.ParseScenario(t.name, text)
	if err != nil {
		return draft{}, err
	}
	was := t.playText(text, t.o.Setting)
	switch {
	case was.err == nil:
		return draft{}, fmt.Errorf("%s: %w", t.name, ErrHolds)
	case refused(was.err):
		return draft{}, was.err
	}
	if again := t.playText(text, t.o.Setting); again.hash != was.hash {
		return draft{}, fmt.Errorf("%s: %w: hashes %016x and %016x; shrinking means nothing before that is mended", t.name, recette.ErrNondeterminism, was.hash, again.hash)
	}
	if t.o.Holds != nil {
		if held := t.playText(text, *t.o.Holds); held.err != nil {
			return draft{}, fmt.Errorf("it must hold without the mistake, and does not: %w", held.err)
		}
	}
	t.most = was.took + was.took/2
	d := t.alone(sc, text)
	t.want = reasonOf(t.play(d, t.o.Setting).err, t.name, d)
	if t.want.exact {
		d = t.checked(t.cut(d))
	}
	if t.want.exact {
		t.stays = d.expects()
	}
	return d, nil
}

// alone is the scenario with all that decides how it goes in its own lines; it
// is played as it is kept, with the usual nodes, seed and strategy.
func (t *trial) alone(sc recette.Scenario, text []byte) draft {
	set := t.o.Setting
	if set.Seed > usualSeed || set.Strategy.Kind != "" || set.Nodes != nil {
		text = sc.Text(set)
	}
	for _, s := range []*recette.Setting{&t.o.Setting, t.o.Holds} {
		if s != nil {
			s.Seed, s.Strategy, s.Nodes = usualSeed, sched.Strategy{}, nil
		}
	}
	return read(text)
}

// checked looks for the same with a check in place of what was expected: what
// one line expects says little about what led to it, and a scenario that is
// made smaller would come to that line in some other way. What people did by
// hand a check does not know of.
func (t *trial) checked(d draft) draft {
	byHand := []string{"put", "consul", "docker", "volume", "legacy", "tombstones", "event"}
	if slices.ContainsFunc(d.lines, func(line string) bool { return slices.Contains(byHand, command(line)) }) {
		return d
	}
	c := d.keep(func(line string) bool { return command(line) != "expect" && command(line) != "check" })
	c.lines = append(c.lines, "heal", "check")
	was := t.play(c, t.o.Setting)
	if was.err == nil || refused(was.err) || recette.KindOf(was.err) == recette.Unstruck {
		return d
	}
	if t.o.Holds != nil && t.play(c, *t.o.Holds).err != nil {
		return d
	}
	t.want = reasonOf(was.err, t.name, c)
	return c
}

// shrink tries every way to leave something out, again until none helps.
func (t *trial) shrink(d draft) draft {
	for !t.over() {
		before := d.text()
		for _, pass := range []func(draft) draft{t.cut, t.words, t.blocks, t.files, t.nodes, t.arguments, t.turns, t.pairs} {
			d = pass(d)
		}
		if bytes.Equal(before, d.text()) {
			break
		}
	}
	return d
}

// cut drops what comes after the line at which it fails.
func (t *trial) cut(d draft) draft {
	at := t.play(d, t.o.Setting).at
	if at == 0 || at >= len(d.lines) {
		return d
	}
	c := d
	c.lines = slices.Clone(d.lines[:at])
	return t.better(d, c)
}

// better is c when it fails in the same way, else d. The line that names the
// nodes goes only with their names.
func (t *trial) better(d, c draft) draft {
	was, _ := d.nodes()
	if now, _ := c.nodes(); was >= 0 && now < 0 {
		return d
	}
	if t.fails(c) {
		return c
	}
	return d
}
