package main

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mlfmonde/cluster/handler/witness"
	"github.com/mlfmonde/cluster/sim"
)

func newPlayback(sh shell) *cobra.Command {
	quiet := false
	cmd := &cobra.Command{
		Use:   "playback FILE…",
		Short: "what real nodes answered, asked of the simulated ones",
		Long: `playback makes the calls that handlers recorded (handler agent --record FILE) on
the simulator's fakes and prints every answer that differs. Give the recordings of
all nodes of one cluster, and the file of what else happened if there is one, or a
folder of them; .gz is unpacked. It succeeds when nothing differs.`,
		Example: "  sim playback n1.jsonl n2.jsonl n3.jsonl world.jsonl\n  sim playback fixtures/recordings/one-node",
		Args:    given(cobra.MinimumNArgs(1)),
		RunE:    func(_ *cobra.Command, args []string) error { return playback(sh, args, quiet) },
	}
	cmd.Flags().BoolVarP(&quiet, "quiet", "q", false, "only what differs")
	return cmd
}

// errDiffers says that a fake is not as the real thing, or a recording too thin.
var errDiffers = errors.New("the fakes answer otherwise")

func playback(sh shell, args []string, quiet bool) error {
	files, err := recordings(args)
	if err != nil {
		return err
	}
	var all []witness.Recording
	for _, name := range files {
		r, err := readRecording(name)
		if err != nil {
			return err
		}
		all = append(all, r)
	}
	result, err := sim.Playback(all...)
	if err != nil {
		return err
	}
	for _, d := range result.Differences {
		fmt.Fprintln(sh.out, d)
	}
	if !quiet {
		summary(sh.out, result)
	}
	if n := len(result.Differences); n > 0 {
		return fmt.Errorf("%w: %d differences", errDiffers, n)
	}
	return nil
}

func summary(out io.Writer, r sim.PlaybackResult) {
	fmt.Fprintf(out, "%d calls: %d answers compared, %d excused by a fault, %d saw a slow call half done, %d are no questions\n", r.Calls, r.Compared, r.Excused, r.Between, r.Left)
	for _, why := range slices.Sorted(maps.Keys(r.Taken)) {
		fmt.Fprintf(out, "%6d  taken as recorded: %s\n", r.Taken[why], why)
	}
}

// recordings are the named files, and those of the named folders.
func recordings(args []string) ([]string, error) {
	var files []string
	for _, arg := range args {
		err := filepath.WalkDir(arg, func(path string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() {
				files = append(files, path)
			}
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("find recordings: %w", err)
		}
	}
	return files, nil
}

func readRecording(name string) (witness.Recording, error) {
	f, err := os.Open(name)
	if err != nil {
		return witness.Recording{}, fmt.Errorf("read recording: %w", err)
	}
	defer f.Close()
	var in io.Reader = f
	if strings.HasSuffix(name, ".gz") {
		if in, err = gzip.NewReader(f); err != nil {
			return witness.Recording{}, fmt.Errorf("unpack recording %s: %w", name, err)
		}
	}
	return witness.Read(name, in)
}
