//go:build lab || boot

// Package pintest moves the pins of a virtual machine, as a finger and its eyes would: QEMU's PL061, by its test socket, to which the
// lab's machine has a port (image/lab/README.md).
package pintest

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"
)

// Chip is the kernel's device for these pins; it has Lines lines. Line 3 is the machine's power key.
const (
	Chip  = "/dev/gpiochip0"
	Lines = 8
)

const (
	port   = "/dev/virtio-ports/lab.pins"
	device = "/machine/unattached/device[7]"
	// patience is how long the emulator may take to answer, on a busy machine.
	patience = 20 * time.Second
)

// Change is an output's.
type Change struct {
	Line int
	High bool
}

// Pins are the machine's pins. Used by one goroutine.
type Pins struct {
	t       testing.TB
	port    io.ReadWriter
	answers chan string
	Changes chan Change // of outputs, since Open; 256 at most wait, more end the test
}

// Open takes the lab's pins for this test.
func Open(t testing.TB) *Pins {
	t.Helper()
	f, err := os.OpenFile(port, os.O_RDWR, 0)
	if err != nil {
		t.Fatalf("the lab's pins: %v: expected a machine with the device gpio (image/lab/run.sh)", err)
	}
	return take(t, f)
}

// Dial takes the pins of the machine whose test socket (QEMU's -qtest unix:PATH,server=on) is at a path, which is there already.
func Dial(t testing.TB, path string) *Pins {
	t.Helper()
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatalf("the machine's pins: %v", err)
	}
	return take(t, c)
}

func take(t testing.TB, f io.ReadWriteCloser) *Pins {
	t.Helper()
	p := &Pins{t, f, make(chan string, 4096), make(chan Change, 256)}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for s := bufio.NewScanner(f); s.Scan(); {
			var c Change
			var how string
			if n, _ := fmt.Sscanf(s.Text(), "IRQ %s %d", &how, &c.Line); n < 2 {
				p.answers <- s.Text()
				continue
			}
			c.High = how == "raise"
			select {
			case p.Changes <- c:
			default:
				t.Errorf("more than %d changes of outputs that nobody looked at", cap(p.Changes))
			}
		}
	}()
	t.Cleanup(func() {
		f.Close()
		<-ended
	})
	p.ask("irq_intercept_out " + device)
	return p
}

// ask gives the emulator commands all at once, and waits until it has done them.
func (p *Pins) ask(commands ...string) {
	p.t.Helper()
	if _, err := io.WriteString(p.port, strings.Join(commands, "\n")+"\n"); err != nil {
		p.t.Fatal(err)
	}
	late := time.NewTimer(patience)
	defer late.Stop()
	for range commands {
		select {
		case a := <-p.answers:
			if a != "OK" {
				p.t.Fatalf("%v: %s", commands, a)
			}
		case <-late.C:
			p.t.Fatalf("%v: no answer", commands)
		}
	}
}

// Set brings an input to levels, one after the other and as fast as the emulator does it; true is high.
func (p *Pins) Set(line int, high ...bool) {
	p.t.Helper()
	commands := make([]string, len(high))
	for i, h := range high {
		level := 0
		if h {
			level = 1
		}
		commands[i] = fmt.Sprintf("set_irq_in %s unnamed-gpio-in %d %d", device, line, level)
	}
	p.ask(commands...)
}

// Next is the next change of an output.
func (p *Pins) Next() Change {
	p.t.Helper()
	select {
	case c := <-p.Changes:
		return c
	case <-time.After(patience):
		p.t.Fatal("no output changed")
	}
	return Change{}
}
