package explore

import (
	"errors"
	"fmt"
	"hash/fnv"
	"time"

	"github.com/mlfmonde/cluster/recette"
)

// played is what became of a plan.
type played struct {
	plan
	err       error
	vacuous   error  // a fault that had to strike did not
	struck    []bool // of each fault that was armed, in order
	hash      uint64
	simulated time.Duration
	again     bool // it was played twice
}

// errDiffers says that a plan had two traces.
var errDiffers = errors.New("the traces of two plays")

// play plays a plan, and one plan in twenty twice: which, its text decides.
func play(p plan, set recette.Setting) played {
	done := once(p, set)
	h := fnv.New64a()
	h.Write(p.text)
	if h.Sum64()%20 != 0 {
		return done
	}
	again := once(p, set)
	done.again = true
	done.simulated += again.simulated
	if done.hash != again.hash {
		done.err = fmt.Errorf("%w: %w have hashes %016x and %016x", recette.ErrNondeterminism, errDiffers, done.hash, again.hash)
	}
	return done
}

func once(p plan, set recette.Setting) (done played) {
	done.plan = p
	sc, err := recette.ParseScenario(p.name, p.text)
	if err != nil {
		done.err = err
		return done
	}
	s, err := sc.Play(set)
	if s != nil {
		done.struck, done.hash, done.simulated = s.Struck(), s.Tally().Hash, s.Now()
		_ = s.Close() // of a simulated cluster: it has no error
	}
	if recette.KindOf(err) == recette.Unstruck {
		done.vacuous = err
		return done
	}
	done.err = err
	return done
}

// strikes counts the faults that struck.
func (p played) strikes() (n int) {
	for _, has := range p.struck {
		if has {
			n++
		}
	}
	return n
}
