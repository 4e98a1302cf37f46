package client

import (
	"errors"

	"github.com/mlfmonde/cluster/handler/ledger"
)

// lost is an error that no repetition changes.
type lost struct{ error }

func (l *lost) Unwrap() error { return l.error }

func isLost(err error) bool {
	var l *lost
	return errors.As(err, &l)
}

// foreign makes a value that is not ours an error that nobody repeats.
func foreign(err error) error {
	var f *ledger.Foreign
	if errors.As(err, &f) {
		return &lost{err}
	}
	return err
}
