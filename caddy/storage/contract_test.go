package storage_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddyserver/certmagic"

	"github.com/mlfmonde/cluster/caddy/internal/programs"
)

// reference is certmagic's own storage: what it does not hold is no promise.
func TestContract_Reference(t *testing.T) {
	contract(t, func(t *testing.T) certmagic.Storage { return &certmagic.FileStorage{Path: t.TempDir()} })
}

func TestContract_Consul(t *testing.T) {
	consul := programs.NewConsul(t)
	var folders atomic.Int64
	contract(t, func(t *testing.T) certmagic.Storage {
		return open(t, consul, settings{prefix: "test/" + string(rune('a'+folders.Add(1)))})
	})
}

// contract is what certmagic's documentation promises of a storage.
func contract(t *testing.T, empty func(t *testing.T) certmagic.Storage) {
	for _, c := range []struct {
		name string
		play func(t *testing.T, s certmagic.Storage)
	}{
		{"what is stored is loaded", storedIsLoaded},
		{"what is missing does not exist", missingDoesNotExist},
		{"a deleted folder takes along what is below", deletedFolder},
		{"lists", lists},
		{"facts about a key", facts},
		{"values are whole", wholeValues},
		{"a context that has ended", endedContext},
		{"two holders exclude each other", exclusion},
		{"a wait ends with its context", endedWait},
		{"many holders, one at a time", manyHolders},
	} {
		t.Run(c.name, func(t *testing.T) { c.play(t, empty(t)) })
	}
}

func storedIsLoaded(t *testing.T, s certmagic.Storage) {
	for _, value := range [][]byte{[]byte("one"), []byte("another, longer"), {}, {0, 1, 255}, bytes.Repeat([]byte("x"), 100<<10)} {
		must(t, s.Store(t.Context(), "certificates/ca/example.com/example.com.crt", value))
		got, err := s.Load(t.Context(), "certificates/ca/example.com/example.com.crt")
		must(t, err)
		if !bytes.Equal(got, value) {
			t.Errorf("stored %d bytes, loaded %d others", len(value), len(got))
		}
	}
}

func missingDoesNotExist(t *testing.T, s certmagic.Storage) {
	must(t, s.Store(t.Context(), "certificates/ca/example.com", []byte("x")))
	for _, key := range []string{"certificates/none", "certificates/ca/example", "users", "pki/authorities/local/root.crt"} {
		if _, err := s.Load(t.Context(), key); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("load %s: %v", key, err)
		}
		if _, err := s.Stat(t.Context(), key); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("stat %s: %v", key, err)
		}
		if _, err := s.List(t.Context(), key, true); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("list %s: %v", key, err)
		}
		if s.Exists(t.Context(), key) {
			t.Errorf("%s exists", key)
		}
		if err := s.Delete(t.Context(), key); err != nil {
			t.Errorf("delete %s: %v", key, err)
		}
	}
}

func deletedFolder(t *testing.T, s certmagic.Storage) {
	for _, key := range []string{"a/b/c", "a/b/d/e", "a/bc", "ab"} {
		must(t, s.Store(t.Context(), key, []byte("x")))
	}
	must(t, s.Delete(t.Context(), "a/b"))
	for key, want := range map[string]bool{"a/b/c": false, "a/b/d/e": false, "a/b": false, "a/bc": true, "ab": true, "a": true} {
		if got := s.Exists(t.Context(), key); got != want {
			t.Errorf("%s exists: %t", key, got)
		}
	}
	must(t, s.Delete(t.Context(), "a/bc"))
	if _, err := s.Load(t.Context(), "a/bc"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a deleted value: %v", err)
	}
}

func lists(t *testing.T, s certmagic.Storage) {
	for _, key := range []string{"a/b/c", "a/b/d/e", "a/bc", "z"} {
		must(t, s.Store(t.Context(), key, []byte("x")))
	}
	for _, c := range []struct {
		folder    string
		recursive bool
		want      []string
	}{
		{"", false, []string{"a", "z"}},
		{"", true, []string{"a", "a/b", "a/b/c", "a/b/d", "a/b/d/e", "a/bc", "z"}},
		{"a", false, []string{"a/b", "a/bc"}},
		{"a", true, []string{"a/b", "a/b/c", "a/b/d", "a/b/d/e", "a/bc"}},
		{"a/b", false, []string{"a/b/c", "a/b/d"}},
		{"a/b/c", false, nil},
	} {
		got, err := s.List(t.Context(), c.folder, c.recursive)
		slices.Sort(got)
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("list %q, recursive %t: %q, %v; want %q", c.folder, c.recursive, got, err, c.want)
		}
	}
}

func facts(t *testing.T, s certmagic.Storage) {
	must(t, s.Store(t.Context(), "a/b", []byte("four")))
	info, err := s.Stat(t.Context(), "a/b")
	if err != nil || info.Key != "a/b" || !info.IsTerminal || info.Size != 4 || time.Since(info.Modified).Abs() > time.Minute {
		t.Errorf("a value: %+v, %v", info, err)
	}
	if info, err = s.Stat(t.Context(), "a"); err != nil || info.Key != "a" || info.IsTerminal {
		t.Errorf("a folder: %+v, %v", info, err)
	}
}

func wholeValues(t *testing.T, s certmagic.Storage) {
	values := [][]byte{bytes.Repeat([]byte("a"), 200<<10), bytes.Repeat([]byte("b"), 100<<10)}
	must(t, s.Store(t.Context(), "a", values[0]))
	var group sync.WaitGroup
	for i := range 4 {
		group.Go(func() {
			for range 3 {
				if err := s.Store(t.Context(), "a", values[i%2]); err != nil {
					t.Errorf("store: %v", err)
				}
				got, err := s.Load(t.Context(), "a")
				if err != nil || !bytes.Equal(got, values[0]) && !bytes.Equal(got, values[1]) {
					t.Errorf("loaded %d bytes of two values, %v", len(got), err)
				}
			}
		})
	}
	group.Wait()
}

func endedContext(t *testing.T, s certmagic.Storage) {
	ended, stop := context.WithCancel(t.Context())
	must(t, s.Lock(t.Context(), "a"))
	stop()
	if err := s.Lock(ended, "a"); !errors.Is(err, context.Canceled) {
		t.Errorf("lock: %v", err)
	}
	must(t, s.Unlock(t.Context(), "a"))
}

func exclusion(t *testing.T, s certmagic.Storage) {
	must(t, s.Lock(t.Context(), "issue_cert_example.com"))
	must(t, s.Lock(t.Context(), "issue_cert_*.example.com/other name"))
	if got, err := s.(certmagic.TryLocker).TryLock(t.Context(), "issue_cert_example.com"); got || err != nil {
		t.Errorf("a second holder: %t, %v", got, err)
	}
	var free atomic.Bool
	second := make(chan error)
	go func() {
		err := s.Lock(t.Context(), "issue_cert_example.com")
		if !free.Load() {
			err = errors.Join(err, errors.New("two hold it"))
		}
		second <- err
	}()
	must(t, s.Unlock(t.Context(), "issue_cert_*.example.com/other name"))
	free.Store(true)
	must(t, s.Unlock(t.Context(), "issue_cert_example.com"))
	must(t, <-second)
	must(t, s.Unlock(t.Context(), "issue_cert_example.com"))
	got, err := s.(certmagic.TryLocker).TryLock(t.Context(), "issue_cert_example.com")
	if !got || err != nil {
		t.Errorf("a free lock: %t, %v", got, err)
	}
	must(t, s.Unlock(t.Context(), "issue_cert_example.com"))
}

func endedWait(t *testing.T, s certmagic.Storage) {
	must(t, s.Lock(t.Context(), "a"))
	ctx, stop := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer stop()
	began := time.Now()
	if err := s.Lock(ctx, "a"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("lock: %v", err)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("the wait took %s", took)
	}
	must(t, s.Unlock(t.Context(), "a"))
}

func manyHolders(t *testing.T, s certmagic.Storage) {
	var group sync.WaitGroup
	var holders, turns atomic.Int64
	for range 5 {
		group.Go(func() {
			if err := s.Lock(t.Context(), "a"); err != nil {
				t.Errorf("lock: %v", err)
				return
			}
			if n := holders.Add(1); n != 1 {
				t.Errorf("%d hold it", n)
			}
			for range 5 { // work that takes its time
				if err := s.Store(t.Context(), "b", []byte("x")); err != nil {
					t.Errorf("store: %v", err)
				}
			}
			turns.Add(1)
			if n := holders.Add(-1); n != 0 {
				t.Errorf("%d more hold it", n)
			}
			if err := s.Unlock(t.Context(), "a"); err != nil {
				t.Errorf("unlock: %v", err)
			}
		})
	}
	group.Wait()
	if turns.Load() != 5 {
		t.Errorf("%d of 5 had their turn", turns.Load())
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
