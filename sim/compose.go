package sim

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/port"
)

// composeFile is what running a compose file needs, without what differs
// between two operations on the same file.
type composeFile struct {
	services []composeService // sorted by name
	volumes  []composeVolume  // sorted by key
}

type composeService struct {
	name      string
	image     string // may hold anyID
	built     bool
	restart   string
	checked   bool
	labelled  bool
	leased    bool
	container string   // container_name
	mounts    []string // volume keys
}

type composeVolume struct {
	key, name, driver string
	external          bool
}

// stackFile is a compose file of one operation.
type stackFile struct {
	*composeFile
	seq   uint64 // of the label
	lease uint64 // of the mounted lease file
}

const anyID = "OPERATIONID"

// stack parses the compose file that docker compose would run in dir.
func (n *node) stack(s app.Stack) (*checkout, *stackFile, error) {
	k := n.disk.checkouts[s.Dir]
	if k == nil {
		return nil, nil, fmt.Errorf("checkout %s: %w", s.Dir, port.ErrNotFound)
	}
	if k.model != nil {
		return k, k.model, nil
	}
	for _, name := range []string{app.CanonicalFile, "compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"} {
		content, ok := k.files[name]
		if !ok {
			continue
		}
		m, err := n.c.parse(content, s)
		if err != nil {
			return nil, nil, fmt.Errorf("%s of %s: %w", name, s.Dir, err)
		}
		k.model = m
		return k, m, nil
	}
	return nil, nil, fmt.Errorf("compose file of %s: %w", s.Dir, port.ErrNotFound)
}

// parse is memoised by the content without id and seq: an operation changes
// only those, and YAML is slow.
func (c *Cluster) parse(content []byte, s app.Stack) (*stackFile, error) {
	m := &stackFile{}
	if len(s.ID) >= 6 {
		content = bytes.ReplaceAll(content, []byte(s.ID), []byte(anyID))
	}
	content, m.lease = number(content, app.LeaseRoot+"/"+s.Project+".")
	content, m.seq = number(content, app.LabelSeq)
	if m.seq == 0 {
		m.seq = s.Seq
	}
	if f := c.files[string(content)]; f != nil {
		m.composeFile = f
		return m, nil
	}
	f, err := parseCompose(content, app.LeaseRoot+"/"+s.Project+".")
	if err != nil {
		return nil, err
	}
	if len(c.files) > 1024 {
		clear(c.files)
	}
	c.files[string(content)] = f
	m.composeFile = f
	return m, nil
}

// number takes the number that follows each mark, over punctuation, out of
// content and returns the first.
func number(content []byte, mark string) ([]byte, uint64) {
	var out []byte
	var first uint64
	rest := content
	for {
		i := bytes.Index(rest, []byte(mark))
		if i < 0 {
			return append(out, rest...), first
		}
		i += len(mark)
		for i < len(rest) && strings.IndexByte(`"': =`, rest[i]) >= 0 {
			i++
		}
		j := i
		for j < len(rest) && rest[j] >= '0' && rest[j] <= '9' {
			j++
		}
		if v, err := strconv.ParseUint(string(rest[i:j]), 10, 64); err == nil && first == 0 {
			first = v
		}
		out = append(out, rest[:i]...)
		if j > i {
			out = append(out, '0')
		}
		rest = rest[j:]
	}
}

type rawCompose struct {
	Services map[string]struct {
		Image         string
		Build         yaml.Node
		Restart       string
		ContainerName string `yaml:"container_name"`
		Healthcheck   *struct{ Disable bool }
		Labels        yaml.Node
		Volumes       []yaml.Node
	}
	Volumes map[string]*struct {
		Name     string
		Driver   string
		External yaml.Node
	}
}

func parseCompose(content []byte, lease string) (*composeFile, error) {
	var raw rawCompose
	if err := yaml.Unmarshal(content, &raw); err != nil {
		return nil, fmt.Errorf("parse compose file: %w", err)
	}
	f := &composeFile{}
	for key, v := range raw.Volumes {
		cv := composeVolume{key: key}
		if v != nil {
			cv.name, cv.driver, cv.external = v.Name, v.Driver, v.External.Value == "true"
		}
		f.volumes = append(f.volumes, cv)
	}
	slices.SortFunc(f.volumes, func(a, b composeVolume) int { return strings.Compare(a.key, b.key) })
	for name, s := range raw.Services {
		cs := composeService{
			name: name, image: s.Image, built: s.Build.Kind != 0, restart: s.Restart, container: s.ContainerName,
			checked: s.Healthcheck != nil && !s.Healthcheck.Disable, labelled: labelled(s.Labels),
		}
		for i := range s.Volumes {
			source := mounted(&s.Volumes[i])
			if strings.HasPrefix(source, lease) {
				cs.leased = true
				continue
			}
			if slices.ContainsFunc(f.volumes, func(v composeVolume) bool { return v.key == source }) {
				cs.mounts = append(cs.mounts, source)
			}
		}
		f.services = append(f.services, cs)
	}
	slices.SortFunc(f.services, func(a, b composeService) int { return strings.Compare(a.name, b.name) })
	return f, nil
}

// mounted is the source of a service's volume, short or long.
func mounted(v *yaml.Node) string {
	if v.Kind == yaml.ScalarNode {
		return strings.SplitN(v.Value, ":", 2)[0]
	}
	var long struct{ Source string }
	if v.Decode(&long) != nil {
		return ""
	}
	return long.Source
}

// labelled reports whether labels, as a map or a list, hold ours.
func labelled(v yaml.Node) bool {
	for i, k := range v.Content {
		key := strings.SplitN(k.Value, "=", 2)[0]
		if key == app.LabelApp && (v.Kind == yaml.SequenceNode || i%2 == 0) {
			return true
		}
	}
	return false
}

// full is the name of v in project.
func (v composeVolume) full(project string) string {
	if v.name != "" {
		return v.name
	}
	return project + "_" + v.key
}

// replicated reports whether driver is Buttervolume.
func (c *Cluster) replicated(driver string) bool {
	base, _, _ := strings.Cut(driver, ":")
	return slices.ContainsFunc(c.o.Drivers, func(d string) bool {
		name, _, _ := strings.Cut(d, ":")
		return name == base
	})
}

// called is the name of the service's container in project.
func (s composeService) called(project string) string {
	if s.container != "" {
		return s.container
	}
	return project + "-" + s.name + "-1"
}

// ref is the image that the file names for s in the operation id.
func (s composeService) ref(project, id string) string {
	if s.image == "" {
		return project + "-" + s.name
	}
	return strings.ReplaceAll(s.image, anyID, id)
}
