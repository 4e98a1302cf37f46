// Command handler is the program of a node and of the people who use the
// cluster. Flags, environment and signals come in; what goes out are an exit
// code and, when something failed, one error on standard error. The adapters
// of the real world are wired here, in world.go, and nowhere else.
package main

import (
	"io"
	"os"
)

func main() { os.Exit(Execute(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

// Execute runs the command line args and returns its exit code: 0 done or
// committed, 1 failed or aborted, 2 bad input or refused (nothing was touched),
// 3 no answer from Consul, so the outcome is not known.
func Execute(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	root := newRoot(shell{in: stdin, out: stdout, err: stderr, env: os.Getenv})
	root.SetArgs(args)
	err := root.Execute()
	return report(stderr, err)
}
