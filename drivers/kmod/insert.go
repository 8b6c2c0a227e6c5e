package kmod

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// insert hands a module's file to the kernel (finit_module(2)). One that is there already is no error. Compressed ones are
// unpacked by the kernel, if it can: neither the Pi's nor Debian 12's are compressed.
func insert(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	flags := 0
	if !strings.HasSuffix(path, ".ko") {
		flags = unix.MODULE_INIT_COMPRESSED_FILE
	}
	err = unix.FinitModule(int(f.Fd()), "", flags)
	if err == nil || errors.Is(err, unix.EEXIST) {
		return nil
	}
	if why := reasons[err]; why != "" {
		return fmt.Errorf("%s (%w)", why, err)
	}
	return err
}

// reasons say what the kernel means (finit_module(2), init_module(2)).
var reasons = map[error]string{
	unix.ENOEXEC:      "it is damaged, or of another kernel: the card holds two systems mixed, flash it again",
	unix.ENOENT:       "it needs something that this kernel has not: the card holds two systems mixed, flash it again",
	unix.EKEYREJECTED: "its signature is refused",
	unix.EPERM:        "this program may not load modules",
	unix.EOPNOTSUPP:   "this kernel does not read compressed modules",
	unix.ENODEV:       "it finds no device that it could drive",
	unix.ENOMEM:       "there is not enough memory",
}
