package update

import (
	"fmt"
	"os"
	"path/filepath"
)

// InFolder makes a card of files in a folder, as a Pi's that runs from slot a: boot has the boot partition's files, root2 and
// root3 are the slots' root partitions. Updates are tested and measured on it where there is no card.
func InFolder(dir string) (*Card, error) {
	boot := filepath.Join(dir, "boot")
	if err := os.MkdirAll(filepath.Join(boot, "a", "overlays"), 0o755); err != nil {
		return nil, fmt.Errorf("update: %w", err)
	}
	for name, text := range map[string]string{"boot/" + piConfig: "# hello\nos_prefix=a/\nkernel=vmlinuz\n", "boot/a/vmlinuz": "kernel 1",
		"boot/a/cmdline.txt": "root=PARTUUID=1234/PARTNROFF=1", "root2": "root 1", "root3": "\x00\x00\x00\x00"} {
		if err := writeFile(filepath.Join(dir, name), []byte(text)); err != nil {
			return nil, err
		}
	}
	return &Card{Running: SlotA, loader: piLoader{}, boot: func(_ bool, work func(string) error) error { return work(boot) },
		root: func(s Slot) (string, error) { return filepath.Join(dir, fmt.Sprint("root", s.Partition())), nil }}, nil
}
