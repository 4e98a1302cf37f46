package figures

import (
	"context"
	"errors"
	"fmt"

	"github.com/mlfmonde/cluster/fixtures/nodes"
)

// volumeSizes are those that moves are compared for, in bytes.
func volumeSizes() []int64 { return []int64{100 * mib, 1000 * mib, 5000 * mib} }

// measureSizes moves applications with a small and a large volume to and fro,
// each with the same change since its last replica.
func measureSizes(ctx context.Context, o Options, keep func(Sample) error) (err error) {
	b, err := newBed(ctx, o, 64<<30, false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	var all []*handled
	for i, size := range volumeSizes() {
		h, err := b.deploy(ctx, fmt.Sprintf("size%d", size/mib), handledPort+i)
		if err != nil {
			return err
		}
		b.say("fill a volume of %d MiB", size/mib)
		if err := fill(ctx, h.master(), h.volume(), size); err != nil {
			return err
		}
		all = append(all, h)
	}
	_ = nodes.Pause(ctx, doubt)
	for range o.Runs {
		for i, size := range volumeSizes() {
			s := Series{What: Move, By: Handler, Size: size, ARP: int(usualARP.Milliseconds())}
			if err := b.run(ctx, s, all[i], keep); err != nil {
				return err
			}
		}
	}
	return nil
}
