package recette_test

import (
	"context"
	"fmt"
	"io/fs"
	"path"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mlfmonde/cluster/fixtures"
	"github.com/mlfmonde/cluster/recette"
)

// mended is the folder of scenarios of faults that were found and mended.
const mended = "regress"

// kept are the names of the scenarios of the fixtures that must hold.
func kept() (names []string) {
	for _, pattern := range []string{"*.txtar", mended + "/*.txtar"} {
		some, err := fs.Glob(fixtures.Scenarios(), pattern)
		if err != nil {
			return nil
		}
		names = append(names, some...)
	}
	return names
}

// scenarios are those of the fixtures that must hold.
func scenarios() []recette.Scenario {
	var all []recette.Scenario
	for _, name := range kept() {
		sc, err := script(name)
		if err == nil {
			all = append(all, sc)
		}
	}
	return all
}

func script(name string) (recette.Scenario, error) {
	data, err := fs.ReadFile(fixtures.Scenarios(), name)
	if err != nil {
		return recette.Scenario{}, err
	}
	return recette.ParseScenario(path.Base(name), data)
}

// told keeps the lines of a scene for the failure message.
func told(lines *[]string) func(recette.Line) {
	return func(l recette.Line) {
		text := fmt.Sprintf("%10.3f %-3s %s", l.At.Seconds(), l.Node, l.Text)
		*lines = append(*lines, text)
	}
}

var _ = Describe("Scenarios", func() {
	for _, sc := range scenarios() {
		It(fmt.Sprintf("%s: %s", sc.Name, strings.SplitN(sc.About, "\n", 2)[0]), Label("world:sim", "scenario"), func() {
			var lines []string
			s, err := sc.Play(recette.Setting{Seed: seed(), Tell: told(&lines)})
			if s != nil {
				defer s.Close()
			}
			Expect(err).NotTo(HaveOccurred(), "seed %d\n%s", seed(), strings.Join(lines[max(0, len(lines)-60):], "\n"))
			Expect(s.Tally().Looks).To(BeNumerically(">", 0))
		})
	}
	It("all parse, say what they show, and check at their end", func() {
		names := kept()
		Expect(len(names)).To(BeNumerically(">", 20))
		Expect(names).To(ContainElement(HavePrefix(mended + "/")))
		for _, name := range names {
			sc, err := script(name)
			Expect(err).NotTo(HaveOccurred(), name)
			Expect(sc.About).NotTo(BeEmpty(), name)
			Expect(strings.Join(sc.Lines, "\n")).To(MatchRegexp(`(?m)^(check|expect)`), name)
			if strings.HasPrefix(name, mended+"/") {
				Expect(sc.About).To(MatchRegexp(`(?m)^Since: .+ Mended in .+\nFound by: .+`), name)
			}
		}
	})
})

// play runs a script of the test's own and returns how it ended.
func play(text string) (*recette.Scene, error) {
	sc, err := recette.ParseScenario("test", []byte(text))
	Expect(err).NotTo(HaveOccurred())
	s, err := sc.Play(recette.Setting{Seed: seed()})
	DeferCleanup(s.Close)
	return s, err
}

var _ = Describe("The scenario language", func() {
	DescribeTable("says what it does not understand, and where", func(text, want string) {
		_, err := play(text)
		Expect(err).To(MatchError(ContainSubstring(want)))
		Expect(err).To(MatchError(recette.ErrUsage))
	},
		Entry("an unknown command", "\n\ndeplay app n1", `test:3: deplay app n1: not understood: there is no command "deplay"`),
		Entry("too few arguments", "deploy app", "usage: deploy APP MASTER"),
		Entry("one node twice", "deploy app n1 n1", "master and slave are both n1"),
		Entry("a phase", "fault n1 Stack.Up sideways", `phase "sideways"`),
		Entry("a number", "write app many", `"many" is not a number`),
		Entry("a time", "run fast", `"fast" is not a time`),
		Entry("a process", "crash n1 docker", "neither handler nor guard"),
		Entry("a channel", "cut n1 n2 smoke", `"smoke" is no channel`),
		Entry("time in a fault's command", "deploy app n1\nfault n1 Stack.Up hook then run 5s\nuntil idle", "cannot follow then"),
	)
	DescribeTable("ends when something does not hold", func(text, want string, kind recette.Kind) {
		_, err := play(text)
		Expect(err).To(MatchError(ContainSubstring(want)))
		Expect(recette.KindOf(err)).To(Equal(kind))
	},
		Entry("a node that is not there", "crash n9", `no node is called "n9"`, recette.Safety),
		Entry("another outcome", "push exits app\ndeploy app n1\nuntil idle\nexpect committed", "ended aborted", recette.Safety),
		Entry("a fault that never strikes", "deploy app n1\nfault n1 Volumes.Restore error\nuntil idle", "the fault never struck", recette.Unstruck),
		Entry("no rest", "crash n1\nrun 30s\ncrash n2\ncrash n3\ndeploy app n1\nuntil idle", "not at rest", recette.Liveness),
		Entry("what is left over", "deploy app n1\nuntil idle\nput maintenance/app mine\ncheck", "key maintenance/", recette.Safety),
		Entry("a lost volume", "deploy app n1 n2\nuntil idle\nwrite app 3\nput app/app {}\ncheck", "record", recette.Safety),
	)
	It("notices outages, and shows how things stand", func() {
		s, err := play("deploy app n1 n2\nuntil idle\nwriter app 100ms\nrun 5s\ndeploy app n2 n1\nuntil idle\nrun 5s\nwriter app off\ncheck\nshow nodes\nshow kv\nshow plan\nshow volumes\nshow schedules\nshow containers\nshow faults\nhelp")
		Expect(err).NotTo(HaveOccurred())
		sum, err := s.Summary(context.Background())
		Expect(err).NotTo(HaveOccurred())
		Expect(sum.Outages).To(HaveLen(1))
		Expect(sum.Outages[0].To - sum.Outages[0].From).To(BeNumerically("<", 10e9))
		Expect(sum.Acknowledged).To(BeNumerically(">", 20))
		Expect(sum.Operations).To(Equal(map[string]int{"committed": 2}))
	})
	It("joins what was cut, tells where applications are, and ends", func() {
		sc, err := recette.ParseScenario("test", []byte("deploy app n1 n2\nuntil idle\nstatus\ncut n2\ncut n1 n3 ssh\njoin n2\njoin n1 n3 ssh\nrun 1m\n"+
			"deploy app n3 n1\nuntil idle\nexpect committed\ndeploy app n2 n1\nuntil idle\nexpect committed\nrun 1m\nstatus app\nshow app\ncheck\ndown\nnonsense\n"))
		Expect(err).NotTo(HaveOccurred())
		var said []string
		s, err := sc.Play(recette.Setting{Seed: seed(), Tell: func(l recette.Line) { said = append(said, l.Text) }})
		DeferCleanup(s.Close)
		Expect(err).NotTo(HaveOccurred())
		Expect(said).To(ContainElements(
			MatchRegexp(`^app +master n1, slave n2, commit [0-9a-f]{8}$`), MatchRegexp(`^app +master n2, slave n1, commit`), ContainSubstring("operation 3, deploy: committed"),
			ContainSubstring("complete replica on n1, of operation 3"), "join: n1 n3 ssh", MatchRegexp(`^operation/app @`), MatchRegexp(`^ +"master": "n2"`),
		))
	})
})
