package buttervolume

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode"

	"github.com/mlfmonde/cluster/handler/port"
)

var missing = regexp.MustCompile(`^Snapshot '.*' not found$|^No such snapshot|^No snapshots found|[Nn]o such volume`)

// meaning turns the plugin's text into an error, with the sentinel where
// somebody branches on it.
func meaning(text string) error {
	one := oneLine(text)
	switch {
	case strings.Contains(strings.ToLower(text), "no space left"):
		return fmt.Errorf("%w: %s", port.ErrNoSpace, one)
	case missing.MatchString(one):
		return fmt.Errorf("%w: %s", port.ErrNotFound, one)
	}
	return errors.New(one)
}

// oneLine makes a foreign text fit for an error: one line without control
// characters, at most 300 bytes.
func oneLine(text string) string {
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '\r' }), "; ")
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
	if len(text) > 300 {
		text = strings.ToValidUTF8(text[:300], "") + "…"
	}
	return strings.TrimSpace(text)
}
