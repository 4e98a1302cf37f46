package single_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	fixture "github.com/mlfmonde/cluster/fixtures/nodes"
	"github.com/mlfmonde/cluster/fixtures/nodes/machine"
	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/recette/nodes/single"
)

// site is the application of one spec, from one URL of the repository.
type site struct {
	*single.World
	repo  string
	app   app.App
	acked []string // texts of every acknowledged record
}

var releases atomic.Int64

// newSite pushes a first release and deploys it; after the spec it is
// destroyed, which must leave nothing.
func newSite(ctx SpecContext, repo string) *site {
	a, err := single.App(repo)
	Expect(err).NotTo(HaveOccurred())
	s := &site{World: the.World, repo: repo, app: a}
	release, _ := s.push(ctx)
	c := watch(s.World, false)
	begin := time.Now()
	s.deploys(ctx, 0)
	Eventually(func() time.Time { return c.first(release) }, 5*time.Second).ShouldNot(BeZero(), "nobody answers for the first commit")
	c.end()
	figure("first deploy, to the first answer of its commit", c.first(release).Sub(begin))
	DeferCleanup(s.destroy, NodeTimeout(2*time.Minute))
	return s
}

// push commits hello with some edits under a new release name.
func (s *site) push(ctx context.Context, edits ...[2]string) (release, commit string) {
	release = fmt.Sprintf("r%d", releases.Add(1))
	files, err := s.Hello(release)
	Expect(err).NotTo(HaveOccurred())
	for _, e := range edits {
		Expect(fixture.Edit(files, e[0], e[1])).To(Succeed())
	}
	commit, err = s.Push(ctx, release, files)
	Expect(err).NotTo(HaveOccurred())
	return release, commit
}

// deploys runs the verb to its end, which must be code.
func (s *site) deploys(ctx context.Context, code int, more ...string) machine.Result {
	r, err := s.Handler(ctx, s.Deploy(s.repo, more...)...)
	Expect(err).NotTo(HaveOccurred())
	Expect(r.Code).To(Equal(code), "handler deploy said:\n%s%s", r.Stdout, r.Stderr)
	return r
}

// writes appends n records, each of which must be acknowledged.
func (s *site) writes(ctx context.Context, n int) {
	for range n {
		text := fmt.Sprintf("record %d", len(s.acked)+1)
		a, err := s.Ask(ctx, s.Client(), text)
		Expect(err).NotTo(HaveOccurred())
		Expect(a.Status).To(Equal(http.StatusOK), a.Body)
		s.acked = append(s.acked, text)
	}
}

// rests checks that the node is as the last operation says, that release
// answers, and that every acknowledged record is there once and in order.
func (s *site) rests(ctx context.Context, release string) {
	Eventually(func(ctx context.Context) error {
		o, err := s.Observe(ctx)
		if err != nil {
			return err
		}
		kv, err := s.KV(ctx)
		if err != nil {
			return err
		}
		return single.AtRest(o, kv, s.app)
	}).WithContext(ctx).WithTimeout(90 * time.Second).WithPolling(200 * time.Millisecond).Should(Succeed())
	if release == "" {
		return
	}
	a, err := s.Ask(ctx, s.Client(), "")
	Expect(err).NotTo(HaveOccurred())
	Expect(a.Release).To(Equal(release))
	var texts []string
	for i, line := range strings.Split(strings.TrimSuffix(a.Body, "\n"), "\n") {
		number, text, _ := strings.Cut(line, "\t")
		Expect(number).To(Equal(fmt.Sprint(i + 1)))
		texts = append(texts, text)
	}
	Expect(texts).To(Equal(s.acked), "records, as they were acknowledged")
}

// destroy takes the app away; snapshots with the last records stay.
func (s *site) destroy(ctx SpecContext) {
	r, err := s.Handler(ctx, "destroy", "--repo", s.repo, "--branch", "main")
	Expect(err).NotTo(HaveOccurred())
	Expect(r.Code).To(BeZero(), "handler destroy said:\n%s%s", r.Stdout, r.Stderr)
	s.rests(ctx, "")
	o, err := s.Observe(ctx)
	Expect(err).NotTo(HaveOccurred())
	Expect(o.Serving).To(BeEmpty())
	Expect(o.Images).To(BeEmpty(), "images of its releases")
	newest := []string{}
	for _, snap := range o.Snapshots {
		if snap.Volume == s.app.Volume("data") { // sorted by date
			newest = []string{}
			for _, r := range snap.Records {
				newest = append(newest, r.Mark)
			}
		}
	}
	Expect(newest).To(HaveExactElements(s.acked), "the newest snapshot has every record")
}

// operation waits until the app's operation is as it should be.
func (s *site) operation(ctx context.Context, as func(app.Operation) bool) (o app.Operation) {
	Eventually(func(ctx context.Context) (bool, error) {
		var err error
		o, err = s.Operation(ctx, s.app)
		return as(o), err
	}).WithContext(ctx).WithTimeout(2 * time.Minute).WithPolling(2 * time.Millisecond).Should(BeTrue())
	return o
}

const patience = NodeTimeout(4 * time.Minute)

var _ = Describe("one real node", Label("world:node"), func() {
	for _, by := range []string{"http", "ssh"} {
		It("deploys an app from "+by+" and keeps its records over a new commit", patience, func(ctx SpecContext) {
			repo := the.HTTPRepo()
			if by == "ssh" {
				repo = the.SSHRepo()
			}
			s := newSite(ctx, repo)
			s.writes(ctx, 5)
			release, commit := s.push(ctx)
			c := watch(s.World, true)
			begin := time.Now()
			s.deploys(ctx, 0)
			Eventually(func() time.Time { return c.first(release) }, 5*time.Second).ShouldNot(BeZero())
			c.end()
			s.acked = append(s.acked, c.acked...)
			figure("redeploy over "+by+", to the first answer of the new commit", c.first(release).Sub(begin))
			figure("redeploy over "+by+", outage seen every 20 ms", c.outage())
			s.rests(ctx, release)
			s.writes(ctx, 1)
			r, err := s.Handler(ctx, "status", s.app.Name())
			Expect(err).NotTo(HaveOccurred())
			Expect(string(r.Stdout)).To(ContainSubstring(commit))
		})
	}

	DescribeTable("refuses a commit that fails, and the old one goes on serving", func(ctx SpecContext, what string, stops bool, says string, edit [2]string) {
		s := newSite(ctx, the.HTTPRepo())
		s.writes(ctx, 3)
		old := fmt.Sprintf("r%d", releases.Load())
		bad, _ := s.push(ctx, edit)
		c := watch(s.World, true)
		begin := time.Now()
		r := s.deploys(ctx, 1)
		took := time.Since(begin)
		s.servesOn(ctx, c, old)
		Expect(c.first(bad)).To(BeZero(), "the failing commit answered")
		Expect(string(r.Stderr)).To(ContainSubstring(says))
		if !stops {
			Expect(c.failures()).To(BeEmpty(), "the app was not to be touched")
		}
		figure(what+": until the deploy was aborted", took)
		figure(what+": outage seen every 20 ms", c.outage())
	},
		Entry("whose compose file is refused", patience, "refused commit", false, "privileged", [2]string{"    build: .\n", "    build: .\n    privileged: true\n"}),
		Entry("that cannot be built", patience, "commit that does not build", false, "build", [2]string{"    build: .\n", "    build: ./nowhere\n"}),
		Entry("whose program exits", patience, "commit that exits", true, "container", [2]string{"    build: .\n", "    build: .\n    command: [healthy]\n"}),
	)

	DescribeTable("finishes or undoes a redeploy whose handler was killed", func(ctx SpecContext, moment string, at func(context.Context, *site) bool) {
		s := newSite(ctx, the.HTTPRepo())
		s.writes(ctx, 4)
		old := fmt.Sprintf("r%d", releases.Load())
		release, _ := s.push(ctx)
		before, err := s.Operation(ctx, s.app)
		Expect(err).NotTo(HaveOccurred())
		s.deploys(ctx, 0, "--no-wait")
		Eventually(func(ctx context.Context) bool { return at(ctx, s) }).WithContext(ctx).WithTimeout(time.Minute).WithPolling(time.Millisecond).Should(BeTrue())
		Expect(s.Node.Machine().Stop(ctx, fixture.Agent, syscall.SIGKILL, 0)).To(Succeed())
		struck, err := s.Operation(ctx, s.app)
		Expect(err).NotTo(HaveOccurred())
		Expect(struck.State).NotTo(Equal(app.Done), "the handler was killed too late")
		begin := time.Now()
		Expect(s.Node.Start(ctx, fixture.Agent)).To(Succeed())
		o := s.operation(ctx, func(o app.Operation) bool { return o.Seq == before.Seq+1 && o.State == app.Done })
		figure(fmt.Sprintf("handler killed %s, from its restart until %s", moment, o.Outcome), time.Since(begin))
		if o.Outcome == app.OutcomeCommitted {
			old = release
		}
		s.rests(ctx, old)
		s.writes(ctx, 1)
	},
		Entry("at the very beginning", patience, "at the very beginning", func(ctx context.Context, s *site) bool {
			o, err := s.Operation(ctx, s.app)
			return err == nil && o.State == app.Preparing
		}),
		Entry("while it prepared", patience, "while it prepared", func(ctx context.Context, s *site) bool {
			o, err := s.Operation(ctx, s.app)
			if err != nil || o.State != app.Preparing {
				return false
			}
			_, err = os.Stat(filepath.Join(s.Node.Root(), app.DeployRoot, app.Checkout(s.app.Name(), o.ID), app.CanonicalFile))
			return err == nil
		}),
		Entry("as it switched", patience, "as it switched", func(ctx context.Context, s *site) bool {
			o, err := s.Operation(ctx, s.app)
			return err == nil && o.State == app.Switching
		}),
		Entry("while the new containers started", patience, "while the new containers started", func(ctx context.Context, s *site) bool {
			o, err := s.Operation(ctx, s.app)
			if err != nil || o.State != app.Switching {
				return false
			}
			ack, err := s.Ack(ctx, o)
			return err == nil && ack.Started
		}),
	)

	It("has the app back by itself after a power cut", patience, func(ctx SpecContext) {
		s := newSite(ctx, the.HTTPRepo())
		s.writes(ctx, 6)
		release := fmt.Sprintf("r%d", releases.Load())
		Expect(s.Node.Cut()).To(Succeed())
		begin := time.Now()
		Expect(s.Node.On(ctx)).To(Succeed())
		programs := fixture.Programs()
		for _, name := range programs[:len(programs)-1] {
			Expect(s.Node.Start(ctx, name)).To(Succeed())
		}
		o, err := s.Observe(ctx)
		Expect(err).NotTo(HaveOccurred())
		Expect(o.Containers).To(HaveLen(1))
		Expect(o.Containers[0].Running).To(BeFalse(), "dockerd started a container without its lease")
		c := watch(s.World, false)
		Expect(s.Node.Start(ctx, fixture.Agent)).To(Succeed())
		Eventually(func() time.Time { return c.first(release) }).WithContext(ctx).WithTimeout(time.Minute).ShouldNot(BeZero())
		c.end()
		figure("power cut: from power on to the first answer", c.first(release).Sub(begin))
		s.rests(ctx, release)
		s.writes(ctx, 1)
	})
})

// servesOn ends a client, whose records count from then on, and checks.
func (s *site) servesOn(ctx context.Context, c *client, release string) {
	// The app serves again before the verb ends; the client sees that.
	Eventually(func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		n := len(c.ticks)
		return n > 0 && c.ticks[n-1].release == release
	}, 10*time.Second).Should(BeTrue())
	c.end()
	s.acked = append(s.acked, c.acked...)
	s.rests(ctx, release)
}
