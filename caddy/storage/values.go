package storage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/certmagic"
	"github.com/hashicorp/consul/api"
	"go.uber.org/zap"
)

// Store puts value at key, and tries again while Consul does not answer: what
// is stored may be a certificate that the authority gives out a few times a
// week. The value with which certmagic asks whether it can write waits as long
// as its context: whoever waits there orders a certificate when Consul is back.
func (s *Storage) Store(ctx context.Context, key string, value []byte) error {
	name, err := s.data(key)
	if err != nil {
		return fmt.Errorf("store %w", err)
	}
	sealed := s.keys.seal(name, value, time.Now())
	if len(sealed) > maxValue {
		return fmt.Errorf("store %s: %d bytes; Consul takes values of %d bytes, of which %d are used to seal it", key, len(value), maxValue, overhead)
	}
	until := time.Now().Add(time.Minute)
	for {
		err := s.put(ctx, key, &api.KVPair{Key: name, Value: sealed})
		switch {
		case err == nil:
			s.note(ctx, key, name)
			return nil
		case ctx.Err() != nil, answers(err), !probe(key) && time.Now().After(until):
			return fmt.Errorf("store %s: %w", key, err)
		}
		if err := wait(ctx, retry); err != nil {
			return fmt.Errorf("store %s: %w", key, err)
		}
	}
}

// errMade is the answer to the second who makes what is made once.
var errMade = errors.New("another node has made one at the same time; load the configuration once more to take that one")

// put writes one value, once.
func (s *Storage) put(ctx context.Context, key string, pair *api.KVPair) error {
	limited, stop := context.WithTimeout(ctx, s.timeout)
	defer stop()
	options := (&api.WriteOptions{}).WithContext(limited)
	if !once(key) {
		_, err := s.client.KV().Put(pair, options)
		s.heard(ctx, err)
		return err
	}
	made, _, err := s.client.KV().CAS(pair, options) // with index 0: only if there is none
	s.heard(ctx, err)
	if err == nil && !made && !s.has(ctx, pair) { // it may be there by an earlier try whose answer was lost
		return errMade
	}
	return err
}

// note copies what Consul has now to this node's disk.
func (s *Storage) note(ctx context.Context, key, name string) {
	if s.copy == nil || !copied(key) {
		return
	}
	options, stop := s.query(ctx)
	defer stop()
	pair, _, err := s.client.KV().Get(name, options)
	if err == nil && pair != nil {
		err = s.copy.keep(key, pair.ModifyIndex, pair.Value)
	}
	if err != nil {
		s.log.Warn("cannot copy a value to this node's disk", zap.String("key", key), zap.Error(err))
	}
}

// once reports whether a value is made once in the life of the cluster: nodes
// that start side by side must not each make a root of their own.
func once(key string) bool {
	return strings.HasPrefix(key, "pki/") && strings.HasSuffix(key, "/root.crt")
}

// has reports whether Consul has exactly this value.
func (s *Storage) has(ctx context.Context, want *api.KVPair) bool {
	options, stop := s.query(ctx)
	defer stop()
	pair, _, err := s.client.KV().Get(want.Key, options)
	return err == nil && pair != nil && bytes.Equal(pair.Value, want.Value)
}

// probe reports whether certmagic only tries whether it can write.
func probe(key string) bool { return strings.HasPrefix(key, "rw_test_") }

// Load gives the value at key, from the copy when Consul does not answer.
func (s *Storage) Load(ctx context.Context, key string) ([]byte, error) {
	found, err := s.load(ctx, key)
	if err != nil {
		return nil, fmt.Errorf("load %s: %w", key, err)
	}
	return found.value, nil
}

func (s *Storage) load(ctx context.Context, key string) (opened, error) {
	name, err := s.data(key)
	if err != nil {
		return opened{}, err
	}
	var pair *api.KVPair
	err = s.ask(ctx, func(o *api.QueryOptions) (err error) {
		pair, _, err = s.client.KV().Get(name, o)
		return err
	})
	if err == nil {
		if pair == nil {
			s.unneeded(key)
			return opened{}, fs.ErrNotExist
		}
		var found opened
		if found, err = s.keys.open(name, pair.Value); err == nil {
			s.read(ctx, key, pair, found)
			return found, nil
		}
		s.log.Error("a value in Consul does not open; is the key file the same on every node?", zap.String("key", name))
	}
	if ctx.Err() != nil {
		return opened{}, ctx.Err()
	}
	sealed, none := s.copy.load(key)
	if none != nil {
		return opened{}, missing(key, err)
	}
	found, bad := s.keys.open(name, sealed)
	if bad != nil {
		return opened{}, missing(key, err)
	}
	return found, nil
}

// read copies what Consul gave to the disk, and seals it again by the first key
// when an older one did: after a change of keys, reading is enough. It is left
// as it is when somebody stores another value meanwhile.
func (s *Storage) read(ctx context.Context, key string, pair *api.KVPair, found opened) {
	if found.oldKey {
		limited, stop := context.WithTimeout(ctx, s.timeout)
		defer stop()
		fresh := &api.KVPair{Key: pair.Key, Value: s.keys.seal(pair.Key, found.value, found.at), ModifyIndex: pair.ModifyIndex}
		done, _, err := s.client.KV().CAS(fresh, (&api.WriteOptions{}).WithContext(limited))
		if err == nil && done {
			s.note(ctx, key, pair.Key)
			return
		}
	}
	if err := s.copy.keep(key, pair.ModifyIndex, pair.Value); err != nil {
		s.log.Warn("cannot copy a value to this node's disk", zap.String("key", key), zap.Error(err))
	}
}

// unneeded removes from the disk what Consul does not have.
func (s *Storage) unneeded(key string) {
	if err := s.copy.forget(key); err != nil {
		s.log.Warn("cannot remove a value from this node's disk", zap.String("key", key), zap.Error(err))
	}
}

// Delete removes key and everything below it, in one transaction.
func (s *Storage) Delete(ctx context.Context, key string) error {
	name, err := s.data(key)
	if err != nil {
		return fmt.Errorf("delete %w", err)
	}
	done, answer, err := s.transact(ctx,
		&api.TxnOp{KV: &api.KVTxnOp{Verb: api.KVDelete, Key: name}},
		&api.TxnOp{KV: &api.KVTxnOp{Verb: api.KVDeleteTree, Key: name + "/"}})
	if err == nil && !done {
		err = refused(answer)
	}
	if err != nil {
		return fmt.Errorf("delete %s: %w", key, err)
	}
	s.unneeded(key)
	return nil
}

// Exists reports whether key has a value or is the folder of others.
func (s *Storage) Exists(ctx context.Context, key string) bool {
	_, err := s.Stat(ctx, key)
	return err == nil || errors.Is(err, errSealed)
}

// Stat tells what is at key.
func (s *Storage) Stat(ctx context.Context, key string) (certmagic.KeyInfo, error) {
	found, err := s.load(ctx, key)
	if err == nil {
		return certmagic.KeyInfo{Key: key, Modified: found.at, Size: int64(len(found.value)), IsTerminal: true}, nil
	}
	if errors.Is(err, fs.ErrNotExist) && !errors.Is(err, errSealed) {
		if _, below := s.List(ctx, key, false); below == nil {
			return certmagic.KeyInfo{Key: key}, nil
		}
	}
	return certmagic.KeyInfo{}, fmt.Errorf("look at %s: %w", key, err)
}

// List lists the keys and folders right below a folder, recursive all of them,
// in order. A folder that is not there does not exist; below a value is nothing.
func (s *Storage) List(ctx context.Context, folder string, recursive bool) ([]string, error) {
	name := s.prefix + "/data"
	if folder != "" {
		var err error
		if name, err = s.data(folder); err != nil {
			return nil, fmt.Errorf("list %w", err)
		}
	}
	var found []string
	err := s.ask(ctx, func(o *api.QueryOptions) (err error) {
		found, _, err = s.client.KV().Keys(name, "", o)
		return err
	})
	if err != nil {
		if ctx.Err() != nil {
			return nil, fmt.Errorf("list %s: %w", folder, ctx.Err())
		}
		keys, none := s.copy.list(ctx, folder, recursive)
		if none != nil {
			return nil, fmt.Errorf("list %s: %w", folder, missing(folder, err))
		}
		return keys, nil
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("list %s: %w", folder, fs.ErrNotExist)
	}
	keys := below(found, name+"/", recursive)
	if keys == nil && folder != "" && !slices.Contains(found, name) {
		return nil, fmt.Errorf("list %s: %w", folder, fs.ErrNotExist)
	}
	for i := range keys {
		keys[i] = strings.TrimPrefix(keys[i], s.prefix+"/data/")
	}
	return keys, nil
}

// below gives what names has below folder, and the folders between.
func below(names []string, folder string, recursive bool) []string {
	var all []string
	for _, name := range names {
		rest, ok := strings.CutPrefix(name, folder)
		if !ok || rest == "" {
			continue
		}
		words := strings.Split(rest, "/")
		if !recursive {
			words = words[:1]
		}
		for i := range words {
			all = append(all, folder+strings.Join(words[:i+1], "/"))
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}
