// Command branches says which error branches of the handler no simulated run
// has ever taken. In come coverage profiles of the simulator and the handler's
// source; out goes a table of the branches that were never reached, and a
// failure when one of them is not in the list of those that cannot be. An entry
// of that list that is reached, or that no branch fits any more, fails too. It
// runs nothing of the handler itself.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
)

func main() {
	root := flag.String("root", ".", "folder of the module")
	all := flag.Bool("all", false, "name the branches that cannot be reached too, with the reasons")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "usage: branches [-root DIR] [-all] PROFILE...")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() == 0 {
		flag.Usage()
		os.Exit(2)
	}
	whole, err := judge(*root, flag.Args(), os.Stdout, *all)
	if err != nil {
		fmt.Fprintln(os.Stderr, "branches:", err)
		os.Exit(2)
	}
	if !whole {
		os.Exit(1)
	}
}

// folders are the packages whose error branches count.
func folders() []string { return []string{"handler", "handler/execute", "handler/plan"} }

// judge writes the table and reports whether nothing is left in it.
func judge(root string, profiles []string, out io.Writer, everything bool) (bool, error) {
	counts, err := load(profiles)
	if err != nil {
		return false, err
	}
	found, err := find(root, folders())
	if err != nil {
		return false, err
	}
	excused, err := excuses(unreachable)
	if err != nil {
		return false, err
	}
	v, err := compare(found, counts, excused)
	if err != nil {
		return false, err
	}
	fmt.Fprintf(out, "%d error branches of %v: %d were taken, %d cannot be, %d never were\n",
		len(found), folders(), v.taken, len(v.excused), len(v.never))
	for _, b := range v.never {
		fmt.Fprintf(out, "  never taken: %s:%d: %s\n", b.file, b.line, b.key())
	}
	if everything {
		for _, b := range v.excused {
			fmt.Fprintf(out, "  cannot be:   %s:%d: %s\n      %s\n", b.file, b.line, b.key(), excused[b.key()])
		}
	}
	for _, text := range v.wrong {
		fmt.Fprintln(out, "  unreachable.txt: "+text)
	}
	return len(v.never) == 0 && len(v.wrong) == 0, nil
}
