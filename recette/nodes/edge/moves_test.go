package edge_test

import (
	"errors"
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mlfmonde/cluster/recette/nodes/edge"
)

// crowds lets users come over http and https, and over https on connections
// that they keep.
func crowds(s *edge.Site) []*edge.Crowd {
	at := the.Entry()
	return []*edge.Crowd{s.Crowd(at, "http", 25, false), s.Crowd(at, "https", 25, false), s.Crowd(at, "https", 10, true)}
}

// cuts is how many of a crowd Caddy may cut off in a move: one for each node
// that gets another configuration.
const cuts = 2

// leave ends the crowds and says who of them failed, and which acknowledged
// records are not there.
func leave(ctx SpecContext, s *edge.Site, what string, all []*edge.Crowd) (faults []string) {
	for i, c := range all {
		visits, way := c.Leave(), [...]string{"http", "https", "https kept alive"}[i]
		fact("%s, %s: %d requests, worst %.2f s, held %d", what, way, len(visits), visits.Worst().Seconds(), visits.Held())
		rest, cut := visits.Cut()
		err := errors.Join(rest.Failed(), visits.Kept(s.Visit(ctx, the.Entry(), "http", "").Body))
		if cut > 0 {
			fact("  of them cut off by Caddy: %d", cut)
		}
		if cut > cuts {
			err = errors.Join(err, fmt.Errorf("%d of %d cut off: %w", cut, len(visits), visits.Failed()))
		}
		if err != nil {
			fact("  of them failed: %v", err)
			faults = append(faults, fmt.Sprintf("%s, %s: %v", what, way, err))
		}
	}
	return faults
}

var _ = Describe("users who enter at a node that is not the master", Label("world:nodes"), func() {
	It("reach an application over http, https and its own port", patience, func(ctx SpecContext) {
		s := newSite(ctx, "reached", 2222)
		reaches(ctx, s, "http", "https", "tcp")
		issued, err := the.Issued(ctx)
		Expect(err).NotTo(HaveOccurred())
		Expect(issued).To(HaveKeyWithValue(s.Host, 1))
	})

	It("do not fail while it moves and is deployed again, and it keeps its certificate", NodeTimeout(8*time.Minute), func(ctx SpecContext) {
		s := newSite(ctx, "moved", 0)
		reaches(ctx, s, "http", "https")
		at, rest := edge.Left, edge.Right
		var faults []string
		for i := range moves {
			release := pushes(ctx, s)
			what := "redeploy"
			if i > 0 {
				at, rest, what = rest, at, fmt.Sprint("move ", i)
			}
			all := crowds(s)
			Eventually(all[0].Seen).WithTimeout(20*time.Second).Should(BeNumerically(">", 20), "users before it begins")
			Expect(s.Deploy(ctx, at, rest)).To(Succeed())
			Eventually(func() string { return s.Visit(ctx, the.Entry(), "https", "").Release }).WithContext(ctx).
				WithTimeout(20 * time.Second).Should(Equal(release))
			faults = append(faults, leave(ctx, s, what, all)...)
		}
		Expect(faults).To(BeEmpty())
		issued, err := the.Issued(ctx)
		Expect(err).NotTo(HaveOccurred())
		Expect(issued).To(HaveKeyWithValue(s.Host, 1), "certificates for %s after %d moves", s.Host, moves-1)
		fact("certificates issued for %s over %d moves: %d", s.Host, moves-1, issued[s.Host])
	})
})

// moves is how often an application is deployed under way: first where it is.
const moves = 11

var _ = Describe("a swarm key", Label("world:nodes"), func() {
	It("leads users of its entries to a container that every node has", patience, func(ctx SpecContext) {
		n := the.Entry()
		docker := func(ctx SpecContext, args ...string) {
			_, err := n.Run(ctx, append([]string{"docker", "--host", "unix:///run/docker.sock"}, args...)...)
			Expect(err).NotTo(HaveOccurred())
		}
		docker(ctx, "run", "--detach", "--name", "swarm_hello", "--network", "cluster_default", "--env", "RELEASE=swarm", "registry.example.com/hello:base")
		DeferCleanup(func(ctx SpecContext) { docker(ctx, "rm", "--force", "--volumes", "swarm_hello") }, NodeTimeout(time.Minute))
		Expect(the.Put(ctx, "swarm/hello", []byte(`{"haproxy": {"http-in": {"backends": [
			{"name": "hello", "use_backend_option": "if { hdr(host) -i swarm.example.com }", "port": 8080, "ct": "swarm_hello"}]}}}`))).To(Succeed())
		DeferCleanup(func(ctx SpecContext) { Expect(the.Delete(ctx, "swarm/hello")).To(Succeed()) }, NodeTimeout(time.Minute))
		answers(ctx, edge.Neighbour{Host: "swarm.example.com"})
	})
})
