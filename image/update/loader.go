package update

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Slot is one of a card's two places for a system.
type Slot byte

// The slots.
const (
	SlotA Slot = 'a'
	SlotB Slot = 'b'
)

// Other is the other one.
func (s Slot) Other() Slot { return SlotA + SlotB - s }

func (s Slot) String() string { return string(s) }

// Partition is the number of the slot's root partition, 2 or 3.
func (s Slot) Partition() int { return int(s-SlotA) + 2 }

// loader is what starts the kernel. It is told by files of the boot partition, which is mounted at dir.
type loader interface {
	// usual is the slot that starts unless another is to be tried.
	usual(dir string) (Slot, error)
	// try makes the next start one of this slot, once. It returns what the restart must be called with.
	try(dir string, s Slot) (restart string, err error)
	// forget takes back what try did.
	forget(dir string) error
	// keep makes the slot the usual one, in one step: a power cut leaves the old one or the new one.
	keep(dir string, s Slot) error
}

// Initrd is the initramfs's name in a slot's folder, for kernels that need one.
const Initrd = "initrd"

// hasInitrd tells whether a slot's kernel needs an initramfs: it lies beside it.
func hasInitrd(dir string, s Slot) (bool, error) {
	_, err := os.Stat(filepath.Join(dir, s.String(), Initrd))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("update: %w", err)
	}
	return true, nil
}
