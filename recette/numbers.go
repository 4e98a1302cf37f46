package recette

import "github.com/mlfmonde/cluster/sim"

// numbers are those of the records that some copy has. Copies share most of what
// is in them, and what was added once is not looked at again.
type numbers struct {
	in   []bool
	seen map[*sim.Record]int // first record of what was added → how many were
}

// clear takes all out and makes room up to last.
func (n *numbers) clear(last uint64) {
	if n.seen == nil {
		n.seen = map[*sim.Record]int{}
	}
	clear(n.seen)
	if uint64(cap(n.in)) <= last {
		n.in = make([]bool, last+1, 2*last+64)
	}
	n.in = n.in[:last+1]
	clear(n.in)
}

func (n *numbers) add(records []sim.Record) {
	if len(records) == 0 {
		return
	}
	from := n.seen[&records[0]]
	if from >= len(records) {
		return
	}
	n.seen[&records[0]] = len(records)
	for _, r := range records[from:] {
		if r.Number < uint64(len(n.in)) {
			n.in[r.Number] = true
		}
	}
}

func (n *numbers) has(number uint64) bool { return number < uint64(len(n.in)) && n.in[number] }
