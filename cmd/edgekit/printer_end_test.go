//go:build lab || boot

package main

import (
	"bytes"
	"errors"
	"image"
	"image/png"
	"io"
	"net"
	"net/http"
	"os"
	"testing"
	"time"

	"edgekit.internal/cmd/internal/kittest"
)

// cut is how a slip ends (ESC/POS GS V).
var cut = []byte{0x1d, 'V'}

// read hands on what reaches the printer's end, slip by slip.
func read(paper io.ReadWriter, slips chan<- []byte) {
	var all []byte
	b := make([]byte, 8192)
	for {
		// A printer gadget makes room for what comes only when it is read (f_printer.c, setup_rx_reqs): one that waits across a plug that
		// is put in again may wait for ever.
		if d, ok := paper.(interface{ SetReadDeadline(time.Time) error }); ok {
			d.SetReadDeadline(time.Now().Add(200 * time.Millisecond)) // what has no deadline needs none
		}
		n, err := paper.Read(b)
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			continue
		case errors.Is(err, os.ErrClosed), errors.Is(err, net.ErrClosed):
			return
		case err != nil: // the plug is out
			<-time.After(50 * time.Millisecond)
			continue
		}
		all = append(all, statusAnswered(paper, b[:n])...)
		for at := bytes.Index(all, cut); at >= 0 && len(all) >= at+4; at = bytes.Index(all, cut) {
			end := at + 3 // GS V m
			if all[at+2] >= 65 {
				end++ // GS V m n
			}
			slips <- bytes.Clone(all[:end])
			all = all[end:]
		}
	}
}

// consoleSlip is a ticket's slip as the console shows it.
func consoleSlip(t *testing.T, op *kittest.Operator, ticket string) image.Image {
	t.Helper()
	status, b, err := op.Get("/api/operator/tickets/" + ticket + "/slip.png")
	if err != nil || status != http.StatusOK {
		t.Fatalf("slip: %d %s %v", status, b, err)
	}
	picture, err := png.Decode(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	return picture
}

func same(a, b image.Image) bool {
	if a.Bounds() != b.Bounds() {
		return false
	}
	for y := a.Bounds().Min.Y; y < a.Bounds().Max.Y; y++ {
		for x := a.Bounds().Min.X; x < a.Bounds().Max.X; x++ {
			ar, _, _, _ := a.At(x, y).RGBA()
			br, _, _, _ := b.At(x, y).RGBA()
			if ar != br {
				return false
			}
		}
	}
	return true
}
