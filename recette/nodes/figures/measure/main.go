// Command measure writes docs/FIGURES.md: see package figures. Its verb probe is
// the client, which it starts on a node of its own.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/mlfmonde/cluster/recette/nodes/figures"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "measure:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) == 3 && args[0] == "probe" {
		return figures.RunProbe(ctx, args[1], args[2])
	}
	f := flag.NewFlagSet("measure", flag.ContinueOnError)
	o := figures.Options{Log: os.Stderr}
	f.IntVar(&o.Runs, "runs", 5, "of each thing")
	f.StringVar(&o.Data, "data", "docs/figures.json", "samples; parts that are not measured stay as they are there")
	f.StringVar(&o.Text, "text", "docs/FIGURES.md", "the figures in words")
	only := f.String("only", "", "parts to measure, of "+strings.Join(figures.Parts(), ", ")+", with commas between (default all)")
	if err := f.Parse(args); err != nil {
		return err
	}
	o.Only = strings.FieldsFunc(*only, func(r rune) bool { return r == ',' })
	o.Command = strings.TrimSpace("make bench-nodes")
	if *only != "" {
		o.Command += " ONLY=" + *only
	}
	var err error
	if o.Program, err = os.Executable(); err != nil {
		return err
	}
	return figures.Run(ctx, o)
}
