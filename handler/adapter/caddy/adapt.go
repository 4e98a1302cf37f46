package caddy

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/mlfmonde/cluster/handler/edge"
)

// versionsKept is how many texts of an application are remembered adapted: one
// for each mode, so that the end of an operation adapts nothing.
const versionsKept = 4

// texts are what an application brings: its own, and what holds its requests.
type texts struct{ own, standby string }

// adaptation is what came of texts.
type adaptation struct {
	texts
	fragment *fragment
	reason   string // why there is no fragment
}

// adaptAll is the fragment of each application, those that Caddy refuses apart:
// left has their reasons. The error says that Caddy cannot be asked.
func (p *Publisher) adaptAll(ctx context.Context, sites []edge.Site, left map[string]string) (map[string]*fragment, error) {
	all := map[string]texts{}
	for _, s := range sites {
		t := texts{own: s.Text}
		if p.gates != "" && gateOK.MatchString(s.App) {
			t.standby = s.Standby
		}
		if old, is := all[s.App]; is { // several sites are one text
			t = texts{old.own + "\n" + t.own, old.standby + "\n" + t.standby}
		}
		all[s.App] = t
	}
	maps.DeleteFunc(p.adapted, func(app string, _ []adaptation) bool {
		_, is := all[app]
		return !is && p.good[app] == nil
	})
	wanted := make(map[string]*fragment, len(all))
	for _, app := range slices.Sorted(maps.Keys(all)) {
		a, err := p.adapt(ctx, app, all[app])
		if err != nil {
			return nil, err
		}
		wanted[app] = a.fragment
		if a.fragment == nil {
			left[app] = a.reason
		}
	}
	return wanted, nil
}

// adapt asks Caddy only for texts that it has not seen lately.
func (p *Publisher) adapt(ctx context.Context, app string, t texts) (adaptation, error) {
	known := p.adapted[app]
	if i := slices.IndexFunc(known, func(a adaptation) bool { return a.texts == t }); i >= 0 {
		return known[i], nil
	}
	a := adaptation{texts: t}
	raw := [2]json.RawMessage{}
	for i, text := range []string{t.own, t.standby} {
		if text == "" {
			continue
		}
		var err error
		var refusal *Refusal
		if raw[i], err = p.admin.adapt(ctx, text); errors.As(err, &refusal) {
			a.reason = adaptReason(refusal.Reason)
		} else if err != nil {
			return adaptation{}, err
		}
	}
	if a.reason == "" {
		var err error
		if a.fragment, err = split(app, raw[0], p.gate(app, raw[1])); err != nil {
			a.reason = err.Error()
		} else {
			a.fragment.standby = t.standby
		}
	}
	p.adapted[app] = append([]adaptation{a}, known[:min(len(known), versionsKept-1)]...)
	return a, nil
}

var (
	adaptPrefix = regexp.MustCompile(`^adapting config using caddyfile adapter: `)
	fileLine    = regexp.MustCompile(`(?:\b|^)Caddyfile:(\d+)`)
)

// adaptReason is Caddy's sentence with the line in words; Caddy calls the text,
// which has no name, Caddyfile.
func adaptReason(said string) string {
	said = adaptPrefix.ReplaceAllString(said, "")
	return strings.TrimSpace(fileLine.ReplaceAllString(said, "line $1"))
}

// What an adapted text may hold. Anything else is for the whole Caddy, so one
// application does not get it.
type (
	adaptedConfig struct {
		Apps struct {
			HTTP struct {
				Servers map[string]adaptedServer `json:"servers"`
			} `json:"http"`
			TLS struct {
				Automation struct {
					Policies []map[string]json.RawMessage `json:"policies"`
				} `json:"automation"`
			} `json:"tls"`
		} `json:"apps"`
		Logging struct {
			Logs map[string]map[string]json.RawMessage `json:"logs"`
		} `json:"logging"`
	}
	adaptedServer struct {
		Listen      []string                     `json:"listen"`
		Routes      []map[string]json.RawMessage `json:"routes"`
		Errors      *adaptedErrors               `json:"errors"`
		Automatic   json.RawMessage              `json:"automatic_https"` // only with a port of its own, which is refused by that
		Connections []map[string]json.RawMessage `json:"tls_connection_policies"`
		Logs        *adaptedLogs                 `json:"logs"`
	}
	adaptedErrors struct {
		Routes []map[string]json.RawMessage `json:"routes"`
	}
	adaptedLogs struct {
		Names map[string][]string `json:"logger_names"`
		Skip  []string            `json:"skip_hosts"`
	}
)

var errNotOneSite = errors.New("the text asks for something that holds for all of Caddy, not for one site")

// split makes the fragment of app from its adapted text, which is canonical
// afterwards: the same bytes as Caddy gives back for it. Routes of standby come
// before its own.
func split(app string, raw json.RawMessage, standby gated) (*fragment, error) {
	a, err := decode(raw)
	if err != nil {
		return nil, err
	}
	f := &fragment{loggers: map[string]json.RawMessage{}}
	names, err := f.takeLoggers(a.Logging.Logs)
	if err != nil {
		return nil, err
	}
	for _, server := range slices.Sorted(maps.Keys(a.Apps.HTTP.Servers)) {
		s := a.Apps.HTTP.Servers[server]
		if err := standby.before(&s); err != nil {
			return nil, err
		}
		if err := f.takeServer(app, s, names); err != nil {
			return nil, err
		}
	}
	for i, policy := range a.Apps.TLS.Automation.Policies {
		if policy["subjects"] == nil {
			return nil, errors.New("the text has a TLS rule without a host; give every site an address with a host")
		}
		f.policies = append(f.policies, identified(policy, numbered(kindPolicy, app, i)))
	}
	f.named, f.upstreams = standby.named, upstreams(raw)
	f.seal()
	return f, nil
}

// decode reads an adapted text and refuses what is not for one site.
func decode(raw json.RawMessage) (a adaptedConfig, err error) {
	if bytes.Contains(raw, []byte(`"@id"`)) {
		return a, errors.New("the text has a name @id, which Caddy keeps for itself; choose another one")
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&a); err != nil {
		return a, fmt.Errorf("%w: %w; leave it out", errNotOneSite, err)
	}
	return a, nil
}

// upstreams lists the addresses that raw's proxies dial, wherever they stand.
func upstreams(raw json.RawMessage) (all []string) {
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case []any:
			for _, e := range v {
				walk(e)
			}
		case map[string]any:
			if dial, is := v["dial"].(string); is {
				all = append(all, dial)
			}
			for _, e := range v {
				walk(e)
			}
		}
	}
	var v any
	if json.Unmarshal(raw, &v) == nil {
		walk(v)
	}
	slices.Sort(all)
	return slices.Compact(all)
}
