package inspect

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/compose-spec/compose-go/v2/types"
	"gopkg.in/yaml.v3"
)

// write is a model as YAML that Compose reads back as it was. It goes by way
// of JSON because the YAML writers in use get some texts wrong, such as a tab
// before a newline; here every text that is not plain is quoted.
func write(p *types.Project) ([]byte, error) {
	text, err := p.MarshalJSON()
	if err != nil {
		return nil, fmt.Errorf("write the model: %w", err)
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var model map[string]any
	if err := dec.Decode(&model); err != nil {
		return nil, fmt.Errorf("read the model: %w", err)
	}
	services, _ := model["services"].(map[string]any)
	for name, s := range services {
		service, _ := s.(map[string]any)
		for _, key := range []string{"command", "entrypoint"} {
			if service[key] == nil {
				delete(service, key)
			}
		}
		if deploy, ok := service["deploy"].(map[string]any); ok {
			prune(deploy, "placement")
		}
		if source, ok := p.Services[name].Extensions[extSource]; ok {
			service[extSource] = source
		}
	}
	networks, _ := model["networks"].(map[string]any)
	for _, n := range networks {
		if network, ok := n.(map[string]any); ok {
			prune(network, "ipam")
		}
	}
	var out bytes.Buffer
	enc := yaml.NewEncoder(&out)
	enc.SetIndent(2)
	if err := enc.Encode(node(model, []string{"name", "services", "networks", "volumes"})); err != nil {
		return nil, fmt.Errorf("write the model: %w", err)
	}
	if err := enc.Close(); err != nil {
		return nil, fmt.Errorf("write the model: %w", err)
	}
	return out.Bytes(), nil
}

// prune drops a key that JSON writes although it is empty.
func prune(m map[string]any, key string) {
	if v, ok := m[key].(map[string]any); ok && len(v) == 0 {
		delete(m, key)
	}
}

// node is a value as YAML: the keys of first in their order, the others sorted.
func node(v any, first []string) *yaml.Node {
	switch v := v.(type) {
	case map[string]any:
		n := &yaml.Node{Kind: yaml.MappingNode}
		if len(v) == 0 {
			n.Style = yaml.FlowStyle
		}
		keys := slices.Clone(first)
		for _, k := range sorted(v) {
			if !slices.Contains(first, k) {
				keys = append(keys, k)
			}
		}
		for _, k := range keys {
			if val, ok := v[k]; ok {
				n.Content = append(n.Content, textNode(k), node(val, nil))
			}
		}
		return n
	case []any:
		n := &yaml.Node{Kind: yaml.SequenceNode}
		if len(v) == 0 {
			n.Style = yaml.FlowStyle
		}
		for _, e := range v {
			n.Content = append(n.Content, node(e, nil))
		}
		return n
	case string:
		return textNode(v)
	case nil:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Value: "null"}
	}
	return &yaml.Node{Kind: yaml.ScalarNode, Value: fmt.Sprint(v)} // numbers and booleans
}

// textNode quotes whatever could be read as something else.
func textNode(s string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s}
	odd := func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }
	switch {
	case strings.ContainsFunc(s, odd), !strings.Contains(s, "\n") && (s == "" || strings.TrimSpace(s) != s), strings.Trim(s, "\n ") == "":
		n.Style = yaml.DoubleQuotedStyle
	case strings.Contains(s, "\n"):
		n.Style = yaml.DoubleQuotedStyle
		if s[0] != ' ' && s[0] != '\n' && !strings.Contains(s, " \n") && !strings.HasSuffix(s, " ") && !strings.HasSuffix(s, "\n\n") {
			n.Style = yaml.LiteralStyle
		}
	}
	return n
}
