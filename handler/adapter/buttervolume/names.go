package buttervolume

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/mlfmonde/cluster/handler/app"
)

// What the plugin turns into paths, arguments of btrfs and a command line on
// the other node is narrower here than there.
var (
	volumeOK  = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9._-]{0,199}$`)
	dateOK    = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9.:_-]{0,63}$`)
	hostOK    = regexp.MustCompile(`^[a-zA-Z0-9]([a-zA-Z0-9.-]{0,251}[a-zA-Z0-9])?$`)
	patternOK = regexp.MustCompile(`^[0-9]{1,6}[mhdwy](:[0-9]{1,6}[mhdwy])*$`)
)

func checkVolume(volume string) error {
	if !volumeOK.MatchString(volume) || strings.Contains(volume, "..") {
		return fmt.Errorf("%q is not the name of a volume", volume)
	}
	return nil
}

func checkHost(host string) error {
	if !hostOK.MatchString(host) || strings.Contains(host, "..") {
		return fmt.Errorf("%q is not a host that the volume driver accepts", host)
	}
	return nil
}

// parse splits the name of a snapshot, <volume>@<date> or that of a marker
// with @<host>.
func parse(name string) (app.Snapshot, error) {
	parts := strings.Split(name, "@")
	bad := fmt.Errorf("%q is not the name of a snapshot", name)
	if len(parts) < 2 || len(parts) > 3 || len(name) > 255 || checkVolume(parts[0]) != nil ||
		!dateOK.MatchString(parts[1]) || strings.Contains(parts[1], "..") {
		return app.Snapshot{}, bad
	}
	s := app.Snapshot{Name: name, Volume: parts[0]}
	if len(parts) == 3 {
		if checkHost(parts[2]) != nil {
			return app.Snapshot{}, bad
		}
		s.Host = parts[2]
	}
	return s, nil
}

// checkLine refuses a schedule line that the plugin would store without
// looking and never run.
func checkLine(l app.Schedule) error {
	action, arg, has := strings.Cut(l.Action, ":")
	ok := false
	switch action {
	case "snapshot":
		ok = !has
	case "replicate":
		ok = checkHost(arg) == nil
	case "purge":
		ok = patternOK.MatchString(arg)
	}
	if !ok {
		return fmt.Errorf("%q is not an action of the volume driver's schedule", l.Action)
	}
	if l.Minutes <= 0 {
		return fmt.Errorf("action %s every %d minutes is no schedule", l.Action, l.Minutes)
	}
	return nil
}
