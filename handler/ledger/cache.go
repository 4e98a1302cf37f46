package ledger

import (
	"bytes"
	"sync"

	"github.com/mlfmonde/cluster/handler/port"
)

// cache remembers what the last value of a key decoded to: most reads find
// what they found before. It compares the value and the index, because a KV
// restored from a backup may use an index again. What it returns is shared and
// must not be changed.
type cache[T any] struct {
	mu   sync.Mutex
	last map[string]decoded[T]
}

// kept bounds a cache: acks have new keys with each operation.
const kept = 4096

type decoded[T any] struct {
	value []byte
	index uint64
	v     T
}

func newCache[T any]() *cache[T] { return &cache[T]{last: map[string]decoded[T]{}} }

func (c *cache[T]) get(p port.Pair, decode func(port.Pair) (T, error)) (T, error) {
	if c == nil || p.Modify == 0 {
		return decode(p)
	}
	c.mu.Lock()
	d, ok := c.last[p.Key]
	c.mu.Unlock()
	if ok && d.index == p.Modify && bytes.Equal(d.value, p.Value) {
		return d.v, nil
	}
	v, err := decode(p)
	if err == nil {
		c.put(p, v)
	}
	return v, err
}

// put remembers that p decodes to v.
func (c *cache[T]) put(p port.Pair, v T) {
	if c == nil || p.Modify == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.last) >= kept {
		clear(c.last)
	}
	c.last[p.Key] = decoded[T]{value: p.Value, index: p.Modify, v: v}
}
