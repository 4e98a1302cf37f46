package caddyfile_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/mlfmonde/cluster/handler/edge/caddyfile"
)

// What is taken, Caddy takes too: an app is not to find out only when it is
// published that its text is no good. The texts are the same in every run.
func TestRead_TakesWhatCaddyTakes(t *testing.T) {
	w := &world{t: t, program: caddyProgram(t), dir: t.TempDir()}
	texts := map[string]string{} // what it becomes → what was read
	var all []string
	for seed := 1; len(all) < 500 && seed < 40_000; seed++ {
		address := fmt.Sprintf("http://a%d.example.com", seed)
		text := site(address).Example(seed)
		f, problems := caddyfile.Read(text, own)
		if len(problems) > 0 || len(f.Sites) != 1 || strings.Count(text, "\n") < 3 {
			continue
		}
		all = append(all, f.String())
		texts[f.String()] = text
	}
	if len(all) < 100 {
		t.Fatalf("only %d texts were taken", len(all))
	}
	w.suspects(all, func(text string, err error) {
		t.Errorf("%v\n%s\nwas read of\n%s", err, text, texts[text])
	})
}

// suspects finds the texts that Caddy refuses, by halves.
func (w *world) suspects(texts []string, tell func(text string, err error)) {
	err := w.validate(strings.Join(texts, "\n"))
	switch {
	case err == nil:
	case len(texts) == 1:
		tell(texts[0], err)
	default:
		w.suspects(texts[:len(texts)/2], tell)
		if !w.t.Failed() || len(texts) > 2 {
			w.suspects(texts[len(texts)/2:], tell)
		}
	}
}

// Addresses of all shapes are taken by Caddy too.
func TestRead_AddressesThatCaddyTakes(t *testing.T) {
	w := &world{t: t, program: caddyProgram(t), dir: t.TempDir()}
	for _, text := range []string{
		"http://a.b.example.com, https://a.b.example.com {\n proxy / ct:80\n tls self_signed\n}",
		"https://a.example.com {\n proxy / ct:80\n}\nhttps://a.example.com/api {\n proxy / ct:81\n}\nhttp://a.example.com {\n redir https://a.example.com{uri}\n}",
		"http://*.example.com:8080, https://*.example.com {\n proxy / ct:80\n tls self_signed\n}",
		"https://a.example.com/x/y_z-1.2~3 {\n tls a@example.com {\n protocols tls1.2 tls1.3\n }\n}",
	} {
		f, problems := caddyfile.Read(text, own)
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		if err := w.validate(f.String()); err != nil {
			t.Errorf("%v\n%s", err, f)
		}
	}
}
