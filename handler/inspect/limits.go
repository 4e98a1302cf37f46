package inspect

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// What a file may cost. The YAML parser that builds nodes is linear in the
// bytes it reads; everything after it is bounded by nodes, text and depth, so
// the checks come between that parser and any loader.
const (
	maxFile     = 256 << 10 // bytes of one file
	maxItems    = 20_000    // lines and commas of one YAML text
	maxValues   = 8_000     // values of one, after aliases and extends are followed
	maxText     = 1 << 20   // bytes of all texts after aliases, extends and variables
	maxDepth    = 32
	maxServices = 100
	maxPorts    = 1000   // after ranges are counted
	maxPaths    = 10_000 // ways through depends_on
	maxVolumes  = 100
	maxRoutes   = 48 << 10 // bytes of all routing variables: they go into one value of the KV, up to six times as long
	maxService  = 32 << 10 // bytes of service.json, for the same reason
)

// composeNames are the compose files that are looked for; the first one wins.
func composeNames() []string {
	return []string{"docker-compose.yml", "docker-compose.yaml", "compose.yml", "compose.yaml"}
}

// Wants reports whether inspection may look at a file of the checkout: name is
// its path relative to the checkout, with slashes. Deeper than four levels
// nothing is looked at.
func Wants(name string) bool {
	base := path.Base(name)
	switch {
	case strings.Count(name, "/") > 3 || !local(name):
		return false
	case name == "service.json", slices.Contains(composeNames(), name):
		return true
	}
	return strings.HasPrefix(base, ".env") || strings.HasSuffix(base, ".env")
}

// local reports that a path stays lexically inside the checkout.
func local(name string) bool {
	if name == "" || path.IsAbs(name) || strings.ContainsAny(name, "\\:\x00~") {
		return false
	}
	clean := path.Clean(name)
	return clean != ".." && !strings.HasPrefix(clean, "../")
}

// fault is one reason against a text, with the key path and the line it is
// about; line 0 is unknown.
type fault struct {
	path string
	line int
	why  string
}

func (f *fault) Error() string { return f.why }

func faultf(path string, line int, format string, args ...any) error {
	return &fault{path: path, line: line, why: fmt.Sprintf(format, args...)}
}

// size refuses what is too large to look at.
func size(content []byte) error {
	if len(content) > maxFile {
		return faultf("", 0, "has %d bytes; at most %d KiB are read", len(content), maxFile>>10)
	}
	return nil
}

// parse turns one YAML document into nodes. Aliases are not followed.
func parse(content []byte) (*yaml.Node, error) {
	if err := size(content); err != nil {
		return nil, err
	}
	if n := bytes.Count(content, []byte("\n")) + bytes.Count(content, []byte(",")); n > maxItems {
		return nil, faultf("", 0, "has %d lines and list items; at most %d are read", n, maxItems)
	}
	if !utf8.Valid(content) {
		return nil, faultf("", 0, "is not UTF-8 text")
	}
	dec := yaml.NewDecoder(bytes.NewReader(content))
	var doc yaml.Node
	switch err := dec.Decode(&doc); {
	case errors.Is(err, io.EOF), err == nil && len(doc.Content) == 0:
		return nil, faultf("", 0, "is empty")
	case err != nil:
		return nil, faultf("", lineOf(err), "%s", strings.TrimPrefix(err.Error(), "yaml: "))
	}
	var next yaml.Node
	if err := dec.Decode(&next); !errors.Is(err, io.EOF) {
		return nil, faultf("", next.Line, "holds more than one YAML document; keep one")
	}
	return doc.Content[0], nil
}

// lineOf reads the line out of a parser's message, 0 when it names none.
func lineOf(err error) int {
	var line int
	_, text, found := strings.Cut(err.Error(), "line ")
	if !found {
		return 0
	}
	if _, err := fmt.Sscanf(text, "%d", &line); err != nil {
		return 0
	}
	return line
}
