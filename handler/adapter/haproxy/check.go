package haproxy

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"

	"github.com/mlfmonde/cluster/handler/adapter/process"
	"github.com/mlfmonde/cluster/handler/edge"
)

// alone is how many changed parts are checked one by one before the whole.
// With more, as at a start, the whole comes first and is halved if it fails.
const alone = 4

// checkLimit is how much of the check's output is kept.
const checkLimit = 16 << 10

// refusal is a configuration that HAProxy does not take.
type refusal struct{ reason string }

func (r refusal) Error() string { return r.reason }

// checking is one Check under way.
type checking struct {
	*HAProxy
	parts   edge.Proxy
	keys    map[string]digest // app → its part, with the static one
	refused map[string]string
}

// Check asks the real binary about p: about each part that it has not taken
// before, and about all of them together. It returns the apps whose parts
// HAProxy refuses and why; without these it takes p. An error is about HAProxy
// or the static part, and no app.
func (h *HAProxy) Check(ctx context.Context, p edge.Proxy) (refused map[string]string, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	whole := p.Text(nil)
	if sum(whole) == h.whole {
		return nil, nil
	}
	c := &checking{HAProxy: h, parts: p, keys: map[string]digest{}, refused: map[string]string{}}
	changed := c.changed()
	if len(changed) <= alone {
		err = c.each(ctx, changed)
	}
	if err == nil {
		err = c.together(ctx, changed)
	}
	if err != nil {
		return nil, fmt.Errorf("check the configuration of HAProxy: %w", err)
	}
	passed := map[digest]bool{}
	for app, key := range c.keys {
		if c.refused[app] == "" {
			passed[key] = true
		}
	}
	h.passed, h.whole = passed, sum(c.text(nil))
	return c.refused, nil
}

// changed are the apps whose parts the binary has not seen, by name, and keeps
// under which key each is known.
func (c *checking) changed() []string {
	every := map[string]bool{}
	for _, p := range c.parts.Parts {
		every[p.App] = true
	}
	static := c.parts.Text(every)
	var names []string
	for _, p := range c.parts.Parts {
		c.keys[p.App] = sum(static, []byte(p.Text()))
		if !c.passed[c.keys[p.App]] {
			names = append(names, p.App)
		}
	}
	slices.Sort(names)
	return names
}

// text is the whole without what is refused, and without those of off.
func (c *checking) text(off []string) []byte {
	without := map[string]bool{}
	for app := range c.refused {
		without[app] = true
	}
	for _, app := range off {
		without[app] = true
	}
	return c.parts.Text(without)
}

// each checks every one of names with the static part only.
func (c *checking) each(ctx context.Context, names []string) error {
	for _, app := range names {
		if err := c.refuse(app, c.verify(ctx, c.parts.Alone(app))); err != nil {
			return err
		}
	}
	return nil
}

// refuse keeps the reason when err is a refusal of app; any other error is
// returned.
func (c *checking) refuse(app string, err error) error {
	if r := (refusal{}); errors.As(err, &r) {
		c.refused[app] = r.reason
		return nil
	}
	return err
}

// together checks the whole. When it fails, the parts that are to blame are
// looked for among the changed ones first, then among all.
func (c *checking) together(ctx context.Context, changed []string) error {
	err := c.verify(ctx, c.text(nil))
	if r := (refusal{}); err == nil || !errors.As(err, &r) {
		return err
	}
	every := make([]string, 0, len(c.parts.Parts))
	for _, p := range c.parts.Parts {
		every = append(every, p.App)
	}
	if err := c.verify(ctx, c.text(every)); err != nil {
		return fmt.Errorf("the part that belongs to no app: %w; mend the template", err)
	}
	for _, suspects := range [][]string{changed, every} {
		suspects = slices.DeleteFunc(slices.Clone(suspects), func(app string) bool { return c.refused[app] != "" })
		if err := c.verify(ctx, c.text(suspects)); err == nil {
			return c.halve(ctx, suspects, suspects)
		} else if r := (refusal{}); !errors.As(err, &r) {
			return err
		}
	}
	return errors.New("HAProxy refuses it, and takes it without any app: give it a bug report with the configuration")
}

// halve finds who of some is to blame. off are those that are not yet known to
// be good; without them the whole is good.
func (c *checking) halve(ctx context.Context, some, off []string) error {
	if len(some) == 0 {
		return nil
	}
	rest := slices.DeleteFunc(slices.Clone(off), func(app string) bool { return slices.Contains(some, app) })
	err := c.verify(ctx, c.text(rest))
	switch r := (refusal{}); {
	case err == nil:
		return nil // all of them are good
	case !errors.As(err, &r):
		return err
	case len(some) == 1:
		return c.refuse(some[0], err)
	}
	half := len(some) / 2
	if err := c.halve(ctx, some[:half], off); err != nil {
		return err
	}
	return c.halve(ctx, some[half:], append(slices.Clone(rest), some[half:]...))
}

// lookups says how addresses of servers are found at the start.
var lookups = regexp.MustCompile(`init-addr[ \t]+\S+`)

// verify asks the binary about a configuration: nil, a refusal, or an error of
// the binary itself. Names of servers are not looked up for it: they are those of
// containers, which this machine does not know, and a DNS server that is away
// would hold up the check for each of them.
func (h *HAProxy) verify(ctx context.Context, text []byte) error {
	dir := filepath.Dir(h.config.File)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	file := filepath.Join(dir, "."+filepath.Base(h.config.File)+".check")
	if err := os.WriteFile(file, lookups.ReplaceAll(text, []byte("init-addr none")), 0o644); err != nil {
		return err
	}
	defer os.Remove(file)
	argv := append(slices.Clone(h.config.Command), "-c", "-f", file)
	_, err := h.config.Runner.Run(ctx, process.Command{Name: argv[0], Args: argv[1:], Env: []string{"LC_ALL=C.UTF-8"}, Limit: checkLimit})
	failed := (*process.Error)(nil)
	if err == nil || ctx.Err() != nil || !errors.As(err, &failed) || failed.Exit != 1 {
		return err
	}
	if reason := said(failed.Output, file, text); reason != "" {
		return refusal{reason}
	}
	return err
}
