package canary

import (
	"slices"
	"testing"
)

func TestWords_AreThoseOfALineThatPlaysAPlanAgain(t *testing.T) {
	for line, want := range map[string][]string{
		"":                                  nil,
		" run c14-commit-without-an-answer": {"run", "c14-commit-without-an-answer"},
		` replay --row "a_to_b" --column "target's disk full" --seed 1 --fault "b Stack.Up 1 late"`: {
			"replay", "--row", "a_to_b", "--column", "target's disk full", "--seed", "1", "--fault", "b Stack.Up 1 late"},
		` explore --fault "n1 say \"no\""  --faults 0`: {"explore", "--fault", `n1 say "no"`, "--faults", "0"},
	} {
		if got, err := words(line); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: %q, %v", line, got, err)
		}
	}
	if _, err := words(`run "half`); err == nil {
		t.Error("an open quote is taken")
	}
}
