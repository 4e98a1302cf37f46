package edge

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/ledger"
)

// Edit changes the fields of a record as a person does in Consul's interface,
// past every check of a deploy, and returns the index of the change.
func (w *World) Edit(ctx context.Context, name string, fields map[string]any) (uint64, error) {
	record := map[string]any{}
	if _, err := w.Read(ctx, ledger.RecordKey(name), &record); err != nil {
		return 0, err
	}
	for field, value := range fields {
		record[field] = value
	}
	return w.write(ctx, name, record)
}

func (w *World) write(ctx context.Context, name string, record map[string]any) (uint64, error) {
	text, err := json.MarshalIndent(record, "", "  ")
	if err != nil {
		return 0, fmt.Errorf("write record of %s: %w", name, err)
	}
	if err := w.Put(ctx, ledger.RecordKey(name), text); err != nil {
		return 0, err
	}
	var now map[string]any
	return w.Read(ctx, ledger.RecordKey(name), &now)
}

// Neighbour is an application that nobody has deployed: a record written by
// hand, which the container of another one answers for.
type Neighbour struct {
	Name string // of its key
	Host string
}

// Neighbours writes so many records whose sites, over http, lead to the
// container of s on the node that s is on.
func (s *Site) Neighbours(ctx context.Context, count int) (all []Neighbour, err error) {
	var rec app.Record
	if _, err := s.world.Read(ctx, ledger.RecordKey(s.Name()), &rec); err != nil {
		return nil, err
	}
	for i := range count {
		repo := fmt.Sprintf("neighbour%02d", i)
		a, err := app.Parse(s.world.Git().HTTP(repo), "main")
		if err != nil {
			return nil, fmt.Errorf("make neighbours: %w", err)
		}
		n := Neighbour{Name: a.Name(), Host: repo + ".example.com"}
		_, err = s.world.write(ctx, n.Name, map[string]any{
			"repo_url": a.Repo, "branch": a.Branch, "master": rec.Master, "slave": nil, "ip": rec.IP, "haproxy": map[string]any{},
			"domains": []string{n.Host}, "urls": "http://" + n.Host, "ct": rec.Ct, "volumes": []string{},
			"caddyfile": n.caddyfile(rec.Ct["web"]),
		})
		if err != nil {
			return nil, err
		}
		all = append(all, n)
	}
	return all, nil
}

func (n Neighbour) caddyfile(container string) string {
	return fmt.Sprintf("http://%s {\n    reverse_proxy http://%s:8080\n}", n.Host, container)
}

// Forget takes the records away.
func (w *World) Forget(ctx context.Context, all []Neighbour) error {
	for _, n := range all {
		if err := w.Delete(ctx, ledger.RecordKey(n.Name)); err != nil {
			return err
		}
	}
	return nil
}

// Visit is one request to the neighbour over http that enters where users do.
func (w *World) Visit(ctx context.Context, n Neighbour) Visit {
	ctx, cancel := context.WithTimeout(ctx, visitMax)
	defer cancel()
	return visit(ctx, w.Entry().Door(w.Entry()), "http://"+n.Host+"/", "")
}
