package edge_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/mlfmonde/cluster/handler/edge"
)

func TestTemplate_TheEmbeddedOneIsOneOfThoseThatAnOperatorMayGive(t *testing.T) {
	if _, err := edge.NewTemplate(edge.DefaultTemplateText()); err != nil {
		t.Error(err)
	}
}

func TestTemplate_IsRefusedWithoutWhatTheHandlerNeeds(t *testing.T) {
	whole := edge.DefaultTemplateText()
	for old, want := range map[string]string{
		"{{ .Digest }}":         "description {{ .Digest }}",
		"{{ .Socket }}":         "{{ .Socket }}",
		"{{ .HTTPS }}":          "{{ .HTTPS }}",
		"{{ .HTTP }}":           "{{ .HTTP }}",
		"{{ .Sections -}}":      "{{ .Sections }}",
		"description":           "description {{ .Digest }}",
		"{{ .Resolver }}":       "nowhere",
		"nameserver local":      "can't evaluate field Nothing",
		"stats timeout 30s":     "function \"env\" not defined",
		"option socket-stats\n": "",
	} {
		text := strings.Replace(whole, old, map[string]string{"nameserver local": "{{ .Nothing }}", "stats timeout 30s": `{{ env "HOME" }}`}[old], 1)
		_, err := edge.NewTemplate(text)
		switch {
		case old == "{{ .Resolver }}" || old == "option socket-stats\n":
			if err != nil {
				t.Errorf("without %s: %v", old, err)
			}
		case err == nil || !strings.Contains(err.Error(), want):
			t.Errorf("without %s: %v", old, err)
		}
	}
}

func TestTemplate_OfAnOperator(t *testing.T) {
	text := "global\n    description {{ .Digest }}\n    stats socket {{ .Socket }}\n# {{ .Node }} {{ join .Peers \",\" }} {{ .Loop }} {{ .Resolver }}\nfrontend https-in\n{{ .HTTPS }}\nfrontend http-in\n{{ .HTTP }}\n{{ .Sections }}"
	own, err := edge.NewTemplate(text)
	if err != nil {
		t.Fatal(err)
	}
	own.Socket, own.Caddy = "/s", "127.0.0.1"
	p, _ := edge.HAProxy(edge.Read(exported(t, "../../fixtures/kv/vision.json")), "n1", own)
	got := string(p.Text(nil))
	for _, want := range []string{"stats socket /s\n", "# n1 10.0.0.2,10.0.0.3 abns@cluster-http-in-n1 127.0.0.11:53\n", " 127.0.0.1:443 send-proxy-v2 "} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}

// The digest changes with every part of the text, and with nothing else.
func TestDigest(t *testing.T) {
	pairs := exported(t, "../../fixtures/kv/vision.json")
	render := func(pairs []edge.Pair) []byte {
		p, _ := edge.HAProxy(edge.Read(pairs), "n1", nil)
		return p.Text(nil)
	}
	whole, fewer := render(pairs), render(pairs[1:])
	if edge.Digest(whole) == "" || !bytes.Contains(whole, []byte("\n    description "+edge.Digest(whole)+"\n")) {
		t.Fatalf("digest %q", edge.Digest(whole))
	}
	if !bytes.Equal(whole, render(pairs)) {
		t.Error("the same keys give other bytes")
	}
	if edge.Digest(whole) == edge.Digest(fewer) {
		t.Error("an app less has the same digest")
	}
	if d := edge.Digest([]byte("global\n    maxconn 1\n")); d != "" {
		t.Errorf("a text without one has %q", d)
	}
}
