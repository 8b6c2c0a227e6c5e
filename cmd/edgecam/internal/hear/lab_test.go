//go:build lab

package hear

import (
	"os/exec"
	"testing"

	"edgekit.internal/capture/alsa/usbmic"
)

// TestLabAMicrophoneComesAndGoes: the same as with a twin, over snd-usb-audio.
func TestLabAMicrophoneComesAndGoes(t *testing.T) {
	_ = exec.Command("modprobe", "-r", "snd-aloop").Run() // a card that others' tests may have left
	if out, err := exec.Command("modprobe", "-a", "vhci_hcd", "snd-usb-audio").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	open, better, err := Opener("auto")
	if err != nil {
		t.Fatal(err)
	}
	var mic *usbmic.Microphone
	put := func() {
		if mic, err = usbmic.Plug(usbmic.Config{Rate: 16000, Channels: 1}); err != nil {
			t.Fatal(err)
		}
	}
	pull := func() {
		if err := mic.Unplug(); err != nil {
			t.Error(err)
		}
	}
	defer func() { mic.Unplug() }() // when the test ends early
	comesAndGoes(t, Config{Open: open, Better: better}, usbmic.Name, put, pull)
}
