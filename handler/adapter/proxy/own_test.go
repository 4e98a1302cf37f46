package proxy_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/edge"
	"github.com/mlfmonde/cluster/handler/port"
	"github.com/mlfmonde/cluster/handler/port/porttest"
)

const (
	shop = "shop_main.00001"
	blog = "blog_main.00002"
)

func TestOwn_KeepsThePromisesOfAnEdge(t *testing.T) {
	porttest.Each(t, porttest.EdgeClauses(), func(c porttest.T, body func(context.Context, porttest.EdgeEnv)) {
		s := newStand(t)
		body(t.Context(), porttest.EdgeEnv{Edge: s.Own, KV: s.kv})
	})
}

func TestOwn_PublishesOnBothProxies(t *testing.T) {
	s := newStand(t)
	s.record(shop, "n1", "shop.example.com")
	written := s.record(blog, "n2", "blog.example.com")
	if p := s.publish(); p.Index != written || len(p.Left) != 0 {
		t.Errorf("published %+v, the newest change is %d", p, written)
	}
	if !s.has("https-shop.example.com") || !s.has("192.0.2.2:1443") {
		t.Errorf("HAProxy runs\n%s", s.machine.running)
	}
	if got := s.site(shop); got.Mode != edge.Serve || !strings.Contains(got.Text, "shop.example.com") || len(s.machine.sites) != 1 {
		t.Errorf("Caddy runs %+v", s.machine.sites)
	}
}

// An app that is refused keeps what it had, follows its moves with it, and is
// taken back when it is good.
func TestOwn_KeepsTheLastGoodPartOfARefusedApp(t *testing.T) {
	s := newStand(t)
	s.record(shop, "n1", "shop.example.com")
	s.record(blog, "n1", "blog.example.com")
	s.publish()
	s.record(shop, "n1", "refused.example.com")
	s.record(blog, "n1", "news.example.com")
	for range 2 {
		p := s.publish()
		if why := p.Left[shop]; !strings.Contains(why, "haproxy: refused by HAProxy") || !strings.Contains(why, "caddy: refused by Caddy") || len(p.Left) != 1 {
			t.Errorf("left out: %q", p.Left)
		}
		if !s.has("shop.example.com") || s.has("refused") || !s.has("news.example.com") {
			t.Errorf("HAProxy runs\n%s", s.machine.running)
		}
		if !strings.Contains(s.site(shop).Text, "shop.example.com") || !strings.Contains(s.site(blog).Text, "news.example.com") {
			t.Errorf("Caddy runs %+v", s.machine.sites)
		}
		s.again() // the next incarnation knows it too
	}
	s.record(shop, "n3", "refused.example.com")
	if s.publish(); !s.has("192.0.2.3:1443") || !s.has("shop.example.com") {
		t.Errorf("its routes do not follow it\n%s", s.machine.running)
	}
	s.record(shop, "n1", "better.example.com")
	if p := s.publish(); len(p.Left) != 0 || !s.has("better.example.com") || s.has("shop.example.com") {
		t.Errorf("mended: %q\n%s", p.Left, s.machine.running)
	}
}

func TestOwn_LeavesOutWhatWasNeverGood(t *testing.T) {
	s := newStand(t)
	s.record(shop, "n1", "refused.example.com")
	s.record(blog, "n1", "blog.example.com")
	if p := s.publish(); p.Left[shop] == "" || s.has("refused") || !s.has("blog.example.com") {
		t.Errorf("left %q\n%s", p.Left, s.machine.running)
	}
}

// A value that nobody can read does not take the app away.
func TestOwn_ShowsAnUnreadableRecordAsItWas(t *testing.T) {
	s := newStand(t)
	s.record(shop, "n1", "shop.example.com")
	s.publish()
	s.kv.put("app/"+shop, `{"cut`)
	if p := s.publish(); p.Left[shop] == "" || !s.has("shop.example.com") || s.site(shop).Mode != edge.Serve {
		t.Errorf("left %q\n%s\n%+v", p.Left, s.machine.running, s.machine.sites)
	}
	s.kv.delete("app/" + shop)
	if p := s.publish(); len(p.Left) != 0 || s.has("shop.example.com") || len(s.machine.sites) != 0 {
		t.Errorf("destroyed: %q\n%s", p.Left, s.machine.running)
	}
	s.kv.put("app/"+shop, `{"cut`)
	if s.publish(); s.has("shop.example.com") {
		t.Error("a destroyed app is remembered")
	}
}

func TestOwn_IsNotMovedByWhatChangesNothing(t *testing.T) {
	s := newStand(t)
	s.record(shop, "n1", "shop.example.com")
	first := s.publish()
	lists := s.kv.lists
	s.kv.put("node/n2", `{"name": "n2", "address": "192.0.2.2", "published": 7}`)
	if p := s.publish(); !p.Same(first) {
		t.Errorf("%+v, then %+v", first, p)
	}
	s.kv.put("operation/"+shop, `{"seq": 3, "state": "done", "outcome": "committed", "new": {"master": "n1"}}`)
	s.publish()
	if s.machine.runs != 1 || s.machine.loads != 1 {
		t.Errorf("%d reloads of HAProxy, %d of Caddy", s.machine.runs, s.machine.loads)
	}
	if s.kv.lists == lists {
		t.Error("nothing was read")
	}
	checks := s.machine.checks
	if s.publish(); s.machine.checks != checks {
		t.Error("it renders although nothing has moved")
	}
}

func TestOwn_HasSeenARemoval(t *testing.T) {
	s := newStand(t)
	s.record(shop, "n1", "shop.example.com")
	s.kv.put("maintenance/"+shop, "by hand")
	if s.publish(); s.site(shop).Mode != edge.Page {
		t.Errorf("closed by hand: %+v", s.site(shop))
	}
	gone := s.kv.delete("maintenance/" + shop)
	p := s.publish()
	if p.Index < gone || s.site(shop).Mode != edge.Serve {
		t.Errorf("%+v, the removal is %d, %+v", p, gone, s.site(shop))
	}
	s.kv.put("node/n1", `{"name": "n1", "address": "192.0.2.1", "published": 9}`)
	if again := s.publish(); again.Index != p.Index {
		t.Errorf("moved from %d to %d by what a node says", p.Index, again.Index)
	}
}

func TestOwn_SaysWhatHoldsUpAProxyAndStaysBehind(t *testing.T) {
	for _, c := range []struct {
		says string
		away func(*machine, error)
	}{
		{"HAProxy is not running", func(m *machine, err error) { m.away = err }},
		{"Caddy does not answer", func(m *machine, err error) { m.caddy = err }},
	} {
		s := newStand(t)
		s.record(shop, "n1", "shop.example.com")
		first := s.publish()
		c.away(s.machine, errors.New(c.says))
		written := s.record(blog, "n1", "blog.example.com")
		if p := s.publish(); p.Index != first.Index || !strings.Contains(p.Left[app.WholeEdge], c.says) {
			t.Errorf("%s: %+v", c.says, p)
		}
		c.away(s.machine, nil)
		if p := s.publish(); p.Index != written || len(p.Left) != 0 || !s.has("blog.example.com") || s.site(blog).Mode != edge.Serve {
			t.Errorf("after %q: %+v", c.says, p)
		}
	}
}

func TestOwn_WithoutConsulGoesOnWithWhatItHas(t *testing.T) {
	s := newStand(t)
	s.record(shop, "n1", "shop.example.com")
	s.publish()
	s.kv.away = true
	if _, err := s.Publish(t.Context()); !errors.Is(err, port.ErrUnknown) {
		t.Errorf("got %v", err)
	}
	if !s.has("shop.example.com") || s.site(shop).Mode != edge.Serve {
		t.Error("what ran is gone")
	}
}

func TestOwn_AnswersManyCallersTogether(t *testing.T) {
	s := newStand(t)
	s.publish()
	var all sync.WaitGroup
	for i := range 40 {
		all.Go(func() {
			written := s.record(string(rune('a'+i%26))+"app_main.00000", "n1", string(rune('a'+i%26))+".example.com")
			if p, err := s.Publish(t.Context()); err != nil || p.Index < written {
				t.Errorf("published %+v, %v; the write is %d", p, err, written)
			}
		})
	}
	all.Wait()
	if s.machine.applies > 20 {
		t.Errorf("%d publications for 40 callers", s.machine.applies)
	}
}

func TestOwn_BeginsAnewWithAMemoryThatCannotBeRead(t *testing.T) {
	s := newStand(t)
	s.record(shop, "n1", "shop.example.com")
	s.publish()
	files, err := os.ReadDir(s.config.Dir)
	if err != nil || len(files) == 0 {
		t.Fatalf("nothing is kept: %v", err)
	}
	for _, f := range files {
		if err := os.WriteFile(filepath.Join(s.config.Dir, f.Name()), []byte("{"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s.again()
	if p := s.publish(); len(p.Left) != 0 || !s.has("shop.example.com") {
		t.Errorf("%+v", p)
	}
}

// ssh writes a record with a port of its own.
func (s *stand) ssh(name, port string) {
	s.kv.put("app/"+name, fmt.Sprintf(`{"haproxy": {"ssh-%[1]s": {"frontend": {"mode": "tcp", "bind": ["*:%[1]s"]},
		"backends": [{"name": "ssh-%[1]s", "port": "22", "peer_port": "22", "ct": "git"}]}}, "domains": [], "master": "n1", "ct": {"git": "git"}}`, port))
}

// The check of a configuration opens no port, so only the start tells.
func TestOwn_LeavesOutWhoHAProxyDoesNotStartWith(t *testing.T) {
	s := newStand(t)
	s.config.Again = time.Nanosecond
	s.again()
	s.record(shop, "n1", "shop.example.com")
	s.ssh("git_main.00003", "2222")
	s.publish()
	s.machine.taken = "*:2223"
	s.ssh("code_main.00004", "2223")
	written := s.record(blog, "n1", "blog.example.com")
	p := s.publish()
	if p.Index != written || len(p.Left) != 1 || !strings.Contains(p.Left["code_main.00004"], "the port of its bind") {
		t.Errorf("%+v", p)
	}
	if !s.has("*:2222") || !s.has("blog.example.com") || s.has("*:2223") {
		t.Errorf("HAProxy runs\n%s", s.machine.running)
	}
	s.machine.taken = ""
	if p := s.publish(); len(p.Left) != 0 || !s.has("*:2223") {
		t.Errorf("the port is free: %+v\n%s", p, s.machine.running)
	}
}

func TestOwn_ShowsWhatACallThatWasGivenUpHasNot(t *testing.T) {
	s := newStand(t)
	s.record(shop, "n1", "shop.example.com")
	s.publish()
	written := s.record(shop, "n1", "new.example.com")
	ctx, cancel := context.WithCancel(t.Context())
	s.machine.during = cancel
	s.machine.taken = "new.example.com"
	if _, err := s.Publish(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	s.machine.during, s.machine.taken = nil, ""
	if p := s.publish(); p.Index != written || !s.has("new.example.com") {
		t.Errorf("%+v\n%s", p, s.machine.running)
	}
}
