// Package boottest boots an SD image in QEMU's arm64 virt machine, and cuts its power.
package boottest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"
)

// Limit is how long a boot may take on a machine that may be very busy.
const Limit = 3 * time.Minute

// Machine is a virtual kit with a card of its own. Its addresses stay the same from one boot to the next. Not safe for
// concurrent use, except for its addresses.
type Machine struct {
	Viewer  string // http://localhost:PORT, the kit's port 80
	Console string // https://localhost:PORT, the kit's port 8443
	Disk    string // the card

	// Of the instance edgekit-lab only, see LabPort.
	Lab   string // http://localhost:PORT
	Paper string // localhost:PORT
	Air   string // http://localhost:PORT

	Memory  int      // MB; 0: 1024
	Date    string   // what its clock says at power-on, such as 1970-01-02T00:00:00, UTC; "": the truth
	Plugged []string // more of QEMU's arguments, for devices
	Sealed  bool     // the card takes no writes any more, as worn-out ones do
	Lost    int      // writes that power cuts took from the card's cache so far

	uefi    string
	serial  string // what the kit said on its serial port since it was last powered on
	forward string
	socket  string // where QEMU finds the card
	card    *cache // since it was last powered on
	cmd     *exec.Cmd
	exited  chan struct{}
	said    bytes.Buffer // QEMU's own complaints; to be read when it has ended
	on      time.Time
}

// New gives a machine a fresh copy of an image in dir. uefi is the firmware to start it with, which image/pack puts
// beside the images it makes. The machine is off.
func New(image, uefi, dir string) (*Machine, error) {
	for _, f := range []string{image, uefi} {
		if _, err := os.Stat(f); err != nil {
			return nil, fmt.Errorf("boottest: %w: `make image-vm` makes it", err)
		}
	}
	if _, err := exec.LookPath("qemu-system-aarch64"); err != nil {
		return nil, fmt.Errorf("boottest: %w: expected Debian's package qemu-system-arm", err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	m := &Machine{Disk: filepath.Join(dir, "card.img"), uefi: uefi, serial: filepath.Join(dir, "serial.log"), socket: filepath.Join(dir, "card")}
	if err := copyCard(m.Disk, image); err != nil {
		return nil, fmt.Errorf("boottest: %w", err)
	}
	if err := m.Drop("edgekit.toml", "printer = \"virtual\"\n"); err != nil { // the machine has none
		return nil, err
	}
	ports, err := freePorts(5)
	if err != nil {
		return nil, fmt.Errorf("boottest: %w", err)
	}
	m.Viewer = fmt.Sprintf("http://localhost:%d", ports[0])
	m.Console = fmt.Sprintf("https://localhost:%d", ports[1])
	m.Lab = fmt.Sprintf("http://localhost:%d", ports[2])
	m.Paper = fmt.Sprintf("localhost:%d", ports[3])
	m.Air = fmt.Sprintf("http://localhost:%d", ports[4])
	var forward []string
	for i, port := range []int{80, 8443, LabPort, PaperPort, AirPort} {
		forward = append(forward, fmt.Sprintf("hostfwd=tcp:127.0.0.1:%d-:%d", ports[i], port))
	}
	m.forward = strings.Join(forward, ",")
	return m, nil
}

// copyCard copies an image, and leaves holes where it has nothing.
func copyCard(to, from string) error {
	out, err := exec.Command("cp", "--sparse=always", from, to).CombinedOutput()
	if err != nil {
		return fmt.Errorf("copy the image: %w: %s", err, bytes.TrimSpace(out))
	}
	return nil
}

// PowerOn starts the machine. Its card has a write cache, which PowerCut empties at random.
func (m *Machine) PowerOn() error {
	memory := m.Memory
	if memory == 0 {
		memory = 1024
	}
	if err := m.cutCard(); err != nil { // it may have switched itself off
		return err
	}
	var err error
	if m.card, err = openCache(m.Disk, m.socket, m.Sealed); err != nil {
		return err
	}
	drive := "driver=raw,if=none,id=card,cache=writeback,file.driver=nbd,file.server.type=unix,file.server.path=" + m.socket
	if m.Sealed {
		drive += ",readonly=on"
	}
	m.said.Reset()
	m.exited = make(chan struct{})
	m.cmd = exec.Command("qemu-system-aarch64",
		// acpi=off: a device tree, as on the Pi. No virtio-rng: in one of about a hundred starts the firmware waits for ever for what it has
		// had from it (mended in January 2026 by edk2's pull request 11987). The kernel has a seed from QEMU without.
		"-M", "virt,highmem=off,acpi=off", "-cpu", "cortex-a72", "-smp", "2", "-m", fmt.Sprint(memory), "-bios", m.uefi,
		"-nodefaults", "-display", "none", "-serial", "file:"+m.serial,
		"-drive", drive, "-device", "virtio-blk-device,drive=card",
		"-netdev", "user,id=net,"+m.forward, "-device", "virtio-net-device,netdev=net")
	if m.Date != "" {
		m.cmd.Args = append(m.cmd.Args, "-rtc", "base="+m.Date)
	}
	m.cmd.Args = append(m.cmd.Args, m.Plugged...)
	m.cmd.Stdout, m.cmd.Stderr = &m.said, &m.said
	m.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true} // Ctrl-C is for who holds the machine
	m.on = time.Now()
	if err := m.cmd.Start(); err != nil {
		return fmt.Errorf("boottest: %w", err)
	}
	go func(c *exec.Cmd, exited chan struct{}) {
		c.Wait() // how it ended does not matter, what it said is in m.said
		close(exited)
	}(m.cmd, m.exited)
	return nil
}

// Serving waits until the viewer's page answers, and says how long after power-on that was.
func (m *Machine) Serving(ctx context.Context) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, Limit)
	defer cancel()
	client := http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := page(ctx, &client, m.Viewer)
		if err == nil {
			return time.Since(m.on), nil
		}
		if ctx.Err() != nil {
			return 0, fmt.Errorf("boottest: no page after %v (%v); the kit's last words:\n%s", time.Since(m.on).Round(time.Second), err, m.LastWords())
		}
		select {
		case <-tick.C:
		case <-m.exited:
			return 0, fmt.Errorf("boottest: QEMU ended: %s", bytes.TrimSpace(m.said.Bytes()))
		}
	}
}

func page(ctx context.Context, client *http.Client, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/", nil)
	if err != nil {
		return err
	}
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err == nil && (res.StatusCode != http.StatusOK || !bytes.Contains(text, []byte("<html"))) {
		err = fmt.Errorf("no page, but %s", res.Status)
	}
	return err
}

// PowerCut ends the machine as a pulled plug does: nothing in it gets to run, what it had not written is lost, and of what it had
// written and not flushed, some is.
func (m *Machine) PowerCut() {
	if m.cmd == nil || m.cmd.Process == nil {
		return
	}
	m.cmd.Process.Kill() // it may have ended by itself
	<-m.exited
	if err := m.cutCard(); err != nil {
		panic(err) // the host's disk is full or broken: nothing that a test says of this card holds
	}
}

// cutCard takes the power from the card, if it has any.
func (m *Machine) cutCard() error {
	card := m.card
	if m.card = nil; card == nil {
		return nil
	}
	lost, err := card.cut()
	m.Lost += lost
	return err
}

// Off is closed when the machine has ended.
func (m *Machine) Off() <-chan struct{} { return m.exited }

// LastWords are the last lines on the kit's serial port.
func (m *Machine) LastWords() string {
	text, err := os.ReadFile(m.serial)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-15):], "\n")
}

// Code waits for the latest pairing code that the kit showed on its serial port.
func (m *Machine) Code(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, Limit)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		text, err := os.ReadFile(m.serial)
		if err != nil {
			return "", fmt.Errorf("boottest: %w", err)
		}
		if all := pairingCode.FindAllSubmatch(text, -1); len(all) > 0 {
			return string(all[len(all)-1][1]), nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return "", fmt.Errorf("boottest: the kit shows no pairing code; its last words:\n%s", m.LastWords())
		}
	}
}

var pairingCode = regexp.MustCompile(`pairing code (\d{3}-\d{3})`)

// freePorts finds TCP ports that nothing listens on.
func freePorts(n int) (ports []int, err error) {
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close()
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}
