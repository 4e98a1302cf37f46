package figures

import (
	"context"
	"fmt"
	"slices"
)

// Run measures what the options ask for and writes the book after every run, so
// that one that is ended early has not been for nothing.
func Run(ctx context.Context, o Options) error {
	for _, name := range o.Only {
		if !slices.Contains(Parts(), name) {
			return fmt.Errorf("there is no part %q, only %v", name, Parts())
		}
	}
	b, err := ReadBook(o.Data)
	if err != nil {
		return err
	}
	a := about(ctx)
	for _, name := range Parts() {
		if len(o.Only) > 0 && !slices.Contains(o.Only, name) {
			continue
		}
		fmt.Fprintf(o.Log, "== %s\n", name)
		part := newPart(o, a)
		keep := func(s Sample) error {
			part.Samples = append(part.Samples, s)
			b.Parts[name] = part
			return b.write(o)
		}
		switch name {
		case Outages:
			err = measureOutages(ctx, o, keep)
		case Sizes:
			err = measureSizes(ctx, o, keep)
		case Edge:
			err = measureEdge(ctx, o, func(x Served) error {
				part.Edge = append(part.Edge, x)
				b.Parts[name] = part
				return b.write(o)
			})
		case Rest:
			if part.Idle, err = measureRest(ctx, o); err == nil {
				b.Parts[name] = part
				err = b.write(o)
			}
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}
