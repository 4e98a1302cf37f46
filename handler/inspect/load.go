package inspect

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/template"
	"github.com/compose-spec/compose-go/v2/types"
)

// projectDir stands for the checkout while the file is loaded; nothing is
// resolved against it and nothing below it is opened.
const projectDir = "/checkout"

// load turns the values of the compose file into Compose's model. It opens no
// file: what would need one is refused first, env_file is folded in later.
func load(doc *document, project string, vars *variables) (*types.Project, error) {
	model, ok := doc.model.(map[string]any)
	if !ok {
		return nil, faultf("", 0, "is not a mapping; a compose file begins with services:")
	}
	if err := vars.fill(model); err != nil {
		return nil, err
	}
	if err := preflight(model); err != nil {
		return nil, err
	}
	return compose(doc.file, model, project, vars.values)
}

// compose runs compose-go on values that are already within the limits.
func compose(file string, model map[string]any, project string, env map[string]string) (p *types.Project, err error) {
	// compose-go asserts types after its schema has passed; where the schema is
	// laxer than the assertion it panics, and one repository must not end the
	// handler of all others.
	defer func() {
		if r := recover(); r != nil {
			p, err = nil, faultf("", 0, "cannot be loaded: %v", r)
		}
	}()
	details := types.ConfigDetails{
		WorkingDir:  projectDir,
		ConfigFiles: []types.ConfigFile{{Filename: file, Config: model}},
		Environment: maps.Clone(env),
	}
	options := []func(*loader.Options){loader.WithDiscardEnvFiles, func(o *loader.Options) {
		o.SetProjectName(project, true)
		o.ResolvePaths = false
		o.SkipInclude = true
		o.SkipResolveEnvironment = true
		o.SkipResolveLabels = true
		o.Interpolate.Substitute = asIs
	}}
	ctx := context.Background()
	dict, err := loader.LoadModelWithContext(ctx, details, options...)
	if err != nil {
		return nil, err
	}
	if err := countPaths(dict); err != nil {
		return nil, err
	}
	return loader.ModelToProject(dict, loader.ToOptions(&details, options), details)
}

// asIs replaces Compose's interpolation: the texts are filled in already.
func asIs(s string, _ template.Mapping) (string, error) { return s, nil }

// preflight refuses what would make the loader open files, and what would make
// it copy without bound.
func preflight(model map[string]any) error {
	services, ok := model["services"].(map[string]any)
	if !ok || len(services) == 0 {
		return faultf("services", 0, "is missing; name at least one service")
	}
	nodes, text := 0, 0
	for _, name := range sorted(services) {
		n, t, err := extended(services, name, 0)
		if err != nil {
			return err
		}
		if nodes, text = nodes+n, text+t; nodes > maxValues || text > maxText {
			return faultf("services", 0, "grows beyond %d values or %d KiB once extends is followed", maxValues, maxText>>10)
		}
	}
	return nil
}

// extended weighs a service with everything it extends.
func extended(services map[string]any, name string, depth int) (nodes, text int, err error) {
	path := child("services", name)
	service, ok := services[name].(map[string]any)
	if !ok {
		return 0, 0, faultf(path, 0, "is not a mapping")
	}
	nodes, text = weigh(service)
	ports, err := countPorts(service, path)
	if err != nil {
		return 0, 0, err
	}
	nodes += ports
	var base string
	switch e := service["extends"].(type) {
	case nil:
		return nodes, text, nil
	case string:
		base = e
	case map[string]any:
		if _, ok := e["file"]; ok {
			return 0, 0, faultf(path+".extends.file", 0, "is not allowed; extend a service of this file")
		}
		base, _ = e["service"].(string)
	}
	if _, ok := services[base]; !ok {
		return 0, 0, faultf(path+".extends", 0, "names the service %q, which is not in this file", clip(base))
	}
	if depth == maxDepth {
		return 0, 0, faultf(path+".extends", 0, "is followed through more than %d services, or leads back to itself", maxDepth)
	}
	n, t, err := extended(services, base, depth+1)
	return nodes + n, text + t, err
}

// weigh counts the values and the bytes of text below x.
func weigh(x any) (nodes, text int) {
	nodes = 1
	add := func(v any) {
		n, t := weigh(v)
		nodes, text = nodes+n, text+t
	}
	switch x := x.(type) {
	case string:
		text = len(x)
	case map[string]any:
		for k, v := range x {
			text += len(k)
			add(v)
		}
	case []any:
		for _, v := range x {
			add(v)
		}
	}
	return nodes, text
}

var portRange = regexp.MustCompile(`(\d+)-(\d+)(?:/\w+)?$`)

// countPorts refuses ranges that the loader would turn into thousands of entries.
func countPorts(service map[string]any, path string) (int, error) {
	ports, _ := service["ports"].([]any)
	count := 0
	for i, p := range ports {
		count++
		text, _ := p.(string)
		if m := portRange.FindStringSubmatch(strings.TrimSpace(text)); m != nil {
			from, err1 := strconv.ParseUint(m[1], 10, 16)
			to, err2 := strconv.ParseUint(m[2], 10, 16)
			if err1 != nil || err2 != nil || from > to {
				return 0, faultf(fmt.Sprintf("%s.ports[%d]", path, i), 0, "%q is not a range of ports", clip(text))
			}
			count += int(to - from)
		}
		if count > maxPorts {
			return 0, faultf(fmt.Sprintf("%s.ports[%d]", path, i), 0, "asks for too many ports; at most %d for one service", maxPorts)
		}
	}
	return count, nil
}

// countPaths refuses circles of dependencies, and webs of them: Compose walks
// every way through depends_on, and their number can double with each service.
func countPaths(dict map[string]any) error {
	services, _ := dict["services"].(map[string]any)
	paths := map[string]int{}
	var walk func(name string, open []string) (int, error)
	walk = func(name string, open []string) (int, error) {
		if slices.Contains(open, name) {
			return 0, faultf("services."+name+".depends_on", 0, "leads back to %s; services may not depend on each other in a circle", name)
		}
		if n, known := paths[name]; known {
			return n, nil
		}
		service, _ := services[name].(map[string]any)
		on, _ := service["depends_on"].(map[string]any)
		n := 1
		for _, next := range sorted(on) {
			more, err := walk(next, append(open, name))
			if err != nil {
				return 0, err
			}
			if n += more; n > maxPaths {
				return 0, faultf("services."+name+".depends_on", 0, "is too tangled; there are more than %d ways through it", maxPaths)
			}
		}
		paths[name] = n
		return n, nil
	}
	for _, name := range sorted(services) {
		if _, err := walk(name, nil); err != nil {
			return err
		}
	}
	return nil
}

// locate gives an error of the loader the key path it speaks of, when it names one.
func (d *document) locate(err error) *fault {
	var f *fault
	if errors.As(err, &f) {
		return f
	}
	text := err.Error()
	best := ""
	for path := range d.lines {
		if len(path) > len(best) && strings.Contains(text, path) {
			best = path
		}
	}
	return &fault{path: best, why: strings.TrimPrefix(text, "validating "+d.file+": ")}
}
