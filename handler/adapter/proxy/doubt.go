package proxy

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"time"

	"github.com/mlfmonde/cluster/handler/edge"
)

// again is how long an app that HAProxy would not start with waits for the next
// try, which holds up others for as long as HAProxy may take to start.
const again = time.Minute

// doubt is an app that passed every check, and with which HAProxy would not
// start: as a rule, another program has the port of its bind.
type doubt struct {
	fields edge.Fields
	why    string
	tried  time.Time
}

// keeps reports that err is of a HAProxy that goes on with what it had.
func keeps(err error) bool {
	var kept interface{ Kept() bool }
	return errors.As(err, &kept) && kept.Kept()
}

// doubts finds the apps that HAProxy has never run as they are now and that open
// a port, and keeps them as they were before from now on.
func (o *Own) doubts(r routes, err error) (found bool) {
	for i := range r.proxy.Parts {
		part := &r.proxy.Parts[i]
		good := o.memory.apps[part.App].HAProxy
		if !strings.Contains(part.Sections, "\n    bind ") || good != nil && reflect.DeepEqual(*good, part.Fields) {
			continue
		}
		o.doubted[part.App] = doubt{fields: part.Fields, why: err.Error() + "; maybe another program has the port of its bind", tried: time.Now()}
		found = true
	}
	return found
}

// doubtful are the apps of state that are still as they were when HAProxy would
// not start with them.
func (o *Own) doubtful(state edge.State, left left) map[string]bool {
	bad := map[string]bool{}
	for name, d := range o.doubted {
		if !reflect.DeepEqual(d.fields, fieldsOf(state, name)) {
			continue
		}
		left.add(name, edge.PartHAProxy, d.why)
		bad[name] = true
	}
	return bad
}

// retry lets the app go that was tried the longest time ago, and reports that
// there is one.
func (o *Own) retry() bool {
	oldest := ""
	for name, d := range o.doubted {
		if time.Since(d.tried) >= o.config.Again && (oldest == "" || d.tried.Before(o.doubted[oldest].tried) || d.tried.Equal(o.doubted[oldest].tried) && name < oldest) {
			oldest = name
		}
	}
	delete(o.doubted, oldest)
	return oldest != ""
}

// start makes HAProxy run r. Where it does not start with it, the apps that may
// be to blame are left as they were, and the others are run without them.
func (o *Own) start(ctx context.Context, state edge.State, r routes) (routes, error) {
	err := o.config.HAProxy.Run(ctx, r.proxy.Text(r.without))
	if !keeps(err) || !o.doubts(r, err) {
		return r, err
	}
	if r = o.routes(ctx, state); r.err != nil {
		return r, r.err
	}
	return r, o.config.HAProxy.Run(ctx, r.proxy.Text(r.without))
}
