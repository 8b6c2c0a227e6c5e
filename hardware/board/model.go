package board

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Model is what a board is. The zero value is one that is no Raspberry Pi.
type Model struct {
	Name       string // of the device tree, such as "Raspberry Pi 4 Model B Rev 1.4"; "": it has none
	Compatible string // the first of the device tree's, such as "raspberrypi,4-model-b"
	MemoryMB   int    // what the kernel has of it, MB of 2^20 bytes

	// Limit is the temperature in °C from which the firmware slows the processor down; 0: not known. "Frequency management and
	// thermal control" in Raspberry Pi's documentation: from 80 °C on all models, and further at 85 °C; the 3B+ has a soft
	// limit at 60 °C (temp_soft_limit in config.txt), where it goes from 1.4 to 1.2 GHz.
	Limit float64

	Supply string // the power supply it wants, for people; "": not known
}

type known struct {
	limit  float64
	supply string
}

const (
	microUSB = "5.1 V, 2.5 A supply with a micro USB plug"
	usbC     = "5.1 V, 3 A supply with a USB-C plug"
	usbC5A   = "5.1 V, 5 A supply with a USB-C plug"
)

// boards are those that the image starts on. Their compatible strings are those of the device trees that come with the
// Pi's kernel, their supplies those that Raspberry Pi recommends ("Power supply" in its documentation).
var boards = map[string]known{
	"raspberrypi,3-model-b":      {80, microUSB},
	"raspberrypi,3-model-b-plus": {60, microUSB},
	"raspberrypi,model-zero-2-w": {80, microUSB},
	"raspberrypi,4-model-b":      {80, usbC},
	"raspberrypi,400":            {80, usbC},
	"raspberrypi,5-model-b":      {80, usbC5A},
	"raspberrypi,500":            {80, usbC5A},
}

// maxText bounds what is read of any file here.
const maxText = 4096

// readModel finds out what board this is; root is "/" but in tests.
func readModel(root string) (m Model) {
	tree := filepath.Join(root, "proc/device-tree")
	m.Name = deviceTreeText(readFile(filepath.Join(tree, "model")))
	m.Compatible = deviceTreeText(readFile(filepath.Join(tree, "compatible")))
	k := boards[m.Compatible]
	m.Limit, m.Supply = k.limit, k.supply
	total, _ := meminfo(readFile(filepath.Join(root, "proc/meminfo")))
	m.MemoryMB = total
	return m
}

// readFile is a small file's bytes; nil when it cannot be read, which here always means "not on this board".
func readFile(path string) []byte {
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	b := make([]byte, maxText)
	n, err := f.Read(b)
	if err != nil {
		return nil
	}
	return b[:n]
}

// deviceTreeText is a string property's first string: they end in zeros (Devicetree Specification 2.2.4).
func deviceTreeText(b []byte) string {
	s, _, _ := bytes.Cut(b, []byte{0})
	return strings.ToValidUTF8(strings.TrimSpace(string(s)), "?")
}

// meminfo reads /proc/meminfo (proc_meminfo(5)); 0 for what it does not say.
func meminfo(b []byte) (totalMB, availableMB int) {
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		if len(f) != 3 || f[2] != "kB" {
			continue
		}
		kb, err := strconv.ParseUint(f[1], 10, 40)
		if err != nil {
			continue
		}
		switch f[0] {
		case "MemTotal:":
			totalMB = int(kb / 1024)
		case "MemAvailable:":
			availableMB = int(kb / 1024)
		}
	}
	return totalMB, availableMB
}

// String is the model for people.
func (m Model) String() string {
	if m.Name == "" {
		return ""
	}
	return fmt.Sprintf("%s, %d MB", m.Name, m.MemoryMB)
}
