package recette

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/ledger"
)

// doExpect is an error unless something is so.
func (s *Scene) doExpect(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return usage("what?")
	}
	word, rest := args[0], args[1:]
	switch word {
	case "committed", "aborted", "refused":
		return s.expectOutcome(ctx, app.Outcome(word), rest)
	case "master":
		return s.expectMaster(ctx, rest)
	case "running", "nowhere":
		return s.expectRunning(ctx, rest)
	case "log", "key", "no":
		return s.expectWords(ctx, args)
	case "seq":
		return s.expectSeq(ctx, rest)
	case "tombstones":
		return s.expectTombstones(ctx, rest)
	case "copies", "records", "volumes", "locals":
		return s.expectData(ctx, word, rest)
	}
	return usage("expect %s", word)
}

func (s *Scene) expectOutcome(ctx context.Context, want app.Outcome, args []string) error {
	why := ""
	if i := slices.Index(args, "because"); i >= 0 {
		args, why = args[:i], strings.Join(args[i+1:], " ")
	}
	c, err := s.named(ctx, args)
	if err != nil {
		return err
	}
	r, err := s.ended(ctx, c)
	switch {
	case err != nil:
		return err
	case r.Outcome != want:
		return fmt.Errorf("the request for %s ended %s (%s), expected %s", c.short, r.Outcome, s.short(r.Reason), want)
	case !strings.Contains(s.short(r.Reason), why):
		return fmt.Errorf("the request for %s ended %s because %q, expected %q", c.short, r.Outcome, s.short(r.Reason), why)
	}
	s.say(ctx, "expected: %s is %s%s", c.short, want, map[bool]string{true: ": " + s.short(r.Reason)}[r.Reason != ""])
	return nil
}

func (s *Scene) expectMaster(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return usage("which node?")
	}
	c, err := s.named(ctx, args[1:])
	if err != nil {
		return err
	}
	rec, err := s.record(ctx, c.Name())
	if err == nil && rec.Master != args[0] {
		err = fmt.Errorf("the master of %s is %q, expected %s", c.short, rec.Master, args[0])
	}
	return err
}

// expectRunning compares the nodes on which containers run with those named.
func (s *Scene) expectRunning(ctx context.Context, args []string) error {
	var want []string
	for len(args) > 0 && slices.Contains(s.Nodes(), args[0]) {
		want, args = append(want, args[0]), args[1:]
	}
	c, err := s.named(ctx, args)
	if err != nil {
		return err
	}
	got, err := s.running(ctx, c.App)
	if err != nil {
		return err
	}
	if !slices.Equal(got, want) {
		return fmt.Errorf("%s runs on %q, expected %q", c.short, got, want)
	}
	return nil
}

// running lists the nodes on which a container of a runs, sorted.
func (s *Scene) running(ctx context.Context, a app.App) (all []string, err error) {
	seen, err := s.Observe(ctx)
	for _, n := range s.Nodes() {
		if slices.ContainsFunc(seen[n].Containers, func(c app.Container) bool { return c.Running && c.Project == a.Project() }) {
			all = append(all, n)
		}
	}
	return all, err
}

func (s *Scene) expectWords(ctx context.Context, args []string) error {
	args, absent := take(args, "no")
	if len(args) < 2 {
		return usage("expect what?")
	}
	text := strings.Join(args[1:], " ")
	found := false
	if args[0] == "log" {
		for _, e := range s.Trace() {
			found = found || e.Call == "log" && strings.Contains(s.short(e.Arg), text)
		}
	} else {
		p, err := s.Get(ctx, s.key(args[1]))
		if err != nil {
			return err
		}
		found = p.Modify != 0 && strings.Contains(string(p.Value), strings.Join(args[2:], " "))
	}
	if found == absent {
		return fmt.Errorf("%s %q: there %v, expected %v", args[0], text, found, !absent)
	}
	return nil
}

func (s *Scene) expectSeq(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return usage("which?")
	}
	want, err := count(args[0])
	if err != nil {
		return err
	}
	c, err := s.named(ctx, args[1:])
	if err != nil {
		return err
	}
	p, err := s.Get(ctx, ledger.OperationKey(c.Name()))
	if err != nil {
		return err
	}
	var o app.Operation
	if json.Unmarshal(p.Value, &o) != nil || o.Seq != uint64(want) {
		return fmt.Errorf("operation of %s has seq %d, expected %d", c.short, o.Seq, want)
	}
	return nil
}

// expectData counts the whole snapshots of an app on a node, its live volumes,
// the records in them, or its volumes of other drivers.
func (s *Scene) expectData(ctx context.Context, word string, args []string) error {
	if err := exactly(args, 3, 3); err != nil {
		return err
	}
	node, err := s.node(args[0])
	if err != nil {
		return err
	}
	c, err := s.cast(ctx, args[1])
	if err != nil {
		return err
	}
	want, err := count(args[2])
	if err != nil {
		return err
	}
	seen, err := s.Observe(ctx)
	if err != nil {
		return err
	}
	got, o := 0, seen[node]
	for _, sn := range o.Snapshots {
		if word == "copies" && sn.Complete && strings.HasPrefix(sn.Volume, c.Project()+"_") && sn.Host == "" {
			got++
		}
	}
	for _, v := range o.Volumes {
		switch ours := strings.HasPrefix(v.Name, c.Project()+"_"); {
		case ours && word == "records":
			got += len(v.Records)
		case ours && word == "volumes":
			got++
		}
	}
	for _, v := range o.Local {
		if word == "locals" && strings.HasPrefix(v, c.Project()+"_") {
			got++
		}
	}
	if got != want {
		return fmt.Errorf("%s has %d %s of %s, expected %d", node, got, word, c.short, want)
	}
	return nil
}

func (s *Scene) expectTombstones(ctx context.Context, args []string) error {
	if err := exactly(args, 1, 1); err != nil {
		return err
	}
	want, err := count(args[0])
	if err != nil {
		return err
	}
	all, err := s.requests(ctx)
	if err != nil {
		return err
	}
	got := 0
	for _, r := range all {
		if r.Done {
			got++
		}
	}
	if got != want {
		return fmt.Errorf("there are %d tombstones, expected %d", got, want)
	}
	return nil
}
