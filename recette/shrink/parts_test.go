package shrink_test

import (
	"slices"
	"testing"

	"github.com/mlfmonde/cluster/recette/shrink"
)

func TestGeneral_LeavesNamesAndNumbersOut(t *testing.T) {
	names := []string{"n1", "n3", "app"}
	for _, c := range []struct{ line, want string }{
		{"app_main.12345 runs on n1 and n3 at once", "runs on and at once"},
		{"record 17 of app_main.12345, acknowledged at 1m2s, is in no complete copy of appmain12345_data", "record of acknowledged at is in no complete copy of"},
		{"key maintenance/app_main.12345 is left: mine", "key maintenance/ is left mine"},
		{"not at rest after 4h0m0s: operation of app is switching", "not at rest after operation of is switching"},
	} {
		if got := shrink.General(c.line, names); got != c.want {
			t.Errorf("%q became %q, must be %q", c.line, got, c.want)
		}
	}
}

func TestSmaller_OnlyMakesSmaller(t *testing.T) {
	for _, c := range []struct {
		line string
		has  []string
	}{
		{"write app 10", []string{"write app", "write app 1", "write app 5"}},
		{"deploy app n1 n2 update", []string{"deploy app n1", "deploy app n1 n2", "deploy app n1 update"}},
		{"run 70s", []string{"run 1s", "run 1m"}},
		{"fault n1 Stack.Up late nth 3 times ever for 75s", []string{"fault n1 Stack.Up late", "fault n1 Stack.Up late nth 3 for 75s", "fault n1 Stack.Up error nth 3 times ever for 75s"}},
		{"fault n1 disk full", nil},
		{"expect records n1 app 5", nil},
		{"until idle", nil},
		{`put app/app "back at ten"`, nil},
	} {
		got := shrink.Smaller(c.line)
		for _, want := range c.has {
			if !slices.Contains(got, want) {
				t.Errorf("%q cannot become %q: %q", c.line, want, got)
			}
		}
		if c.has == nil && len(got) > 0 {
			t.Errorf("%q may become %q", c.line, got)
		}
		if slices.Contains(got, c.line) {
			t.Errorf("%q may become itself", c.line)
		}
	}
}
