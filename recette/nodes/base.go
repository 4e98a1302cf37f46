package nodes

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"

	"github.com/moby/moby/client"
	"golang.org/x/sync/errgroup"

	"github.com/mlfmonde/cluster/fixtures/nodes/cluster"
)

// base is the image that the applications of plays are built from. Theirs are
// commits of a few lines over what the node has, as those of real ones: with
// its program in every commit, a third of two cores would only pack and unpack.
const base = "registry.example.com/hello:base"

// Dockerfile of a release: an image of its own over the one that [Stock] gives.
func Dockerfile(release string) []byte {
	return fmt.Appendf(nil, "FROM %s\nLABEL release=%s\n", base, release)
}

// Stock gives every node's dockerd the base image, with the program hello.
func Stock(ctx context.Context, c *cluster.Cluster, hello string) error {
	layer, err := packed(hello)
	if err != nil {
		return fmt.Errorf("make %s: %w", base, err)
	}
	all, ctx := errgroup.WithContext(ctx)
	for _, n := range c.All() {
		all.Go(func() error {
			if err := imported(ctx, n.DockerHost(), layer); err != nil {
				return fmt.Errorf("give %s the image %s: %w", n.Name, base, err)
			}
			return nil
		})
	}
	return all.Wait()
}

// packed is a layer with nothing in it but the program.
func packed(hello string) ([]byte, error) {
	program, err := os.ReadFile(hello)
	if err != nil {
		return nil, err
	}
	var layer bytes.Buffer
	w := tar.NewWriter(&layer)
	if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "hello", Mode: 0o755, Size: int64(len(program))}); err != nil {
		return nil, err
	}
	if _, err := w.Write(program); err != nil {
		return nil, err
	}
	err = w.Close()
	return layer.Bytes(), err
}

func imported(ctx context.Context, host string, layer []byte) error {
	api, err := client.New(client.WithHost(host))
	if err != nil {
		return err
	}
	defer api.Close()
	source := client.ImageImportSource{Source: bytes.NewReader(layer), SourceName: "-"}
	// As fixtures/apps/good/hello/Dockerfile has it.
	said, err := api.ImageImport(ctx, source, base, client.ImageImportOptions{
		Changes: []string{"VOLUME /data", "EXPOSE 8080", `ENTRYPOINT ["/hello"]`},
	})
	if err != nil {
		return err
	}
	defer said.Close()
	_, err = io.Copy(io.Discard, said)
	return err
}
