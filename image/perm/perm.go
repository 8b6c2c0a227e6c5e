// Package perm looks after a kit's data partition before anything else runs: it checks and repairs the file system, makes
// one where there is none, and grows both to the card's size. gokrazy's init mounts the partition and does none of this.
//
// The program first, which the kernel starts, calls it. Nothing here may keep a kit from starting: what fails is said, and
// the kit starts as it would have.
package perm

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"edgekit.internal/hardware/whole"
)

// Number is the partition that gokrazy's init mounts on /perm.
const Number = 4

// State is how the file system was found, or what was done about it.
type State string

const (
	Clean   State = "clean"
	Mended  State = "mended"  // damage was repaired, or a journal replayed
	Made    State = "made"    // there was nothing, and there is an empty file system now
	Foreign State = "foreign" // something else is there, and was left alone
	Broken  State = "broken"  // beyond repair, and left as it is
)

// Report is what was done at a start. The last one that changed something is in ReportFile.
type Report struct {
	Boot       string        `json:"boot"` // the kernel's boot id, by which a reader knows whether it was this start
	State      State         `json:"state"`
	Partition  int64         `json:"partition"`   // bytes
	FileSystem int64         `json:"file_system"` // bytes
	Grown      bool          `json:"grown"`       // the partition, the file system or both
	Said       string        `json:"said,omitempty"`
	Problem    string        `json:"problem,omitempty"` // what could not be done
	Took       time.Duration `json:"took"`              // ns
}

// ReportFile is below the data partition. first writes it, in one piece or not at all; whoever wants to tell the operator
// reads it.
const ReportFile = "edgekit/first.json"

// maxSaid bounds what a report cites of e2fsck, in bytes.
const maxSaid = 2048

// Sentence is the report in a line, for the log.
func (r Report) Sentence() string {
	s := map[State]string{
		Clean:   "the data partition is in order",
		Mended:  "the data partition was damaged, as after a power cut, and is repaired",
		Made:    "the data partition was empty: it has a file system now, and nothing in it",
		Foreign: "the data partition holds something that is not the kit's: it was left alone, and nothing will be kept. Flash the card again",
		Broken:  "the data partition is damaged beyond repair: nothing may be kept. Save what you can from the card, then flash it again, or use another",
	}[r.State]
	if s == "" {
		s = "the data partition was not looked at"
	}
	if r.Grown {
		s += fmt.Sprintf("; grown to %d MB", r.FileSystem>>20)
	}
	if r.Problem != "" {
		s += "; " + r.Problem
	}
	return fmt.Sprintf("%s (%d ms)", s, r.Took.Milliseconds())
}

// worthKeeping says whether a report is written to the card: not at each start.
func (r Report) worthKeeping() bool { return r.State != Clean || r.Grown || r.Problem != "" }

// keep writes the report below dir, the mounted data partition.
func (r Report) keep(dir string) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	path := filepath.Join(dir, ReportFile)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return whole.Replace(path, append(text, '\n'))
}
