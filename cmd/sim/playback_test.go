package main

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const recordingsOf = "../../fixtures/recordings/"

func playsBack(t *testing.T, args ...string) (out, errs string, code int) {
	t.Helper()
	var o, e bytes.Buffer
	code = Execute(append([]string{"playback"}, args...), strings.NewReader(""), &o, &e)
	return o.String(), e.String(), code
}

func TestPlayback_OfAFolderSaysWhatWasCompared(t *testing.T) {
	out, errs, code := playsBack(t, recordingsOf+"two-drivers")
	if code != exitOK || !strings.Contains(out, "answers compared") || !strings.Contains(out, "taken as recorded: ") {
		t.Errorf("code %d:\n%s%s", code, out, errs)
	}
	if out, _, code = playsBack(t, "--quiet", recordingsOf+"two-drivers"); code != exitOK || out != "" {
		t.Errorf("code %d:\n%s", code, out)
	}
}

func TestPlayback_PrintsWhatDiffers(t *testing.T) {
	f, err := os.Open(recordingsOf + "one-node/n1.jsonl.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	in, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(in)
	if err != nil {
		t.Fatal(err)
	}
	lie := bytes.Replace(data, []byte(`"Minutes":1440,"Paused":false},{`), []byte(`"Minutes":1441,"Paused":false},{`), 1)
	name := filepath.Join(t.TempDir(), "n1.jsonl")
	if err := os.WriteFile(name, lie, 0o600); err != nil {
		t.Fatal(err)
	}
	out, errs, code := playsBack(t, name, recordingsOf+"one-node/world.jsonl.gz")
	if code != exitFailed || !strings.Contains(out, "n1 Schedules.List") || !strings.Contains(out, "1441") || !strings.Contains(errs, "the fakes answer otherwise") {
		t.Errorf("code %d:\n%s%s", code, out, errs)
	}
}

func TestPlayback_WithoutARecordingFails(t *testing.T) {
	for _, c := range []struct {
		code int
		args []string
	}{{exitBad, nil}, {exitFailed, []string{"nowhere.jsonl"}}, {exitFailed, []string{"playback_test.go"}}, {exitFailed, []string{recordingsOf + "one-node/world.jsonl.gz"}}} {
		if out, errs, code := playsBack(t, c.args...); code != c.code || errs == "" {
			t.Errorf("%q: code %d, want %d\n%s%s", c.args, code, c.code, out, errs)
		}
	}
}
