package docker

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/distribution/reference"
	"github.com/moby/moby/api/types/registry"

	"github.com/mlfmonde/cluster/handler/app"
)

// from is a line of a Dockerfile that names the base of a stage.
var from = regexp.MustCompile(`(?im)^[ \t]*FROM[ \t]+(?:--[^ \t]+[ \t]+)*([^ \t\r\n]+)(?:[ \t]+AS[ \t]+([^ \t\r\n]+))?`)

// maxDockerfile is how much of a Dockerfile is looked at.
const maxDockerfile = 1 << 20

// bases lists the images that the builds of a stack start from, sorted. Those
// whose name is put together by build arguments are left to the build, which
// fetches what is missing.
func (c Config) bases(s app.Stack, m model) []string {
	var all []string
	for _, name := range m.names() {
		if b := m.Services[name].Build; b != nil {
			all = append(all, stages(c.dockerfile(s, *b))...)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// stages lists the bases in a Dockerfile that are images, not earlier stages.
func stages(dockerfile string) []string {
	var bases []string
	known := []string{"scratch"}
	for _, m := range from.FindAllStringSubmatch(dockerfile, -1) {
		base := m[1]
		if !slices.Contains(known, strings.ToLower(base)) && !strings.Contains(base, "$") {
			bases = append(bases, base)
		}
		if m[2] != "" {
			known = append(known, strings.ToLower(m[2]))
		}
	}
	return bases
}

// dockerfile reads a service's Dockerfile, "" when it cannot: the build says why.
func (c Config) dockerfile(s app.Stack, b build) string {
	if b.Inline != "" {
		return b.Inline
	}
	dir := filepath.Join(c.Root, s.Dir)
	path := b.Dockerfile
	if path == "" {
		path = "Dockerfile"
	}
	if !filepath.IsAbs(path) {
		context := b.Context
		if !filepath.IsAbs(context) {
			context = filepath.Join(dir, context)
		}
		path = filepath.Join(context, path)
	}
	inside, err := filepath.Rel(dir, path)
	if err != nil {
		return ""
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return ""
	}
	defer root.Close()
	f, err := root.Open(inside)
	if err != nil {
		return ""
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxDockerfile))
	if err != nil {
		return ""
	}
	return string(data)
}

// hub is the name under which a Docker config.json keeps Docker Hub's password.
const hub = "https://index.docker.io/v1/"

// auth is what the operator's config.json says for the registry of ref, as
// dockerd wants it; "" for nothing. Only plain entries ("auth") are used.
func (c Config) auth(ref string) (string, error) {
	named, err := reference.ParseNormalizedNamed(ref)
	if err != nil {
		return "", fmt.Errorf("image name %q: %w", ref, err)
	}
	if c.AuthDir == "" {
		return "", nil
	}
	data, err := os.ReadFile(filepath.Join(c.AuthDir, "config.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	var file struct {
		Auths map[string]registry.AuthConfig `json:"auths"`
	}
	if err == nil {
		err = json.Unmarshal(data, &file)
	}
	if err != nil {
		return "", fmt.Errorf("read registry credentials: %w", err)
	}
	domain := reference.Domain(named)
	keys := []string{domain, "https://" + domain, "https://" + domain + "/v1/", "https://" + domain + "/v2/"}
	if domain == "docker.io" {
		keys = append(keys, hub, "index.docker.io")
	}
	for _, key := range keys {
		if entry, ok := file.Auths[key]; ok {
			return encode(entry, key)
		}
	}
	return "", nil
}

func encode(entry registry.AuthConfig, server string) (string, error) {
	if entry.Auth != "" {
		plain, err := base64.StdEncoding.DecodeString(entry.Auth)
		user, password, ok := strings.Cut(string(plain), ":")
		if err != nil || !ok {
			return "", fmt.Errorf("read registry credentials: the entry of %s is not base64 of user:password", server)
		}
		entry.Username, entry.Password, entry.Auth = user, strings.TrimRight(password, "\x00"), ""
	}
	entry.ServerAddress = server
	data, err := json.Marshal(entry)
	if err != nil {
		return "", fmt.Errorf("encode registry credentials: %w", err)
	}
	return base64.URLEncoding.EncodeToString(data), nil
}

// ours reports that an image's name is one that tag makes for s.
func ours(name string, s app.Stack) bool {
	return strings.HasPrefix(name, s.Project+"-") && strings.HasSuffix(name, ":"+s.ID)
}
