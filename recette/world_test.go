package recette_test

import (
	"context"
	"slices"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/port"
	"github.com/mlfmonde/cluster/recette"
	"github.com/mlfmonde/cluster/sim"
)

// other is an application that some other play uses.
func other() app.App { return app.App{Repo: "https://git.example.com/team/other", Branch: "main"} }

// altered is a world that is not quite as it was made.
type altered struct {
	recette.World
	known    []app.App
	see      func(node string, o *sim.Observation)
	keys     []port.Pair
	sessions []string
	acked    []sim.Ack
	deaf     bool // no trouble is ever armed
}

func (w altered) Known() []app.App { return append(w.World.Known(), w.known...) }

func (w altered) Observe(ctx context.Context) (map[string]sim.Observation, error) {
	all, err := w.World.Observe(ctx)
	for node, o := range all {
		if w.see != nil {
			w.see(node, &o)
		}
		all[node] = o
	}
	return all, err
}

func (w altered) KV(ctx context.Context) ([]port.Pair, error) {
	pairs, err := w.World.KV(ctx)
	pairs = append(pairs, w.keys...)
	slices.SortFunc(pairs, func(a, b port.Pair) int {
		if a.Key < b.Key {
			return -1
		}
		return 1
	})
	return pairs, err
}

func (w altered) Sessions(ctx context.Context) ([]string, error) {
	all, err := w.World.Sessions(ctx)
	return append(all, w.sessions...), err
}

func (w altered) Acked(a app.App) []sim.Ack {
	return append(slices.Clone(w.World.Acked(a)), w.acked...)
}

func (w altered) Arm(ctx context.Context, t recette.Trouble) (recette.Proof, error) {
	if w.deaf {
		return func() string { return "" }, nil
	}
	return w.World.Arm(ctx, t)
}

// on plays a redeploy whose target's disk is full on a stage that change alters.
func on(change func(*altered)) (string, error) {
	s, err := recette.NewStage(recette.Options{Seed: seed()})
	Expect(err).NotTo(HaveOccurred())
	w := altered{World: s.World()}
	change(&w)
	ctx := context.Background()
	defer func() { Expect(w.Close(ctx)).To(Succeed()) }()
	row, columns := rowOf("a-b_to_a-b"), recette.Columns()
	column := columns[slices.IndexFunc(columns, func(c recette.Column) bool { return c.Name == "target's disk full" })]
	return recette.PlayTurn(ctx, w, row, column, recette.Turn{Move: 1, Variant: 1})
}

var _ = Describe("The driver", func() {
	stray := app.Container{Name: "stray", Project: other().Project(), Service: "web", Running: true}
	snapshot := func(volume string) sim.SnapshotState {
		return sim.SnapshotState{Snapshot: app.Snapshot{Name: volume + "@2026", Volume: volume}}
	}
	moved, _ := app.Parse("https://git.example.com/team/hello", "main")

	It("plays a turn on any world and says what struck", func() {
		proof, err := on(func(*altered) {})
		Expect(err).NotTo(HaveOccurred())
		Expect(proof).To(ContainSubstring("disk of b full at Snapshots.Send of a"))
	})
	It("is not disturbed by what other plays do on the same nodes", func() {
		_, err := on(func(w *altered) {
			w.known = []app.App{other()}
			w.see = func(_ string, o *sim.Observation) {
				o.Containers = append(o.Containers, stray)
				o.Checkouts = append(o.Checkouts, app.Checkout(other().Name(), "1"))
				o.Volumes = append(o.Volumes, sim.VolumeState{Name: other().Volume("data")})
				o.Snapshots = append(o.Snapshots, snapshot(other().Volume("data")))
				o.Schedules = append(o.Schedules, app.Schedule{Volume: other().Volume("data"), Action: "snapshot", Minutes: 1})
			}
			w.keys = []port.Pair{{Key: "ack/" + other().Name() + "/1/a", Value: []byte("{}")}, {Key: "maintenance/" + other().Name(), Value: []byte("1")}}
		})
		Expect(err).NotTo(HaveOccurred())
	})
	DescribeTable("notices", func(want string, change func(*altered)) {
		_, err := on(change)
		Expect(err).To(MatchError(ContainSubstring(want)))
	},
		Entry("a trouble that did not strike", "the fault never struck", func(w *altered) { w.deaf = true }),
		Entry("a container of nobody", "container stray belongs to nobody", func(w *altered) {
			w.see = func(_ string, o *sim.Observation) { o.Containers = append(o.Containers, stray) }
		}),
		Entry("a volume of nobody", "belongs to nobody", func(w *altered) {
			w.see = func(_ string, o *sim.Observation) {
				o.Volumes = append(o.Volumes, sim.VolumeState{Name: "lost_data"})
			}
		}),
		Entry("a schedule of nobody", "belongs to nobody", func(w *altered) {
			w.see = func(_ string, o *sim.Observation) {
				o.Schedules = append(o.Schedules, app.Schedule{Volume: "lost_data", Action: "snapshot"})
			}
		}),
		Entry("a key of nobody", "key ack/gone/1/a is left", func(w *altered) { w.keys = []port.Pair{{Key: "ack/gone/1/a"}} }),
		Entry("a key of its own", "is left", func(w *altered) {
			w.keys = []port.Pair{{Key: "maintenance/" + moved.Name(), Value: []byte("1")}}
		}),
		Entry("a session too many", "sessions of", func(w *altered) { w.sessions = []string{"x"} }),
		Entry("a half-received snapshot", "half-received snapshot", func(w *altered) {
			w.see = func(_ string, o *sim.Observation) { o.Snapshots = append(o.Snapshots, snapshot(moved.Volume("data"))) }
		}),
		Entry("a marker of nothing", "of a snapshot that is not there", func(w *altered) {
			w.see = func(_ string, o *sim.Observation) {
				s := snapshot(moved.Volume("data"))
				s.Name, s.Host, s.Complete = s.Name+"@10.0.0.9", "10.0.0.9", true
				o.Snapshots = append(o.Snapshots, s)
			}
		}),
		Entry("a schedule that is paused", "paused", func(w *altered) {
			w.see = func(_ string, o *sim.Observation) {
				o.Schedules = slices.Clone(o.Schedules)
				for i := range o.Schedules {
					o.Schedules[i].Paused = true
				}
			}
		}),
		Entry("a local volume where the app is not", "local volumes", func(w *altered) {
			w.see = func(node string, o *sim.Observation) {
				if node == "b" {
					o.Local = append(o.Local, moved.Volume("cache"))
				}
			}
		}),
		Entry("an acknowledged write that is nowhere", "record 100000, acknowledged at", func(w *altered) {
			w.acked = []sim.Ack{{Number: 100000, Volumes: []string{moved.Volume("data")}}}
		}),
	)
	It("refuses turns that there are not", func() {
		s, err := recette.NewStage(recette.Options{Seed: seed()})
		Expect(err).NotTo(HaveOccurred())
		defer s.Close()
		column := recette.Columns()[0]
		for _, t := range []recette.Turn{{Move: 2, Variant: 1}, {Move: 1, Variant: 2}} {
			_, err := recette.PlayTurn(context.Background(), s.World(), rowOf("a_to_a"), column, t)
			Expect(err).To(HaveOccurred(), t.String())
		}
	})
})
