package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"edgekit.internal/image/boottest"
)

// paperEnd is the printer's end of the cable.
const paperEnd = "/dev/g_printer0"

// printer plugs a USB printer into the machine, and hands its end to whoever connects to PaperPort, one at a time (the
// kernel's documentation, usb/gadget_configfs and usb/gadget_printer).
func printer(ctx context.Context) error {
	for _, m := range []string{"dummy_hcd", "libcomposite", "usb_f_printer"} {
		if err := insert(m, ""); err != nil {
			return err
		}
	}
	const configfs = "/sys/kernel/config"
	if err := unix.Mount("configfs", configfs, "configfs", 0, ""); err != nil && !errors.Is(err, unix.EBUSY) {
		return fmt.Errorf("mount configfs: %w", err)
	}
	g := filepath.Join(configfs, "usb_gadget/printer")
	for _, dir := range []string{"", "strings/0x409", "configs/c.1", "functions/printer.0"} {
		if err := os.Mkdir(filepath.Join(g, dir), 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	for _, w := range [][2]string{
		{"idVendor", "0x1d6b"}, {"idProduct", "0x0104"},
		{"strings/0x409/manufacturer", "lab"}, {"strings/0x409/product", "Thermal printer"}, {"strings/0x409/serialnumber", "0001"},
		{"functions/printer.0/pnp_string", "MFG:Lab;MDL:Thermal;CMD:ESC/POS;CLS:PRINTER;"},
	} {
		if err := os.WriteFile(filepath.Join(g, w[0]), []byte(w[1]), 0); err != nil {
			return err
		}
	}
	if err := os.Symlink(filepath.Join(g, "functions/printer.0"), filepath.Join(g, "configs/c.1/printer.0")); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if err := os.WriteFile(filepath.Join(g, "UDC"), []byte("dummy_udc.0"), 0); err != nil {
		return fmt.Errorf("plug in: %w", err)
	}
	if err := until(ctx, paperEnd, func() bool { _, err := os.Stat(paperEnd); return err == nil }); err != nil {
		return err
	}
	paper, err := os.OpenFile(paperEnd, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", fmt.Sprintf(":%d", boottest.PaperPort))
	if err != nil {
		return err
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			join(c, paper)
		}
	}()
	return nil
}
