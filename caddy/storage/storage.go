package storage

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/caddyserver/certmagic"
	"github.com/hashicorp/consul/api"
	"go.uber.org/zap"
)

// Limits of Consul, and how long reads leave it alone after it did not answer.
const (
	maxValue   = 512 << 10
	minSession = 10 * time.Second
	pause      = 5 * time.Second
)

// Config is what a storage needs.
type Config struct {
	Consul  *api.Config
	Prefix  string // "caddy" when empty
	Keys    [][]byte
	Copy    string        // folder; empty for none
	LockTTL time.Duration // DefaultLockTTL when zero
	Timeout time.Duration // DefaultTimeout when zero
	Log     *zap.Logger
}

// Storage is certmagic's storage in the KV of Consul: values below
// PREFIX/data/, locks below PREFIX/locks/.
type Storage struct {
	client  *api.Client
	prefix  string
	keys    keyring
	copy    *nearby
	session time.Duration // TTL of the sessions of locks
	timeout time.Duration
	log     *zap.Logger

	mutex  sync.Mutex
	held   map[string]*holding
	asking time.Time // reads do not ask Consul before
}

// New makes a storage. It asks Consul nothing.
func New(c Config) (*Storage, error) {
	keys, err := newKeyring(c.Keys)
	if err != nil {
		return nil, err
	}
	if c.Prefix == "" {
		c.Prefix = "caddy"
	}
	if err := valid(c.Prefix); err != nil {
		return nil, fmt.Errorf("prefix: %w", err)
	}
	if c.LockTTL == 0 {
		c.LockTTL = DefaultLockTTL
	}
	if c.LockTTL < 2*minSession {
		return nil, fmt.Errorf("lock_ttl %s: Consul needs up to %s to notice a dead holder; write %s or more", c.LockTTL, 2*minSession, 2*minSession)
	}
	if c.Timeout == 0 {
		c.Timeout = DefaultTimeout
	}
	if c.Timeout < 0 {
		return nil, fmt.Errorf("timeout %s: write a time above 0", c.Timeout)
	}
	if c.Log == nil {
		c.Log = zap.NewNop()
	}
	if c.Consul == nil {
		c.Consul = api.DefaultConfig()
	}
	client, err := api.NewClient(c.Consul)
	if err != nil {
		return nil, fmt.Errorf("connect to Consul at %s: %w", c.Consul.Address, err)
	}
	return &Storage{
		client: client, prefix: c.Prefix, keys: keys, copy: newNearby(c.Copy),
		session: c.LockTTL / 2, timeout: c.Timeout, log: c.Log, held: map[string]*holding{},
	}, nil
}

// String names the storage in Caddy's log.
func (s *Storage) String() string { return "consul:" + s.prefix }

// valid takes the names that certmagic promises: words between slashes.
func valid(key string) error {
	for word := range strings.SplitSeq(key, "/") {
		if word == "" || word == "." || word == ".." {
			return fmt.Errorf("%q is no name: it needs words with one slash between two", key)
		}
	}
	if strings.ContainsFunc(key, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return fmt.Errorf("%q is no name: it has a control character", key)
	}
	return nil
}

// data is where the value of key is in the KV.
func (s *Storage) data(key string) (string, error) {
	if err := valid(key); err != nil {
		return "", err
	}
	return path.Join(s.prefix, "data", key), nil
}

// query are the options of a read: consistent, because certmagic decides by it
// whether a certificate has to be ordered.
func (s *Storage) query(ctx context.Context) (*api.QueryOptions, context.CancelFunc) {
	ctx, stop := context.WithTimeout(ctx, s.timeout)
	return (&api.QueryOptions{RequireConsistent: true}).WithContext(ctx), stop
}

// errAway is the answer while Consul is left alone.
var errAway = errors.New("no answer from Consul a moment ago")

// ask does one read, unless Consul failed to answer a moment ago: thousands of
// certificates are loaded at start, and each would wait for its timeout.
func (s *Storage) ask(ctx context.Context, read func(*api.QueryOptions) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mutex.Lock()
	away := time.Now().Before(s.asking)
	s.mutex.Unlock()
	if away {
		return errAway
	}
	options, stop := s.query(ctx)
	defer stop()
	err := read(options)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	s.heard(ctx, err)
	return err
}

// answers reports whether an error is what Consul says, not its absence: a
// token that may not read, a value that is too long.
func answers(err error) bool {
	var status api.StatusError
	return errors.Is(err, errMade) || errors.As(err, &status) && status.Code < http.StatusInternalServerError
}

// heard remembers whether Consul is there, unless it was not given the time.
func (s *Storage) heard(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if err == nil || answers(err) {
		s.asking = time.Time{}
		return
	}
	if s.asking.IsZero() {
		s.log.Warn("Consul does not answer; certificates come from the copy on this node", zap.Error(err))
	}
	s.asking = time.Now().Add(pause)
}

// transact does all operations or none and gives what they answer.
func (s *Storage) transact(ctx context.Context, operations ...*api.TxnOp) (done bool, answer *api.TxnResponse, err error) {
	limited, stop := context.WithTimeout(ctx, s.timeout)
	defer stop()
	done, answer, _, err = s.client.Txn().Txn(operations, (&api.QueryOptions{}).WithContext(limited))
	s.heard(ctx, err)
	return done, answer, err
}

// refused tells why a transaction was not done.
func refused(answer *api.TxnResponse) error {
	var why []error
	for _, e := range answer.Errors {
		why = append(why, errors.New(e.What))
	}
	return errors.Join(why...)
}

// missing is what a read returns that found nothing: of keys that Caddy needs
// one by one it says that they do not exist, so that one domain goes without
// and the others are served; anything else stays an error.
func missing(key string, why error) error {
	if errors.Is(why, context.Canceled) || !copied(key) || strings.HasPrefix(key, "pki/") {
		return why
	}
	return fmt.Errorf("%w, and the copy on this node has nothing: %w", why, fs.ErrNotExist)
}

var (
	_ certmagic.Storage   = (*Storage)(nil)
	_ certmagic.TryLocker = (*Storage)(nil)
)
