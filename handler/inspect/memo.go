package inspect

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"sync"
)

// kept is how many checkouts a Memo remembers.
const kept = 256

// Memo inspects and remembers what it has read, by the content of the files:
// another operation on the same checkout is not loaded again. Its zero value is
// ready, and it may be used from several tasks. It never holds more than 256
// checkouts; when it is full it forgets them all.
type Memo struct {
	mu   sync.Mutex
	seen map[[32]byte]*analysis
}

// Inspect is [Inspect], with a memory.
func (m *Memo) Inspect(in Input) Result {
	key := digest(in)
	m.mu.Lock()
	a := m.seen[key]
	m.mu.Unlock()
	if a == nil {
		a = analyse(in, key)
		m.mu.Lock()
		if m.seen == nil || len(m.seen) >= kept {
			m.seen = make(map[[32]byte]*analysis)
		}
		m.seen[key] = a
		m.mu.Unlock()
	}
	return a.result(in)
}

// digest identifies everything that an analysis depends on.
func digest(in Input) [32]byte {
	h := sha256.New()
	put(h, []byte(in.App.Repo))
	put(h, []byte(in.App.Branch))
	put(h, in.Policy)
	for _, d := range in.Drivers {
		put(h, []byte(d))
	}
	for _, name := range sorted(in.Files) {
		if Wants(name) {
			put(h, []byte(name))
			put(h, in.Files[name])
		}
	}
	var sum [32]byte
	h.Sum(sum[:0])
	return sum
}

// put writes a part with its length, so that no two lists of parts are alike.
func put(h hash.Hash, part []byte) {
	var n [8]byte
	binary.BigEndian.PutUint64(n[:], uint64(len(part)))
	h.Write(n[:])
	h.Write(part)
}
