// Boot boots an SD image in QEMU, says where its pages are, and keeps it running until it is stopped.
//
//	go run ./image/boottest/boot -image .cache/image/instances/edgekit-vm/disk.img
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"edgekit.internal/image/boottest"
)

func main() {
	image := flag.String("image", "", "the disk, uncompressed")
	uefi := flag.String("uefi", ".cache/image/QEMU_EFI.fd", "UEFI firmware for it")
	dir := flag.String("dir", ".cache/boot", "where the machine's copy of the disk and its serial log go")
	check := flag.Bool("check", false, "end once the viewer's page answers")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *image, *uefi, *dir, *check); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, image, uefi, dir string, check bool) error {
	m, err := boottest.New(image, uefi, dir)
	if err != nil {
		return err
	}
	if err := m.PowerOn(); err != nil {
		return err
	}
	defer m.PowerCut()
	took, err := m.Serving(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("viewer %s\nconsole %s/console\n%.1f s from power-on to the viewer's page\n", m.Viewer, m.Console, took.Seconds())
	if check {
		return nil
	}
	fmt.Printf("the kit's serial port: %s/serial.log; stop with Ctrl-C\n", dir)
	select {
	case <-ctx.Done():
		return nil
	case <-m.Off():
		return fmt.Errorf("the machine went off; its last words:\n%s", m.LastWords())
	}
}
