package buttervolume_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mlfmonde/cluster/handler/adapter/buttervolume"
	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/port"
)

// scripted is a driver that answers what a test says and notes what it was
// asked: for answers that no real one can be made to give.
type scripted struct {
	socket string
	server *http.Server
	mu     sync.Mutex
	calls  []string
}

// answering starts a scripted driver on socket.
func answering(t *testing.T, socket string, answer http.HandlerFunc) *scripted {
	t.Helper()
	s := &scripted{socket: socket}
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	s.server = &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.calls = append(s.calls, r.Method+" "+strings.TrimPrefix(r.URL.Path, "/VolumeDriver."))
		s.mu.Unlock()
		answer(w, r)
	})}
	go func() { _ = s.server.Serve(l) }()
	t.Cleanup(s.crash)
	return s
}

// crash ends the driver with every connection.
func (s *scripted) crash() { _ = s.server.Close() }

func (s *scripted) asked() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

func says(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, text) }
}

// place is a short directory with a driver's folders, and the adapter for it.
func place(t *testing.T) (string, *buttervolume.Adapter) {
	t.Helper()
	dir, err := os.MkdirTemp("", "bv")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.MkdirAll(filepath.Join(dir, "snapshots"), 0o755); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "s"), buttervolume.New(buttervolume.Config{
		Socket: filepath.Join(dir, "s"), SnapshotsPath: filepath.Join(dir, "snapshots"),
	})
}

func TestAdapter_AsksTheOldGenerationWithPost(t *testing.T) {
	socket, a := place(t)
	s := answering(t, socket, func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			http.Error(w, "no", http.StatusMethodNotAllowed)
			return
		}
		says(`{"Err": "", "Schedule": [{"Name":"b","Action":"snapshot","Timer":60},{"Name":"a","Action":"purge:1h","Timer":"1440","Active":"False"}]}`)(w, r)
	})
	got, err := a.Schedules.List(t.Context())
	want := []app.Schedule{
		{Volume: "a", Action: "purge:1h", Minutes: 1440, Paused: true}, {Volume: "b", Action: "snapshot", Minutes: 60},
	}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %+v, %v", got, err)
	}
	if calls := s.asked(); !slices.Equal(calls, []string{"GET Schedule.List", "POST Schedule.List"}) {
		t.Errorf("asked %q", calls)
	}
}

func TestAdapter_SaysWhatAnErrorMeansInOneLine(t *testing.T) {
	for text, want := range map[string]error{
		`{"Err": "Volume 'db': no such volume"}`:                                         port.ErrNotFound,
		`{"Err": "No such volume: db"}`:                                                  port.ErrNotFound,
		`{"Err": "ERROR: cannot snapshot\nNo space left on device\nand\u001b[31m more"}`: port.ErrNoSpace,
		`{"Err": "ssh: command not found"}`:                                              nil,
		`{"Err": "` + strings.Repeat("x", 5000) + `"}`:                                   nil,
		`<html>`: port.ErrUnknown,
	} {
		socket, a := place(t)
		answering(t, socket, says(text))
		_, err := a.Snapshots.Take(t.Context(), "db")
		if err == nil || strings.ContainsAny(err.Error(), "\n\r\x1b") || len(err.Error()) > 500 {
			t.Errorf("%.40s: %q", text, err)
		}
		for _, sentinel := range []error{port.ErrNotFound, port.ErrNoSpace, port.ErrUnknown} {
			if errors.Is(err, sentinel) != (sentinel == want) {
				t.Errorf("%.40s: %v, want %v", text, err, want)
			}
		}
	}
}

func TestAdapter_SendsNothingForHostileNames(t *testing.T) {
	socket, a := place(t)
	s := answering(t, socket, says(`{"Err": ""}`))
	ctx := t.Context()
	for _, name := range []string{"../x", "a;touch x", "-x", "", "a\nb", strings.Repeat("a", 300)} {
		_, took := a.Snapshots.Take(ctx, name)
		for _, err := range []error{
			took, a.Volumes.Remove(ctx, name), a.Volumes.Restore(ctx, "db@1", name), a.Volumes.Restore(ctx, name, "db"),
			a.Snapshots.Remove(ctx, name), a.Snapshots.Send(ctx, name, "h"), a.Snapshots.Send(ctx, "db@1;touch x", "h"),
			a.Snapshots.Send(ctx, "db@1", name), a.Schedules.Set(ctx, name, nil),
		} {
			if err == nil {
				t.Errorf("%q: no error", name)
			}
		}
	}
	if calls := s.asked(); len(calls) != 0 {
		t.Errorf("sent %q", calls)
	}
}

func TestAdapter_DriverThatIsNotThereIsAnErrorThatBlocksNothing(t *testing.T) {
	socket, a := place(t)
	for range 2 {
		err := a.Volumes.Remove(t.Context(), "db")
		if err == nil || errors.Is(err, port.ErrUnknown) || errors.Is(err, port.ErrBlocked) {
			t.Errorf("got %v", err)
		}
	}
	answering(t, socket, says(`{"Err": ""}`))
	if err := a.Volumes.Remove(t.Context(), "db"); err != nil {
		t.Error(err)
	}
}

// A removal or restore without an answer may happen at any later time.
func TestVolumes_UnansweredRemovalBlocksOnlyItsVolumeUntilTheAnswer(t *testing.T) {
	socket, a := place(t)
	answer := make(chan struct{})
	ctx, arrived := context.WithCancel(t.Context())
	s := answering(t, socket, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, ".Remove") {
			arrived()
			<-answer
		}
		says(`{"Err": "", "Snapshots": []}`)(w, r)
	})
	if err := a.Volumes.Remove(ctx, "db"); !errors.Is(err, port.ErrUnknown) || !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if err := a.Volumes.Remove(t.Context(), "db"); !errors.Is(err, port.ErrBlocked) {
		t.Errorf("got %v, want ErrBlocked", err)
	}
	if _, err := a.Snapshots.List(t.Context(), "db2"); err != nil {
		t.Errorf("another volume: %v", err)
	}
	if calls := s.asked(); !slices.Equal(calls, []string{"POST Remove", "GET Snapshot.List"}) {
		t.Errorf("asked %q", calls)
	}
	close(answer)
	opens(t, a)
}

func TestVolumes_BrokenConnectionBlocksUntilTheDriverRestarted(t *testing.T) {
	socket, a := place(t)
	breaks := func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, ".Remove") {
			panic(http.ErrAbortHandler)
		}
		says(`{"Err": "", "Snapshots": []}`)(w, r)
	}
	s := answering(t, socket, breaks)
	if err := a.Volumes.Remove(t.Context(), "db"); !errors.Is(err, port.ErrUnknown) {
		t.Errorf("got %v", err)
	}
	blocked := func(when string) {
		t.Helper()
		if _, err := a.Snapshots.List(t.Context(), "db"); !errors.Is(err, port.ErrBlocked) {
			t.Errorf("%s: %v, want ErrBlocked", when, err)
		}
	}
	blocked("the same driver")
	s.crash()
	blocked("no driver")
	answering(t, socket, breaks)
	if _, err := a.Snapshots.List(t.Context(), "db"); err != nil {
		t.Errorf("after the restart: %v", err)
	}
}

func TestVolumes_HungDriverThatIsReplacedUnnoticedOpensTheVolume(t *testing.T) {
	socket, a := place(t)
	answer := make(chan struct{})
	defer close(answer)
	ctx, arrived := context.WithCancel(t.Context())
	s := answering(t, socket, func(http.ResponseWriter, *http.Request) {
		arrived()
		<-answer
	})
	if err := a.Volumes.Remove(ctx, "db"); !errors.Is(err, port.ErrUnknown) {
		t.Errorf("got %v", err)
	}
	s.crash()
	answering(t, socket, says(`{"Err": "", "Snapshots": []}`)) // nobody asked in between
	if _, err := a.Snapshots.List(t.Context(), "db"); err != nil {
		t.Error(err)
	}
}

func opens(t *testing.T, a *buttervolume.Adapter) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		_, err := a.Snapshots.List(t.Context(), "db")
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

func TestSchedules_SendOnlyDifferencesRemovalsFirst(t *testing.T) {
	socket, a := place(t)
	s := answering(t, socket, says(`{"Err": "", "Schedule": [
		{"Name":"db","Action":"snapshot","Timer":"60","Active":"True"},
		{"Name":"db","Action":"purge:1h:1d","Timer":"1440","Active":"True"}]}`))
	set := func(actions ...string) error {
		var lines []app.Schedule
		for _, action := range actions {
			lines = append(lines, app.Schedule{Volume: "db", Action: action, Minutes: map[bool]int{true: 60, false: 1440}[action == "snapshot"]})
		}
		return a.Schedules.Set(t.Context(), "db", lines)
	}
	if err := set("snapshot", "purge:1h:1d"); err != nil {
		t.Error(err)
	}
	if calls := s.asked(); !slices.Equal(calls, []string{"GET Schedule.List"}) {
		t.Errorf("nothing to change: asked %q", calls)
	}
	// This driver says yes and does nothing, as real ones do with what they do not know.
	if err := set("purge:1h:1d", "replicate:10.0.0.2"); err == nil {
		t.Error("an ignored change passed")
	}
	if calls := s.asked()[1:]; !slices.Equal(calls, []string{"GET Schedule.List", "POST Schedule", "POST Schedule", "GET Schedule.List"}) {
		t.Errorf("asked %q", calls)
	}
}
