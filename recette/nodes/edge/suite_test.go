package edge_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mlfmonde/cluster/recette/nodes/edge"
)

func TestEdge(t *testing.T) {
	if testing.Short() {
		t.Skip("real nodes are not for -short")
	}
	if why := edge.Missing(t.Context()); why != "" {
		if slices.Contains(strings.Split(os.Getenv("RECETTE_REQUIRE"), ","), "nodes") {
			t.Fatal(why)
		}
		t.Skip(why)
	}
	RegisterFailHandler(Fail)
	RunSpecs(t, "the edge of real nodes")
}

// the is the one world of all specs.
var the *edge.World

var _ = BeforeSuite(func(ctx SpecContext) {
	var err error
	// The world outlives the context of this node.
	the, err = edge.Start(context.WithoutCancel(ctx), edge.Options{Log: GinkgoWriter, Cache: os.Getenv("RECETTE_CACHE")})
	Expect(err).NotTo(HaveOccurred())
}, NodeTimeout(8*time.Minute))

var _ = AfterSuite(func() {
	if the != nil {
		Expect(the.Close()).To(Succeed())
	}
})

var _ = JustAfterEach(func(ctx SpecContext) {
	if CurrentSpecReport().Failed() && the != nil {
		dir, err := the.Evidence(ctx, os.Getenv("RECETTE_EVIDENCE"))
		fmt.Printf("evidence of %q: %s %v\n", CurrentSpecReport().LeafNodeText, dir, err)
	}
}, NodeTimeout(2*time.Minute))

// facts are what the specs saw, in their order.
var facts struct {
	sync.Mutex
	lines []string
}

// fact keeps one line for the end of the run.
func fact(format string, args ...any) {
	facts.Lock()
	defer facts.Unlock()
	facts.lines = append(facts.lines, fmt.Sprintf(format, args...))
}

var _ = ReportAfterSuite("facts", func(Report) {
	fmt.Println("\nwhat was seen at the edge:")
	for _, l := range facts.lines {
		fmt.Println("  " + l)
	}
})

const patience = NodeTimeout(5 * time.Minute)

// newSite is an application that is deployed on a with its slave on b; after
// the spec it is destroyed.
func newSite(ctx SpecContext, name string, port int) *edge.Site {
	s, err := the.Site(name, port)
	Expect(err).NotTo(HaveOccurred())
	pushes(ctx, s)
	Expect(s.Deploy(ctx, edge.Left, edge.Right)).To(Succeed())
	DeferCleanup(func(ctx SpecContext) { Expect(s.Destroy(ctx)).To(Succeed()) }, NodeTimeout(2*time.Minute))
	return s
}

func pushes(ctx context.Context, s *edge.Site, edits ...[2]string) string {
	release, err := s.Push(ctx, edits...)
	Expect(err).NotTo(HaveOccurred())
	return release
}

// reaches waits until users who enter at the third node get an answer.
func reaches(ctx context.Context, s *edge.Site, schemes ...string) {
	for _, scheme := range schemes {
		Eventually(func() string { return s.Visit(ctx, the.Entry(), scheme, "").Why }).WithContext(ctx).
			WithTimeout(40*time.Second).WithPolling(200*time.Millisecond).Should(BeEmpty(), "%s", s.URL(scheme))
	}
}
