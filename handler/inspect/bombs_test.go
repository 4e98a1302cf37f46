package inspect_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mlfmonde/cluster/handler/inspect"
)

const ordinary = "services:\n  web:\n    image: nginx\n"

// bombs are texts whose cost is out of proportion to their size, each for
// another part of the way.
func bombs() map[string]map[string]string {
	compose := func(s string) map[string]string { return map[string]string{"docker-compose.yml": s} }
	var block strings.Builder
	for i := 0; block.Len() < 200<<10; i++ {
		block.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	return map[string]map[string]string{
		"too large":        compose(ordinary + strings.Repeat("# text\n", 50_000)),
		"flow depth":       compose("x-a: " + strings.Repeat("[", 9000) + strings.Repeat("]", 9000) + "\n" + ordinary),
		"flow depth open":  compose("x-a: " + strings.Repeat("[", 200_000)),
		"map depth":        compose("x-a: " + strings.Repeat("{a: ", 9000) + strings.Repeat("}", 9000) + "\n" + ordinary),
		"block depth":      compose(block.String()),
		"list depth":       compose("x-a:\n  " + strings.Repeat("- ", 9000) + "x\n" + ordinary),
		"depth 33":         compose("x-a: " + strings.Repeat("[", 33) + strings.Repeat("]", 33) + "\n" + ordinary),
		"many commas":      compose("x-a: [" + strings.Repeat("a,", 100_000) + "]\n" + ordinary),
		"many services":    compose("services:\n" + numbered(101, "  s%d: {image: nginx}\n")),
		"very many":        compose("services:\n" + numbered(9000, "  s%d: {image: nginx}\n")),
		"aliases":          compose(aliases(9)),
		"alias text":       compose("x-t: &t " + strings.Repeat("x", 100<<10) + "\nx-a: &a [" + strings.Repeat("*t, ", 50) + "]\nx-b: [" + strings.Repeat("*a, ", 50) + "]\n" + ordinary),
		"alias to itself":  compose("x-a: &a\n  b: *a\n" + ordinary),
		"merge to itself":  compose("x-a: &a\n  <<: *a\n" + ordinary),
		"ports":            compose("services:\n  web:\n    image: nginx\n    ports:\n" + strings.Repeat("      - 1024-65000:1024-65000\n", 5000)),
		"ports padded":     compose(ordinary + "    ports: ['0000001024-0000065000:0000001024-0000065000']\n"),
		"ports variable":   {"docker-compose.yml": ordinary + "    ports: ['${P}:${P}']\n", ".env": "P=1024-65000\n"},
		"dependencies":     compose(tangle(60)),
		"dependent links":  compose("services:\n" + linked(60)),
		"extends":          compose(extends(90, 150)),
		"extends itself":   compose("services:\n  a:\n    extends: b\n  b:\n    extends: a\n"),
		"hooks":            compose(ordinary + "    pre_start:\n" + strings.Repeat("      - {}\n", 8000)),
		"env doubling":     {"docker-compose.yml": ordinary, ".env": doubling(60)},
		"env file":         {"docker-compose.yml": "services:\n" + numbered(99, "  s%d: {image: nginx, env_file: a.env}\n"), "a.env": "A=" + strings.Repeat("x", 100<<10)},
		"variable text":    {"docker-compose.yml": ordinary + "    environment:\n" + numbered(9000, "      V%d: ${A}\n"), ".env": "A=" + strings.Repeat("x", 100<<10)},
		"nested variables": compose(ordinary + "    user: " + strings.Repeat("${A:-", 30_000) + strings.Repeat("}", 30_000) + "\n"),
		"open variables":   compose(ordinary + "    user: '" + strings.Repeat("${A", 60_000) + "'\n"),
		"inner depth":      compose(ordinary + "    environment:\n      HAPROXY: '" + strings.Repeat("[", 9000) + strings.Repeat("]", 9000) + "'\n"),
		"inner aliases":    compose(ordinary + "    environment:\n      CONSUL_CHECK_URLS: |\n        " + strings.ReplaceAll(aliases(9), "\n", "\n        ") + "\n"),
		"caddy depth":      compose(ordinary + "    environment:\n      CADDYFILE: |\n        http://a.example.com {\n" + strings.Repeat("        a {\n", 9000)),
		"service depth":    {"docker-compose.yml": ordinary, "service.json": strings.Repeat(`{"Meta":`, 20_000)},
		"policy":           nil, // see the loop
	}
}

func numbered(n int, format string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, format, i)
	}
	return b.String()
}

func aliases(levels int) string {
	text := "x-0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
	for i := range levels {
		text += fmt.Sprintf("x-%d: &a%d [%s*a%d]\n", i+1, i+1, strings.Repeat(fmt.Sprintf("*a%d, ", i), 9), i)
	}
	return text + ordinary
}

// tangle makes every service depend on every later one.
func tangle(n int) string {
	var b strings.Builder
	b.WriteString("services:\n")
	for i := range n {
		fmt.Fprintf(&b, "  s%d:\n    image: nginx\n", i)
		if i < n-1 {
			b.WriteString("    depends_on:\n")
		}
		for k := i + 1; k < n; k++ {
			fmt.Fprintf(&b, "      - s%d\n", k)
		}
	}
	return b.String()
}

func linked(n int) string {
	return strings.ReplaceAll(strings.TrimPrefix(tangle(n), "services:\n"), "depends_on", "links")
}

func extends(services, values int) string {
	text := "services:\n  base:\n    image: nginx\n    environment:\n" + numbered(values, "      V%d: x\n")
	return text + numbered(services, "  s%d:\n    extends: base\n    environment: {A: "+strings.Repeat("x", 1500)+"}\n") + numbered(9, "  t%d: {extends: base, image: nginx, environment: {B: "+strings.Repeat("y", 10_000)+"}}\n")
}

func doubling(n int) string {
	text := "A0=xxxxxxxxxxxxxxxx\n"
	for i := range n {
		text += fmt.Sprintf("A%d=${A%d}${A%d}\n", i+1, i, i)
	}
	return text
}

// Each bomb ends as a refusal, before it costs time or memory. The bounds are
// those of the threat list; the measured figures are a tenth of them.
// processor is the time that this process has computed: a busy machine does not
// change it.
func processor(t *testing.T) time.Duration {
	t.Helper()
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func TestInspect_BombsAreRefusedCheaply(t *testing.T) {
	inspect.Inspect(with(t, ordinary)) // compiles Compose's schema once
	for name, files := range bombs() {
		t.Run(name, func(t *testing.T) {
			in := with(t, ordinary)
			for k, v := range files {
				in.Files[k] = []byte(v)
			}
			if name == "policy" {
				in.Policy = []byte(`{"allow": ` + strings.Repeat("[", 20_000))
			}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			start := processor(t)
			r := inspect.Inspect(in)
			took := processor(t) - start
			runtime.ReadMemStats(&after)
			if len(r.Refused) == 0 {
				t.Fatal("accepted")
			}
			mb := (after.TotalAlloc - before.TotalAlloc) >> 20
			t.Logf("%v, %d MB in all: %s: %s", took.Round(time.Millisecond/10), mb, r.Refused[0].Where, r.Refused[0].Why)
			if mb >= 64 {
				t.Errorf("allocated %d MB", mb)
			}
			if took >= time.Second { // the bar is 100 ms; other tests' garbage is collected meanwhile
				t.Errorf("took %v of processor time", took)
			}
		})
	}
}
