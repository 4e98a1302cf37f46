package haproxy_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mlfmonde/cluster/handler/adapter/haproxy"
	"github.com/mlfmonde/cluster/handler/edge"
)

func (s *stand) check(p edge.Proxy) map[string]string {
	s.t.Helper()
	refused, err := s.proxy.Check(s.t.Context(), p)
	if err != nil {
		s.t.Fatal(err)
	}
	return refused
}

const bad = "\nbackend broken\n    mode tcp\n    option nonsense-here\n"

func TestCheck_NamesTheBadPartAmongTwentyAndQuotesItsLine(t *testing.T) {
	s := newStand(t)
	p := s.render(records(20))
	p.Parts[7].Sections += bad
	for range 2 { // with everything new, and with one part changed
		refused := s.check(p)
		why := refused[p.Parts[7].App]
		if len(refused) != 1 || !strings.Contains(why, `"option nonsense-here"`) || !strings.Contains(why, "unknown option") {
			t.Errorf("refused: %q", refused)
		}
		if strings.Contains(why, s.dir) {
			t.Errorf("the reason tells where files are: %s", why)
		}
		p.Parts[7].Sections += "\n"
	}
	if refused := s.check(s.render(records(20))); len(refused) != 0 {
		t.Errorf("mended, and refused: %q", refused)
	}
}

func TestCheck_FindsEveryBadPartOfMany(t *testing.T) {
	s := newStand(t)
	p := s.render(records(300))
	want := []int{0, 150, 151, 299}
	for _, i := range want {
		p.Parts[i].Sections += strings.Replace(bad, "broken", fmt.Sprintf("broken%d", i), 1)
	}
	refused := s.check(p)
	for _, i := range want {
		if refused[p.Parts[i].App] == "" {
			t.Errorf("%s is not refused", p.Parts[i].App)
		}
	}
	if len(refused) != len(want) {
		t.Errorf("refused: %q", refused)
	}
}

// Each of the two is good alone.
func TestCheck_RefusesWhatDoesNotGoTogether(t *testing.T) {
	s := newStand(t)
	p := s.render(records(20))
	s.check(p)
	for _, i := range []int{4, 9} {
		p.Parts[i].Sections += "\nbackend twice\n    mode tcp\n"
	}
	refused := s.check(p)
	if len(refused) != 1 || !strings.Contains(refused[p.Parts[9].App], "same name") {
		t.Errorf("refused: %q", refused)
	}
}

func TestCheck_BlamesNoAppForTheTemplateOrForHAProxy(t *testing.T) {
	s := newStand(t)
	template, err := edge.NewTemplate("global\n    description {{ .Digest }}\n    nonsense\n    stats socket {{ .Socket }}\n{{ .HTTPS }}\n{{ .HTTP }}\n{{ .Sections }}\n")
	if err != nil {
		t.Fatal(err)
	}
	p, _ := edge.HAProxy(edge.Read(nil), "n1", template)
	if refused, err := s.proxy.Check(t.Context(), p); err == nil || len(refused) > 0 || !strings.Contains(err.Error(), `"nonsense"`) || !strings.Contains(err.Error(), "template") {
		t.Errorf("a bad template: %v, %v", refused, err)
	}
	way, err := haproxy.ParseReload("pid:/run/x")
	if err != nil {
		t.Fatal(err)
	}
	h, err := haproxy.New(haproxy.Config{File: s.file(), Socket: "/run/x.sock", Reload: way, Command: []string{filepath.Join(s.dir, "missing")}})
	if err != nil {
		t.Fatal(err)
	}
	if refused, err := h.Check(t.Context(), s.render(records(2))); err == nil || len(refused) > 0 {
		t.Errorf("without a binary: %v, %v", refused, err)
	}
	if all, err := os.ReadDir(filepath.Dir(s.file())); err != nil || len(all) != 0 {
		t.Errorf("a check leaves %v, %v", all, err)
	}
}

// Names of containers are unknown to the machine that checks. Without init-addr
// none HAProxy would refuse this one, or wait for a DNS server for each server.
func TestCheck_LooksUpNoNames(t *testing.T) {
	s := newStand(t)
	p := s.render(records(3))
	p.Parts[1].Sections += "\nbackend named\n    mode tcp\n    server x nobody.invalid:80 init-addr libc\n"
	if refused := s.check(p); len(refused) != 0 {
		t.Errorf("refused: %q", refused)
	}
}
