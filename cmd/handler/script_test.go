package main

import (
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"handler": main})
}

// Each script is a story of the command line that needs no cluster: exit codes
// are checked with "exits <code> <args>".
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			e.Setenv("HANDLER_RUN_DIR", e.Getenv("WORK")+"/run")
			e.Setenv("CONSUL_HTTP_ADDR", "127.0.0.1:1") // nothing listens there
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits},
	})
}

// exits runs the handler in this process and compares its exit code; the
// outputs are left in the files out and err. A first word "<file" is its input.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: exits code [args]")
	}
	want, args := args[0], args[1:]
	stdin := os.DevNull
	if len(args) > 0 && args[0][0] == '<' {
		stdin, args = ts.MkAbs(args[0][1:]), args[1:]
	}
	in, err := os.Open(stdin)
	ts.Check(err)
	defer in.Close()
	out, err := os.Create(ts.MkAbs("out"))
	ts.Check(err)
	defer out.Close()
	errs, err := os.Create(ts.MkAbs("err"))
	ts.Check(err)
	defer errs.Close()
	root := newRoot(shell{in: in, out: out, err: errs, env: ts.Getenv})
	for i, a := range args { // relative to the script's folder, not to ours
		if _, err := os.Stat(ts.MkAbs(a)); err == nil && a != "" {
			args[i] = ts.MkAbs(a)
		}
	}
	root.SetArgs(args)
	if got := string(rune('0' + report(errs, root.Execute()))); got != want {
		ts.Fatalf("handler %v: exit code %s, want %s\n%s%s", args, got, want, ts.ReadFile("out"), ts.ReadFile("err"))
	}
}
