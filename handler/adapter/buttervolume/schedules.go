package buttervolume

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/port"
)

// Schedules implements port.Schedules.
type Schedules struct{ driver *client }

var _ port.Schedules = (*Schedules)(nil)

// line is a line of the schedule as the plugin lists it: values are strings or
// numbers, Active is missing in the old generation.
type line struct {
	Name, Action  string
	Timer, Active any
}

// Set removes lines first, then adds: a purge that is to go must not run in
// between. The plugin answers success to what it ignores, so the result is
// read back.
func (s *Schedules) Set(ctx context.Context, volume string, lines []app.Schedule) error {
	if err := s.set(ctx, volume, lines); err != nil {
		return fmt.Errorf("set schedule of %q: %w", volume, err)
	}
	return nil
}

func (s *Schedules) set(ctx context.Context, volume string, lines []app.Schedule) error {
	if err := checkVolume(volume); err != nil {
		return err
	}
	want, err := wanted(volume, lines)
	if err != nil {
		return err
	}
	if err := s.driver.open(ctx, volume); err != nil {
		return err
	}
	have, err := s.of(ctx, volume)
	if err != nil || slices.Equal(have, want) {
		return err
	}
	for _, l := range have {
		if !slices.ContainsFunc(want, func(w app.Schedule) bool { return w.Action == l.Action }) {
			if err := s.call(ctx, l, 0); err != nil {
				return err
			}
		}
	}
	for _, l := range want {
		if err := s.put(ctx, l, have); err != nil {
			return err
		}
	}
	have, err = s.of(ctx, volume)
	if err == nil && !slices.Equal(have, want) {
		err = errors.New("the volume driver reports success, but its schedule is another")
	}
	return err
}

// wanted checks the lines and sorts them as the plugin's are compared.
func wanted(volume string, lines []app.Schedule) ([]app.Schedule, error) {
	want := slices.Clone(lines)
	for i := range want {
		if want[i].Volume == "" {
			want[i].Volume = volume
		}
		if want[i].Volume != volume {
			return nil, fmt.Errorf("a line is for %q", want[i].Volume)
		}
		if err := checkLine(want[i]); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(want, order)
	for i := range want[min(1, len(want)):] {
		if want[i].Action == want[i+1].Action {
			return nil, fmt.Errorf("two lines have the action %s", want[i].Action)
		}
	}
	return want, nil
}

// put makes one line what it should be.
func (s *Schedules) put(ctx context.Context, l app.Schedule, have []app.Schedule) error {
	if slices.Contains(have, l) {
		return nil
	}
	running := l
	running.Paused = false
	if !slices.Contains(have, running) { // adding also resumes
		if err := s.call(ctx, l, l.Minutes); err != nil {
			return err
		}
	}
	if l.Paused {
		return s.call(ctx, l, "pause")
	}
	return nil
}

// call sends minutes as a number: the old generation stores the text "0" as a
// job of no minutes.
func (s *Schedules) call(ctx context.Context, l app.Schedule, timer any) error {
	body := map[string]any{"Name": l.Volume, "Action": l.Action, "Timer": timer}
	_, err := s.driver.post(ctx, "VolumeDriver.Schedule", body)
	return err
}

// List asks the plugin.
func (s *Schedules) List(ctx context.Context) ([]app.Schedule, error) {
	lines, err := s.list(ctx)
	if err != nil {
		return nil, fmt.Errorf("list schedule: %w", err)
	}
	return lines, nil
}

func (s *Schedules) list(ctx context.Context) ([]app.Schedule, error) {
	r, err := s.driver.list(ctx, "VolumeDriver.Schedule.List")
	if err != nil {
		return nil, err
	}
	lines := []app.Schedule{}
	for _, l := range r.Schedule {
		lines = append(lines, app.Schedule{
			Volume: l.Name, Action: l.Action, Minutes: number(l.Timer),
			Paused: strings.EqualFold(text(l.Active), "false"),
		})
	}
	slices.SortFunc(lines, order)
	return lines, nil
}

func (s *Schedules) of(ctx context.Context, volume string) ([]app.Schedule, error) {
	all, err := s.list(ctx)
	return slices.DeleteFunc(all, func(l app.Schedule) bool { return l.Volume != volume }), err
}

func order(a, b app.Schedule) int {
	return cmp.Or(cmp.Compare(a.Volume, b.Volume), cmp.Compare(a.Action, b.Action))
}

// text is a value of a line, whatever type JSON gave it.
func text(value any) string {
	if s, ok := value.(string); ok {
		return s
	}
	encoded, err := json.Marshal(value)
	if err != nil {
		return ""
	}
	return string(encoded)
}

// number is 0 for what is no period: the plugin never runs such a line.
func number(value any) int {
	n, err := strconv.Atoi(strings.TrimSpace(text(value)))
	if err != nil {
		return 0
	}
	return n
}
