package sched

// timers is a binary heap of waiting tasks by (when, seq); each task knows
// its place, so that waking one early is cheap.
type timers []*Task

func (h timers) less(i, j int) bool {
	a, b := h[i], h[j]
	return a.when < b.when || a.when == b.when && a.seq < b.seq
}

func (h timers) swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].heap, h[j].heap = i, j
}

func (h *timers) push(t *Task) {
	t.heap = len(*h)
	*h = append(*h, t)
	h.up(t.heap)
}

func (h *timers) pop() *Task { return h.remove(0) }

func (h *timers) remove(i int) *Task {
	last := len(*h) - 1
	if i != last {
		h.swap(i, last)
	}
	t := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	t.heap = -1
	if i != last && !h.down(i) {
		h.up(i)
	}
	return t
}

func (h timers) up(i int) {
	for i > 0 {
		p := (i - 1) / 2
		if !h.less(i, p) {
			return
		}
		h.swap(i, p)
		i = p
	}
}

func (h timers) down(i int) bool {
	start := i
	for {
		c := 2*i + 1
		if c >= len(h) {
			break
		}
		if c+1 < len(h) && h.less(c+1, c) {
			c++
		}
		if !h.less(c, i) {
			break
		}
		h.swap(i, c)
		i = c
	}
	return i > start
}
