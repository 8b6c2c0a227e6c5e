package disk

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// What is stopped as a disk fills, in this order: recordings, which are large and can be had again; logs; and last sales,
// which go on until the disk takes nothing more. What logs leave is a market day's sales many times over: a sale is a few
// hundred bytes.
const (
	RecordingsNeed = 200 << 20 // free bytes
	LogsNeed       = 64 << 20
)

// Use is what room is wanted for.
type Use int

// The uses, the first to be stopped in front.
const (
	Recordings Use = iota
	Logs
	Sales
)

// Free is how much of a folder's disk an ordinary program may still fill, in bytes (statfs(2), f_bavail), and its size.
func Free(dir string) (free, size int64, err error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, 0, fmt.Errorf("disk: room in %s: %w", dir, err)
	}
	return int64(st.Bavail) * st.Bsize, int64(st.Blocks) * st.Bsize, nil
}

// Room tells whether there is room for a use on a folder's disk. Sales always have some: only the disk itself can refuse
// them. A disk that does not say how full it is counts as full.
func Room(dir string, u Use) bool {
	if u == Sales {
		return true
	}
	free, _, err := Free(dir)
	return err == nil && Enough(free, u)
}

// Enough tells whether so many free bytes are enough for a use.
func Enough(free int64, u Use) bool {
	switch u {
	case Recordings:
		return free >= RecordingsNeed
	case Logs:
		return free >= LogsNeed
	}
	return true
}
