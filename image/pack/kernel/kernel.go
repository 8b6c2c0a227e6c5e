// Package kernel makes of Debian's arm64 kernel package what gokrazy's packer takes for a kernel: the kernel, device trees,
// a selection of its modules with their tables, an initramfs, and texts for the boot loaders.
//
// The Pi's own kernel has no mac80211, so it drives no Wi-Fi adapter on USB. Debian's does, and also has the virtual devices
// that the tests on the image need. Its drivers for disks and file systems are modules, hence the initramfs: image/initrd.
package kernel

import (
	"bytes"
	"compress/gzip"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Package is the Go package that an instance with this kernel names as its KernelPackage; Lay writes it.
const Package = "kernel.debian"

// Initrd is the initramfs's name, in the folder that Lay writes and on the boot partition.
const Initrd = "initrd"

//go:embed modules
var modules string

//go:embed early
var early string

// cmdline is as in gokrazy's kernel package, which replaces the root with its own.
const cmdline = "root=/dev/mmcblk0p2 init=/gokrazy/init rootwait panic=10 oops=panic\n"

// config is for the Pi's firmware (Raspberry Pi documentation, "config.txt"): with upstream_kernel it should look for the device
// trees under the names that Linux has for them, bcm2837-… for the Pi 3 and Zero 2 W, and os_prefix should be put before the
// initramfs too. No Pi has tried it.
const config = `arm_64bit=1
enable_uart=0
upstream_kernel=1
kernel=vmlinuz
initramfs ` + Initrd + ` followkernel
`

// Sources are what a kernel is made of.
type Sources struct {
	Tree  string    // Debian's kernel package, unpacked by Unpack
	Init  string    // the initramfs's program, for arm64
	Extra string    // more modules, a text as the file modules; may be empty
	Time  time.Time // of the files in the initramfs
}

// Unpack unpacks Debian's package deb into dir, which is not there before, and makes the tables of all its modules, with the
// host's dpkg-deb and depmod.
func Unpack(ctx context.Context, deb, dir string) error {
	part := dir + ".part"
	if err := os.RemoveAll(part); err != nil {
		return fmt.Errorf("kernel: %w", err)
	}
	if err := run(ctx, "dpkg-deb", "-x", deb, part); err != nil {
		return err
	}
	release, err := releaseOf(part)
	if err != nil {
		return err
	}
	if err := run(ctx, "depmod", "-b", part, release); err != nil {
		return err
	}
	if err := os.Rename(part, dir); err != nil {
		return fmt.Errorf("kernel: %w", err)
	}
	return nil
}

// Lay writes the Go package with the kernel into dir, which is emptied first.
func Lay(ctx context.Context, s Sources, dir string) error {
	release, err := releaseOf(s.Tree)
	if err != nil {
		return err
	}
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("kernel: %w", err)
	}
	if err := copyFile(filepath.Join(dir, "vmlinuz"), filepath.Join(s.Tree, "boot/vmlinuz-"+release)); err != nil {
		return err
	}
	for _, name := range boards {
		if err := copyFile(filepath.Join(dir, name), filepath.Join(s.Tree, "usr/lib/linux-image-"+release, "broadcom", name)); err != nil {
			return err
		}
	}
	t, err := readTable(filepath.Join(s.Tree, "lib/modules", release))
	if err != nil {
		return err
	}
	if err := layModules(ctx, t, s.Extra, dir, release); err != nil {
		return err
	}
	initrd, err := t.initramfs(s)
	if err != nil {
		return err
	}
	var errs []error
	for name, text := range map[string][]byte{
		Initrd: initrd, "cmdline.txt": []byte(cmdline), "config.txt": []byte(config),
		"go.mod": []byte("module " + Package + "\n\ngo 1.22\n"), "kernel.go": []byte("// Package kernel has no code: gokrazy's packer finds the files beside it by its name.\npackage kernel\n"),
	} {
		errs = append(errs, os.WriteFile(filepath.Join(dir, name), text, 0o644))
	}
	return errors.Join(errs...)
}

// layModules copies the modules of the image with their tables.
func layModules(ctx context.Context, t *table, extra, dir, release string) error {
	wanted, err := t.closure(modules + extra)
	if err != nil {
		return err
	}
	to := filepath.Join(dir, "lib/modules", release)
	for _, path := range append(wanted, "modules.builtin", "modules.builtin.modinfo", "modules.order") {
		if err := copyFile(filepath.Join(to, path), filepath.Join(t.dir, path)); err != nil {
			return err
		}
	}
	if err := run(ctx, "depmod", "-b", dir, release); err != nil {
		return err
	}
	for _, path := range []string{"modules.order", "modules.devname", "modules.symbols"} { // nothing on a kit reads these, or the binary ones
		if err := os.Remove(filepath.Join(to, path)); err != nil {
			return fmt.Errorf("kernel: %w", err)
		}
	}
	binary, err := filepath.Glob(filepath.Join(to, "*.bin"))
	for _, path := range binary {
		err = errors.Join(err, os.Remove(path))
	}
	return err
}

// initramfs is the archive that the kernel starts from: the program, the modules, and the order to load them in.
func (t *table) initramfs(s Sources) ([]byte, error) {
	order, err := t.order(early)
	if err != nil {
		return nil, err
	}
	program, err := os.ReadFile(s.Init)
	if err != nil {
		return nil, fmt.Errorf("kernel: %w", err)
	}
	files := []file{{name: "dev", mode: dirMode}, {name: "modules", mode: dirMode}, {name: "proc", mode: dirMode}, {name: "root", mode: dirMode}, {name: "sys", mode: dirMode},
		{name: "init", mode: programMode, text: program}}
	var list strings.Builder
	for _, path := range order {
		text, err := os.ReadFile(filepath.Join(t.dir, path))
		if err != nil {
			return nil, fmt.Errorf("kernel: %w", err)
		}
		name := filepath.Base(path)
		files = append(files, file{name: "modules/" + name, mode: fileMode, text: text})
		fmt.Fprintln(&list, name)
	}
	files = append(files, file{name: "modules/order", mode: fileMode, text: []byte(list.String())})
	var out bytes.Buffer
	z, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(writeArchive(z, files, s.Time), z.Close()); err != nil {
		return nil, fmt.Errorf("kernel: initramfs: %w", err)
	}
	return out.Bytes(), nil
}

// releaseOf is the kernel's release, such as 6.1.0-56-arm64, of which a package has one.
func releaseOf(tree string) (string, error) {
	all, err := filepath.Glob(filepath.Join(tree, "lib/modules/*"))
	if err != nil || len(all) != 1 {
		return "", fmt.Errorf("kernel: Debian's package has %d kernels in lib/modules: expected one (%v)", len(all), err)
	}
	return filepath.Base(all[0]), nil
}

// run starts a program of the host.
func run(ctx context.Context, args ...string) error {
	path := args[0]
	if found, err := exec.LookPath(path); err == nil {
		path = found
	} else if found, err := exec.LookPath("/usr/sbin/" + path); err == nil { // a Debian user's PATH lacks it
		path = found
	}
	c := exec.CommandContext(ctx, path, args[1:]...)
	c.Env = append(os.Environ(), "LC_ALL=C")
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("kernel: %s: %w: %s", args[0], err, bytes.TrimSpace(out))
	}
	return nil
}

func copyFile(to, from string) error {
	text, err := os.ReadFile(from)
	if err != nil {
		return fmt.Errorf("kernel: %w", err)
	}
	if err := errors.Join(os.MkdirAll(filepath.Dir(to), 0o755), os.WriteFile(to, text, 0o644)); err != nil {
		return fmt.Errorf("kernel: %w", err)
	}
	return nil
}

// boards are the device trees of Debian's package that the image has.
var boards = []string{"bcm2837-rpi-3-b.dtb", "bcm2837-rpi-3-b-plus.dtb", "bcm2837-rpi-zero-2-w.dtb", "bcm2711-rpi-4-b.dtb", "bcm2711-rpi-400.dtb"}
