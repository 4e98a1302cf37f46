package edge_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/edge"
)

// crowd are n apps over four nodes as a cluster has them: two domains each, a
// decided operation, every tenth with an entry of HAPROXY.
func crowd(b testing.TB, n int) (pairs []edge.Pair) {
	for i := range n {
		name, node := fmt.Sprintf("app%d_master.abcde", i), fmt.Sprintf("n%d", i%4+1)
		pairs = append(pairs, record(b, name, func(r *app.Record) {
			r.Master, r.IP, r.RepoURL, r.Branch = node, fmt.Sprintf("10.0.0.%d", i%4+1), fmt.Sprintf("https://git.example.com/team/app%d", i), "master"
			r.Domains = []string{fmt.Sprintf("app%d.example.com", i), fmt.Sprintf("www.app%d.example.com", i)}
			r.Caddyfile = fmt.Sprintf("https://app%[1]d.example.com, https://www.app%[1]d.example.com {\n    reverse_proxy app%[1]d-web-1:80\n}\n", i)
			r.Ct = map[string]string{"web": fmt.Sprintf("app%d-web-1", i)}
			if i%10 == 0 {
				r.HAProxy = json.RawMessage(fmt.Sprintf(`{"sql-%[1]d": {"frontend": {"mode": "tcp", "bind": ["*:%[2]d"], "options": ["option tcplog"]},
					"backends": [{"name": "sql-%[1]d", "port": 5432, "peer_port": %[2]d, "server_option": "send-proxy", "ct": "app%[1]d-web-1"}]}}`, i, 10_000+i))
			}
		}))
		o, err := json.Marshal(app.Operation{Seq: 3, ID: "4b6f2f1c", Kind: app.Deploy, Lead: node, New: app.Placement{Master: node}, State: app.Done, Outcome: app.OutcomeCommitted})
		if err != nil {
			b.Fatal(err)
		}
		pairs = append(pairs, edge.Pair{Key: "operation/" + name, Value: o})
	}
	return pairs
}

// The bar is 50 ms for 2,000 apps.
func BenchmarkHAProxy_2000Apps(b *testing.B) {
	pairs := crowd(b, 2000)
	s := edge.Read(pairs)
	b.Run("read", func(b *testing.B) {
		for b.Loop() {
			edge.Read(pairs)
		}
	})
	b.Run("render", func(b *testing.B) {
		for b.Loop() {
			p, faults := edge.HAProxy(s, "n1", nil)
			if len(faults) > 0 || len(p.Text(nil)) < 1<<20 {
				b.Fatal(faults)
			}
		}
	})
	b.Run("both", func(b *testing.B) {
		for b.Loop() {
			p, _ := edge.HAProxy(edge.Read(pairs), "n1", nil)
			p.Text(nil)
		}
	})
}

func BenchmarkSites_2000Apps(b *testing.B) {
	s := edge.Read(crowd(b, 2000))
	for b.Loop() {
		if sites, faults := edge.Sites(s, "n1", nil); len(sites) != 500 || len(faults) > 0 {
			b.Fatal(len(sites), faults)
		}
	}
}
