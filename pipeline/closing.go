package pipeline

import "time"

// Closing is the end of a till's day: what was sold and done at the counter up to it and after the one before is one till roll. ID is a ULID made where it was
// asked for: a repeat is the same one.
type Closing struct {
	N      int64 // from 1; 0: none yet
	ID     string
	Ticket int64         // the last ticket that is in it
	Act    int64         // the place of the last act at the counter that is in it
	At     time.Duration // kit time
	Wall   time.Time     // as the kit believed
}
