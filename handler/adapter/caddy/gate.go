package caddy

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"

	"github.com/mlfmonde/cluster/handler/edge"
)

// Behind their gates all applications are held the same way, so this is loaded
// once as a named route and invoked by each: thousands of proxies that nobody
// uses would make every load slow.
const (
	namedPrefix = idPrefix + "standby-"
	holdPath    = "/hold"                         // what the path of a question to the hold begins with
	gatePath    = "{http.matchers.file.relative}" // what a gate that is set says: "/" and the application
)

// gateOK are the names that a gate may have: files of one directory. Records of
// the old tool may have others; these are held by a load.
var gateOK = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]*$`)

// gated are the routes that hold the requests of an application while its gate
// is set.
type gated struct {
	raw   json.RawMessage // the adapted text of Hold; nothing: there is no gate
	root  string
	app   string
	named map[string]json.RawMessage // what the routes invoke, by name
}

func (p *Publisher) gate(app string, raw json.RawMessage) gated {
	return gated{raw, p.gates, app, map[string]json.RawMessage{}}
}

// before puts the gated routes for the server s before its own.
func (g gated) before(s *adaptedServer) error {
	if g.raw == nil {
		return nil
	}
	standby, err := decode(g.raw)
	if err != nil {
		return err
	}
	for _, other := range standby.Apps.HTTP.Servers {
		if len(other.Listen) != 1 || len(s.Listen) != 1 || other.Listen[0] != s.Listen[0] {
			continue
		}
		if s.Routes, err = g.while(other.Routes, s.Routes); err != nil {
			return err
		}
		if other.Errors == nil {
			continue
		}
		own := adaptedErrors{}
		if s.Errors != nil {
			own = *s.Errors
		}
		if own.Routes, err = g.while(other.Errors.Routes, own.Routes); err != nil {
			return err
		}
		s.Errors = &own
	}
	return nil
}

// while is routes for the time that the gate is set, then rest.
func (g gated) while(routes, rest []map[string]json.RawMessage) ([]map[string]json.RawMessage, error) {
	var all []map[string]json.RawMessage
	for _, r := range routes {
		var sets []map[string]json.RawMessage
		if err := json.Unmarshal(r["match"], &sets); err != nil {
			return nil, fmt.Errorf("read a route's match: %w", err)
		}
		for _, set := range sets {
			set["file"] = encode(map[string]any{"root": g.root, "try_files": []string{"/" + g.app}})
		}
		one := maps.Clone(r)
		one["match"] = encode(sets)
		one["handle"] = encode([]map[string]string{{"handler": "invoke", "name": g.share(r["handle"])}})
		all = append(all, one)
	}
	return append(all, rest...), nil
}

// share is the name of a route that does the same for whichever application's
// gate is set.
func (g gated) share(handle json.RawMessage) string {
	mine, any := encode(holdPath+"/"+g.app+"?"), encode(holdPath+gatePath+"?")
	route := canonical(map[string]json.RawMessage{"handle": bytes.ReplaceAll(handle, mine, any)})
	sum := sha256.Sum256(route)
	name := namedPrefix + hex.EncodeToString(sum[:6])
	g.named[name] = route
	return name
}

// hold sets the gates of the applications that change over without a load, and
// gives back the sites of the others. One that has gone on to another node stays
// behind its gate: whoever answers there knows where its requests go.
func (p *Publisher) hold(sites []edge.Site) (rest []edge.Site, held map[string]bool, err error) {
	held = map[string]bool{}
	for _, s := range sites {
		good := p.good[s.App]
		switch {
		case p.gates == "" || good == nil || good.standby == "":
		case s.Mode == edge.Hold && good.standby == s.Text, s.Mode == edge.Pass && p.isSet(s.App):
			held[s.App] = true
			continue
		}
		rest = append(rest, s)
	}
	if len(held) == 0 {
		return rest, held, nil
	}
	if err := os.Mkdir(p.gates, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, nil, fmt.Errorf("make the directory of gates: %w", err)
	}
	if err := os.Chmod(p.gates, 0o755); err != nil { // whatever the umask, Caddy may look
		return nil, nil, fmt.Errorf("make the directory of gates: %w", err)
	}
	for app := range held {
		if err := os.WriteFile(filepath.Join(p.gates, app), nil, 0o644); err != nil {
			return nil, nil, fmt.Errorf("hold %s: set its gate: %w", app, err)
		}
	}
	return rest, held, nil
}

func (p *Publisher) isSet(app string) bool {
	_, err := os.Stat(filepath.Join(p.gates, app))
	return err == nil
}

// release takes away the gates of all but held.
func (p *Publisher) release(held map[string]bool) error {
	if p.gates == "" {
		return nil
	}
	set, err := os.ReadDir(p.gates)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("look for gates: %w", err)
	}
	for _, gate := range set {
		if held[gate.Name()] {
			continue
		}
		if err := os.Remove(filepath.Join(p.gates, gate.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("release %s: take its gate away: %w", gate.Name(), err)
		}
	}
	return nil
}
