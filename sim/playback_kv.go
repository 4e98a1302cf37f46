package sim

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/port"
	"github.com/mlfmonde/cluster/handler/witness"
)

// patient are times in which nothing of Consul's ends by itself.
func patient() app.Times {
	t := app.DefaultTimes()
	t.SessionTTL = 100_000 * time.Hour
	return t
}

// outcome compares how a call ended; ok: both succeeded.
func outcome(d *deed, err error, v *verdict) (ok bool) {
	was, is := []string{}, witness.Kinds(err)
	if d.failed() {
		was = d.Error.Is
	}
	switch {
	case !d.failed() && err == nil:
		return true
	case d.failed() && err != nil && slices.Equal(was, is):
	case d.failed() && err != nil:
		v.differs("recorded error %q %v, the fake's %q %v", d.Error.Text, was, err, is)
	case err != nil:
		v.differs("recorded success, the fake says %q %v", err, is)
	default:
		v.differs("recorded error %q %v, the fake succeeds", d.Error.Text, was)
	}
	return false
}

// asking is a call that answers with a value. compare sees both when both
// succeeded.
func asking[T, W any](f func(ctx context.Context, w port.World, p *player, d *deed) (T, error), compare func(p *player, d *deed, was W, is T, v *verdict)) func(*player, *deed) verdict {
	return func(p *player, d *deed) (v verdict) {
		var is T
		var err error
		if !p.ask(d.Node, strings.HasPrefix(d.Call.Call, "Presence."), func(ctx context.Context, w port.World) { is, err = f(ctx, w, p, d) }) {
			v.differs("the fake never answers")
			return v
		}
		if p.err == nil && outcome(d, err, &v) && compare != nil {
			compare(p, d, answerOf[W](p, d), is, &v)
		}
		return v
	}
}

// acting is a call that only succeeds or fails.
func acting(f func(ctx context.Context, w port.World, p *player, d *deed) error) func(*player, *deed) verdict {
	return asking[struct{}, struct{}](func(ctx context.Context, w port.World, p *player, d *deed) (struct{}, error) {
		return struct{}{}, f(ctx, w, p, d)
	}, nil)
}

// pair compares two pairs of one key and collects their indexes.
func (v *verdict) pair(was witness.Pair, is port.Pair) []pairOf {
	switch {
	case was.Modify == 0 && is.Modify == 0:
		return nil
	case was.Modify == 0:
		v.differs("key %s: recorded as missing, the fake has %s", was.Key, short(is.Value))
	case is.Modify == 0:
		v.differs("key %s: recorded %s, the fake has no such key", was.Key, short(*was.Value))
	case !bytes.Equal(*was.Value, is.Value):
		v.differs("key %s: recorded %s, the fake has %s", was.Key, short(*was.Value), short(is.Value))
	default:
		return []pairOf{{was.Create, is.Create}, {was.Modify, is.Modify}}
	}
	return nil
}

// short is a value for people.
func short(value []byte) string {
	if len(value) > 200 {
		return strings.ToValidUTF8(string(value[:200]), "") + "…"
	}
	return string(value)
}

// indexes compares the order of what came with an answer.
func (v *verdict) indexes(p *player, what string, pairs ...pairOf) {
	for _, pair := range pairs {
		if _, ok := p.index.with(pair); !ok {
			known, _ := p.index.is(pair.was)
			v.differs("%s: index %d of the recording is %d in the fake: it has another place among the others (known: %d)", what, pair.was, pair.is, known)
			return
		}
	}
	next, ok := p.index.with(pairs...)
	switch {
	case !ok:
		v.differs("%s: the indexes are in another order", what)
	case len(next.pairs) > len(p.index.pairs):
		v.takes = append(v.takes, take{do: func() { p.index, _ = p.index.with(pairs...) }})
	}
}

func getKV(p *player, d *deed, was witness.Pair, is port.Pair, v *verdict) {
	pairs := v.pair(was, is)
	if len(v.diffs) > 0 && was.Modify == 0 {
		p.vanished(v, is.Key)
	}
	if len(v.diffs) == 0 && was.Modify != 0 {
		v.indexes(p, "key "+was.Key, pairs...)
	}
}

// vanished takes it that somebody else deleted a key, where that can be.
func (p *player) vanished(v *verdict, key string) {
	ours := slices.ContainsFunc([]string{operationPrefix, "ack/", "history/", "replica/", recordPrefix}, func(x string) bool { return strings.HasPrefix(key, x) })
	node, presence := strings.CutPrefix(key, nodePrefix)
	switch {
	case presence:
		v.diffs = v.diffs[:len(v.diffs)-1]
		v.takes = append(v.takes, take{why: "session ended", nature: true, do: func() { p.c.LoseSession(node) }})
	case !ours || len(p.nodes) > len(p.seed.recorded):
		v.diffs = v.diffs[:len(v.diffs)-1]
		v.takes = append(v.takes, take{why: "key deleted by others", nature: true, do: func() { p.c.kv.erase(key) }})
	}
}

type listing struct {
	pairs []port.Pair
	index uint64
}

func listKV(p *player, d *deed, was witness.List, is listing, v *verdict) {
	var pairs []pairOf
	mine := map[string]port.Pair{}
	for _, x := range is.pairs {
		mine[x.Key] = x
	}
	for _, x := range was.Pairs {
		pairs = append(pairs, v.pair(x, mine[x.Key])...)
		delete(mine, x.Key)
	}
	for _, key := range sortedKeys(mine) {
		v.pair(witness.Pair{Key: key}, mine[key])
		p.vanished(v, key)
	}
	if len(was.Pairs) > 0 { // else it is the index of the whole KV, which moves with every presence
		pairs = append(pairs, pairOf{was.Index, is.index})
	}
	if len(v.diffs) == 0 && !v.natural() {
		v.indexes(p, "list of "+arg[string](p, d, 0), pairs...)
	}
}

// translated is a recorded transaction with the fake's indexes. An index that
// was never seen is one that nothing has.
func (p *player) translated(t port.Txn) port.Txn {
	for i := range t.Ops {
		if o := &t.Ops[i]; o.Index != 0 {
			is, ok := p.index.is(o.Index)
			if !ok {
				is = 1 << 62
			}
			o.Index = is
		}
	}
	return t
}

func applied(p *player, d *deed, was, is uint64, v *verdict) {
	if d.index == was { // else it put nothing, and the answer is any index after it
		v.indexes(p, "transaction", pairOf{was, is})
	}
}

func presentMembers(p *player, _ *deed, was []witness.Member, is []app.Member, v *verdict) {
	for _, w := range was {
		i := slices.IndexFunc(is, func(m app.Member) bool { return m.Name == w.Name })
		if i < 0 {
			v.differs("member %s: the fake has none", w.Name)
			continue
		}
		p.seen["member "+w.Name] = true
		m := is[i]
		switch {
		case !slices.Contains(p.seed.recorded, w.Name):
		case m.Present && !w.Present:
			v.takes = append(v.takes, take{why: "session ended", nature: true, do: func() { p.c.LoseSession(w.Name) }})
		case m.Present != w.Present, m.Version != w.Version, m.Published != w.Published, m.Address != w.Address, !maps.Equal(m.Edge, w.Edge):
			v.differs("member %s: recorded %+v, the fake has %+v", w.Name, w, m)
		}
	}
	for _, m := range is {
		if p.seen["member "+m.Name] && !slices.ContainsFunc(was, func(w witness.Member) bool { return w.Name == m.Name }) {
			v.differs("member %s: recorded none any more", m.Name)
		}
	}
}

// body is a service's own definition, as far as a recording has it.
func body(d witness.Definition) json.RawMessage {
	if d.Bytes == 0 {
		return nil
	}
	data, err := json.Marshal(map[string]string{"ID": d.ID, "Name": d.Name})
	if err != nil {
		return nil
	}
	return data
}

func registered(p *player, d *deed, was, is []string, v *verdict) {
	n := p.c.node(d.Node)
	p.names(d, "service", was, is, v, func(name string) { p.c.node(d.Node).agent.services[name] = service{Name: name} }, func(name string) {
		maps.DeleteFunc(n.agent.services, func(_ string, s service) bool { return s.Name == name })
	})
}
