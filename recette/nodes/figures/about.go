package figures

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"

	"github.com/mlfmonde/cluster/fixtures/tools"
)

// About is the machine and what was measured on it.
type About struct {
	Commit   string   `json:"commit"`
	Cores    int      `json:"cores"`
	CPU      string   `json:"cpu"`
	Memory   string   `json:"memory"`
	Kernel   string   `json:"kernel"`
	Versions []string `json:"versions"`
}

// about asks the machine. What it does not know is left out.
func about(ctx context.Context) About {
	a := About{Cores: runtime.NumCPU(), Commit: one(ctx, "git", "describe", "--always", "--dirty"), Kernel: one(ctx, "uname", "-sr")}
	a.CPU = value("/proc/cpuinfo", "model name")
	var kib float64
	if _, err := fmt.Sscan(value("/proc/meminfo", "MemTotal"), &kib); err == nil {
		a.Memory = fmt.Sprintf("%.0f GiB", kib/mib)
	}
	a.Versions = append(a.Versions, runtime.Version())
	for _, tool := range []string{"consul", "docker-compose"} {
		if path, err := tools.Find(tool); err == nil {
			a.Versions = append(a.Versions, one(ctx, path, "version"))
		}
	}
	for _, argv := range [][]string{{"dockerd", "--version"}, {"btrfs", "--version"}, {"ssh", "-V"}} {
		if text := one(ctx, argv[0], argv[1:]...); text != "" {
			a.Versions = append(a.Versions, text)
		}
	}
	return a
}

// one is the first line of what a command says.
func one(ctx context.Context, name string, args ...string) string {
	out, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
	if err != nil {
		return ""
	}
	text, _, _ := strings.Cut(string(out), "\n")
	return strings.TrimSpace(text)
}

// value is what a file of /proc says of key.
func value(path, key string) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	for l := range strings.Lines(string(data)) {
		if name, text, ok := strings.Cut(l, ":"); ok && strings.TrimSpace(name) == key {
			return strings.TrimSpace(text)
		}
	}
	return ""
}
