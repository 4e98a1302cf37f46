package sim

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/port"
)

// docker is one node's dockerd and what it keeps on disk.
type docker struct {
	down       bool
	restarts   int
	containers []*container // sorted by name
	tags       []tag
	locals     []local // volumes of other drivers
	scripts    []*script
}

// local is a volume that is not Buttervolume's.
type local struct{ name, project string }

func newDocker() docker { return docker{} }

var (
	errDaemon  = errors.New("cannot connect to the Docker daemon")
	errNoImage = errors.New("no such image")
	errMount   = errors.New("error while mounting volume: the volume driver does not answer")
)

// container is one container, running or not.
type container struct {
	app.Container
	restart  string
	lease    app.Lease // the lease file it mounts; Seq 0: none
	checked  bool
	labelled bool
	how      Behaviour
	mounts   []string  // Buttervolume volumes
	data     []*volume // what is mounted while it runs
	stopping bool
	manual   bool // stopped by somebody
	ran      bool // when the power went
	since    time.Duration
}

// launch starts k, or refuses as dockerd does.
func (n *node) launch(k *container) error {
	if k.lease.Seq != 0 && !n.leased(k.lease.Project, k.lease.Seq) {
		k.Running, k.ExitCode = false, 127
		return fmt.Errorf("container %s: invalid mount config: bind source path does not exist: %w", k.Name, port.ErrNoLease)
	}
	if len(k.mounts) > 0 && n.driver.down {
		k.Running, k.ExitCode = false, 128
		return fmt.Errorf("container %s: %w", k.Name, errMount)
	}
	k.data = k.data[:0]
	for _, name := range k.mounts {
		k.data = append(k.data, n.driver.ensure(n, name))
	}
	k.Running, k.stopping, k.manual, k.ExitCode, k.Health = true, false, false, 0, app.NoHealth
	k.since = n.c.Now()
	n.c.changes.Containers++
	return nil
}

// fall ends k.
func (n *node) fall(k *container, code int) {
	if k.Running {
		k.Running, k.stopping, k.ExitCode = false, false, code
		if k.checked {
			k.Health = app.Unhealthy
		}
		n.c.changes.Containers++
	}
}

// look is k as it is now: health and restarts follow from time alone. Of one
// that does not run dockerd tells the health it had last.
func (n *node) look(k *container) app.Container {
	v := k.Container
	if !k.Running {
		return v
	}
	age := n.c.Now() - k.since
	if k.how.Exits {
		again := k.restart != "" && k.restart != "no" && (k.lease.Seq == 0 || n.leased(k.lease.Project, k.lease.Seq))
		v.Restarts += 1 + int(age/time.Second)
		if k.checked {
			v.Health = app.Starting
		}
		if !again {
			v.Running, v.Restarts, v.ExitCode = false, k.Restarts, 1
		}
		return v
	}
	if k.checked {
		wait := k.how.Health
		if wait == 0 {
			wait = n.c.o.Timing.Health
		}
		switch {
		case k.how.NeverHealthy && age > 3*wait:
			v.Health = app.Unhealthy
		case k.how.NeverHealthy || age < wait:
			v.Health = app.Starting
		default:
			v.Health = app.Healthy
		}
	}
	return v
}

// serves reports that k answers requests.
func (n *node) serves(k *container) bool {
	if !k.Running || k.stopping || k.how.Exits {
		return false
	}
	v := n.look(k)
	return v.Running && (v.Health == app.Healthy || v.Health == app.NoHealth)
}

// boot starts what restart policies say, before any handler.
func (d *docker) boot(n *node) {
	for _, k := range d.containers {
		var again bool
		switch k.restart {
		case "always":
			again = true
		case "unless-stopped", "on-failure":
			again = k.ran && !k.manual
		}
		if again {
			_ = n.launch(k) // refused without its lease file: it stays down
		}
	}
}

func (d *docker) powerCut(n *node) {
	for _, k := range d.containers {
		k.Health = n.look(k).Health
		k.ran = k.Running || k.ran && !k.manual && k.ExitCode == 127
		k.Running, k.stopping, k.ExitCode = false, false, 137
	}
	d.scripts = nil
}

// of lists the containers of project.
func (d *docker) of(project string) []*container {
	var found []*container
	for _, c := range d.containers {
		if c.Project == project {
			found = append(found, c)
		}
	}
	return found
}

func (d *docker) add(c *container) {
	i, ok := slices.BinarySearchFunc(d.containers, c.Name, func(x *container, name string) int { return strings.Compare(x.Name, name) })
	if ok {
		d.containers[i] = c
		return
	}
	d.containers = slices.Insert(d.containers, i, c)
}

func (n *node) drop(c *container) {
	n.fall(c, 137)
	n.docker.containers = slices.DeleteFunc(n.docker.containers, func(x *container) bool { return x == c })
	n.c.changes.Containers++
}
