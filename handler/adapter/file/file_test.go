package file_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/mlfmonde/cluster/handler/adapter/file"
)

func TestReplace_LeavesTheWholeNewFileAndNothingElse(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x")
	for _, content := range []string{"a long first content", "short"} {
		if err := file.Replace(path, []byte(content), 0o640); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(path)
		if err != nil || string(got) != content {
			t.Errorf("%q, %v", got, err)
		}
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if all, err := os.ReadDir(filepath.Dir(path)); err != nil || len(all) != 1 {
		t.Errorf("%v, %v", all, err)
	}
}

func TestReplace_ThatFailsLeavesTheOldFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x")
	if err := os.MkdirAll(filepath.Join(path, "below"), 0o755); err != nil { // a folder cannot be replaced by a file
		t.Fatal(err)
	}
	if err := file.Replace(path, []byte("new"), 0o600); err == nil {
		t.Error("no error")
	}
	if all, err := os.ReadDir(dir); err != nil || len(all) != 1 {
		t.Errorf("%v, %v", all, err)
	}
	if err := file.Replace(filepath.Join(dir, "missing", "x"), nil, 0o600); err == nil {
		t.Error("no error without its folder")
	}
}
