package edge_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/mlfmonde/cluster/handler/edge"
)

var lookedUp = regexp.MustCompile(` (resolvers dns|check|inter 3s)\b`)

// printed drops what examples are compared without: white space, and what makes
// HAProxy look up names again.
func printed(text string) string {
	var lines []string
	for _, l := range strings.Split(text, "\n") {
		if l = strings.Join(strings.Fields(lookedUp.ReplaceAllString(l, "")), " "); l != "" {
			lines = append(lines, l)
		}
	}
	return strings.Join(lines, "\n")
}

func TestHAProxy_ExamplesOfTheVision(t *testing.T) {
	for file, want := range map[string]string{
		"vision-ssh": `
frontend front-ssh-config-name
    mode tcp
    bind *:2222
    use_backend backend-ssh-service
backend backend-ssh-service
    mode tcp
    server node1 sshservice_container_name:22`,
		"vision-swarm": `
frontend swarm-front-ssh-config-name
    mode tcp
    option socket-stats
    option tcplog
    bind *:2222
    use_backend swarm-backend-ssh-service
backend swarm-backend-ssh-service
    mode tcp
    option tcp-check
    server swarm_service test:22 resolvers dns check inter 3s`,
	} {
		a, err := txtar.ParseFile("testdata/rules/" + file + ".txtar")
		if err != nil {
			t.Fatal(err)
		}
		s := edge.Read(kvOf(a))
		p, faults := edge.HAProxy(s, "node1", nil)
		if len(p.Parts) != 1 || len(faults)+len(s.Faults) > 0 {
			t.Fatalf("%s: %d parts, %v, %v", file, len(p.Parts), faults, s.Faults)
		}
		if got := printed(p.Parts[0].Text()); got != printed(want) {
			t.Errorf("%s renders as\n%s\nprinted is\n%s", file, got, printed(want))
		}
	}
}
