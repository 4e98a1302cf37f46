package sim

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/mlfmonde/cluster/handler/app"
)

var (
	errVolumeName   = errors.New("not the name of a volume")
	errSnapshotName = errors.New("not the name of a snapshot")
	errHostName     = errors.New("not a host that the volume driver accepts")
	errLine         = errors.New("not a line that the volume driver can run")
)

// word reports whether s begins with a letter or digit and goes on with
// letters, digits and extra, without two dots in a row.
func word(s, extra string) bool {
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		case i == 0, strings.IndexByte(extra, c) < 0:
			return false
		case c == '.' && s[i-1] == '.':
			return false
		}
	}
	return s != ""
}

func checkVolume(name string) error {
	if len(name) > 200 || !word(name, "._-") {
		return fmt.Errorf("%q: %w", name, errVolumeName)
	}
	return nil
}

func checkHost(host string) error {
	if len(host) > 253 || !word(host, ".-") {
		return fmt.Errorf("%q: %w", host, errHostName)
	}
	return nil
}

// volumeOf is the volume of a snapshot, <volume>@<date> or with @<host>.
func volumeOf(name string) (string, error) {
	parts := strings.Split(name, "@")
	bad := len(parts) < 2 || len(parts) > 3 || len(name) > 255 || checkVolume(parts[0]) != nil || !word(parts[1], ".:_-") ||
		len(parts) == 3 && checkHost(parts[2]) != nil
	if bad {
		return "", fmt.Errorf("%q: %w", name, errSnapshotName)
	}
	return parts[0], nil
}

// checkLines sorts and checks the lines that a volume shall have.
func checkLines(volume string, lines []app.Schedule) ([]app.Schedule, error) {
	lines = slices.Clone(lines)
	for i := range lines {
		l := &lines[i]
		if l.Volume == "" {
			l.Volume = volume
		}
		action, arg, has := strings.Cut(l.Action, ":")
		ok := l.Volume == volume && l.Minutes > 0
		switch action {
		case "snapshot":
			ok = ok && !has
		case "replicate":
			ok = ok && checkHost(arg) == nil
		case "purge":
			ok = ok && components(arg) != nil
		default:
			ok = false
		}
		if !ok {
			return nil, fmt.Errorf("%s every %d minutes of %s: %w", l.Action, l.Minutes, l.Volume, errLine)
		}
	}
	slices.SortFunc(lines, func(a, b app.Schedule) int { return cmp.Compare(a.Action, b.Action) })
	for i := 1; i < len(lines); i++ {
		if lines[i].Action == lines[i-1].Action {
			return nil, fmt.Errorf("%s twice: %w", lines[i].Action, errLine)
		}
	}
	return lines, nil
}
