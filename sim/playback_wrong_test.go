package sim_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/mlfmonde/cluster/handler/witness"
	"github.com/mlfmonde/cluster/sim"
)

// lie is an answer as a fake that is wrong would get it: some text of it is
// another one, or the call ended otherwise.
type lie struct {
	call    string
	old     string // in the answer; "" stands for success
	instead string // "" stands for an error that no sentinel names
	nth     int    // of the calls that it fits
}

var lies = []lie{
	{"KV.Get", `\"state\":\"switching\"`, `\"state\":\"preparing\"`, 1},
	{"KV.Get", `"modify":`, `"modify":1`, 40},
	{"KV.List", `"key":"ack/`, `"key":"lost/`, 1},
	{"KV.List", `\"master\":\"b\"`, `\"master\":\"a\"`, 1},
	{"KV.Apply", ``, `ErrRefused`, 3},
	{"KV.Apply", `ErrRefused`, ``, 1},
	{"Members.Members", `"address":"10.0.0.2"`, `"address":"10.0.0.9"`, 2},
	{"Members.Members", `"published":`, `"published":1`, 9},
	{"Source.Checkout", `"`, `"f`, 2},
	{"Source.Checkout", ``, `ErrDenied`, 0},
	{"Checkouts.Read", `"bytes":`, `"bytes":1`, 2},
	{"Checkouts.Read", ``, `ErrNotFound`, 2},
	{"Checkouts.List", `"site_main.063fb-`, `"site_main.063fb-0`, 3},
	{"Images.Build", `"web":`, `"worker":`, 2},
	{"Stack.Up", ``, `ErrNoLease`, 1},
	{"Stack.Stop", ``, `-`, 1},
	{"Containers.List", `"Running":false`, `"Running":true`, 1},
	{"Containers.List", `"Image":"sha256:`, `"Image":"sha256:0`, 2},
	{"Containers.List", `"Seq":`, `"Seq":1`, 2},
	{"Containers.List", `"Health":"healthy"`, `"Health":""`, 2},
	{"Volumes.List", `"sitemain063fb_data"`, `"sitemain063fb_date"`, 2},
	{"Volumes.Restore", ``, `ErrNotFound`, 1},
	{"Volumes.Remove", ``, `-`, 1},
	{"Snapshots.Take", `"ReadOnly":true`, `"ReadOnly":false`, 1},
	{"Snapshots.Take", ``, `ErrNotFound`, 1},
	{"Snapshots.List", `"ReadOnly":true`, `"ReadOnly":false`, 2},
	{"Snapshots.List", `"UUID":"`, `"UUID":"0`, 3},
	{"Snapshots.List", `"Received":"`, `"Received":"0`, 3},
	{"Snapshots.List", `@10.0.0.2"`, `@10.0.0.7"`, 1},
	{"Snapshots.Send", ``, `ErrNotFound`, 1},
	{"Schedules.List", `"Minutes":60`, `"Minutes":61`, 2},
	{"Schedules.List", `"Paused":false`, `"Paused":true`, 2},
	{"Guard.List", `"seq":`, `"seq":1`, 3},
	{"Guard.Release", ``, `-`, 1},
	{"Journal.Read", `"finished":true`, `"finished":false`, 2},
	{"Journal.List", `"site_main.063fb"`, `"other"`, 2},
}

func (l lie) String() string {
	return strings.NewReplacer("/", "|", " ", "_").Replace(fmt.Sprintf("%s %q instead of %q", l.call, l.instead, l.old))
}

// told puts the lie into a copy of the recordings.
func (l lie) told(t *testing.T, all []witness.Recording) []witness.Recording {
	t.Helper()
	out, left := slices.Clone(all), l.nth
	for i := range out {
		out[i].Calls = slices.Clone(out[i].Calls)
		for j := range out[i].Calls {
			c := &out[i].Calls[j]
			if c.Call != l.call || !l.fits(*c) {
				continue
			}
			if left--; left > 0 {
				continue
			}
			l.tell(c)
			return out
		}
	}
	t.Fatalf("no call that the lie fits %d times", l.nth)
	return nil
}

func (l lie) fits(c witness.Call) bool {
	switch {
	case l.old == "":
		return c.Back() && c.Error == nil
	case strings.HasPrefix(l.old, "Err"):
		return c.Error != nil && slices.Contains(c.Error.Is, l.old)
	}
	return c.Error == nil && strings.Contains(string(c.Answer), l.old)
}

func (l lie) tell(c *witness.Call) {
	switch {
	case l.instead == "" && strings.HasPrefix(l.old, "Err"):
		c.Error, c.Answer = nil, json.RawMessage(`123456`)
	case l.old != "":
		c.Answer = json.RawMessage(strings.Replace(string(c.Answer), l.old, l.instead, 1))
	case l.instead == "-":
		c.Error, c.Answer = &witness.Failure{Text: "it went wrong"}, nil
	default:
		c.Error, c.Answer = &witness.Failure{Is: []string{l.instead}, Text: l.instead}, nil
	}
}

// story is short and has every call that the lies are about.
func story(t *testing.T) []witness.Recording {
	t.Helper()
	r := record(t, sim.Options{Seed: 3})
	r.pushes("1")
	r.deploys("a", "b")
	r.pushes("2")
	r.deploys("b", "a")
	r.deploys("b", "a")
	return r.recordings()
}

func TestPlayback_FindsEveryAnswerThatIsNotTrue(t *testing.T) {
	all := story(t)
	replayed(t, all)
	for _, l := range lies {
		t.Run(l.String(), func(t *testing.T) {
			result, err := sim.Playback(l.told(t, all)...)
			if err == nil && len(result.Differences) == 0 {
				t.Errorf("nothing was found; taken as recorded: %v", result.Taken)
			}
		})
	}
}

// effects are the calls without which the world would be seen to be another.
var effects = []string{
	"Source.Checkout", "Checkouts.Write", "Checkouts.Remove", "Images.Build", "Stack.Up", "Containers.Remove",
	"Volumes.Restore", "Volumes.Remove", "Snapshots.Take", "Snapshots.Send", "Schedules.Set", "Guard.Grant", "Guard.Release", "Journal.Write", "KV.Apply",
}

func TestPlayback_FindsThatAnEffectIsMissing(t *testing.T) {
	all := story(t)
	for _, name := range effects {
		t.Run(name, func(t *testing.T) {
			without := slices.Clone(all)
			for i := range without {
				without[i].Calls = slices.DeleteFunc(slices.Clone(without[i].Calls), func(c witness.Call) bool { return c.Call == name })
			}
			result, err := sim.Playback(without...)
			if err == nil && len(result.Differences) == 0 {
				t.Errorf("nothing was found; taken as recorded: %v", result.Taken)
			}
		})
	}
}
