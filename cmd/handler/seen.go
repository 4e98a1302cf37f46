package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/mlfmonde/cluster/handler/request"
)

// seen are the ids of the events that the last firing had.
type seen map[string]bool

// readSeen reads the file at path. Without it everything is new, which costs
// time and nothing else: a request is never written over.
func readSeen(path string) seen {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	s := make(seen, bytes.Count(data, []byte("\n")))
	for id := range strings.Lines(string(data)) {
		s[strings.TrimSuffix(id, "\n")] = true
	}
	return s
}

// unseen is the batch without the elements that the last firing had, and the
// ids of all. Those that stay are read with care afterwards; a batch that is no
// list stays whole.
func unseen(batch []byte, last seen) (ids []string, fresh []byte) {
	var elements []json.RawMessage
	if len(batch) > request.MaxBatch || json.Unmarshal(batch, &elements) != nil || elements == nil {
		return nil, batch
	}
	stay := elements[:0]
	for _, raw := range elements {
		var e struct{ ID string }
		if json.Unmarshal(raw, &e) != nil || !last[e.ID] || e.ID == "" {
			stay = append(stay, raw)
		}
		ids = append(ids, e.ID)
	}
	fresh = append([]byte{'['}, bytes.Join(rawBytes(stay), []byte{','})...)
	return ids, append(fresh, ']')
}

func rawBytes(list []json.RawMessage) [][]byte {
	all := make([][]byte, len(list))
	for i, raw := range list {
		all[i] = raw
	}
	return all
}

// writeSeen replaces the file at path by the ids but for those left. Consul's
// ring only ever loses old events, so one batch is all to remember.
func writeSeen(path string, ids []string, left map[string]bool) error {
	var b bytes.Buffer
	for _, id := range ids {
		if id != "" && !strings.ContainsAny(id, "\r\n") && !left[id] {
			b.WriteString(id + "\n")
		}
	}
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".watch.seen-")
	if err != nil {
		return err
	}
	_, err = f.Write(b.Bytes())
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}
