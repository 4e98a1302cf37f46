package recette

import "github.com/mlfmonde/cluster/handler/app"

// anchors are the calls of a move at which what concerns a whole node happens
// to it: one for each thing of weight that the node does.
func anchors(m Move) []Call {
	switch {
	case m.Empty():
		return nil
	case m.Kind == app.Destroy:
		return of(m.Old.Master, "Stack.Stop", "Snapshots.Take", "KV.Apply:commit", "Volumes.Remove")
	case m.Kind == app.Migrate:
		return lending(m)
	}
	return deploying(m)
}

func deploying(m Move) []Call {
	n := m.New.Master
	var all []Call
	if m.Moves() {
		all = of(m.Old.Master, "Snapshots.Send", "Stack.Stop", "Snapshots.Send", "Volumes.Remove")
		all[2].Nth = 2
	}
	all = append(all, of(n, "Images.Build")...)
	switch {
	case m.Moves():
		all = append(all, of(n, "Volumes.Restore")...)
	case !m.Old.IsZero():
		all = append(all, of(n, "Stack.Stop", "Snapshots.Take")...)
	}
	all = append(all, of(n, "Stack.Up", "KV.Apply:commit")...)
	if m.New.Slave != "" && m.New.Slave != m.Old.Master { // the old master has its replica already
		all = append(all, of(n, "Snapshots.Send")...)
		all = append(all, of(m.New.Slave, "Source.Checkout")...)
	}
	return all
}

func lending(m Move) (all []Call) {
	if m.Moves() {
		all = of(m.Source.Master, "Snapshots.Take", "Snapshots.Send")
	}
	return append(all, of(m.Old.Master, "Stack.Stop", "Snapshots.Take", "Volumes.Restore", "Stack.Up", "KV.Apply:commit")...)
}

// of are the first calls of those names that a node makes.
func of(node string, names ...string) (all []Call) {
	for _, name := range names {
		all = append(all, Call{Node: node, Name: name, Nth: 1})
	}
	return all
}
