package edge_test

import (
	"context"
	"fmt"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mlfmonde/cluster/recette/nodes/edge"
)

// neighbours writes records beside s, and takes them away after the spec.
func neighbours(ctx SpecContext, s *edge.Site, count int) []edge.Neighbour {
	all, err := s.Neighbours(ctx, count)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func(ctx SpecContext) { Expect(the.Forget(ctx, all)).To(Succeed()) }, NodeTimeout(time.Minute))
	for _, n := range all {
		answers(ctx, n)
	}
	return all
}

func answers(ctx context.Context, n edge.Neighbour) {
	Eventually(func() string { return the.Visit(ctx, n).Why }).WithContext(ctx).
		WithTimeout(40*time.Second).WithPolling(100*time.Millisecond).Should(BeEmpty(), n.Host)
}

// leftOut waits until the edge of a node says why it leaves an application out.
func leftOut(ctx context.Context, node, name string) (why string) {
	Eventually(func() (string, error) {
		left, err := the.Left(ctx, node)
		why = left[name]
		return why, err
	}).WithContext(ctx).WithTimeout(40*time.Second).WithPolling(100*time.Millisecond).ShouldNot(BeEmpty(), "reason in node/%s", node)
	return why
}

// edits changes a record by hand.
func edits(ctx context.Context, name string, fields map[string]any) uint64 {
	index, err := the.Edit(ctx, name, fields)
	Expect(err).NotTo(HaveOccurred())
	return index
}

var _ = Describe("what goes wrong at the edge", Label("world:nodes"), func() {
	It("is one application with a bad CADDYFILE among twenty: it alone stays as it was", patience, func(ctx SpecContext) {
		s := newSite(ctx, "among", 0)
		all := neighbours(ctx, s, 19)
		bad, others := all[7], append(all[:7:7], all[8:]...)
		edits(ctx, bad.Name, map[string]any{"caddyfile": "http://" + bad.Host + " {\n    reverse_proxy http://x:8080\n"})
		why := leftOut(ctx, edge.Left, bad.Name)
		fact("bad CADDYFILE: node/%s says %q", edge.Left, why)
		text, err := the.Status(ctx)
		Expect(err).NotTo(HaveOccurred())
		Expect(text).To(And(ContainSubstring(bad.Name), ContainSubstring(why[:min(len(why), 20)])), "handler status")
		fact("bad CADDYFILE: handler status says\n%s", text)
		reaches(ctx, s, "http", "https")
		for _, n := range others {
			Expect(the.Visit(ctx, n).Why).To(BeEmpty(), n.Host)
		}
		// And each of them can still be changed.
		index := edits(ctx, others[3].Name, map[string]any{"deploy_date": "by hand"})
		Expect(the.Published(ctx, index)).To(Succeed())
		Expect(the.Visit(ctx, bad).Why).To(BeEmpty(), "its last good version")
	})

	It("is Caddy of the master restarted: everything is there again by itself", patience, func(ctx SpecContext) {
		s := newSite(ctx, "restarted", 0)
		all := neighbours(ctx, s, 3)
		reaches(ctx, s, "http", "https")
		before, err := the.Issued(ctx)
		Expect(err).NotTo(HaveOccurred())
		begin := time.Now()
		proof, err := the.Node(edge.Left).RestartCaddy(ctx)
		Expect(err).NotTo(HaveOccurred())
		reaches(ctx, s, "http", "https")
		for _, n := range all {
			answers(ctx, n)
		}
		fact("Caddy restarted: %s; all reachable %.1f s after the order", proof, time.Since(begin).Seconds())
		Expect(the.Issued(ctx)).To(Equal(before), "a certificate is not asked for again")
	})

	It("is HAProxy killed where users enter: they enter again", patience, func(ctx SpecContext) {
		s := newSite(ctx, "killed", 2223)
		reaches(ctx, s, "http", "https", "tcp")
		begin := time.Now()
		proof, err := the.Entry().KillHAProxy(ctx)
		Expect(err).NotTo(HaveOccurred())
		reaches(ctx, s, "http", "https", "tcp")
		fact("HAProxy killed: %s; reachable %.1f s after the kill", proof, time.Since(begin).Seconds())
	})

	It("is a HAProxy that reloads under 200 requests a second: nobody notices", patience, func(ctx SpecContext) {
		s := newSite(ctx, "reloaded", 0)
		reaches(ctx, s, "http", "https")
		all := []*edge.Crowd{s.Crowd(the.Entry(), "http", 100, false), s.Crowd(the.Entry(), "https", 100, false)}
		workers := map[string]bool{}
		reloads := func(change func() error) {
			worker, err := the.Entry().HAProxyWorker(ctx)
			Expect(err).NotTo(HaveOccurred())
			workers[worker] = true
			Expect(change()).To(Succeed())
			Eventually(func() (string, error) { return the.Entry().HAProxyWorker(ctx) }).WithContext(ctx).
				WithTimeout(20*time.Second).WithPolling(50*time.Millisecond).ShouldNot(Equal(worker), "a change of the KV reloads")
		}
		for i := range 10 { // of which Caddy has no part
			reloads(func() error {
				return the.Put(ctx, "swarm/reloads", fmt.Appendf(nil, `{"domains": ["reload%d.example.com"]}`, i))
			})
		}
		Expect(the.Delete(ctx, "swarm/reloads")).To(Succeed())
		for i, c := range all {
			visits := c.Leave()
			fact("reload under load, %s: %d requests, worst %.3f s", [...]string{"http", "https"}[i], len(visits), visits.Worst().Seconds())
			Expect(visits.Failed()).To(Succeed())
		}
		fact("reload under load: workers of HAProxy meanwhile: %d", len(workers))
	})

	It("is a domain that a second application wants: it is refused, and the first one answers", patience, func(ctx SpecContext) {
		first := newSite(ctx, "holder", 0)
		reaches(ctx, first, "http", "https")
		thief, err := the.Site("thief", 0)
		Expect(err).NotTo(HaveOccurred())
		thief.Host = first.Host
		release := pushes(ctx, thief)
		r, err := thief.Ask(ctx, edge.Right, edge.Left)
		Expect(err).NotTo(HaveOccurred())
		said := string(r.Stdout) + string(r.Stderr)
		Expect(r.Code).To(Equal(1), said)
		Expect(said).To(And(ContainSubstring(first.Host), ContainSubstring(first.Name())), "it names the owner")
		for line := range strings.Lines(said) {
			if strings.Contains(line, first.Host) {
				fact("domain stolen: the deploy is refused: %s", strings.TrimSpace(line))
			}
		}
		v := first.Visit(ctx, the.Entry(), "https", "")
		Expect(v.Why).To(BeEmpty())
		Expect(v.Release).NotTo(Equal(release))
		// Nor is it by hand: of two records the first one by its key has the name.
		all := neighbours(ctx, first, 1)
		edits(ctx, all[0].Name, map[string]any{"domains": []string{first.Host}, "urls": "http://" + first.Host,
			"caddyfile": "http://" + first.Host + " {\n    respond \"stolen\"\n}"})
		fact("domain stolen by hand: node/%s says %q", edge.Left, leftOut(ctx, edge.Left, all[0].Name))
		Expect(first.Visit(ctx, the.Entry(), "http", "").Why).To(BeEmpty())
	})
})
