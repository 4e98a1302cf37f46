package nodes

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/mlfmonde/cluster/handler/adapter/node"
	"github.com/mlfmonde/cluster/handler/witness"
	"github.com/mlfmonde/cluster/recette"
)

// notes are the lines of what happened to a cluster besides its handlers' calls:
// with them the recordings can be played back on the fakes. Nil notes keep
// nothing.
type notes struct {
	file *os.File
	mu   sync.Mutex
	out  *witness.Note
	err  error
}

// newNotes begins a file.
func newNotes(path string) (*notes, error) {
	f, err := os.Create(path)
	if err != nil {
		return nil, fmt.Errorf("begin notes: %w", err)
	}
	kernel, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return nil, errors.Join(fmt.Errorf("begin notes: %w", err), f.Close())
	}
	clock := node.Clock{}
	out, err := witness.NewNote(f, witness.Header{Boot: clock.Boot(), Wall: clock.Now(), Kernel: strings.TrimSpace(string(kernel))})
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &notes{file: f, out: out}, nil
}

// now is the clock of the recordings.
func (n *notes) now() time.Duration { return node.Clock{}.Boot() }

// add writes a line about what began at start and is over.
func (n *notes) add(start time.Duration, h witness.Happening) {
	if n == nil {
		return
	}
	h.Start, h.End = start, n.now()
	n.mu.Lock()
	defer n.mu.Unlock()
	n.err = errors.Join(n.err, n.out.Happens(h))
}

// fault notes that calls of a node were struck, between start and now.
func (n *notes) fault(start time.Duration, t recette.Trouble) {
	c := t.Where()
	h := witness.Happening{World: witness.Fault, Node: c.Node}
	h.Call = c.Name
	if h.Node != "" {
		n.add(start, h)
	}
}

func (n *notes) close() error {
	if n == nil {
		return nil
	}
	return errors.Join(n.err, n.file.Close())
}

// keep copies the recordings of a bench to a folder: one file of each node and
// one of what happened besides.
func (b *Bench) keep(dir string) error {
	if b.notes == nil {
		return nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("keep recordings: %w", err)
	}
	faults := []error{b.notes.close()}
	files := map[string]string{"world.jsonl": b.notes.file.Name()}
	for _, n := range b.cluster.All() {
		files[n.Name+".jsonl"] = n.Recording()
	}
	for name, from := range files {
		faults = append(faults, duplicate(from, filepath.Join(dir, name)))
	}
	return errors.Join(faults...)
}

func duplicate(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return fmt.Errorf("keep recordings: %w", err)
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return fmt.Errorf("keep recordings: %w", err)
	}
	_, err = io.Copy(out, in)
	if err = errors.Join(err, out.Close()); err != nil {
		return fmt.Errorf("keep recordings: %w", err)
	}
	return nil
}

// asText is a value as the notes have it.
func asText(data []byte) *witness.Value {
	v := witness.Value(data)
	return &v
}
