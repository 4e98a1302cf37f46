package docker_test

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
)

// registry is the read side of a Docker registry on the loopback, where dockerd
// speaks plain http. Every tag of the repository "app" is an image of the
// server that carries the tag as its label; other repositories do not exist.
type registry struct {
	*httptest.Server
	layer, tar []byte
	password   string // asked for when not empty
}

func newRegistry(t testing.TB, server []byte, password string) *registry {
	t.Helper()
	r := &registry{tar: archive(map[string][]byte{"server": server}), password: password}
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, _ = z.Write(r.tar)
	_ = z.Close()
	r.layer = packed.Bytes()
	r.Server = httptest.NewServer(http.HandlerFunc(r.serve))
	t.Cleanup(r.Close)
	return r
}

// host is the registry as an image's name has it.
func (r *registry) host() string { return strings.TrimPrefix(r.URL, "http://") }

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(sum[:])
}

func (r *registry) config(tag string) []byte {
	return fmt.Appendf(nil, `{"architecture":%q,"os":"linux","config":{"Entrypoint":["/server"],"Labels":{"tag":%q}},"rootfs":{"type":"layers","diff_ids":[%q]}}`,
		runtime.GOARCH, tag, digest(r.tar))
}

const manifestType = "application/vnd.docker.distribution.manifest.v2+json"

func (r *registry) manifest(tag string) []byte {
	config := r.config(tag)
	data, _ := json.Marshal(map[string]any{
		"schemaVersion": 2, "mediaType": manifestType,
		"config": map[string]any{"mediaType": "application/vnd.docker.container.image.v1+json", "size": len(config), "digest": digest(config)},
		"layers": []any{map[string]any{"mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip", "size": len(r.layer), "digest": digest(r.layer)}},
	})
	return data
}

// tags are all there are; a digest is looked up among them.
func tags() []string { return []string{"one", "two", "latest"} }

func (r *registry) serve(w http.ResponseWriter, q *http.Request) {
	if _, password, _ := q.BasicAuth(); password != r.password {
		w.Header().Set("WWW-Authenticate", `Basic realm="registry"`)
		http.Error(w, `{"errors":[{"code":"UNAUTHORIZED","message":"who are you"}]}`, http.StatusUnauthorized)
		return
	}
	w.Header().Set("Docker-Distribution-Api-Version", "registry/2.0")
	path := strings.TrimPrefix(q.URL.Path, "/v2/")
	if path == "" {
		return
	}
	if data, kind := r.find(path); data != nil {
		w.Header().Set("Content-Type", kind)
		w.Header().Set("Docker-Content-Digest", digest(data))
		w.Header().Set("Content-Length", fmt.Sprint(len(data)))
		if q.Method == http.MethodGet {
			_, _ = w.Write(data)
		}
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusNotFound)
	_, _ = w.Write([]byte(`{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}`))
}

func (r *registry) find(path string) ([]byte, string) {
	if path == "app/blobs/"+digest(r.layer) {
		return r.layer, "application/octet-stream"
	}
	for _, tag := range tags() {
		if m := r.manifest(tag); path == "app/manifests/"+tag || path == "app/manifests/"+digest(m) {
			return m, manifestType
		}
		if c := r.config(tag); path == "app/blobs/"+digest(c) {
			return c, "application/octet-stream"
		}
	}
	return nil, ""
}
