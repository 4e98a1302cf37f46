package prompt_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/mlfmonde/cluster/recette"
	"github.com/mlfmonde/cluster/recette/nodes/prompt"
	"github.com/mlfmonde/cluster/sim"
)

func TestRefused_ActsHaveAReason(t *testing.T) {
	for _, c := range []struct {
		act  recette.Act
		want string // "": it is done
	}{
		{recette.Act{Deed: recette.Skew, Node: "n1", For: time.Hour}, "skew n1 1h0m0s: not to be had here: real nodes have the one clock"},
		{recette.Act{Deed: recette.Drift, Node: "n1", N: 3}, "drift n1 3: not to be had here: real nodes have the one clock"},
		{recette.Act{Deed: recette.Zone, Node: "n1", For: time.Hour}, "zone n1 1h0m0s: not to be had here: real nodes have the one clock"},
		{recette.Act{Deed: recette.Tick, Node: "n1"}, "tick n1: not to be had here: the driver's scheduler has the machine's clock"},
		{recette.Act{Deed: recette.Echo}, "redeliver at once: not to be had here: Consul's gossip is its own"},
		{recette.Act{Deed: recette.Gossip}, "gossip: not to be had here: Consul's gossip is its own"},
		{recette.Act{Deed: recette.LayStack, Node: "n1"}, "simulated nodes only"},
		{recette.Act{Deed: recette.LayCheckout, Node: "n1"}, "simulated nodes only"},
		{recette.Act{Deed: recette.Cut, Node: "n1", Other: "n2", Channels: []sim.Channel{sim.SSH}}, "cut n1 n2 ssh: not to be had here: real nodes are cut"},
		{recette.Act{Deed: recette.Join, Node: "n1", Other: "n2", Channels: []sim.Channel{sim.Git}}, "leave the channel out"},
		{recette.Act{Deed: recette.Cut, Node: "n1", Other: sim.Outside, Channels: []sim.Channel{sim.HTTP}}, "cut n1 outside http: not to be had here: outside real nodes"},
		{recette.Act{Deed: recette.Cut, Node: "n1", Other: sim.Outside, Channels: []sim.Channel{sim.Git}}, ""},
		{recette.Act{Deed: recette.Cut, Node: "n1", Other: recette.Everyone}, ""},
		{recette.Act{Deed: recette.Cut, Node: "n1", Other: "n2"}, ""},
		{recette.Act{Deed: recette.PowerOff, Node: "n1"}, ""},
		{recette.Act{Deed: recette.Put, Key: "a"}, ""},
	} {
		same(t, c.act.String(), prompt.Refused(c.act), c.want)
	}
}

func TestRefusedFault_FaultsHaveAReason(t *testing.T) {
	for _, c := range []struct {
		fault sim.Fault
		want  string
	}{
		{sim.Fault{Node: "n1", Call: "Stack.Up", Phase: sim.Lost, Percent: 5}, "leave percent out"},
		{sim.Fault{Node: "n1", Call: "KV.*", Phase: sim.ErrorBefore}, "that call sends nothing that could be held"},
		{sim.Fault{Node: "n1", Call: "Guard.Mark", Phase: sim.ErrorBefore}, "that call sends nothing that could be held; those that do are Volumes.List"},
		{sim.Fault{Node: "n1", Call: "Stream.http", Phase: sim.ErrorBefore}, "its streams are Stream.ssh"},
		{sim.Fault{Node: "n1", Call: "Stack.Up", Phase: sim.Half}, "only a transfer stops half-way"},
		{sim.Fault{Node: "n1", Call: "Snapshots.Send", Phase: sim.Half}, ""},
		{sim.Fault{Node: "n1", Call: "Stream.ssh", Phase: sim.Half}, ""},
		{sim.Fault{Node: "n1", Call: "KV.Apply:commit", Phase: sim.Lost}, ""},
		{sim.Fault{Node: "n1", Call: "Stack.Up", Phase: sim.PowerAfter}, ""},
	} {
		same(t, c.fault.String(), prompt.RefusedFault(c.fault), c.want)
	}
}

func TestCheckNodes(t *testing.T) {
	same(t, "usual", prompt.CheckNodes(prompt.Usual()), "")
	same(t, "many", prompt.CheckNodes([]string{"a", "b", "c", "d", "e"}), "a machine carries 4")
	same(t, "twice", prompt.CheckNodes([]string{"a", "a"}), `node "a": not to be had here: another machine has that name`)
	if err := prompt.CheckNodes([]string{"A B"}); err == nil {
		t.Error("a name that is none is taken")
	}
}

// same fails unless err is the refusal that is wanted, "" for none, in one line.
func same(t *testing.T, what string, err error, want string) {
	t.Helper()
	switch {
	case want == "" && err == nil:
	case want == "" || err == nil:
		t.Errorf("%s: %v", what, err)
	case !errors.Is(err, recette.ErrCannot) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n"):
		t.Errorf("%s: %v, want %q", what, err, want)
	}
}
