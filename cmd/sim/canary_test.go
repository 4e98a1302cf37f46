package main

import (
	"strings"
	"testing"
)

func TestCanary_ListsAndShows(t *testing.T) {
	out, _, code := command(t, "", "canary", "--list", "c14*")
	if code != exitOK || !strings.Contains(out, "c14-undone-without-reading: a write without an answer") || strings.Contains(out, "@@") {
		t.Errorf("%d: %s", code, out)
	}
	out, _, code = command(t, "", "canary", "--diff", "c14-undone-without-reading")
	if code != exitOK || !strings.Contains(out, "+++ b/handler/execute/arrow.go\n@@ ") {
		t.Errorf("%d: %s", code, out)
	}
}

func TestCanary_RefusesWhatItDoesNotKnow(t *testing.T) {
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"canary", "nightingale"}, exitBad, `no canary is called "nightingale"; known are: `},
		{[]string{"canary", "--source", t.TempDir()}, exitFailed, "that takes a clone of github.com/mlfmonde/cluster and the go command"},
	} {
		if _, err, code := command(t, "", c.args...); code != c.code || !strings.Contains(err, c.want) {
			t.Errorf("%q: %d, %s", c.args, code, err)
		}
	}
}
