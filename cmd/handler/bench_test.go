package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// BenchmarkWatch256 is a firing with 256 events of which none is new, as a
// process of its own: the bars are 15 ms and 25 MB.
func BenchmarkWatch256(b *testing.B) {
	dir := b.TempDir()
	binary := filepath.Join(dir, "handler")
	build := exec.Command("go", "build", "-o", binary, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		b.Fatalf("build: %v\n%s", err, out)
	}
	stdin := batch(b, 0, 256)
	var ids strings.Builder
	for _, part := range strings.Split(stdin, `"ID":"`)[1:] {
		ids.WriteString(part[:36] + "\n")
	}
	if err := os.WriteFile(filepath.Join(dir, "watch.seen"), []byte(ids.String()), 0o600); err != nil {
		b.Fatal(err)
	}
	var most int64
	for b.Loop() {
		// Nothing listens there: a firing that asks Consul fails.
		cmd := exec.Command(binary, "watch", "--run-dir", dir, "--consul", "127.0.0.1:1")
		cmd.Stdin = strings.NewReader(stdin)
		if out, err := cmd.CombinedOutput(); err != nil {
			b.Fatalf("%v\n%s", err, out)
		}
		if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
			most = max(most, usage.Maxrss)
		}
	}
	b.ReportMetric(float64(most)/1024, "MB")
}
