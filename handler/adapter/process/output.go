package process

import "sync"

// head keeps the first limit bytes that are written to it.
type head struct {
	kept  []byte
	limit int
}

func (h *head) Write(p []byte) (int, error) {
	h.kept = append(h.kept, p[:min(len(p), h.limit-len(h.kept))]...)
	return len(p), nil
}

// last keeps the last limit bytes. Standard output and error write to it from
// two goroutines.
type last struct {
	mu    sync.Mutex
	kept  []byte
	limit int
}

func (l *last) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.kept = append(l.kept, p...)
	if over := len(l.kept) - l.limit; over > 0 {
		l.kept = append(l.kept[:0], l.kept[over:]...)
	}
	return len(p), nil
}

func (l *last) bytes() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.kept
}
