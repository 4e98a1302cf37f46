package recette

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/ledger"
	"github.com/mlfmonde/cluster/handler/port"
	"github.com/mlfmonde/cluster/sim"
)

// oneOwner: no two records have one domain. What a person wrote last is theirs
// to answer for. It compares names in its own way, not in the handler's.
func (l *Law) oneOwner(c *sim.Cluster) error {
	at := c.Since(ledger.Records)
	if at == l.owned {
		return nil
	}
	l.owned = at
	pairs, _ := c.KV()
	owner := map[string]port.Pair{}
	for _, p := range pairs {
		var rec app.Record
		if !strings.HasPrefix(p.Key, ledger.Records) || json.Unmarshal(p.Value, &rec) != nil {
			continue
		}
		for _, d := range rec.Domains {
			d, _, _ = strings.Cut(strings.ToLower(d), ":")
			if other, taken := owner[d]; taken && other.Key != p.Key && d != "" && !c.ByHand(later(other, p).Key) {
				return shared(d, other, p)
			}
			owner[d] = p
		}
	}
	for _, d := range slices.Sorted(maps.Keys(owner)) {
		for i, letter := range d {
			wild, taken := owner["*"+d[i:]]
			if letter == '.' && taken && wild.Key != owner[d].Key && !c.ByHand(later(wild, owner[d]).Key) {
				return shared(d, wild, owner[d])
			}
		}
	}
	return nil
}

func shared(domain string, a, b port.Pair) error {
	return fmt.Errorf("domain %s belongs to %s and to %s", domain, strings.TrimPrefix(a.Key, ledger.Records), strings.TrimPrefix(b.Key, ledger.Records))
}

// later is the pair that was written last.
func later(a, b port.Pair) port.Pair {
	if a.Modify > b.Modify {
		return a
	}
	return b
}

// recorded is the master that the handler has written, or found, into the
// record of o's app, whatever a person has made of it.
func recorded(o app.Operation) string {
	if decision(o) == app.OutcomeCommitted {
		return o.New.Master
	}
	return o.Old.Master
}
