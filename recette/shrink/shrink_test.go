package shrink_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/mlfmonde/cluster/handler"
	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/plan"
	"github.com/mlfmonde/cluster/recette"
	"github.com/mlfmonde/cluster/recette/shrink"
)

// changed lets every agent follow plans that change makes of the right ones.
func changed(change func([]plan.Step) []plan.Step) recette.Edit {
	return func(a *handler.Agent) {
		a.Plan = func(o app.Operation, self string) []plan.Step { return change(plan.For(o, self)) }
	}
}

func without(verbs ...plan.Verb) recette.Edit {
	return changed(func(steps []plan.Step) []plan.Step {
		return slices.DeleteFunc(steps, func(s plan.Step) bool { return slices.Contains(verbs, s.Verb) })
	})
}

// hasty commits before it has looked at health.
func hasty(steps []plan.Step) []plan.Step {
	i := slices.IndexFunc(steps, func(s plan.Step) bool { return s.Verb == plan.Healthy })
	if i >= 0 && i+1 < len(steps) && steps[i+1].Verb == plan.Commit {
		steps[i], steps[i+1] = steps[i+1], steps[i]
	}
	return steps
}

// hurried does not wait until the old master has sent its data.
func hurried(steps []plan.Step) []plan.Step {
	return slices.DeleteFunc(steps, func(s plan.Step) bool { return s.Verb == plan.Await && s.Flag == plan.Transferred })
}

// noise is what a long run brings besides: another application, a slave, users,
// nodes that come and go, chance.
const noise = `# A long way to something small.
nodes a b c d
seed 7
strategy random 7
push good other
deploy other d a
deploy app a b
until idle
write other 12
write app 20
writer other 900ms
run 70s
deploy other c d
cut b d ssh
run 20s
heal
plug d
boot d
until idle
`

const leftovers = `until idle
run 3m
write app 4
deploy other d a
until idle
writer other off
run 40s
check
redeliver
-- update.sh --
#!/bin/sh
-- post_migrate.sh --
#!/bin/sh
`

type mistake struct {
	name  string
	edit  recette.Edit
	story string // between noise and leftovers
	want  string // the rule that breaks
	lines int
}

func mistakes() []mistake {
	return []mistake{
		{"no snapshot", without(plan.Snapshot), "deploy app c b\n", "other data", 8},
		{"no restore", without(plan.Restore), "deploy app c b\n", "other data", 8},
		{"no revoke", without(plan.Revoke), "deploy app c b\nuntil app committed\ndocker start a app\nrun 10s\n", "at once", 8},
		{"no stop", without(plan.Stop), "deploy app c b\n", "at once", 8},
		{"commit before healthy", changed(hasty), "push exits app\ndeploy app c b\nrun 5m\n", "", 8},
		{"no wait for the transfer", changed(hurried), "deploy app c b\n", "at once", 8},
	}
}

func shrunk(t *testing.T, m mistake) shrink.Result {
	t.Helper()
	o := shrink.Options{Setting: recette.Setting{Seed: 1, Edit: m.edit}, Holds: &recette.Setting{Seed: 1}}
	r, err := shrink.Shrink(t.Context(), m.name+".txtar", []byte(noise+m.story+leftovers), o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// played plays a text and says how it ended.
func played(t *testing.T, text []byte, edit recette.Edit) error {
	t.Helper()
	sc, err := recette.ParseScenario("small", text)
	if err != nil {
		t.Fatal(err)
	}
	s, err := sc.Play(recette.Setting{Seed: 1, Edit: edit})
	s.Close()
	return err
}

func TestShrink_LeavesFewLinesOfAPlantedMistake(t *testing.T) {
	for _, m := range mistakes() {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			r := shrunk(t, m)
			t.Logf("%d → %d lines in %d plays: %s\n%s", r.Before, r.After, r.Plays, r.Reason, r.Text)
			if r.After > m.lines || !r.Whole {
				t.Errorf("%d lines are left, at most %d (nothing more to try: %v)", r.After, m.lines, r.Whole)
			}
			if !strings.Contains(r.Reason, m.want) {
				t.Errorf("the rule became %q, it was about %q", r.Reason, m.want)
			}
			if err := played(t, r.Text, m.edit); err == nil || recette.KindOf(err) != r.Kind {
				t.Errorf("with the mistake it ends with %v, must be of the kind %s", err, r.Kind)
			}
			if err := played(t, r.Text, nil); err != nil {
				t.Errorf("without the mistake it must hold: %v", err)
			}
		})
	}
}

func TestShrink_IsTheSameEachTime(t *testing.T) {
	m := mistakes()[1]
	one, two := shrunk(t, m), shrunk(t, m)
	if !bytes.Equal(one.Text, two.Text) || one.Plays != two.Plays {
		t.Errorf("%d plays gave\n%s%d plays gave\n%s", one.Plays, one.Text, two.Plays, two.Text)
	}
}

func TestShrink_KeepsTheRuleAmongOthers(t *testing.T) {
	// Two things do not hold; the first that it comes to is the one to keep.
	text := "deploy app n1 n2\nuntil idle\nput maintenance/app mine\nrun 30s\nfault n3 Volumes.Restore error\ncheck\n"
	r, err := shrink.Shrink(t.Context(), "two", []byte(text), shrink.Options{Setting: recette.Setting{Seed: 1}})
	if err != nil {
		t.Fatal(err)
	}
	if r.Kind != recette.Safety || !strings.Contains(r.Reason, "shows maintenance") || r.After > 4 || bytes.Contains(r.Text, []byte("fault")) {
		t.Errorf("it became %s: %s\n%s", r.Kind, r.Reason, r.Text)
	}
}

func TestShrink_TakesChanceAndNodesAway(t *testing.T) {
	text := "nodes a b c d e\nseed 9\nstrategy random 9\ndeploy app a b\nuntil idle\nwrite app 12\nplug e\nboot e\nput maintenance/app mine\nrun 10m\ncheck\n"
	r, err := shrink.Shrink(t.Context(), "chance", []byte(text), shrink.Options{Setting: recette.Setting{Seed: 1}})
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{"nodes", "seed", "strategy", "plug", "10m", "12"} {
		if strings.Contains(string(r.Text), word+" ") || strings.Contains(string(r.Text), " "+word+"\n") {
			t.Errorf("%q is left:\n%s", word, r.Text)
		}
	}
}

func TestShrink_LeavesFilesOutThatDoNotMatter(t *testing.T) {
	text := "deploy app n1 n2\nuntil idle\nput maintenance/app mine\ncheck\n-- update.sh --\n#!/bin/sh\n-- docker-compose.yml --\n" +
		"services:\n  web:\n    image: registry.example.com/web\n"
	r, err := shrink.Shrink(t.Context(), "files", []byte(text), shrink.Options{Setting: recette.Setting{Seed: 1}})
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(r.Text), "-- ") {
		t.Errorf("files are left:\n%s", r.Text)
	}
}

func TestShrink_KeepsWhatLedToAnExpectation(t *testing.T) {
	text := "push good app\nvolume n1 app data 3\ndeploy app n1 n2\nuntil idle\nexpect aborted app because ask again with adopt\nrun 3m\nexpect records n1 app 4\ncheck\n"
	r, err := shrink.Shrink(t.Context(), "expecting", []byte(text), shrink.Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := "volume n1 app data 3\ndeploy app n1\nuntil idle\nexpect aborted app because ask again with adopt\nexpect records n1 app 4\n"
	if !strings.HasSuffix(string(r.Text), want) {
		t.Errorf("it became\n%s", r.Text)
	}
}

func TestShrink_RefusesWhatIsNoFailure(t *testing.T) {
	for _, c := range []struct {
		says, text, want string
		is               error
	}{
		{"it holds", "deploy app n1\nuntil idle\ncheck\n", "case: nothing to shrink: it holds", shrink.ErrHolds},
		{"a command that is none", "deploy app n1\n\ndeplay app\n", `case:3: deplay app: not understood: there is no command "deplay"`, recette.ErrUsage},
		{"a setting that is none", "seed many\n", `case:1: not understood: seed: "many" is not a number`, recette.ErrUsage},
	} {
		_, err := shrink.Shrink(t.Context(), "case", []byte(c.text), shrink.Options{})
		if !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, must be %q", c.says, err, c.want)
		}
	}
}

func TestShrink_EndsWhenItMust(t *testing.T) {
	m := mistakes()[1]
	text := []byte(noise + m.story + leftovers)
	set := recette.Setting{Seed: 1, Edit: m.edit}
	r, err := shrink.Shrink(t.Context(), "few", text, shrink.Options{Setting: set, Plays: 12})
	if err != nil || r.Whole || r.Plays > 14 || r.After >= r.Before {
		t.Errorf("after 12 plays: %+v, %v", r, err)
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if r, err = shrink.Shrink(over, "over", text, shrink.Options{Setting: set}); err != nil || r.Whole || r.After == 0 {
		t.Errorf("after the end of its context: %+v, %v", r, err)
	}
	if err := played(t, r.Text, m.edit); err == nil {
		t.Error("what it had by then does not fail")
	}
}
