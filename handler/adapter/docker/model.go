package docker

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/mlfmonde/cluster/handler/app"
)

// model is what this package needs of the canonical file. Whoever wrote it
// has inspected everything else.
type model struct {
	Services map[string]service `yaml:"services"`
}

type service struct {
	Image  string `yaml:"image"`            // <project>-<service>:<id>
	Source string `yaml:"x-cluster-source"` // what the repository's file names, "" when it is built
	Pull   string `yaml:"x-cluster-pull"`   // "missing": one that is here already will do
	Build  *build `yaml:"build"`
}

type build struct {
	Context    string `yaml:"context"`
	Dockerfile string `yaml:"dockerfile"`
	Inline     string `yaml:"dockerfile_inline"`
}

func (c Config) model(s app.Stack) (model, error) {
	var m model
	if err := check(s); err != nil {
		return m, err
	}
	path, err := c.file(s)
	if err != nil {
		return m, err
	}
	data, err := os.ReadFile(path)
	if err == nil {
		err = yaml.Unmarshal(data, &m)
	}
	if err != nil {
		return m, fmt.Errorf("read %s: %w", filepath.Base(path), err)
	}
	return m, nil
}

// names lists the services, sorted.
func (m model) names() []string {
	names := make([]string, 0, len(m.Services))
	for name := range m.Services {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func (m model) builds() bool {
	for _, s := range m.Services {
		if s.Build != nil {
			return true
		}
	}
	return false
}

// tag is the image of one service under the operation's own name, which no
// other build moves. Names of images have no upper-case letters.
func tag(s app.Stack, name string) string {
	return s.Project + "-" + strings.ToLower(name) + ":" + s.ID
}
