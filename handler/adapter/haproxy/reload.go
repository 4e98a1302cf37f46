package haproxy

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"syscall"

	"github.com/mlfmonde/cluster/handler/adapter/process"
)

// The ways to tell a running HAProxy that its configuration is another. Each
// ends in SIGUSR2 for the master of a master-worker HAProxy, which passes its
// listeners on to new workers.
const (
	byContainer = "container"
	byUnit      = "systemd"
	byPidFile   = "pid"
)

// Reload is one of them, with what it applies to.
type Reload struct{ way, of string }

var nameOK = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.@:-]{0,199}$`)

// ParseReload reads container:NAME, systemd:UNIT or pid:FILE.
func ParseReload(text string) (Reload, error) {
	way, of, _ := strings.Cut(text, ":")
	switch {
	case (way == byContainer || way == byUnit) && nameOK.MatchString(of):
	case way == byPidFile && strings.HasPrefix(of, "/"):
	default:
		return Reload{}, fmt.Errorf("%q does not say how to reload HAProxy: use container:NAME, systemd:UNIT or pid:/FILE", text)
	}
	return Reload{way: way, of: of}, nil
}

func (r Reload) String() string { return r.way + ":" + r.of }

// log says where the reason of a reload that failed can be read.
func (r Reload) log() string {
	switch r.way {
	case byContainer:
		return fmt.Sprintf("see \"docker logs %s\"", r.of)
	case byUnit:
		return fmt.Sprintf("see \"journalctl -u %s\"", r.of)
	}
	return "see its log"
}

// start says how to have HAProxy running.
func (r Reload) start() string {
	switch r.way {
	case byContainer:
		return fmt.Sprintf("start it with \"docker start %s\"", r.of)
	case byUnit:
		return fmt.Sprintf("start it with \"systemctl start %s\"", r.of)
	}
	return "start it"
}

// reload tells HAProxy.
func (h *HAProxy) reload(ctx context.Context) error {
	var err error
	r := h.config.Reload
	switch r.way {
	case byContainer:
		err = h.config.Signal(ctx, r.of, "SIGUSR2")
	case byUnit:
		_, err = h.config.Runner.Run(ctx, process.Command{Name: "systemctl", Args: []string{"reload", "--", r.of}, Env: []string{"LC_ALL=C.UTF-8"}})
	case byPidFile:
		err = signalPid(r.of)
	}
	if err != nil {
		return fmt.Errorf("reload HAProxy (%s): %w; %s", r, err, r.start())
	}
	return nil
}

// signalPid tells the process whose number is in file.
func signalPid(file string) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(data)))
	if err != nil || pid < 2 {
		return fmt.Errorf("%s does not hold the number of a process", file)
	}
	// A number that another program has by now would end that one.
	if name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid)); err == nil && !strings.HasPrefix(string(name), "haproxy") {
		return fmt.Errorf("process %d of %s is gone: another program has that number", pid, file)
	}
	err = syscall.Kill(pid, syscall.SIGUSR2)
	if errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("process %d of %s is gone", pid, file)
	}
	return err
}
