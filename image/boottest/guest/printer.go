package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"time"

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
	var paper *os.File
	if err := until(ctx, paperEnd, func() bool { // it opens when the kit's side has set it up
		f, err := os.OpenFile(paperEnd, os.O_RDWR, 0)
		paper = f
		return err == nil
	}); err != nil {
		return err
	}
	l, err := net.Listen("tcp", fmt.Sprintf(":%d", boottest.PaperPort))
	if err != nil {
		return err
	}
	out := make(chan []byte)
	go read(paper, out)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			serve(c, paper, out)
		}
	}()
	return nil
}

// read hands on what the kit sends, for as long as the program runs. A read fails whenever the kit opens its end anew, which
// resets the device.
func read(paper io.Reader, out chan<- []byte) {
	for b := make([]byte, 8192); ; {
		n, err := paper.Read(b)
		if n > 0 {
			out <- bytes.Clone(b[:n]) // until somebody is there, the printer is busy
		} else if err != nil {
			<-time.After(20 * time.Millisecond)
		}
	}
}

// serve connects one client with the printer's end, until it goes.
func serve(c net.Conn, paper io.Writer, out <-chan []byte) {
	defer c.Close()
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		for b := make([]byte, 64); ; {
			n, err := c.Read(b)
			if err != nil {
				return
			}
			if _, err := paper.Write(b[:n]); err != nil { // the device was reset: the kit asks again
				fmt.Println("guest: printer's answer:", err)
			}
		}
	}()
	for {
		select {
		case b := <-out:
			if _, err := c.Write(b); err != nil {
				return
			}
		case <-gone:
			return
		}
	}
}
