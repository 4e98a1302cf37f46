package buttervolume_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"net/http"
	"slices"

	"github.com/mlfmonde/cluster/handler/adapter/buttervolume"
	"github.com/mlfmonde/cluster/handler/port/porttest"
)

// create makes a volume as dockerd does: that is none of the handler's calls.
func create(t porttest.T, a *buttervolume.Adapter, socket, volume string) {
	t.Helper()
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}
	client := http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}
	body, err := json.Marshal(map[string]any{"Name": volume, "Opts": nil})
	check(t, err)
	resp, err := client.Post("http://driver/VolumeDriver.Create", "application/json", bytes.NewReader(body))
	check(t, err)
	defer func() { _ = resp.Body.Close() }()
	var answer struct{ Err string }
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil || answer.Err != "" {
		t.Fatalf("create %s: %v %s", volume, err, answer.Err)
	}
	names, err := a.Volumes.List(context.Background())
	check(t, err)
	if !slices.Contains(names, volume) {
		t.Fatalf("create %s: volumes are %q", volume, names)
	}
}
