package kernel

import (
	"bytes"
	"debug/elf"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
)

// AdapterFirmware gives the files below /lib/firmware that the drivers of Wi-Fi adapters ask for, of the kernel that Lay wrote
// into dir. The Pi's own chip is not among them: see package wifi.
func AdapterFirmware(dir string) (names []string, err error) {
	err = filepath.WalkDir(filepath.Join(dir, "lib/modules"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.Contains(path, "/net/wireless/") || strings.Contains(path, "/broadcom/") || filepath.Ext(path) != ".ko" {
			return err
		}
		e, err := elf.Open(path)
		if err != nil {
			return fmt.Errorf("kernel: %s: %w", filepath.Base(path), err)
		}
		defer e.Close()
		info := e.Section(".modinfo")
		if info == nil {
			return nil
		}
		text, err := info.Data()
		if err != nil {
			return fmt.Errorf("kernel: %s: %w", filepath.Base(path), err)
		}
		for field := range bytes.SplitSeq(text, []byte{0}) {
			if name, ok := bytes.CutPrefix(field, []byte("firmware=")); ok && filepath.IsLocal(string(name)) {
				names = append(names, string(name))
			}
		}
		return nil
	})
	return names, err
}
