package sim_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/port"
	"github.com/mlfmonde/cluster/sim"
)

func TestRestartDocker_EndsContainersAndStartsWhatHasItsLease(t *testing.T) {
	for _, leased := range []bool{true, false} {
		shell(t, sim.Options{}, func(ctx context.Context, c *sim.Cluster, w port.World) {
			s := up(ctx, t, c, "a", w, 1, sim.Behaviour{})
			if !leased {
				must(t, w.Guard.Release(ctx, s.Project, 1))
			}
			c.RestartDocker("a", 3*time.Second)
			if c.Running(s.Project) != nil {
				t.Error("a container outlived its dockerd")
			}
			if _, err := w.Containers.List(ctx, s.Project); err == nil {
				t.Error("a dockerd that restarts answers")
			}
			must(t, w.Clock.Sleep(ctx, 4*time.Second))
			if _, err := w.Containers.List(ctx, s.Project); err != nil {
				t.Errorf("it is not back: %v", err)
			}
			if runs := len(c.Running(s.Project)) == 1; runs != leased {
				t.Errorf("with a lease %v, it runs %v", leased, runs)
			}
		})
	}
}

func TestRestartDocker_EndsABuildAndAScript(t *testing.T) {
	shell(t, sim.Options{}, func(ctx context.Context, c *sim.Cluster, w port.World) {
		s := up(ctx, t, c, "a", w, 1, sim.Behaviour{ScriptTakes: time.Minute})
		c.At(c.Now()+time.Second, "restart", func() { c.RestartDocker("a", time.Second) })
		if _, err := w.Images.Build(ctx, s); err == nil {
			t.Error("a build went on without dockerd")
		}
		must(t, w.Clock.Sleep(ctx, 10*time.Second))
		began := c.Now()
		c.At(c.Now()+time.Second, "restart", func() { c.RestartDocker("a", time.Second) })
		if err := w.Scripts.Run(ctx, port.Script{Stack: s, Name: "update.sh"}); err == nil || c.Now()-began > 2*time.Second {
			t.Errorf("a script ended with %v after %v", err, c.Now()-began)
		}
	})
}

func TestDriverDown_RefusesMounts(t *testing.T) {
	shell(t, sim.Options{}, func(ctx context.Context, c *sim.Cluster, w port.World) {
		s := prepared(ctx, t, c, "a", w, 1, sim.Behaviour{})
		must(t, w.Guard.Grant(ctx, app.Lease{Project: s.Project, Seq: 1}))
		c.DriverDown("a", true)
		if err := w.Stack.Up(ctx, s); err == nil || c.Running(s.Project) != nil {
			t.Errorf("started without its volumes: %v", err)
		}
		c.DriverDown("a", false)
		must(t, w.Stack.Up(ctx, s))
	})
}

func TestSSHDown_RefusesTransfersIntoANodeOnly(t *testing.T) {
	const volume = "v"
	shell(t, sim.Options{}, func(ctx context.Context, c *sim.Cluster, w port.World) {
		c.SetVolume("a", volume, sim.Record{Mark: "one"})
		first, err := w.Snapshots.Take(ctx, volume)
		must(t, err)
		c.SSHDown("b", true)
		if err := w.Snapshots.Send(ctx, first.Name, c.Address("b")); err == nil {
			t.Error("sent into a node without sshd")
		}
		must(t, w.Snapshots.Send(ctx, first.Name, c.Address("c")))
		c.SSHDown("b", false)
		must(t, w.Snapshots.Send(ctx, first.Name, c.Address("b")))
	})
}

func TestHalf_LeavesTheShareThatArrived(t *testing.T) {
	const volume = "v"
	for share, want := range map[int]int{0: 5, 10: 1, 50: 5, 90: 9} {
		c := sim.New(sim.Options{})
		t.Cleanup(c.Close)
		var records []sim.Record
		for i := range 10 {
			records = append(records, sim.Record{Number: uint64(i + 1)})
		}
		c.SetVolume("a", volume, records...)
		armed := c.Inject(sim.Fault{Node: "a", Call: "Snapshots.Send", Phase: sim.Half, Share: share})
		c.Go("a", "send", func(ctx context.Context, w port.World) {
			s, err := w.Snapshots.Take(ctx, volume)
			if err == nil {
				err = w.Snapshots.Send(ctx, s.Name, c.Address("b"))
			}
			if err == nil {
				t.Error("a transfer that stopped was acknowledged")
			}
		})
		must(t, c.RunFor(time.Minute))
		snaps := c.ObserveNode("b").Snapshots
		if len(snaps) != 1 || snaps[0].Complete || len(snaps[0].Records) != want || armed.Fired != 1 {
			t.Errorf("of %d %%: %+v", share, snaps)
		}
	}
}

func TestGitDenied_IsOfOneNode(t *testing.T) {
	c := sim.New(sim.Options{})
	t.Cleanup(c.Close)
	c.Push(repo, "main", port.Files{"compose.yaml": []byte("services: {}\n")}, sim.Behaviour{})
	c.GitDenied("a", true)
	got := map[string]error{}
	for _, node := range []string{"a", "b"} {
		c.Go(node, "clone", func(ctx context.Context, w port.World) {
			_, got[node] = w.Source.Checkout(ctx, site(), app.Checkout(site().Name(), "1"))
		})
	}
	must(t, c.RunFor(time.Minute))
	if !errors.Is(got["a"], port.ErrDenied) || got["b"] != nil {
		t.Errorf("a: %v, b: %v", got["a"], got["b"])
	}
}

func TestAgentDown_HearsNoEventAndForgets(t *testing.T) {
	c := sim.New(sim.Options{})
	t.Cleanup(c.Close)
	c.Fire("b", "deploy", []byte("early"))
	must(t, c.RunFor(time.Second))
	if len(c.Heard("a")) != 1 {
		t.Fatalf("a heard %v", c.Heard("a"))
	}
	c.AgentDown("a", true)
	c.Fire("b", "deploy", []byte("meanwhile"))
	must(t, c.RunFor(time.Second))
	c.AgentDown("a", false)
	c.Fire("b", "deploy", []byte("after"))
	must(t, c.RunFor(time.Second))
	if heard := c.Heard("a"); len(heard) != 1 || string(heard[0].Payload) != "after" {
		t.Errorf("a heard %v", heard)
	}
	if len(c.Heard("c")) != 3 {
		t.Errorf("c heard %v", c.Heard("c"))
	}
}

func TestWrongDates_CountsReadsOfASkewedClock(t *testing.T) {
	shell(t, sim.Options{}, func(ctx context.Context, c *sim.Cluster, w port.World) {
		right := w.Clock.Now()
		if c.WrongDates("a") != 0 {
			t.Error("a clock that is right")
		}
		c.Skew("a", -time.Hour)
		if wrong := w.Clock.Now(); right.Sub(wrong) < 59*time.Minute || c.WrongDates("a") != 1 || c.WrongDates("b") != 0 {
			t.Errorf("%v, then %v; %d wrong dates", right, wrong, c.WrongDates("a"))
		}
	})
}
