package single_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mlfmonde/cluster/recette/nodes/single"
)

// required reports that RECETTE_REQUIRE names something that a node is made of.
func required() bool {
	for _, name := range strings.Split(os.Getenv("RECETTE_REQUIRE"), ",") {
		if slices.Contains([]string{"node", "nodes", "docker", "btrfs", "consul", "git"}, strings.TrimSpace(name)) {
			return true
		}
	}
	return false
}

func TestNodes(t *testing.T) {
	if testing.Short() {
		t.Skip("real nodes are not for -short")
	}
	if why := single.Missing(); why != "" {
		if required() {
			t.Fatal(why)
		}
		t.Skip(why)
	}
	RegisterFailHandler(Fail)
	RunSpecs(t, "real nodes")
}

// bench is the one world of all specs, with what has been measured on it.
type bench struct {
	*single.World
	dir    string
	before traces
}

var the = &bench{}

var _ = BeforeSuite(func(ctx SpecContext) {
	var err error
	the.dir, err = os.MkdirTemp("", "nw")
	Expect(err).NotTo(HaveOccurred())
	the.before = the.look()
	begin := time.Now()
	the.World, err = single.Start(ctx, the.dir, GinkgoWriter)
	if err != nil {
		the.keep("start")
	}
	Expect(err).NotTo(HaveOccurred())
	figure("start of the node, with building", time.Since(begin))
}, NodeTimeout(5*time.Minute))

var _ = AfterSuite(func() {
	if the.World == nil {
		Expect(os.RemoveAll(the.dir)).To(Succeed())
		return
	}
	namespaces := the.namespaces()
	Expect(the.left(namespaces)).NotTo(BeEmpty(), "a world that runs shows")
	Expect(the.Close()).To(Succeed())
	Eventually(func() []string { return the.left(namespaces) }, 10*time.Second).Should(BeEmpty(), "what the world left on this machine")
	Expect(os.RemoveAll(the.dir)).To(Succeed())
})

var _ = JustAfterEach(func(ctx SpecContext) {
	if CurrentSpecReport().Failed() && the.World != nil {
		the.keep(CurrentSpecReport().LeafNodeText)
	}
}, NodeTimeout(time.Minute))

// keep copies what is known of a failure to a folder that stays.
func (b *bench) keep(what string) {
	dir, err := os.MkdirTemp(os.Getenv("RECETTE_EVIDENCE"), "recette-node-")
	if err != nil {
		GinkgoWriter.Println("no evidence:", err)
		return
	}
	_ = os.CopyFS(filepath.Join(dir, "log"), os.DirFS(filepath.Join(b.dir, "n1", "log")))
	if b.World != nil {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		o, seeing := b.Observe(ctx)
		kv, reading := b.KV(ctx)
		var keys strings.Builder
		for _, p := range kv {
			fmt.Fprintf(&keys, "%s @%d\n%s\n\n", p.Key, p.Modify, p.Value)
		}
		seen, encoding := json.MarshalIndent(o, "", "  ")
		_ = os.WriteFile(filepath.Join(dir, "observation.json"), seen, 0o600)
		_ = os.WriteFile(filepath.Join(dir, "kv.txt"), []byte(keys.String()), 0o600)
		_ = os.WriteFile(filepath.Join(dir, "errors.txt"), fmt.Appendln(nil, errors.Join(seeing, reading, encoding)), 0o600)
	}
	fmt.Printf("evidence of %q: %s\n", what, dir)
}

// traces is what a world could leave on this machine.
type traces struct{ netns, forward []string }

func (b *bench) look() traces {
	names, _ := filepath.Glob("/run/netns/*")
	rules, _ := exec.Command("iptables", "-w", "-S").Output()
	return traces{netns: names, forward: strings.Split(string(rules), "\n")}
}

// namespaces are those of the node while it runs.
func (b *bench) namespaces() map[string]bool {
	own := map[string]bool{}
	for _, kind := range []string{"mnt", "net", "pid"} {
		name, err := os.Readlink(filepath.Join(b.Node.Root(), "proc/1/ns", kind))
		Expect(err).NotTo(HaveOccurred())
		host, err := os.Readlink("/proc/self/ns/" + kind)
		Expect(err).NotTo(HaveOccurred())
		Expect(name).NotTo(Equal(host), "the node shares a namespace with this machine")
		own[name] = true
	}
	return own
}

// left lists what is still there of the world: processes in its namespaces,
// mounts and loop devices of its folder, control groups, links, rules.
func (b *bench) left(namespaces map[string]bool) (all []string) {
	processes, err := filepath.Glob("/proc/[0-9]*")
	Expect(err).NotTo(HaveOccurred())
	for _, p := range processes {
		for _, kind := range []string{"mnt", "net", "pid"} {
			if name, err := os.Readlink(filepath.Join(p, "ns", kind)); err == nil && namespaces[name] {
				all = append(all, "process "+p)
			}
		}
		if mounts, err := os.ReadFile(filepath.Join(p, "mountinfo")); err == nil && strings.Contains(string(mounts), b.dir) {
			all = append(all, "mount in "+p)
		}
	}
	images, _ := filepath.Glob("/sys/block/loop*/loop/backing_file")
	for _, i := range images {
		if file, err := os.ReadFile(i); err == nil && strings.Contains(string(file), b.dir) {
			all = append(all, "loop device "+i)
		}
	}
	for _, pattern := range []string{"/sys/fs/cgroup/*", "/sys/fs/cgroup"} {
		groups, _ := filepath.Glob(pattern + "/cluster-node-*" + filepath.Base(b.dir) + "*")
		all = append(all, groups...)
	}
	now := b.look()
	if !slices.Equal(now.netns, b.before.netns) {
		all = append(all, fmt.Sprintf("network namespaces %q, before %q", now.netns, b.before.netns))
	}
	for _, rule := range now.forward {
		if !slices.Contains(b.before.forward, rule) && strings.Contains(rule, "DOCKER") {
			all = append(all, "firewall rule "+rule)
		}
	}
	return all
}
