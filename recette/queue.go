package recette

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/ledger"
	"github.com/mlfmonde/cluster/sim"
)

// queue is in which order requests become operations: those of one app as the
// KV got them, each once. A KV that was restored from a backup begins anew.
type queue struct {
	begun map[string][]string // app → ids, in the order in which they began
	seq   map[string]uint64   // app → of the last
}

func newQueue() queue { return queue{begun: map[string][]string{}, seq: map[string]uint64{}} }

// begins looks at o as it appears.
func (l *Law) begins(c *sim.Cluster, name string, o app.Operation) error {
	if o.Seq <= l.queue.seq[name] {
		l.queue.begun[name] = nil
	}
	l.queue.seq[name] = o.Seq
	if slices.Contains(l.queue.begun[name], o.ID) {
		return fmt.Errorf("request %s of %s, which was over, has begun again as operation %d", o.ID, name, o.Seq)
	}
	l.queue.begun[name] = append(l.queue.begun[name], o.ID)
	own := c.Get(ledger.RequestKey(o.ID))
	pairs, _ := c.KV()
	for _, p := range pairs {
		var r app.Request
		if !strings.HasPrefix(p.Key, ledger.Requests) || own.Create == 0 || p.Create >= own.Create || json.Unmarshal(p.Value, &r) != nil {
			continue
		}
		if !r.Done && r.ID != o.ID && slices.Contains(r.Names(), name) {
			return fmt.Errorf("operation %d of %s has begun before request %s, which was there first", o.Seq, name, r.ID)
		}
	}
	return nil
}
