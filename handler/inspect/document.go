package inspect

import (
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// document is a YAML text as plain values, with the line of each key path.
// Aliases and merge keys are followed, within the limits.
type document struct {
	file  string
	model any
	lines map[string]int
	block map[string]bool     // texts written as a literal block: their own lines are lines of the file
	keys  map[string][]string // key path of a mapping → its keys in file order
}

// read turns YAML into values. prefix and line place a text that stands inside
// another file: its key paths begin with prefix, and when block is set its
// lines count on from line.
func (d *document) read(content []byte, prefix string, line int, block bool) (any, error) {
	root, err := parse(content)
	if err != nil {
		return nil, err
	}
	r := reader{doc: d, base: line, block: block}
	if prefix == "" {
		r.block = true
	}
	return r.value(root, prefix, 1)
}

// where is "file:line path" with the line of the nearest key path known.
func (d *document) where(path string, more int) string {
	line := 0
	for p := path; ; {
		if n, ok := d.lines[p]; ok {
			line = n
			if p == path && d.block[p] {
				line += more
			}
			break
		}
		i := strings.LastIndexAny(p, ".[")
		if i < 0 {
			break
		}
		p = p[:i]
	}
	return place(d.file, line, path)
}

func place(file string, line int, path string) string {
	where := file
	if line > 0 {
		where += ":" + strconv.Itoa(line)
	}
	if path != "" {
		where += " " + path
	}
	return where
}

// reader counts what it has seen, aliases included.
type reader struct {
	doc   *document
	base  int
	block bool
	nodes int
	text  int
}

func (r *reader) value(n *yaml.Node, path string, depth int) (any, error) {
	r.nodes++
	r.text += len(n.Value)
	switch {
	case depth > maxDepth:
		return nil, faultf(clip(path), r.line(n), "is nested deeper than %d levels", maxDepth)
	case r.nodes > maxValues:
		return nil, faultf(clip(path), r.line(n), "has more than %d values once its aliases are followed", maxValues)
	case r.text > maxText:
		return nil, faultf(clip(path), r.line(n), "has more than %d KiB of text once its aliases are followed", maxText>>10)
	case n.Kind != yaml.AliasNode && strings.HasPrefix(n.Tag, "!") && !strings.HasPrefix(n.Tag, "!!"):
		return nil, faultf(path, r.line(n), "carries the tag %s; tags are not allowed", n.Tag)
	}
	if _, known := r.doc.lines[path]; !known {
		r.doc.lines[path] = r.line(n)
	}
	switch n.Kind {
	case yaml.AliasNode:
		return r.value(n.Alias, path, depth+1)
	case yaml.SequenceNode:
		return r.list(n, path, depth)
	case yaml.MappingNode:
		return r.mapping(n, path, depth)
	}
	if n.Style&yaml.LiteralStyle != 0 && r.block {
		r.doc.block[path] = true
	}
	return r.scalar(n, path)
}

func (r *reader) line(n *yaml.Node) int {
	if !r.block {
		return r.base
	}
	return r.base + n.Line
}

func (r *reader) scalar(n *yaml.Node, path string) (any, error) {
	switch n.ShortTag() {
	case "!!str", "!!timestamp", "!!merge":
		return n.Value, nil
	case "!!null", "!!bool", "!!int", "!!float":
		var v any
		if err := n.Decode(&v); err != nil {
			return nil, faultf(path, r.line(n), "is not a value: %s", n.Value)
		}
		return v, nil
	}
	return nil, faultf(path, r.line(n), "carries the tag %s; tags are not allowed", n.Tag)
}

func (r *reader) list(n *yaml.Node, path string, depth int) (any, error) {
	list := make([]any, 0, len(n.Content))
	for i, c := range n.Content {
		v, err := r.value(c, path+"["+strconv.Itoa(i)+"]", depth+1)
		if err != nil {
			return nil, err
		}
		if s, ok := v.(string); ok && strings.HasSuffix(path, ".environment") {
			key, _, _ := strings.Cut(s, "=")
			r.doc.lines[path+"."+key] = r.line(c)
			r.doc.block[path+"."+key] = c.Style&yaml.LiteralStyle != 0 && r.block
		}
		list = append(list, v)
	}
	return list, nil
}

func (r *reader) mapping(n *yaml.Node, path string, depth int) (any, error) {
	m := make(map[string]any, len(n.Content)/2)
	var merges []*yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, val := n.Content[i], n.Content[i+1]
		if key.Kind == yaml.AliasNode {
			key = key.Alias
		}
		if key.Kind == yaml.ScalarNode && key.ShortTag() == "!!merge" {
			merges = append(merges, val)
			continue
		}
		if key.Kind != yaml.ScalarNode || key.ShortTag() != "!!str" {
			return nil, faultf(path, r.line(key), "has a key that is not text; quote it")
		}
		if _, twice := m[key.Value]; twice {
			return nil, faultf(child(path, key.Value), r.line(key), "is written twice")
		}
		if err := r.entry(m, path, key, val, depth); err != nil {
			return nil, err
		}
	}
	for _, val := range merges {
		if err := r.merge(m, val, path, depth+1); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (r *reader) entry(m map[string]any, path string, key, val *yaml.Node, depth int) error {
	p := child(path, key.Value)
	if _, known := r.doc.lines[p]; !known {
		r.doc.lines[p] = r.line(key)
	}
	v, err := r.value(val, p, depth+1)
	if err != nil {
		return err
	}
	m[key.Value] = v
	if !ordered(path) || slices.Contains(r.doc.keys[path], key.Value) {
		return nil
	}
	if len(r.doc.keys[path]) == maxServices {
		return faultf(path, r.line(key), "has more than %d entries", maxServices)
	}
	r.doc.keys[path] = append(r.doc.keys[path], key.Value)
	return nil
}

// ordered names the mappings whose order in the file means something.
func ordered(path string) bool { return path == "services" || strings.HasSuffix(path, ".HAPROXY") }

// merge fills in what "<<" brings: keys that m has already stay.
func (r *reader) merge(m map[string]any, n *yaml.Node, path string, depth int) error {
	r.nodes++
	switch {
	case depth > maxDepth || r.nodes > maxValues:
		return faultf(path, r.line(n), "merges more than %d values or %d levels", maxValues, maxDepth)
	case n.Kind == yaml.AliasNode:
		return r.merge(m, n.Alias, path, depth+1)
	case n.Kind == yaml.SequenceNode:
		for _, c := range n.Content {
			if err := r.merge(m, c, path, depth+1); err != nil {
				return err
			}
		}
		return nil
	case n.Kind != yaml.MappingNode:
		return faultf(path, r.line(n), "merges something that is not a mapping")
	}
	v, err := r.mapping(n, path, depth+1)
	if err != nil {
		return err
	}
	from := v.(map[string]any)
	for k, val := range from {
		if _, own := m[k]; !own {
			m[k] = val
		}
	}
	return nil
}

func child(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}
