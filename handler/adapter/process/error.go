package process

import (
	"fmt"
	"os/exec"
	"regexp"
	"strings"
)

// Error is a command that failed.
type Error struct {
	Argv   []string // name and arguments; user and password of URLs are ***
	Exit   int      // exit code; -1: not started, or ended by a signal
	Output string   // last lines of both outputs, without passwords of URLs
	Err    error    // what os/exec or the context said
}

func (e *Error) Error() string {
	why := e.Err.Error()
	if e.Exit > 0 {
		why = fmt.Sprintf("exit %d", e.Exit)
	}
	text := strings.Join(e.Argv, " ") + ": " + strings.ReplaceAll(why, "\n", ": ")
	if out := strings.TrimSpace(e.Output); out != "" {
		text += ": " + out
	}
	return text
}

func (e *Error) Unwrap() error { return e.Err }

func newError(c Command, cmd *exec.Cmd, output []byte, err error) *Error {
	e := &Error{
		Argv: Strip(append([]string{c.Name}, c.Args...)), Exit: -1,
		Output: Strip([]string{string(output)})[0], Err: err,
	}
	if cmd.ProcessState != nil {
		e.Exit = cmd.ProcessState.ExitCode()
	}
	return e
}

var userinfo = regexp.MustCompile(`([A-Za-z][A-Za-z0-9+.-]*://)[^/@\s'"]*@`)

// Strip returns the strings with the userinfo of every URL in them replaced.
func Strip(texts []string) []string {
	clean := make([]string, len(texts))
	for i, text := range texts {
		clean[i] = userinfo.ReplaceAllString(text, "${1}***@")
	}
	return clean
}
