package caddy

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
)

// staleMax is how often a load is tried again because somebody else wrote.
const staleMax = 8

// load is one publication.
type load struct {
	p       *Publisher
	left    map[string]string
	base    map[string]*fragment // what may be loaded without a doubt: it ran before
	changed map[string]*fragment // what is to be loaded beside it
	config  base
	tag     string
	order   [2][]string
	loaded  bool // base is what runs
}

// choose divides what is wanted into base and changed. An application without a
// fragment keeps its good one, after a restart of the handler the one that Caddy
// still runs.
func (l *load) choose(ctx context.Context, wanted map[string]*fragment, marker string) error {
	p := l.p
	if marker != "" && len(p.good) == 0 {
		if err := l.recover(ctx); err != nil {
			return err
		}
	}
	l.changed = map[string]*fragment{}
	for app, f := range wanted {
		good := p.good[app]
		switch r := p.refused[app]; {
		case f == nil || good != nil && good.digest == f.digest:
			f = nil
		case r.fragment == f && !l.lost(wanted):
			l.left[app], f = r.reason, nil
		}
		if good != nil {
			l.base[app] = good
		}
		if f != nil {
			l.changed[app] = f
		}
	}
	maps.DeleteFunc(p.refused, func(app string, r refused) bool { return wanted[app] != r.fragment || l.changed[app] != nil })
	return nil
}

// lost reports that an application is gone: what was refused because of it gets
// another chance.
func (l *load) lost(wanted map[string]*fragment) bool {
	for app := range l.p.good {
		if _, is := wanted[app]; !is {
			return true
		}
	}
	return false
}

// recover takes the versions that Caddy still runs for the good ones.
func (l *load) recover(ctx context.Context) error {
	if err := l.read(ctx); err != nil {
		return err
	}
	l.p.good = l.config.fragments()
	return nil
}

func (l *load) read(ctx context.Context) error {
	body, tag, err := l.p.admin.config(ctx)
	if err != nil {
		return err
	}
	l.config, err = readBase(body)
	l.tag = tag
	return err
}

// run loads base and as much of changed as Caddy takes.
func (l *load) run(ctx context.Context) error {
	if err := l.settle(ctx, slices.Sorted(maps.Keys(l.changed))); err != nil {
		return err
	}
	if l.loaded {
		return nil
	}
	return l.alone(ctx)
}

// alone loads base without any change. When even that is refused, no
// application is to blame.
func (l *load) alone(ctx context.Context) error {
	err := l.try(ctx, nil)
	var refusal *Refusal
	if errors.As(err, &refusal) {
		return fmt.Errorf("caddy refuses its configuration even without what is new: %w", err)
	}
	return err
}

// settle loads the applications of some that Caddy takes, as few loads as it
// gets: all, else all without the one that Caddy's words point to, else halves.
func (l *load) settle(ctx context.Context, some []string) error {
	err := l.try(ctx, some)
	var refusal *Refusal
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &refusal):
		return err
	case len(some) == 0:
		return fmt.Errorf("caddy refuses its configuration even without what is new: %w", err)
	}
	guess, parts := l.blamed(refusal, some), [][]string(nil)
	if !l.loaded {
		if err := l.alone(ctx); err != nil {
			return err
		}
	}
	switch {
	case len(some) == 1:
		l.blame(some[0], refusal)
		return nil
	case guess != "":
		rest := slices.DeleteFunc(slices.Clone(some), func(app string) bool { return app == guess })
		if err := l.try(ctx, rest); err == nil {
			l.blame(guess, refusal) // all others together are taken
			return nil
		} else if !errors.As(err, &refusal) {
			return err
		}
		parts = [][]string{rest, {guess}}
	default:
		parts = [][]string{some[:len(some)/2], some[len(some)/2:]}
	}
	for _, part := range parts {
		if err := l.settle(ctx, part); err != nil {
			return err
		}
	}
	return nil
}

func (l *load) blame(app string, refusal *Refusal) {
	reason := loadReason(refusal.Reason)
	l.left[app] = reason
	l.p.refused[app] = refused{l.changed[app], reason}
	l.p.log.Warn("caddy refuses an app", "app", app, "reason", reason)
}

// try loads base with some of the changed. What Caddy takes becomes base.
func (l *load) try(ctx context.Context, some []string) error {
	fragments := maps.Clone(l.base)
	for _, app := range some {
		fragments[app] = l.changed[app]
	}
	for range staleMax {
		if l.tag == "" {
			if err := l.read(ctx); err != nil {
				return err
			}
		}
		config, order, err := l.p.servers.whole(l.config, fragments)
		if err != nil {
			return err
		}
		l.order = order
		err = l.p.admin.load(ctx, config, l.tag)
		var refusal *Refusal
		if !errors.As(err, &refusal) {
			l.tag = "" // it has changed: by this load, or by somebody else
		}
		if errors.Is(err, errStale) {
			continue
		}
		if err == nil {
			l.base, l.loaded = fragments, true
		}
		return err
	}
	return fmt.Errorf("%w, %d times in a row: something else writes to caddy all the time", errStale, staleMax)
}

var (
	blamedRoute = regexp.MustCompile(`server (cluster_https?): .*?route (\d+):`)
	loadPlaces  = regexp.MustCompile(`^.*provision [\w.]+: (?:server cluster_https?: )?`)
)

// blamed is the application of some whose route Caddy's words name, "" for none.
func (l *load) blamed(refusal *Refusal, some []string) string {
	m := blamedRoute.FindStringSubmatch(refusal.Reason)
	if m == nil {
		return ""
	}
	names := serverNames()
	order := l.order[slices.Index(names[:], m[1])]
	if i, err := strconv.Atoi(m[2]); err == nil && i < len(order) && slices.Contains(some, order[i]) {
		return order[i]
	}
	return ""
}

// loadReason is Caddy's sentence without the places that mean nothing to the
// application's people.
func loadReason(said string) string {
	return "caddy cannot run it: " + loadPlaces.ReplaceAllString(said, "")
}
