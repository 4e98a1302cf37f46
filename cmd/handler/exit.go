package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/port"
)

// The exit codes.
const (
	exitDone    = 0
	exitFailed  = 1 // failed, or the operation was aborted
	exitBad     = 2 // bad input, or the request was refused
	exitUnknown = 3 // Consul did not answer
)

// ended is an error with the exit code it means.
type ended struct {
	code int
	err  error
}

func (e *ended) Error() string { return e.err.Error() }

func (e *ended) Unwrap() error { return e.err }

func exit(code int, format string, args ...any) error {
	return &ended{code: code, err: fmt.Errorf(format, args...)}
}

// report prints err once and picks the exit code.
func report(w io.Writer, err error) int {
	if err == nil {
		return exitDone
	}
	if text := strings.TrimSpace(err.Error()); text != "" {
		fmt.Fprintln(w, "handler: "+text)
	}
	return code(err)
}

func code(err error) int {
	var known *ended
	var field *app.FieldError
	switch {
	case errors.As(err, &known):
		return known.code
	case errors.As(err, &field):
		return exitBad
	case errors.Is(err, port.ErrUnknown), errors.Is(err, port.ErrDenied):
		return exitUnknown
	}
	return exitFailed
}

// bad makes what cobra says of a command line an error of exit code 2.
func bad(cmd *cobra.Command, err error) error {
	if err == nil {
		return nil
	}
	return exit(exitBad, "%w\nsee: %s --help", err, cmd.CommandPath())
}

// args checks the number of arguments of a command.
func args(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, given []string) error { return bad(cmd, check(cmd, given)) }
}
