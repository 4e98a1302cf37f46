package recette_test

import (
	"context"
	"fmt"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mlfmonde/cluster/recette"
)

var _ = Describe("The scenario language, at random", func() {
	DescribeTable("says at which line of a file the making of a cluster is wrong", func(text, want string) {
		_, err := recette.ParseScenario("file", []byte(text))
		Expect(err).To(MatchError(ContainSubstring(want)))
		Expect(err).To(MatchError(recette.ErrUsage))
	},
		Entry("a strategy", "\nstrategy sideways", `file:2: not understood: strategy "sideways": expected one of [fifo turns random pct]`),
		Entry("its seed", "strategy random x", `file:1: not understood: strategy: "x" is not a number`),
		Entry("its depth", "strategy pct 7 depth many", `"many" is not a number`),
		Entry("what it does not have", "strategy random 7 depth 3", `strategy random: "depth" means nothing to it`),
		Entry("a seed", "seed many", `file:1: not understood: seed: "many" is not a number`),
		Entry("no seed", "seed", "seed: expected one number"),
		Entry("no nodes", "nodes", "nodes: which?"),
		Entry("a node twice", "nodes a b a", "nodes: a is there twice"),
		Entry("a node's name", "nodes a b_c", `file:1: not understood: nodes: `),
	)
	DescribeTable("says what it does not understand", func(text, want string) {
		_, err := play(text)
		Expect(err).To(MatchError(ContainSubstring(want)))
		Expect(err).To(MatchError(recette.ErrUsage))
	},
		Entry("a call", "fault n1 Stack.Upp error", `there is no call "Stack.Upp"; a call is PORT.METHOD`),
		Entry("a port", "fault n1 Stak.* error", `there is no call "Stak.*"`),
		Entry("a chance", "fault n1 KV.* error percent 0", "percent 0: expected 1 to 100"),
		Entry("when to redeliver", "redeliver twice", `"twice": expected at once`),
		Entry("who is gone", "heal but n1", `"but": expected without`),
		Entry("nobody is gone", "heal without", "without which nodes?"),
		Entry("everybody is gone", "afresh without n1 n2 n3", "no node is left"),
		Entry("a tick of nobody", "tick", "usage: tick NODE"),
		Entry("an edit of nothing", "edit app master", "usage: edit APP FIELD VALUE"),
		Entry("a push without its domain", "push good app domain", "domain what?"),
		Entry("a zone", "zone n1 summer", `"summer" is not a time`),
		Entry("a delay", "gossip delay 5 most long", `"long" is not a time`),
	)
	DescribeTable("knows no other nodes", func(text string) {
		_, err := play(text)
		Expect(err).To(MatchError(ContainSubstring(`no node is called "n9"; there are n1, n2, n3`)))
	},
		Entry("to ask at", "deploy app n1 at n9"),
		Entry("to leave out", "afresh without n9"),
		Entry("to heal without", "heal without n9"),
		Entry("to tick", "tick n9"),
	)
	It("edits records that are there, in JSON or as text", func() {
		_, err := play("edit app master n1")
		Expect(err).To(MatchError(ContainSubstring("the record of app cannot be edited")))
		s, err := play("deploy app n1\nuntil idle\nedit app urls 'http://a.example.com'\nedit app domains '[\"a.example.com\"]'\nrun 1s")
		Expect(err).NotTo(HaveOccurred())
		Expect(s.Do(context.Background(), `expect key app/app "a.example.com"`)).To(Succeed())
		pairs, err := s.KV(context.Background())
		Expect(err).NotTo(HaveOccurred())
		Expect(string(pairs[0].Value)).To(And(ContainSubstring(`"urls": "http://a.example.com"`), MatchRegexp(`"domains": \[\s+"a.example.com"\s+\]`)))
	})
	It("refuses what makes a cluster once there is one", func() {
		s, err := play("deploy app n1")
		Expect(err).NotTo(HaveOccurred())
		Expect(s.Do(context.Background(), "seed 7")).To(MatchError(ContainSubstring("the cluster is there already")))
	})
	It("plays a strategy as it is written, the same every time", func() {
		hash := func(strategy string) uint64 {
			s, err := play("seed 3\nstrategy " + strategy + "\ndeploy app n1 n2\nuntil idle\nwrite app 3\ndeploy app n2 n1 at n1\nuntil idle\nexpect committed\ncheck")
			Expect(err).NotTo(HaveOccurred(), strategy)
			return s.Tally().Hash
		}
		seen := map[uint64]bool{}
		for _, strategy := range []string{"fifo", "turns", "random 7", "random 8", "pct 7", "pct 7 depth 1", "pct 7 depth 3 steps 300"} {
			first := hash(strategy)
			Expect(hash(strategy)).To(Equal(first), strategy)
			seen[first] = true
		}
		Expect(len(seen)).To(BeNumerically(">", 5))
	})
	It("lets schedulers run, events come again and clocks fold in the middle of a move", func() {
		s, err := play("deploy app n1 n2\nuntil idle\nwrite app 5\ngossip delay 50 repeat 50 most 10s\nzone n1 1h\ndeploy app n3 n2\nuntil n3 begins build\n" +
			"tick n1\nredeliver at once\nzone n1 0s\nskew n2 -1h\nuntil n1 did snapshot\ntick n1\ntick n2\nredeliver at once\nuntil idle\nexpect committed\ncheck\nafresh\ncheck")
		Expect(err).NotTo(HaveOccurred())
		Expect(noted(s, "scheduler: every job is due")).To(Equal(3))
		Expect(noted(s, "every event once more")).To(Equal(2))
	})
	It("deploys afresh where an app is, where its replica is, and not where nobody has its data", func() {
		s, err := play("nodes n1 n2 n3 n4 n5\ndeploy one n1 n2\ndeploy two n3 n1\ndeploy three n4 n3\ndeploy four n2 n4\nuntil idle\nwrite one 3\nwrite two 3\nwrite three 3\nrun 1m\n" +
			"destroy four\nuntil idle\nheal without n3 n4\nuntil idle\ncheck without n3 n4\nafresh without n3 n4\nexpect master n1 one\nexpect master n1 two\nexpect master n4 three\nexpect master n1 four\ncheck without n3 n4")
		Expect(err).NotTo(HaveOccurred())
		Expect(s.Vacuous()).To(Succeed())
	})
	It("says what waits for what when nothing comes to rest", func() {
		for text, want := range map[string][]string{
			"crash n1\ncrash n2\ncrash n3\nrun 1m\ndeploy app n1\nuntil idle": {
				"request ", "deploy app n1/–, waits for n1 to begin it, and no node has a session", "n1 runs no handler",
			},
			"deploy app n1 n2\nuntil idle\nfault n1 Snapshots.Send hang times ever\nfault n3 Source.Checkout hang times ever\ndeploy app n3 n2\ndeploy app n2\nrun 2m\n" +
				"expect committed": {"operation 2 of app, deploy n1/n2 → n3/n2, is preparing", `n1 is at "precopy`, "n3 is at", "Snapshots.Send", "has not returned for",
				"deploy app n2/–, waits for "},
			"deploy app n1 n2\nuntil idle\ndeploy app n3 n2\nuntil n3 begins verify\nplug n3\nrun 1s\nexpect committed": {
				"is switching", `n1 is at "await outcome ← n3" and n3 has not decided it`, "n3 is at ", ", but it is off",
			},
		} {
			_, err := play(text)
			Expect(err).To(HaveOccurred(), text)
			for _, w := range want {
				Expect(err.Error()).To(ContainSubstring(w), text)
			}
			Expect(strings.Count(err.Error(), "\n")).To(BeZero())
		}
	})
})

// noted counts the notes of a scene's trace that are text.
func noted(s *recette.Scene, text string) (n int) {
	for _, e := range s.Trace() {
		if strings.Contains(fmt.Sprint(e), text) {
			n++
		}
	}
	return n
}
