package port

import "errors"

// The outcomes that somebody branches on. Implementations wrap them.
var (
	// ErrNotFound: what was named does not exist.
	ErrNotFound = errors.New("not found")
	// ErrRefused: a transaction's check did not hold. Nothing was applied.
	ErrRefused = errors.New("refused")
	// ErrUnknown: no answer, or one that does not tell whether the effect
	// happened. Read again before going on or undoing.
	ErrUnknown = errors.New("outcome unknown")
	// ErrDenied: the remote side answered and said no (credentials, host key,
	// policy). Trying again changes nothing.
	ErrDenied = errors.New("denied")
	// ErrNoLease: the daemon refused a start because the lease file is missing.
	ErrNoLease = errors.New("no lease")
	// ErrNoSpace: the disk is full.
	ErrNoSpace = errors.New("no space left")
	// ErrBlocked: a restore or removal did not answer; until the driver has
	// answered or restarted, nothing of that volume may be touched.
	ErrBlocked = errors.New("an earlier restore or removal has not answered")
)
