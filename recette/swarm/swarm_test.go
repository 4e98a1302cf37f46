package swarm_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/mlfmonde/cluster/handler/inspect"
	"github.com/mlfmonde/cluster/recette"
	"github.com/mlfmonde/cluster/recette/swarm"
)

// run plays the run of a seed.
func run(seed uint64, memo *inspect.Memo) (hash uint64, err error) {
	text, _ := swarm.Scenario(seed)
	sc, err := recette.ParseScenario(fmt.Sprint("seed ", seed), text)
	if err != nil {
		return 0, err
	}
	s, err := sc.Play(recette.Setting{Mute: true, Memo: memo})
	if s != nil {
		defer s.Close()
		hash = s.Tally().Hash
	}
	return hash, err
}

var (
	seeds = flag.Uint64("swarm.seeds", 0, "so many runs, one after the other")
	first = flag.Uint64("swarm.first", 1, "the first seed of them")
	keep  = flag.String("swarm.keep", "", "a folder for the scenarios that fail")
)

func TestRuns_HoldAndAreRepeated(t *testing.T) {
	from, n := uint64(1), uint64(30)
	if *seeds > 0 {
		from, n = *first, *seeds
	}
	memo := &inspect.Memo{}
	failed := 0
	for seed := from; seed < from+n; seed++ {
		hash, err := run(seed, memo)
		if err != nil {
			failed++
			text, knobs := swarm.Scenario(seed)
			if *keep != "" {
				name := filepath.Join(*keep, fmt.Sprintf("seed-%d.txtar", seed))
				if err := os.WriteFile(name, text, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			t.Errorf("%s\n%s\n%v\nplay it again: bin/sim explore --random 1 --seed %d", recette.KindOf(err), knobs, err, seed)
			continue
		}
		if seed%10 == 0 {
			if again, err := run(seed, memo); again != hash || err != nil {
				t.Errorf("seed %d: two runs differ: %x, then %x, %v", seed, hash, again, err)
			}
		}
	}
	if *seeds > 0 {
		t.Logf("%d runs, %d failed", n, failed)
	}
}

// traces are how what is drawn shows in a script.
var traces = map[string]string{
	"move": `^deploy \w+ \w( \w)? at`, "redeploy": `^deploy \w+ \w( \w)? update at`, "swap": `^deploy`, "bad release": `^push (exits|unhealthy|slow|\w+-fails) `,
	"destroy": `^destroy \w+ at`, "destroy by force": `^destroy \w+ force at`, "migrate": `^migrate \w+ \w+`, "failover": `^deploy .* failover at`,
	"lost master": `^boot `, "event": `^event (deploy|destroy) `, "same twice": `^deploy`, "opposite wishes": `^deploy`, "swap while swapping": `^deploy`,
	"destroy during deploy": `^destroy`, "deploy during migrate": `^deploy`, "migrates that cross": `^migrate`, "one domain": `^push good .* domain \w+.example.com,`,

	"calls": `^fault \w \w+\.[\w:]+ (error|slow|lost|hang|late)`, "transfers": `^fault \w Snapshots.Send half`, "crashes at a call": ` crash-(before|after)`,
	"power cuts at a call": ` power-(before|after)`, "something at a call": ` hook .*maybe then `, "link loss": `KV\.\* lost percent`, "latency": `KV\.\* slow percent`,
	"crashes": `^crash \w$`, "guards": `^freeze \w guard`, "power": `^plug \w`, "pauses": `^freeze \w( handler)?$`, "partitions": `^cut \w( \w| outside)?$`,
	"one channel": `^cut \w \w+ (gossip|ssh|http|consul|git)`, "elections": `^consul elects`, "consul": `^consul down`, "sessions": `^session \w`,
	"git": `^fault \w git down`, "docker": `^fault \w docker down`, "driver": `^fault \w driver (down|stall)`, "disk": `^fault \w disk full`,
	"agents": `^fault \w agent down`, "events": `^gossip lose`, "redelivery": `^redeliver at once`, "clocks": `^skew \w -`, "summer time": `^zone \w `,
	"drift": `^drift \w`, "scheduler": `^tick \w`, "hands": `^(docker stop|put) `,
}

func TestScenario_TurnsEveryKnob(t *testing.T) {
	const seeds = 500
	requests, faults := swarm.Kinds()
	on, off, shown := map[string]int{}, map[string]int{}, map[string]int{}
	var all strings.Builder
	for seed := range uint64(seeds) {
		text, knobs := swarm.Scenario(seed)
		if strings.Contains(knobs, "\n") || !strings.HasPrefix(knobs, fmt.Sprintf("seed %d: ", seed)) || !bytes.Contains(text, []byte(knobs)) {
			t.Fatalf("knobs of %d: %s", seed, knobs)
		}
		all.WriteString(knobs + "\n")
		for name, trace := range traces {
			if knob(knobs, name) {
				on[name]++
				if regexp.MustCompile("(?m)" + trace).Match(text) {
					shown[name]++
				}
			} else {
				off[name]++
			}
		}
	}
	for _, name := range append(requests, faults...) {
		switch {
		case traces[name] == "":
			t.Errorf("nobody knows how %q shows", name)
		case on[name] < seeds/20 || off[name] < seeds/20:
			t.Errorf("%q is on in %d and off in %d of %d runs", name, on[name], off[name], seeds)
		case shown[name] < on[name]/10:
			t.Errorf("%q is on in %d runs and shows in %d", name, on[name], shown[name])
		}
	}
	for _, word := range []string{"3 nodes", "4 nodes", "5 nodes", "1 apps", "2 apps", "3 apps", "4 apps", ", fifo,", ", random ", ", pct ", "depth 3", "gone for ever", " and e gone", "×3"} {
		if strings.Count(all.String(), word) < seeds/100 {
			t.Errorf("%q is hardly ever drawn: %d times", word, strings.Count(all.String(), word))
		}
	}
}

// knob reports whether a kind is on by the line of knobs.
func knob(knobs, name string) bool {
	on := regexp.MustCompile(`\(off: [^)]*\)`).ReplaceAllString(knobs, "")
	return regexp.MustCompile(`[:,] ` + regexp.QuoteMeta(name) + `( ×|,| ?;| ?$)`).MatchString(on)
}

func TestScenario_IsAFunctionOfItsSeed(t *testing.T) {
	texts := map[string]bool{}
	for seed := range uint64(200) {
		text, knobs := swarm.Scenario(seed)
		again, same := swarm.Scenario(seed)
		if !bytes.Equal(text, again) || knobs != same {
			t.Fatalf("seed %d makes two scenarios", seed)
		}
		if _, err := recette.ParseScenario("seed", text); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		texts[string(text)] = true
	}
	if len(texts) != 200 {
		t.Errorf("200 seeds make %d scenarios", len(texts))
	}
}

func TestScenario_EndsWithAHealedCore(t *testing.T) {
	for seed := range uint64(200) {
		text, _ := swarm.Scenario(seed)
		script, _, _ := strings.Cut(string(text), "\n-- ")
		lines := strings.Split(strings.TrimSpace(script), "\n")
		last := strings.Join(lines[len(lines)-5:], "\n")
		if !regexp.MustCompile(`^check( without [a-e ]+)?\nredeliver\ncheck.*\nafresh.*\ncheck`).MatchString(last) {
			t.Fatalf("seed %d ends with\n%s", seed, last)
		}
		gone := regexp.MustCompile(`(?m)^heal(?: without (.*))?$`).FindStringSubmatch(script)
		if gone == nil || 2*len(strings.Fields(gone[1])) >= strings.Count(script[strings.Index(script, "nodes "):strings.Index(script, "\nseed")], " ") {
			t.Fatalf("seed %d: no majority heals: %q", seed, gone)
		}
	}
}
