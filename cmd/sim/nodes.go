package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"maps"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/mlfmonde/cluster/recette"
	"github.com/mlfmonde/cluster/recette/nodes/prompt"
)

// errInterrupted: somebody ended a script before its end.
var errInterrupted = errors.New("interrupted")

// real plays a scenario, or what is typed, on real nodes.
func (r *runner) real(cmd *cobra.Command, args []string) (err error) {
	ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	r.prompt = r.prompt || len(args) == 0
	sc, err := r.forReal(cmd, args)
	if err != nil {
		return err
	}
	o := prompt.Options{Nodes: r.nodes, Log: r.out, Calls: r.calls, Edge: r.edge}
	if why := prompt.Missing(ctx, o); why != "" {
		return fmt.Errorf("%w: %s", errAbsent, why)
	}
	g, err := prompt.Start(ctx, o)
	if err != nil {
		return r.ended(ctx, err)
	}
	defer func() {
		began := time.Now()
		if ctx.Err() != nil {
			fmt.Fprintln(r.out) // after what the terminal showed of Ctrl-C
		}
		err = errors.Join(err, g.Close())
		fmt.Fprintf(r.out, "everything is taken away, %.1f s\n", time.Since(began).Seconds())
	}()
	guide(r, g)
	doorways(r, g.Doors())
	return r.ended(ctx, r.carryOut(ctx, sc, g))
}

// forReal reads the scenario and refuses what only the simulator has, before
// anything is started.
func (r *runner) forReal(cmd *cobra.Command, args []string) (recette.Scenario, error) {
	for _, flag := range []string{"seed", "random"} {
		if cmd.Flags().Changed(flag) {
			return recette.Scenario{}, fmt.Errorf("--%s: %w: only the simulator chooses who is next", flag, recette.ErrCannot)
		}
	}
	sc, err := r.scenario(args)
	if err != nil {
		return sc, err
	}
	if err := sc.Random(); err != nil {
		return sc, err
	}
	if named := sc.Nodes(); named != nil {
		r.nodes = named
	}
	if r.nodes == nil {
		r.nodes = prompt.Usual()
	}
	return sc, prompt.CheckNodes(r.nodes)
}

// ended says that an end was asked for: no error for whoever sits before it.
func (r *runner) ended(ctx context.Context, err error) error {
	switch {
	case ctx.Err() == nil:
		return err
	case r.sits():
		return nil
	}
	return errInterrupted
}

func (r *runner) carryOut(ctx context.Context, sc recette.Scenario, g *prompt.Ground) error {
	p := newPrinter(r.out)
	s, err := sc.PlayOn(ctx, g, recette.Setting{Calls: r.calls, Tell: p.line})
	if err == nil && r.prompt {
		err = r.ask(ctx, s, p, r.live(ctx, s))
	}
	if s != nil && ctx.Err() == nil {
		sum, failed := s.Summary(ctx)
		if failed != nil {
			return played(errors.Join(err, failed))
		}
		p.summary(sum, 0, err)
	}
	return played(err)
}

// idle is how often it is looked whether something happened, or was typed.
const idle = 200 * time.Millisecond

// live are the lines of standard input, and the cluster goes on meanwhile: what
// happens is told as it happens.
func (r *runner) live(ctx context.Context, s *recette.Scene) source {
	lines := make(chan string)
	var failed error // the reader's, read when lines is closed
	go func() {
		defer close(lines)
		in := bufio.NewScanner(r.in)
		for in.Scan() {
			select {
			case lines <- in.Text():
			case <-ctx.Done():
				return
			}
		}
		failed = in.Err()
	}()
	return func() (string, bool, error) {
		for ctx.Err() == nil {
			select {
			case line, more := <-lines:
				if !more {
					return "", false, failed
				}
				return line, true, nil
			default:
			}
			if err := s.Pass(ctx, idle); err != nil {
				return "", false, err
			}
		}
		return "", false, context.Cause(ctx)
	}
}

// guide tells a person where everything is.
func guide(r *runner, g *prompt.Ground) {
	d, all := g.Doors(), g.Nodes()
	first := all[0]
	edge := strings.TrimPrefix(d.Edges[first], "http://127.0.0.1")
	fmt.Fprintf(r.out, `
%[1]d real nodes are up: %[2]s. They end with this program, however it ends.

  Consul         %[3]s
  applications   http://APP.localhost%[4]s/ through the edge of %[5]s: its records
                 curl -d 'some text' http://APP.localhost%[4]s/ one more
                 other edges: %[6]s
  their code     git clone %[7]s/team/APP when it was deployed or pushed once;
                 change it, commit, git push, and then: deploy APP %[8]s
  handler verbs  %[9]s status
                 at %[5]s's Consul; for another node put its name in the first path
  dockerd        docker -H %[10]s ps
  logs           %[11]s/*.log

`, len(all), strings.Join(all, ", "), d.Consul, edge, first, others(d.Edges, first), d.Git, strings.Join(all[:min(2, len(all))], " "),
		d.Verbs[first], d.Docker[first], filepath.Join(filepath.Dir(filepath.Dir(d.Logs[first])), "{"+strings.Join(all, ",")+"}", filepath.Base(d.Logs[first])))
}

// doorways tells how to enter at HAProxy, where there is one.
func doorways(r *runner, d prompt.Doors) {
	for _, node := range slices.Sorted(maps.Keys(d.HTTP)) {
		fmt.Fprintf(r.out, "  HAProxy of %s  curl --connect-to ::%s http://APP.example.com/\n", node, d.HTTP[node])
		fmt.Fprintf(r.out, "                 curl --connect-to ::%s --cacert %s https://APP.example.com/\n", d.HTTPS[node], d.Roots)
	}
}

// others lists the edges but one.
func others(edges map[string]string, but string) string {
	var all []string
	for _, node := range slices.Sorted(maps.Keys(edges)) {
		if node != but {
			all = append(all, node+" "+strings.TrimPrefix(edges[node], "http://127.0.0.1"))
		}
	}
	if len(all) == 0 {
		return "none"
	}
	return strings.Join(all, ", ")
}
