package witness

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/port"
)

// Value is a value of the KV: text, or "base64:" and its bytes when it is none.
type Value []byte

const encoded = "base64:"

// MarshalJSON writes text where it can be read.
func (v Value) MarshalJSON() ([]byte, error) {
	if utf8.Valid(v) && !strings.HasPrefix(string(v), encoded) {
		return json.Marshal(string(v))
	}
	return json.Marshal(encoded + base64.StdEncoding.EncodeToString(v))
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (v *Value) UnmarshalJSON(data []byte) error {
	var text string
	if err := json.Unmarshal(data, &text); err != nil {
		return err
	}
	if rest, ok := strings.CutPrefix(text, encoded); ok {
		raw, err := base64.StdEncoding.DecodeString(rest)
		*v = raw
		return err
	}
	*v = Value(text)
	return nil
}

// Pair is a [port.Pair]. Without Value the key has the value that the last
// line before this one has for it; [Read] fills it in.
type Pair struct {
	Key    string `json:"key"`
	Value  *Value `json:"value,omitempty"`
	Create uint64 `json:"create,omitempty"`
	Modify uint64 `json:"modify,omitempty"`
}

func pair(p port.Pair) Pair {
	v := Value(p.Value)
	if p.Modify == 0 {
		return Pair{Key: p.Key}
	}
	return Pair{Key: p.Key, Value: &v, Create: p.Create, Modify: p.Modify}
}

// List is the answer of KV.List.
type List struct {
	Pairs []Pair `json:"pairs"`
	Index uint64 `json:"index"`
}

// Txn is a [port.Txn].
type Txn struct {
	Name string `json:"name"`
	Ops  []Op   `json:"ops"`
}

// Op is a [port.Op].
type Op struct {
	Verb  Verb   `json:"verb"`
	Key   string `json:"key"`
	Value *Value `json:"value,omitempty"`
	Index uint64 `json:"index,omitempty"`
}

// Verb is a [port.Verb] in words.
type Verb port.Verb

func verbs() []string {
	return []string{"put", "cas", "check", "absent", "delete", "delete-cas", "delete-tree"}
}

// MarshalJSON writes the word.
func (v Verb) MarshalJSON() ([]byte, error) {
	if v < 0 || int(v) >= len(verbs()) {
		return nil, fmt.Errorf("verb %d has no word", v)
	}
	return json.Marshal(verbs()[v])
}

// UnmarshalJSON reads the word.
func (v *Verb) UnmarshalJSON(data []byte) error {
	var word string
	if err := json.Unmarshal(data, &word); err != nil {
		return err
	}
	for i, w := range verbs() {
		if w == word {
			*v = Verb(i)
			return nil
		}
	}
	return fmt.Errorf("no verb %q", word)
}

func txn(t port.Txn) Txn {
	out := Txn{Name: t.Name, Ops: make([]Op, len(t.Ops))}
	for i, o := range t.Ops {
		out.Ops[i] = Op{Verb: Verb(o.Verb), Key: o.Key, Index: o.Index}
		if o.Verb == port.Put || o.Verb == port.CAS {
			v := Value(o.Value)
			out.Ops[i].Value = &v
		}
	}
	return out
}

// Port is the transaction again.
func (t Txn) Port() port.Txn {
	out := port.Txn{Name: t.Name, Ops: make([]port.Op, len(t.Ops))}
	for i, o := range t.Ops {
		out.Ops[i] = port.Op{Verb: port.Verb(o.Verb), Key: o.Key, Index: o.Index}
		if o.Value != nil {
			out.Ops[i].Value = *o.Value
		}
	}
	return out
}

// Member is an [app.Member] with what its JSON leaves out.
type Member struct {
	app.Member
	Present bool `json:"present,omitempty"`
}

func members(all []app.Member) any {
	out := make([]Member, len(all))
	for i, m := range all {
		out[i] = Member{Member: m, Present: m.Present}
	}
	return out
}

// Digest stands for the content of a file.
type Digest struct {
	Bytes  int    `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// Sum is the digest of a content.
func Sum(content []byte) Digest {
	sum := sha256.Sum256(content)
	return Digest{Bytes: len(content), SHA256: hex.EncodeToString(sum[:])}
}

func digests(files port.Files) any {
	out := make(map[string]Digest, len(files))
	for path, content := range files {
		out[path] = Sum(content)
	}
	return out
}

// Definition stands for a service's own registration: it may hold credentials
// of its checks.
type Definition struct {
	ID    string `json:"id,omitempty"`
	Name  string `json:"name,omitempty"`
	Bytes int    `json:"bytes"`
}

func definition(body json.RawMessage) any {
	d := Definition{Bytes: len(body)}
	var named struct{ ID, Name string }
	if json.Unmarshal(body, &named) == nil {
		d.ID, d.Name = named.ID, named.Name
	}
	return d
}

// Failure is an error: which of the known ones it is, and its text.
type Failure struct {
	Is   []string `json:"is,omitempty"` // names of the sentinels that it wraps
	Text string   `json:"text"`
}

// longest is how much is written of an error's text.
const longest = 1000

// sentinels are the errors that somebody branches on, by name.
func sentinels() []struct {
	Name string
	Err  error
} {
	return []struct {
		Name string
		Err  error
	}{
		{"ErrNotFound", port.ErrNotFound}, {"ErrRefused", port.ErrRefused}, {"ErrUnknown", port.ErrUnknown}, {"ErrDenied", port.ErrDenied},
		{"ErrNoLease", port.ErrNoLease}, {"ErrNoSpace", port.ErrNoSpace}, {"ErrBlocked", port.ErrBlocked},
		{"Canceled", context.Canceled}, {"DeadlineExceeded", context.DeadlineExceeded},
	}
}

// Kinds lists the names of the sentinels that err wraps, as a [Failure] has them.
func Kinds(err error) []string {
	var names []string
	for _, s := range sentinels() {
		if errors.Is(err, s.Err) {
			names = append(names, s.Name)
		}
	}
	return names
}

func failure(err error) *Failure {
	if err == nil {
		return nil
	}
	text := err.Error()
	if len(text) > longest {
		text = strings.ToValidUTF8(text[:longest], "") + " …"
	}
	return &Failure{Is: Kinds(err), Text: text}
}
