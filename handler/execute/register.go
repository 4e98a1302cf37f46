package execute

import (
	"context"
	"fmt"

	"github.com/mlfmonde/cluster/handler/plan"
)

func (r *run) register(ctx context.Context) error {
	rec := r.which(plan.NewRelease)
	if err := r.Checks.Register(ctx, r.name, rec.Release.Checks, rec.Release.Service); err != nil {
		return fmt.Errorf("register service: %w", err)
	}
	return nil
}

func (r *run) deregister(ctx context.Context) error {
	if err := r.Checks.Deregister(ctx, r.name, r.record.Release.Service); err != nil {
		return fmt.Errorf("deregister service: %w", err)
	}
	return nil
}
