package figures_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mlfmonde/cluster/recette/nodes/figures"
)

func TestOver_IsMedianLeastAndMost(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   figures.Spread
	}{
		{nil, figures.Spread{}},
		{[]float64{3}, figures.Spread{N: 1, Median: 3, Min: 3, Max: 3}},
		{[]float64{5, 1, 3}, figures.Spread{N: 3, Median: 3, Min: 1, Max: 5}},
		{[]float64{4, 1, 2, 8}, figures.Spread{N: 4, Median: 3, Min: 1, Max: 8}},
	} {
		if got := figures.Over(c.values); got != c.want {
			t.Errorf("%v: %+v, must be %+v", c.values, got, c.want)
		}
	}
	if r := figures.Over([]float64{3}).Ratio(figures.Over([]float64{2})); r != 1.5 {
		t.Errorf("3 to 2 is %v", r)
	}
	if r := figures.Over([]float64{3}).Ratio(figures.Spread{}); !math.IsNaN(r) {
		t.Errorf("3 to nothing is %v", r)
	}
}

const ms = int64(time.Millisecond)

// asked is a moment every 20 ms; answers are two letters, of nodes a and b.
func asked(answers ...string) (w figures.Watch) {
	for i, a := range answers {
		for j, node := range []string{"a", "b"} {
			w.Ticks = append(w.Ticks, figures.Tick{Number: i, Node: node, Sent: int64(i) * 20 * ms, Took: 5 * time.Millisecond, OK: a[j] == '+'})
		}
	}
	return w
}

func TestWatch_DirectIsServedByAnybody(t *testing.T) {
	w := asked("+-", "+-", "--", "--", "-+", "-+", "--", "-+")
	got := w.Direct()
	want := []figures.Gap{{From: 40 * ms, To: 85 * ms, Failed: 2}, {From: 120 * ms, To: 145 * ms, Failed: 1}}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%v, must be %v", got, want)
	}
	if l := figures.Longest(got); l.Length() != 45*time.Millisecond || figures.Failed(got) != 3 {
		t.Errorf("the longest is %v, %d failed", l, figures.Failed(got))
	}
	if got := asked("+-", "-+").Direct(); len(got) != 0 || figures.Longest(got) != (figures.Gap{}) {
		t.Errorf("nothing failed, and there are %v", got)
	}
	if l := figures.Longest(asked("+-", "--", "+-", "--").Direct()); l.To != 0 || l.From != 60*ms || l.Length() != 0 {
		t.Errorf("the outage that did not end is told as %v", l)
	}
}

func TestWatch_RoutedFollowsTheKV(t *testing.T) {
	w := asked("++", "++", "++", "++", "++", "-+")
	w.Routes = []figures.Route{{At: 1, Master: "a"}, {At: 30 * ms, Master: "a", Maintenance: true}, {At: 70 * ms, Master: "b"}}
	w.Routes[0].At = -1
	if got, want := w.Routed(), []figures.Gap{{From: 40 * ms, To: 85 * ms, Failed: 2}}; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%v, must be %v", got, want)
	}
	if got := w.Direct(); len(got) != 0 {
		t.Errorf("somebody answered all the time, and there are %v", got)
	}
}

func TestProbe_AsksWhateverBecameOfTheRequestsBefore(t *testing.T) {
	stuck := make(chan struct{})
	held := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-stuck }))
	connections := make(chan string, 10_000)
	good := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		connections <- r.RemoteAddr
		w.Header().Set("Release", "r7")
	}))
	ctx, stop := context.WithCancel(t.Context())
	p := figures.Probe{Targets: map[string]string{"a": held.URL, "b": good.URL}, Every: time.Millisecond, Most: 50 * time.Millisecond}
	text, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "out")
	ended := make(chan error)
	go func() { ended <- figures.RunProbe(ctx, string(text), path) }()
	different := map[string]bool{}
	for range 20 {
		different[<-connections] = true
	}
	stop()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	close(stuck)
	held.Close()
	good.Close()
	w, err := figures.ReadWatch(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(different) != 20 {
		t.Errorf("20 requests had %d connections", len(different))
	}
	count := map[string]int{}
	for _, tick := range w.Ticks {
		count[fmt.Sprint(tick.Node, " ", tick.OK, " ", tick.Release, " ", tick.Why)]++
	}
	if len(count) != 2 || count["a false  time-out"] != count["b true r7 "] || count["b true r7 "] < 20 {
		t.Errorf("the client saw %v", count)
	}
}

func TestProbe_WritesTheRoute(t *testing.T) {
	p := figures.Probe{Every: time.Hour, Consul: filepath.Join(t.TempDir(), "none")}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	var out bytes.Buffer
	if err := p.Run(ctx, &out); err != nil || out.Len() != 0 {
		t.Errorf("without an answer of Consul: %v, %q", err, out.String())
	}
}

func TestReadPhases_TakesTheOperationsSteps(t *testing.T) {
	log := filepath.Join(t.TempDir(), "agent.log")
	since := time.Unix(1000, 0).UTC()
	at := func(s int) string { return since.Add(time.Duration(s) * time.Second).Format(time.RFC3339Nano) }
	lines := []string{
		"not JSON",
		fmt.Sprintf(`{"time":%q,"level":"INFO","msg":"step done","node":"a","app":"x","seq":1,"step":"stop","took":5000000}`, at(-1)),
		fmt.Sprintf(`{"time":%q,"level":"INFO","msg":"step","node":"a","app":"x","seq":2,"step":"stop"}`, at(1)),
		fmt.Sprintf(`{"time":%q,"level":"INFO","msg":"step done","node":"a","app":"x","seq":2,"step":"stop","took":250000000}`, at(2)),
		fmt.Sprintf(`{"time":%q,"level":"INFO","msg":"step done","node":"a","app":"y","seq":2,"step":"stop","took":250000000}`, at(2)),
	}
	if err := os.WriteFile(log, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := figures.ReadPhases(log, "x", since)
	want := []figures.Phase{{Node: "a", Name: "stop", End: since.Add(2 * time.Second).UnixNano(), Took: 250 * time.Millisecond}}
	if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%v, %v, must be %v", got, err, want)
	}
	if got[0].Begin() != since.Add(1750*time.Millisecond).UnixNano() {
		t.Errorf("it began at %d", got[0].Begin())
	}
}

// moved is a run of a move whose phases last 10 ms.
func moved(from, to string, phases ...string) figures.Sample {
	x := figures.Sample{Series: figures.Series{What: figures.Move, By: figures.Handler, Size: 100 << 20, ARP: 1000}, Old: from, New: to, From: 10_000 * ms, Outage: 1}
	for i, p := range phases {
		node, name, _ := strings.Cut(p, " ")
		x.Phases = append(x.Phases, figures.Phase{Node: node, Name: name, End: x.From + int64(i*100)*ms, Took: 10 * time.Millisecond})
	}
	return x
}

func TestTypically_NamesNodesByTheirPart(t *testing.T) {
	runs := []figures.Sample{
		moved("a", "b", "a stop", "a send old → b", "b commit", "b close"),
		moved("b", "a", "b stop", "b send old → a", "a commit"),
		moved("a", "b", "a stop", "b await transferred ← a"),
	}
	var got []string
	for _, p := range figures.Typically(runs) {
		got = append(got, fmt.Sprintf("%s: %s @%.2f %d", p.Node, p.Name, p.Begin.Median, p.Took.N))
	}
	want := "old master: stop @-0.01 3|old master: send old → new master @0.09 2|new master: commit @0.19 2"
	if text := strings.Join(got, "|"); text != want {
		t.Errorf("%s, must be %s", text, want)
	}
}

func TestBook_SaysWhetherGoalsAreMet(t *testing.T) {
	hand := moved("a", "b")
	hand.By, hand.Outage = figures.Hand, 0.8
	b := figures.Book{Parts: map[string]*figures.Part{
		figures.Outages: {Samples: []figures.Sample{moved("a", "b", "a stop"), hand}},
	}}
	text := b.Document()
	for _, want := range []string{
		"| move | 1000 ms | 1, 1 | 1.00 (1.00–1.00) | 0.80 (0.80–0.80) | 1.25 |",
		"- outage of a move, handler against hand, ARP 1000 ms: 1.25 ×, goal ≤ 1.2 ×: **missed**",
		"- outage of a redeploy, handler against hand, ARP 10 ms: not measured",
		"| -0.010 | 0.010 (0.010–0.010) | old master | stop |",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	hand.Outage = 1
	b.Parts[figures.Outages].Samples[1] = hand
	if text := b.Document(); !strings.Contains(text, "ARP 1000 ms: 1.00 ×, goal ≤ 1.2 ×: met") {
		t.Errorf("a ratio of 1 is not met in\n%s", text)
	}
}

func TestBook_KeepsWhatIsNotMeasuredAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "figures.json")
	if b, err := figures.ReadBook(path); err != nil || len(b.Parts) != 0 {
		t.Errorf("no file is %v, %v", b, err)
	}
	if err := os.WriteFile(path, []byte(`{"parts":{"rest":{"date":"then","idle":[{"node":"a","pss":12}]}}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	b, err := figures.ReadBook(path)
	if err != nil || b.Parts[figures.Rest].Idle[0].PSS != 12 || !strings.Contains(b.Document(), "Measured then") {
		t.Errorf("%v, %v", b, err)
	}
	if err := os.WriteFile(path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := figures.ReadBook(path); err == nil {
		t.Error("half a file was read")
	}
	if err := figures.Run(t.Context(), figures.Options{Only: []string{"speed"}, Data: path}); err == nil {
		t.Error("a part that is none was measured")
	}
}
