package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const source = `package x

func (r *run) f() error {
	a, err := g()
	if err != nil {
		return err
	}
	if err := h(); err != nil {
		return fmt.Errorf("h: %w", err)
	}
	if a {
		return errMoved
	}
	switch {
	case errors.Is(err, errGone):
		return nil
	case a:
		return refusal("no")
	}
	if !errors.Is(err, errMoved) {
		k()
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err == nil {
		k()
	} else {
		j()
	}
	if a || err != nil {
		k()
	}
	for {
		if b() {
			return nil
		}
		return errors.New("what")
	}
}

func g() (bool, error) { return false, nil }
`

func TestFind_TakesEveryBranchOfAnError(t *testing.T) {
	all, err := inFile("handler/x.go", []byte(source))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, b := range all {
		got = append(got, fmt.Sprintf("%d %s", b.line, b.head))
	}
	want := []string{
		"5 a, err := g(); if err != nil {",
		"8 if err := h(); err != nil {",
		"11 if a {",
		"15 case errors.Is(err, errGone):",
		"17 case a:",
		"23 if ctx.Err() != nil {",
		"28 } else {",
		"31 if a || err != nil {",
		"38 return errors.New(\"what\")",
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("found\n%s\nmust be\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if key := all[0].key(); key != "handler/x.go run.f: a, err := g(); if err != nil {" {
		t.Errorf("the first is called %q", key)
	}
}

// judged compares the source with a profile in which the lines of hit ran.
func judged(t *testing.T, hit []int, list string) verdict {
	t.Helper()
	all, err := inFile("handler/x.go", []byte(source))
	if err != nil {
		t.Fatal(err)
	}
	counts := coverage{}
	for _, b := range all {
		n := 0
		if slices.Contains(hit, b.line) {
			n = 3
		}
		line := fmt.Sprintf("%shandler/x.go:%d.%d,%d.%d 1 %d", module, b.at.line, b.at.column, b.at.line+1, 1, n)
		if err := counts.line(line); err != nil {
			t.Fatal(err)
		}
	}
	if err := counts.line(module + "handler/x.go:1.1,60.1 9 5"); err != nil { // around all: never the innermost
		t.Fatal(err)
	}
	excused, err := excuses(list)
	if err != nil {
		t.Fatal(err)
	}
	v, err := compare(all, counts, excused)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestCompare_NamesWhatWasNeverTaken(t *testing.T) {
	v := judged(t, []int{5, 8, 11, 15, 17, 23, 28, 38}, "")
	if v.taken != 8 || len(v.never) != 1 || v.never[0].line != 31 || len(v.wrong) != 0 {
		t.Errorf("%+v", v)
	}
}

func TestCompare_HoldsTheListToWhatIsTrue(t *testing.T) {
	list := "# why\nhandler/x.go run.f: if a || err != nil {\n  nobody comes here\n  at all\n\nhandler/x.go run.f: if a {\n  wrong\nhandler/x.go run.f: if gone {\n  it was there once\n"
	v := judged(t, []int{5, 8, 11, 15, 17, 23, 28, 38}, list)
	if len(v.never) != 0 || len(v.excused) != 1 || len(v.wrong) != 2 {
		t.Fatalf("%+v", v)
	}
	if !strings.Contains(v.wrong[0], "if a { was taken 3 times") || !strings.Contains(v.wrong[1], "there is no branch handler/x.go run.f: if gone {") {
		t.Errorf("%q", v.wrong)
	}
}

func TestExcuses_AllHaveAReason(t *testing.T) {
	for _, list := range []string{"a\nb\n  why\n", "b\n  why\na\n", "  why\n", "a\n  why\na\n  why\n"} {
		if all, err := excuses(list); err == nil {
			t.Errorf("%q is taken for %q", list, all)
		}
	}
	if _, err := excuses(unreachable); err != nil {
		t.Error(err)
	}
}

func TestJudge_RefusesAProfileOfOtherSource(t *testing.T) {
	profile := filepath.Join(t.TempDir(), "cover")
	for _, c := range []struct{ text, want string }{
		{"mode: set\n", "count nothing"},
		{"mode: set\nnonsense\n", "cover:2: "},
		{"mode: set\n" + module + "handler/agent.go:1.1,2.1 1 1\n", "does not know this line"},
	} {
		if err := os.WriteFile(profile, []byte(c.text), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := judge("../..", []string{profile}, &strings.Builder{}, false); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v, must be %q", c.text, err, c.want)
		}
	}
}

func TestFind_SeesTheHandler(t *testing.T) {
	all, err := find("../..", folders())
	if err != nil || len(all) < 150 {
		t.Errorf("%d branches, %v", len(all), err)
	}
	known := map[string]bool{}
	for _, b := range all {
		if known[b.key()] {
			t.Errorf("two branches are called %s", b.key())
		}
		known[b.key()] = true
	}
	excused, err := excuses(unreachable)
	if err != nil {
		t.Fatal(err)
	}
	for key := range excused {
		if !known[key] {
			t.Errorf("unreachable.txt: there is no branch %s", key)
		}
	}
}
