package figures

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"

	"github.com/mlfmonde/cluster/fixtures/nodes/cluster"
	"github.com/mlfmonde/cluster/fixtures/nodes/machine"
)

const mib = 1 << 20

// driver calls the volume driver of a node by its HTTP interface, as the
// command line "buttervolume" does.
func driver(ctx context.Context, n *cluster.Node, method, path string, body any) (answer struct {
	Err       string
	Snapshot  string
	Snapshots []string
}, err error) {
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", n.DriverSocket())
	}}}
	text, err := json.Marshal(body)
	if err != nil {
		return answer, err
	}
	q, err := http.NewRequestWithContext(ctx, method, "http://driver/VolumeDriver."+path, strings.NewReader(string(text)))
	if err != nil {
		return answer, err
	}
	resp, err := client.Do(q)
	if err != nil {
		return answer, fmt.Errorf("%s on %s: %w", path, n.Name, err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err == nil {
		err = json.Unmarshal(data, &answer)
	}
	if err == nil && answer.Err != "" {
		err = errors.New(answer.Err)
	}
	if err != nil {
		return answer, fmt.Errorf("%s on %s: %w", path, n.Name, err)
	}
	return answer, nil
}

// sh runs a line of our own words on a node.
func sh(ctx context.Context, n *cluster.Node, format string, args ...any) error {
	_, err := n.Run(ctx, "sh", "-ec", fmt.Sprintf(format, args...))
	return err
}

// fill writes random files of together size bytes into a live volume.
func fill(ctx context.Context, n *cluster.Node, volume string, size int64) error {
	const each = 100 * mib
	for i := int64(0); i*each < size; i++ {
		count := min(each, size-i*each) / mib
		err := sh(ctx, n, "dd if=/dev/urandom of=%s/volumes/%s/base-%d bs=1M count=%d 2>/dev/null", machine.Volumes, volume, i, count)
		if err != nil {
			return fmt.Errorf("fill volume: %w", err)
		}
	}
	return sh(ctx, n, "btrfs filesystem sync %s", machine.Volumes)
}

// changed is how much of a volume is different from its last replica.
const changed = 10 * mib

// change writes changed bytes into a live volume and waits until they are on
// the disk.
func change(ctx context.Context, n *cluster.Node, volume string) error {
	err := sh(ctx, n, "dd if=/dev/urandom of=%[1]s/volumes/%[2]s/changed bs=1M count=%[3]d 2>/dev/null; btrfs filesystem sync %[1]s", machine.Volumes, volume, changed/mib)
	if err != nil {
		return fmt.Errorf("change volume: %w", err)
	}
	return nil
}

// replicate does what the schedule of a master does: a snapshot, sent to the
// slave, in full or as a difference to the last one.
func replicate(ctx context.Context, from, to *cluster.Node, volume string) error {
	taken, err := driver(ctx, from, http.MethodPost, "Snapshot", map[string]string{"Name": volume})
	if err != nil {
		return err
	}
	return send(ctx, from, to, taken.Snapshot)
}

// send brings a snapshot to another node.
func send(ctx context.Context, from, to *cluster.Node, snapshot string) error {
	_, err := driver(ctx, from, http.MethodPost, "Snapshot.Send", map[string]any{"Name": snapshot, "Host": to.Address, "Test": false})
	return err
}

// forget removes every snapshot of a volume on a node and waits until their
// space is free, so that no run has to pay for the one before.
func forget(ctx context.Context, n *cluster.Node, volume string) error {
	all, err := driver(ctx, n, http.MethodGet, "Snapshot.List/"+volume, struct{}{})
	if err != nil {
		return err
	}
	for _, s := range all.Snapshots {
		if _, err := driver(ctx, n, http.MethodPost, "Snapshot.Remove", map[string]string{"Name": s}); err != nil {
			return err
		}
	}
	return sh(ctx, n, "btrfs filesystem sync %[1]s; btrfs subvolume sync -s 1 %[1]s; fstrim %[1]s || true", machine.Volumes)
}

// warm makes a whole and fresh replica of a volume, and then the change that it
// does not have.
func warm(ctx context.Context, from, to *cluster.Node, volume string) error {
	for _, n := range []*cluster.Node{from, to} {
		if err := forget(ctx, n, volume); err != nil {
			return err
		}
	}
	if err := replicate(ctx, from, to, volume); err != nil {
		return err
	}
	return change(ctx, from, volume)
}
