package docker_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/mlfmonde/cluster/handler/adapter/docker"
	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/port"
	"github.com/mlfmonde/cluster/handler/port/porttest"
)

const deadline = 30 * time.Second

func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(deadline); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("never: %s", what)
}

// web is a layout of one built service.
func web(id string) porttest.Layout {
	return porttest.Layout{Seq: 1, ID: id, Version: id, Built: []string{"web"}}
}

// up lays services that a test has changed, and starts them.
func (b *bench) up(l porttest.Layout, change func(map[string]service)) app.Stack {
	b.t.Helper()
	services := b.canonical(l)
	if change != nil {
		change(services)
	}
	s := b.write(l, app.CanonicalFile, services)
	if err := b.Images.Pull(b.t.Context(), s); err != nil {
		b.t.Fatal(err)
	}
	var err error
	if s.Images, err = b.Images.Build(b.t.Context(), s); err != nil {
		b.t.Fatal(err)
	}
	b.lease(s)
	if err := b.Stack.Up(b.t.Context(), s); err != nil {
		b.t.Fatal(err)
	}
	return s
}

func (b *bench) lease(s app.Stack) {
	b.t.Helper()
	if err := (leases{dir: b.config.LeaseRoot}).Grant(b.t.Context(), app.Lease{Project: s.Project, Seq: s.Seq}); err != nil {
		b.t.Fatal(err)
	}
}

// only is the one container of the project.
func (b *bench) only() app.Container {
	b.t.Helper()
	found, err := b.Containers.List(b.t.Context(), project)
	if err != nil || len(found) != 1 {
		b.t.Fatalf("containers are %+v, %v", found, err)
	}
	return found[0]
}

func TestContainers_HealthIsTold(t *testing.T) {
	b := newBench(t)
	b.up(web("op1"), func(s map[string]service) {
		s["web"]["healthcheck"] = map[string]any{"test": []string{"CMD", "/server", "ok"}, "interval": "200ms", "retries": 1}
	})
	until(t, "healthy", func() bool { return b.only().Health == app.Healthy })
	b.up(web("op2"), func(s map[string]service) {
		s["web"]["healthcheck"] = map[string]any{"test": []string{"CMD", "/server", "crash"}, "interval": "200ms", "retries": 1}
	})
	until(t, "unhealthy", func() bool { return b.only().Health == app.Unhealthy })
	b.up(web("op3"), nil)
	if h := b.only().Health; h != app.NoHealth {
		t.Errorf("health without a check is %q", h)
	}
}

func TestContainers_StepsOfABuildAreNotOurs(t *testing.T) {
	b := newBench(t)
	s := b.up(web("op1"), nil)
	_, err := b.world.api(t).ContainerCreate(t.Context(), client.ContainerCreateOptions{
		Config: &container.Config{Image: s.Images["web"], Labels: map[string]string{app.LabelApp: "app_main.00000"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	all, err := b.Containers.List(t.Context(), "")
	if err != nil || len(all) != 1 || all[0].Project != project {
		t.Errorf("containers are %+v, %v", all, err)
	}
}

func TestContainers_WhatRestartsForEverIsSeenAndKilled(t *testing.T) {
	b := newBench(t)
	b.up(web("op1"), func(s map[string]service) { s["web"]["command"] = []string{"crash"} })
	until(t, "several restarts", func() bool { return b.only().Restarts > 2 })
	if err := b.Containers.Kill(t.Context(), project, 1); err != nil {
		t.Fatal(err)
	}
	if c := b.only(); c.Running || c.ExitCode == 0 {
		t.Errorf("container is %+v", c)
	}
	restarts := b.only().Restarts
	if err := b.Stack.Stop(t.Context(), project, time.Second); err != nil {
		t.Error(err)
	}
	if c := b.only(); c.Running || c.Restarts != restarts {
		t.Errorf("container is %+v, it had restarted %d times", c, restarts)
	}
}

func TestContainers_RemoveKeepsButtervolumeAndWhatIsShared(t *testing.T) {
	// Docker's own driver stands for Buttervolume: the operator's list counts.
	b := newBench(t, func(c *docker.Config) { c.Drivers = []string{"local:latest"} })
	api := b.world.api(t)
	_, err := api.NetworkCreate(t.Context(), "cluster_default", client.NetworkCreateOptions{Driver: "bridge", Labels: map[string]string{"com.docker.compose.project": project}})
	if err != nil {
		t.Fatal(err)
	}
	l := web("op1")
	l.Local = []string{"data"}
	b.up(l, nil)
	if err := b.Containers.Remove(t.Context(), project, true); err != nil {
		t.Fatal(err)
	}
	if v := b.volumes(); len(v) != 1 || v[0] != project+"_data" {
		t.Errorf("volumes are %q", v)
	}
	networks, err := api.NetworkList(t.Context(), client.NetworkListOptions{Filters: client.Filters{}.Add("driver", "bridge")})
	if err != nil || len(networks.Items) != 1 || networks.Items[0].Name != "cluster_default" {
		t.Errorf("networks are %+v, %v", networks.Items, err)
	}
}

func TestContainers_NamesThatAreNotProjectsAreRefused(t *testing.T) {
	b := newBench(t)
	for _, p := range []string{"a b", "--all", "x\"}", "A", ""} {
		if b.Containers.Kill(t.Context(), p, 0) == nil || b.Containers.Remove(t.Context(), p, true) == nil || b.Containers.Pin(t.Context(), p) == nil || b.Stack.Stop(t.Context(), p, time.Second) == nil {
			t.Errorf("%q was accepted", p)
		}
	}
}

func TestStack_UpRunsTheReleasesImageWhateverTheTagSays(t *testing.T) {
	b := newBench(t)
	s := b.up(web("op1"), nil)
	if err := b.Containers.Remove(t.Context(), project, false); err != nil {
		t.Fatal(err)
	}
	b.world.importImage(t, "stranger")
	if _, err := b.world.api(t).ImageTag(t.Context(), client.ImageTagOptions{Source: "stranger", Target: project + "-web:op1"}); err != nil {
		t.Fatal(err)
	}
	if err := b.Stack.Up(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	if c := b.only(); c.Image != s.Images["web"] {
		t.Errorf("image is %s, not %s", c.Image, s.Images["web"])
	}
}

func TestStack_ServiceMayHaveUpperCaseLetters(t *testing.T) {
	b := newBench(t)
	l := porttest.Layout{Seq: 1, ID: "op1", Version: "1", Built: []string{"Web"}}
	s := b.up(l, func(s map[string]service) { s["Web"]["image"] = project + "-web:op1" })
	if c := b.only(); c.Service != "Web" || c.Image != s.Images["Web"] {
		t.Errorf("container is %+v, images are %v", c, s.Images)
	}
}

func TestStack_LeaseThatGoesDuringTheStartLeavesNothingRunning(t *testing.T) {
	b := newBench(t)
	l := porttest.Layout{Seq: 1, ID: "op1", Version: "1", Built: []string{"first", "second"}}
	services := b.canonical(l)
	services["second"]["depends_on"] = []string{"first"}
	// The second service's lease is another app's: as if it went in between.
	bind := services["second"]["volumes"].([]any)[0].(map[string]any)
	bind["source"] = filepath.Join(b.config.LeaseRoot, "gone.1")
	s := b.write(l, app.CanonicalFile, services)
	images, err := b.Images.Build(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	s.Images = images
	b.lease(s)
	if err := b.Stack.Up(t.Context(), s); !errors.Is(err, port.ErrNoLease) {
		t.Errorf("error is %v", err)
	}
	found, err := b.Containers.List(t.Context(), project)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range found {
		if c.Running {
			t.Errorf("container is %+v", c)
		}
	}
}

func TestStack_CheckoutsEnvironmentFileChangesNothing(t *testing.T) {
	b := newBench(t)
	l := web("op1")
	services := b.canonical(l)
	s := b.write(l, app.CanonicalFile, services)
	b.put(filepath.Join(b.config.Root, s.Dir, ".env"), []byte("COMPOSE_PROJECT_NAME=other\nCOMPOSE_FILE=other.yml\nCOMPOSE_PROFILES=x\n"))
	images, err := b.Images.Build(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	s.Images = images
	b.lease(s)
	if err := b.Stack.Up(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	if c := b.only(); c.Project != project || !c.Running {
		t.Errorf("container is %+v", c)
	}
}

func TestImages_PullPolicyMissingNeedsNoRegistry(t *testing.T) {
	b := newBench(t)
	source := b.registry.host() + "/app:one"
	lay := func(policy string) app.Stack {
		l := porttest.Layout{Seq: 1, ID: "op1", Pulled: []string{"web"}}
		services := b.canonical(l)
		services["web"]["x-cluster-source"] = source
		services["web"]["x-cluster-pull"] = policy
		return b.write(l, app.CanonicalFile, services)
	}
	b.registry.Close()
	if err := b.Images.Pull(t.Context(), lay("missing")); err == nil {
		t.Error("an image that is nowhere was pulled")
	}
	b.world.importImage(t, source)
	if err := b.Images.Pull(t.Context(), lay("missing")); err != nil {
		t.Errorf("an image that is here: %v", err)
	}
	if err := b.Images.Pull(t.Context(), lay("")); err == nil {
		t.Error("without the policy a registry that is down is no error")
	}
}

func TestImages_BaseImagesArePulledBeforeTheBuild(t *testing.T) {
	b := newBench(t)
	l := web("op1")
	s := b.lay(l)
	base := b.registry.host() + "/app:two"
	b.put(filepath.Join(b.config.Root, s.Dir, "Dockerfile.web"),
		fmt.Appendf(nil, "# FROM nowhere\nfrom --platform=linux %s as base\nFROM base AS next\nFROM scratch\nCOPY --from=next /server /server\nENTRYPOINT [\"/server\"]\n", base))
	if err := b.Images.Pull(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	b.registry.Close()
	if _, err := b.world.api(t).ImageInspect(t.Context(), base); err != nil {
		t.Errorf("the base image is not here: %v", err)
	}
	if err := b.Images.Pull(t.Context(), s); err != nil {
		t.Errorf("a base image that is here, without a registry: %v", err)
	}
}

func TestImages_CredentialsComeFromAFile(t *testing.T) {
	auth := t.TempDir()
	b := newBench(t, func(c *docker.Config) { c.AuthDir = auth })
	b.registry = newRegistry(t, b.world.server, "s3cr3t")
	s := b.lay(porttest.Layout{Seq: 1, ID: "op1", Pulled: []string{"web"}})
	if err := b.Images.Pull(t.Context(), s); err == nil || strings.Contains(err.Error(), "s3cr3t") {
		t.Errorf("without credentials the error is %v", err)
	}
	entry := base64.StdEncoding.EncodeToString([]byte("me:s3cr3t"))
	text := fmt.Appendf(nil, `{"auths":{%q:{"auth":%q}}}`, b.registry.host(), entry)
	if err := os.WriteFile(filepath.Join(auth, "config.json"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := b.Images.Pull(t.Context(), s); err != nil {
		t.Errorf("with credentials: %v", err)
	}
}

func TestScripts_RunInTheCheckoutWithLittleElse(t *testing.T) {
	t.Setenv("HANDLER_SECRET", "canary")
	b := newBench(t)
	s := b.lay(web("op1"))
	b.lease(s)
	dir := filepath.Join(b.config.Root, s.Dir)
	b.put(filepath.Join(dir, "update.sh"), []byte("pwd > out; printf '%s|' \"$@\" >> out; env >> out\n"))
	if err := b.Scripts.Run(t.Context(), port.Script{Stack: s, Name: "update.sh", Args: []string{"-r", "a b", "$(touch x)"}}); err != nil {
		t.Fatal(err)
	}
	out, err := os.ReadFile(filepath.Join(dir, "out"))
	if err != nil || !strings.HasPrefix(string(out), dir+"\n-r|a b|$(touch x)|") || strings.Contains(string(out), "canary") ||
		!strings.Contains(string(out), "DOCKER_HOST="+b.config.Host) {
		t.Errorf("script saw %q, %v", out, err)
	}
}

func TestScripts_EndWithTheContextAndLeaveNothing(t *testing.T) {
	b := newBench(t)
	s := b.lay(web("op1"))
	b.lease(s)
	dir := filepath.Join(b.config.Root, s.Dir)
	b.put(filepath.Join(dir, "update.sh"), []byte("setsid sh -c 'echo $$ > stray; exec sleep 1000' & echo said; while [ ! -s stray ]; do :; done; touch running; sleep 1000\n"))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- b.Scripts.Run(ctx, port.Script{Stack: s, Name: "update.sh"}) }()
	until(t, "the script runs", func() bool { _, err := os.Stat(filepath.Join(dir, "running")); return err == nil })
	record := filepath.Join(b.config.RunDir, "script", project+".1")
	until(t, "it is recorded", func() bool { _, err := os.Stat(record); return err == nil })
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "said") {
		t.Errorf("error is %v", err)
	}
	stray, err := os.ReadFile(filepath.Join(dir, "stray"))
	if err != nil {
		t.Fatal(err)
	}
	if env, err := os.ReadFile(filepath.Join("/proc", strings.TrimSpace(string(stray)), "environ")); err == nil && len(env) > 0 {
		t.Error("what left the group is alive")
	}
	if _, err := os.Stat(record); err == nil {
		t.Error("the record is left")
	}
}

func TestDocker_DaemonThatIsDownIsAnErrorOfEveryCall(t *testing.T) {
	c := docker.Config{Host: "unix://" + filepath.Join(t.TempDir(), "none"), Root: t.TempDir(), LeaseRoot: t.TempDir(), RunDir: t.TempDir()}
	d, err := docker.New(c)
	if err != nil {
		t.Fatal(err)
	}
	s := app.Stack{Name: appName, Project: project, Dir: appName + "-idop1", Seq: 1, ID: "op1", Images: map[string]string{"web": "sha256:1"}}
	if err := (leases{dir: c.LeaseRoot}).Grant(t.Context(), app.Lease{Project: project, Seq: 1}); err != nil {
		t.Fatal(err)
	}
	_, listed := d.Containers.List(t.Context(), project)
	for what, err := range map[string]error{
		"list": listed, "up": d.Stack.Up(t.Context(), s), "stop": d.Stack.Stop(t.Context(), project, time.Second), "kill": d.Containers.Kill(t.Context(), project, 0),
		"remove": d.Containers.Remove(t.Context(), project, true), "pin": d.Containers.Pin(t.Context(), project), "drop": d.Images.Drop(t.Context(), s),
	} {
		if err == nil {
			t.Errorf("%s succeeded", what)
		}
	}
}

func TestDocker_StacksThatAreNotNamesAreRefused(t *testing.T) {
	b := newBench(t)
	good := b.lay(web("op1"))
	for name, s := range map[string]app.Stack{
		"project": {Project: "--help", Dir: good.Dir, Seq: 1, ID: "op1"}, "dir": {Project: project, Dir: "../" + good.Dir, Seq: 1, ID: "op1"},
		"id": {Project: project, Dir: good.Dir, Seq: 1, ID: "op1:x"},
	} {
		_, built := b.Images.Build(t.Context(), s)
		if built == nil || b.Images.Pull(t.Context(), s) == nil || b.Images.Drop(t.Context(), s) == nil || b.Stack.Up(t.Context(), s) == nil {
			t.Errorf("a bad %s was accepted", name)
		}
	}
}
