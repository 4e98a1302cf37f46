package storage

import (
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"golang.org/x/crypto/chacha20poly1305"
)

// A sealed value is: edition, four bytes that name the key, nonce, and the
// value with the time it was stored, encrypted and bound to the key's name in
// the KV: a value that somebody copied elsewhere does not open.
const (
	edition  = 1
	nameSize = 4
	timeSize = 8
	headSize = 1 + nameSize + chacha20poly1305.NonceSizeX
	overhead = headSize + timeSize + chacha20poly1305.Overhead
)

var errSealed = errors.New("not a value that one of the keys of the key file opens")

// keyring seals with its first key and opens with each.
type keyring []sealer

// sealer is one key ready for use, and its name.
type sealer struct {
	name [nameSize]byte
	aead cipher.AEAD
}

func parseKey(text string) ([]byte, error) {
	key, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("not base64: %w", err)
	}
	if len(key) != chacha20poly1305.KeySize {
		return nil, fmt.Errorf("%d bytes, a key has %d", len(key), chacha20poly1305.KeySize)
	}
	return key, nil
}

func newKeyring(keys [][]byte) (keyring, error) {
	if len(keys) == 0 {
		return nil, errors.New("no key")
	}
	var ring keyring
	for _, key := range keys {
		aead, err := chacha20poly1305.NewX(key)
		if err != nil {
			return nil, fmt.Errorf("take a key: %w", err)
		}
		sum := sha256.Sum256(append([]byte("caddy.storage.consul key name\x00"), key...))
		ring = append(ring, sealer{name: [nameSize]byte(sum[:nameSize]), aead: aead})
	}
	return ring, nil
}

// seal encrypts value for the place name. A nonce of 24 random bytes never
// repeats in practice, so nodes need not agree on anything.
func (r keyring) seal(name string, value []byte, at time.Time) []byte {
	out := make([]byte, headSize, overhead+len(value))
	out[0] = edition
	copy(out[1:], r[0].name[:])
	nonce := out[1+nameSize : headSize]
	rand.Read(nonce)
	clear := binary.BigEndian.AppendUint64(make([]byte, 0, timeSize+len(value)), uint64(at.UnixNano()))
	clear = append(clear, value...)
	return r[0].aead.Seal(out, nonce, clear, []byte(name))
}

// opened is what a sealed value held.
type opened struct {
	value  []byte
	at     time.Time
	oldKey bool // sealed by a key that is not the first any more
}

// open decrypts what seal made for the same place.
func (r keyring) open(name string, sealed []byte) (opened, error) {
	if len(sealed) < overhead || sealed[0] != edition {
		return opened{}, errSealed
	}
	for i, s := range r {
		if s.name != [nameSize]byte(sealed[1:]) {
			continue
		}
		clear, err := s.aead.Open(nil, sealed[1+nameSize:headSize], sealed[headSize:], []byte(name))
		if err != nil {
			continue
		}
		at := time.Unix(0, int64(binary.BigEndian.Uint64(clear)))
		return opened{value: clear[timeSize:], at: at, oldKey: i > 0}, nil
	}
	return opened{}, errSealed
}
