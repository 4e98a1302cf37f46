package recette_test

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mlfmonde/cluster/handler"
	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/inspect"
	"github.com/mlfmonde/cluster/handler/plan"
	"github.com/mlfmonde/cluster/handler/port"
	"github.com/mlfmonde/cluster/recette"
	"github.com/mlfmonde/cluster/sim"
)

// missing takes one rescue step out of a node's plan.
func missing(node string, step plan.Step) recette.Edit {
	return func(a *handler.Agent) {
		a.Plan = func(o app.Operation, self string) []plan.Step {
			steps := plan.For(o, self)
			if self == node {
				steps = slices.DeleteFunc(steps, func(s plan.Step) bool { return s == step })
			}
			return steps
		}
	}
}

// failovers are those that may begin: to the slave, who has the replica.
func failovers() []plan.Move {
	return slices.DeleteFunc(plan.Failovers(), func(m plan.Move) bool { return m.From.Slave != m.To.Master })
}

// rescue lists the rescue steps of a move, by node. Those of an old master that
// comes back after a failover was aborted are also the level-triggered pass's.
func rescue(m plan.Move) (all []plan.NodePlan) {
	for _, p := range plan.Plans(m.Operation()) {
		if m.Flags.Failover && p.Node == m.From.Master {
			continue
		}
		all = append(all, plan.NodePlan{Node: p.Node, Steps: plan.In(p.Steps, app.Aborted)})
	}
	return all
}

// rowOf is the row of a move.
func rowOf(name string) recette.Row {
	rows := recette.Rows()
	return rows[slices.IndexFunc(rows, func(r recette.Row) bool { return r.Name == name })]
}

// made is a column for rescue steps that protect against rare things: the new
// release runs when the operation aborts, a daemon is slow, or does what it was
// asked for when nobody waits any more.
type made struct {
	name   string
	only   app.Kind // "": all
	faults []sim.Fault
}

func rare() []made {
	slow := func(call string, times int) sim.Fault {
		return sim.Fault{Call: call, Phase: sim.Slow, For: 10 * time.Second, Times: times}
	}
	late := func(d time.Duration) sim.Fault { return sim.Fault{Call: "Stack.Up", Phase: sim.Late, For: d} }
	return []made{
		{"the new release runs, unhealthy", app.Deploy, []sim.Fault{{Call: "Images.Drop", Phase: sim.Slow}}},
		{"it runs, and kills are slow", app.Deploy, []sim.Fault{slow("Containers.Kill", 3)}},
		{"it runs, and removals are slow", app.Deploy, []sim.Fault{slow("Containers.Remove", 3)}},
		{"the start happens late", "", []sim.Fault{late(20 * time.Second)}},
		{"the start happens late, and the rollback is slow", app.Migrate, []sim.Fault{late(5 * time.Second),
			{Call: "Volumes.Restore", Nth: 2, Phase: sim.Slow, For: 20 * time.Second}}},
		{"the commit is refused", "", []sim.Fault{{Call: "KV.Apply:commit", Phase: sim.ErrorBefore, Times: 4, Err: port.ErrRefused}}},
	}
}

// column is made as a column without a trouble of its own.
func (x made) column() recette.Column {
	return recette.Column{Name: x.name, Troubles: func(m recette.Move) []recette.Trouble {
		if x.only != "" && m.Kind != x.only {
			return nil
		}
		return []recette.Trouble{{}}
	}}
}

// besides arms its faults at the new master, and lets the release of a deploy
// be sick.
func (x made) besides(s *recette.Stage, m recette.Move) {
	if m.Kind == app.Deploy && x.faults[0].Call != "KV.Apply:commit" {
		files, _ := recette.Files("hello") // NewStage has read them before
		s.Push("https://git.example.com/team/hello", "main", files, sim.Behaviour{NeverHealthy: true})
	}
	for _, f := range x.faults {
		f.Node = m.Node(recette.NewMaster)
		s.Inject(f)
	}
}

// noticedRare plays the row with rare things until one is red.
func noticedRare(r recette.Row, o recette.Options) string {
	for _, x := range rare() {
		o.Besides = x.besides
		if why := noticed(r, o, []recette.Column{x.column()}); why != "" {
			return why
		}
	}
	return ""
}

// noticed plays the cells of a row, the cheap ones first, until one is red.
func noticed(r recette.Row, o recette.Options, columns []recette.Column) string {
	for _, c := range columns {
		if !recette.Applies(r, c) {
			continue
		}
		if cell := recette.Play(r, c, o); cell.Verdict == recette.Fail {
			return c.Name + ": " + cell.Reason
		}
	}
	return ""
}

// story plays stories in which an operation changes data or volumes before it
// aborts, and looks at the moment of its end. It returns why one is red.
func story(m plan.Move, edit recette.Edit, memo *inspect.Memo) string {
	var lines string
	switch at := m.To.Master; {
	case m.Kind == app.Migrate:
		lines = fmt.Sprintf("nodes a b c d\npush good one\npush good two\ndeploy one %s\ndeploy two %s\nuntil idle\nwrite one 3\nwrite two 8\n"+
			"push migrate-fails two\ndeploy two %[2]s\nuntil idle\nmigrate one two\nuntil two preparing\nuntil two done\nexpect records %[3]s two 8\n", words(m.From), words(m.To), at)
	case m.Kind == app.Deploy && m.From.Master == at:
		lines = fmt.Sprintf("nodes a b c d\npush good app\ndeploy app %s\nuntil idle\nwrite app 5\npush update-fails app\ndeploy app %s update\nuntil app preparing\n"+
			"until app done\nexpect aborted\nexpect records %[3]s app 5\npush exits app from two\ndeploy app %[2]s\nuntil app preparing\nuntil app done\nexpect volumes %[3]s app 1\n", words(m.From), words(m.To), at)
	case m.Flags.Failover:
		lines = fmt.Sprintf("nodes a b c d\npush good app\ndeploy app %s\nuntil idle\nwrite app 5\nrun 70s\nplug a\nrun 90s\npush unhealthy app\n"+
			"deploy app %s failover\nuntil app preparing\nuntil %[3]s begins healthy\nboot a\nuntil app done\nexpect aborted\nuntil idle\nrun 1m\nexpect running a\ncheck\n", words(m.From), words(m.To), at)
	default:
		return ""
	}
	sc, err := recette.ParseScenario("story", []byte(lines+storyFiles))
	Expect(err).NotTo(HaveOccurred())
	s, err := sc.Play(recette.Setting{Seed: seed(), Memo: memo, Edit: edit, Strict: true})
	s.Close()
	if err != nil {
		return err.Error()
	}
	return ""
}

func words(p app.Placement) string { return strings.TrimSpace(p.Master + " " + p.Slave) }

const storyFiles = `-- update.sh --
#!/bin/sh
-- post_migrate.sh --
#!/bin/sh
-- two/docker-compose.yml --
services:
  web:
    image: registry.example.com/web
    volumes: ["data:/data", "new:/new"]
volumes:
  data: {driver: "ccomb/buttervolume"}
  new: {driver: "ccomb/buttervolume"}
`

// idle are the steps that nothing can notice, because another step does their
// work: each with the reason.
var idle = []struct{ rows, step, why string }{
	{"none_to_", "announce cleared", "a first deploy has no old master who waits for it"},
	{"none_to_", "kill new", "the containers go with the next step, remove"},
	{"a_to_a", "kill new", "start old replaces the containers that run"},
	{"a-b_to_a", "kill new", "start old replaces the containers that run"},
	{"migrate_a_to_a", "retire made", "nothing is sent and no volume is made where source and target share a node"},
	{"migrate_a-b_to_a", "retire made", "nothing is sent and no volume is made where source and target share a node"},
}

func isIdle(m plan.Move, s plan.Step) bool {
	if m.Flags.Failover { // remove does the work of kill; the old master is off and does not wait
		return s.Verb == plan.Kill || s.Flag == plan.Cleared
	}
	for _, x := range idle {
		if strings.HasPrefix(m.Name, x.rows) && s.String() == x.step {
			return true
		}
	}
	return false
}

// cheap are the columns of the matrix that strike a few times.
func cheap() []recette.Column {
	return slices.DeleteFunc(recette.Columns(), func(c recette.Column) bool { return heavy(c) || c.Name == "no fault" })
}

var _ = Describe("A rescue step", Label("rescue"), func() {
	if testing.Short() {
		return
	}
	memo := &inspect.Memo{}
	for _, m := range slices.Concat(plan.Moves(), plan.DestroyStates(), plan.Migrations(), failovers()) {
		It("made columns pass with every step in its place: "+m.Name, func() {
			if !m.Flags.Failover {
				Expect(noticedRare(rowOf(m.Name), recette.Options{Seed: seed(), Memo: memo})).To(BeEmpty())
			}
			Expect(story(m, nil, memo)).To(BeEmpty())
		})
		for _, p := range rescue(m) {
			for _, s := range p.Steps {
				if isIdle(m, s) {
					continue
				}
				It(fmt.Sprintf("that is missing turns a cell red: %s, %s: %s", m.Name, p.Node, s), func() {
					o := recette.Options{Seed: seed(), Memo: memo, Edit: missing(p.Node, s)}
					why := ""
					if !m.Flags.Failover {
						why = cmp.Or(noticed(rowOf(m.Name), o, cheap()), noticedRare(rowOf(m.Name), o))
					}
					if why == "" {
						why = story(m, o.Edit, memo)
					}
					Expect(why).NotTo(BeEmpty())
				})
			}
		}
	}
})
