package app_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/mlfmonde/cluster/handler/app"
)

// at is the snapshot of a volume that was taken so many minutes before noon.
func at(minutes int) app.Snapshot {
	noon := time.Date(2026, time.January, 2, 12, 0, 0, 0, time.UTC)
	taken := noon.Add(-time.Duration(minutes) * time.Minute)
	return app.Snapshot{Name: "v@" + taken.Format("2006-01-02T15:04:05.000000"), Volume: "v", ReadOnly: true}
}

func TestSpared_LooksAtWhatAPurgeCouldTake(t *testing.T) {
	marker := at(70)
	marker.Name, marker.Host = marker.Name+"@10.0.0.2", "10.0.0.2"
	half := at(61)
	half.ReadOnly = false
	undated := app.Snapshot{Name: "v@x", Volume: "v", ReadOnly: true}
	usual := "1h:1d:1w:4w:1y"
	for _, x := range []struct {
		says    string
		pattern string
		of      []app.Snapshot // oldest first
		first   int
		want    bool
	}{
		{"younger than an hour", usual, []app.Snapshot{at(50), at(49)}, 1, true},
		{"an hour old in five minutes", usual, []app.Snapshot{at(57), at(56)}, 1, false},
		{"the older one of its hour", usual, []app.Snapshot{at(200), at(110)}, 1, true},
		{"the younger one of its hour", usual, []app.Snapshot{at(110), at(70)}, 1, false},
		{"an hour after the one before", usual, []app.Snapshot{at(130), at(70)}, 1, true},
		{"half a day old", usual, []app.Snapshot{at(5000), at(720)}, 1, false},
		{"a later one is in reach", usual, []app.Snapshot{at(200), at(110), at(90)}, 1, false},
		{"a later one is in no reach", usual, []app.Snapshot{at(200), at(110), at(30)}, 1, true},
		{"a part before it counts", usual, []app.Snapshot{half, at(60)}, 1, false},
		{"a part after it is nothing to keep", usual, []app.Snapshot{at(200), half}, 0, true},
		{"its own marker is not before it", usual, []app.Snapshot{at(200), at(70), marker}, 1, true},
		{"a name without a date is never taken", usual, []app.Snapshot{at(70), undated}, 1, true},
		{"a pattern of one part, young", "2h", []app.Snapshot{at(100), at(90)}, 1, true},
		{"a pattern of one part, old", "2h", []app.Snapshot{at(116)}, 0, false},
		{"a pattern that keeps nothing", "0h", []app.Snapshot{at(1)}, 0, false},
		{"a pattern that is none", "soon", []app.Snapshot{at(1)}, 0, false},
		{"a part of a pattern that is none", "1h:xd", []app.Snapshot{at(1)}, 0, false},
		{"a pattern in any order", "1d:1h", []app.Snapshot{at(50)}, 0, true},
	} {
		if got := app.Spared(x.pattern, x.of, x.of[x.first].Name, "", noon(0), 5*time.Minute); got != x.want {
			t.Errorf("%s: %v, must be %v", x.says, got, x.want)
		}
	}
}

func noon(later time.Duration) time.Time {
	return time.Date(2026, time.January, 2, 12, 0, 0, 0, time.UTC).Add(later)
}

func TestSpared_KnowsLocalTimeByWhenACopyWasListed(t *testing.T) {
	of := []app.Snapshot{at(31), at(30)} // by clocks two hours ahead of UTC
	taken, _ := of[1].Taken()
	listed := taken.Add(-2*time.Hour + time.Minute).Format(time.RFC3339)
	for _, x := range []struct {
		listed string
		later  time.Duration // than noon, UTC
		want   bool
	}{
		{"", 0, true}, {listed, -2 * time.Hour, true}, {listed, 0, false}, {"at noon", 0, true},
		{taken.Add(time.Hour).Format(time.RFC3339), 0, true},
	} {
		if got := app.Spared("1h:1d", of, of[1].Name, x.listed, noon(x.later), 5*time.Minute); got != x.want {
			t.Errorf("listed %q, at %s: %v", x.listed, fmt.Sprint(x.later), got)
		}
	}
}
