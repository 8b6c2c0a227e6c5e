package thermal

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"edgekit.internal/drivers"
	"edgekit.internal/drivers/thermal/internal/reply"
)

// rig is a printer's end of a cable, virtual or the kernel's own.
type rig struct {
	*far
	spec         string
	glob         string        // for auto
	answer       time.Duration // that the printer is given to answer; 0: 20 s
	be           func(condition)
	port         bool // only its port tells how it is
	unplug, plug func()

	say   func(byte)           // on a serial line: the printer says something of itself
	place func(*Printer) place // instead of that of spec; nil: that
	says  string               // that the cable knows when the printer never goes on
}

// condition is what is the matter with a printer; the zero value is nothing.
type condition struct{ cover, button, cutter, dead, hot, noRoll, lowRoll bool }

// answer is to DLE EOT n (ESC/POS, real-time status).
func (c condition) answer(n byte) byte {
	return 0x12 | []byte{
		1: bits(0x08, c.stops()) | bits(0x40, c.button),
		2: bits(0x04, c.cover) | bits(0x08, c.button) | bits(0x20, c.noRoll) | bits(0x40, c.cutter || c.dead || c.hot),
		3: bits(0x08, c.cutter) | bits(0x20, c.dead) | bits(0x40, c.hot),
		4: bits(0x0c, c.lowRoll || c.noRoll) | bits(0x60, c.noRoll),
	}[n]
}

// automatic is what GS a asks for (ESC/POS, automatic status back, four bytes).
func (c condition) automatic() []byte {
	return []byte{
		0x10 | bits(0x08, c.stops()) | bits(0x20, c.cover) | bits(0x40, c.button),
		bits(0x08, c.cutter) | bits(0x20, c.dead) | bits(0x40, c.hot),
		bits(0x03, c.lowRoll || c.noRoll) | bits(0x0c, c.noRoll),
		0x0f,
	}
}

// port is what GET_PORT_STATUS asks for (USB printer class 1.1, 4.2.2), which knows less.
func (c condition) port() byte {
	return bits(0x20, c.noRoll) | bits(0x10, !c.button) | bits(0x08, !(c.cover || c.cutter || c.dead || c.hot))
}

func (c condition) stops() bool { c.lowRoll = false; return c != condition{} }

func bits(b byte, on bool) byte {
	if on {
		return b
	}
	return 0
}

// far is what a printer does: it takes bytes, and answers DLE EOT.
type far struct {
	mu     sync.Mutex
	cond   *sync.Cond
	got    []byte // but for the questions
	asked  []byte // the end of what may be one
	is     condition
	asks   int                  // times that it was asked how it is
	mute   bool                 // it answers nothing
	knows  map[string][]byte    // commands that it answers, beside DLE EOT
	jam    bool                 // it takes nothing after the next byte of a job
	held   bool                 // it takes nothing
	cut    int                  // bytes of a job after which it takes nothing; 0: never
	echoes bool                 // it says when a job is on paper
	stop   func(got int) []byte // says something after so many bytes of a job; nil: nothing
}

func newFar() *far {
	f := &far{}
	f.cond = sync.NewCond(&f.mu)
	return f
}

// serve is a printer until its end of the cable is cut.
func (f *far) serve(rw io.ReadWriter) {
	b := make([]byte, 8192)
	for {
		f.mu.Lock()
		for f.held {
			f.cond.Wait()
		}
		f.mu.Unlock()
		n, err := rw.Read(b)
		if err != nil {
			return
		}
		for _, c := range b[:n] {
			if answer := f.take(c); answer != nil {
				if _, err := rw.Write(answer); err != nil {
					return
				}
			}
		}
	}
}

func (f *far) take(c byte) (answer []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.cut > 0 && f.held {
		return nil // what is still in the cable is lost
	}
	f.asked = append(f.asked, c)
	if bytes.HasPrefix([]byte{0x10, 0x04}, f.asked) {
		return nil
	}
	if len(f.asked) == 3 {
		f.asked = nil
		f.asks++
		f.cond.Broadcast()
		if f.mute || c < 1 || c > 4 {
			return nil
		}
		return []byte{f.is.answer(c)}
	}
	f.got, f.asked = append(f.got, f.asked...), nil
	f.held = f.jam || f.cut > 0 && len(f.got) >= f.cut
	f.cond.Broadcast()
	if f.stop != nil {
		return f.stop(len(f.got))
	}
	for command, answer := range f.knows {
		if bytes.HasSuffix(f.got, []byte(command)) {
			return answer
		}
	}
	if at := len(f.got) - len(wantsEcho) - 4; f.echoes && at >= 0 && bytes.HasPrefix(f.got[at:], wantsEcho) {
		return append(append([]byte{0x37, 0x22}, f.got[at+len(wantsEcho):]...), 0)
	}
	return nil
}

// wantsEcho is GS ( H, function 48, but for the ID.
var wantsEcho = []byte("\x1d(H\x06\x0000")

// await waits for a job.
func (f *far) await(job []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for !bytes.Contains(f.got, job) {
		f.cond.Wait()
	}
	f.got = nil
}

// lookedAt waits until the printer has been asked so many times by its driver, all that DLE EOT can, and could have begun a job between.
func (f *far) lookedAt(times int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for want := f.asks + 4*times; f.asks < want; {
		f.cond.Wait()
	}
}

func (f *far) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
	f.cond.Broadcast()
}

func (f *far) free() { f.jam, f.held = false, false }

func (f *far) become(c condition) { f.set(func() { f.is = c }) }

// testPrinter is a printer's life on any rig.
func testPrinter(t *testing.T, r *rig) {
	first, failed := make(chan string, 1), make(logged, 16)
	p, err := New(Config{Spec: r.spec, Profile: Paper58, Log: slog.New(failed), FirstByte: func(tap string) { first <- tap }})
	if err != nil {
		t.Fatal(err)
	}
	if r.glob != "" {
		p.place = p.usb("auto", func() (string, error) { return p.plugged(r.glob) })
	}
	p.timing.scan, p.timing.look, p.timing.retry, p.timing.answer = 10*time.Millisecond, 10*time.Millisecond, 10*time.Millisecond, cmp.Or(r.answer, 20*time.Second)
	run(t, p)
	print := func(job Job) <-chan result {
		done := make(chan result, 1)
		go func() {
			fate, err := p.Print(t.Context(), job)
			done <- result{fate, err}
		}()
		return done
	}
	prints := func(name string, done <-chan result, job []byte) {
		t.Helper()
		if tap := <-first; tap != "tap-"+name {
			t.Errorf("%s: first byte of %s", name, tap)
		}
		if res := <-done; res.err != nil || res.fate == Unsent {
			t.Fatalf("%s: %+v", name, res)
		}
		r.await(job)
	}
	job := func(name string, lines int) Job {
		return Job{Name: name, Tap: "tap-" + name, Data: []byte(strings.Repeat("a line of "+name+"\n", lines) + "end of " + name + "\n")}
	}
	await(t, p, "it is ready", func(s drivers.Status) bool { return s.State == drivers.Ready })
	one := job("A-001", 1000)
	prints(one.Name, print(one), one.Data)

	r.be(condition{noRoll: true})
	s := await(t, p, "it is out of paper", func(s drivers.Status) bool { return s.State == drivers.Failed })
	if !strings.Contains(s.Reason, "out of paper") {
		t.Error(s.Reason)
	}
	two := job("A-002", 10)
	done := print(two)
	select {
	case res := <-done:
		t.Errorf("printed without paper: %+v", res)
	case tap := <-first:
		t.Errorf("%s began without paper", tap)
	default:
	}
	r.be(condition{})
	prints(two.Name, done, two.Data)

	r.set(func() { r.jam = true })
	three := job("A-003", 64<<10) // more than any queue on the way takes
	done = print(three)
	<-first
	r.unplug()
	if res := <-done; res.err == nil || res.fate == Unsent {
		t.Errorf("the plug was pulled: %+v", res)
	}
	t.Log(<-failed)
	await(t, p, "it is gone", func(s drivers.Status) bool { return s.State != drivers.Ready })
	r.set(r.free)
	r.plug()
	await(t, p, "it is back", func(s drivers.Status) bool { return s.State == drivers.Ready })
	four := job("A-004", 10)
	prints(four.Name, print(four), four.Data)
}

// testStates is all that can be the matter with a printer, and each time that it is mended: it is told in words, nothing is begun meanwhile
// where it cannot be printed, and what waited comes out by itself. What begins in the middle of a job holds that up, and it is no error.
func testStates(t *testing.T, r *rig) {
	first := make(chan string, 1)
	p, err := New(Config{Spec: r.spec, Profile: Paper58, Log: slog.New(slog.DiscardHandler), FirstByte: func(tap string) { first <- tap }})
	if err != nil {
		t.Fatal(err)
	}
	p.timing.scan, p.timing.look, p.timing.answer = 10*time.Millisecond, 10*time.Millisecond, cmp.Or(r.answer, 20*time.Second)
	run(t, p)
	says := func(want reply.Trouble) {
		t.Helper()
		await(t, p, "it says so", func(s drivers.Status) bool {
			return s.Reason == want.Words && s.State == map[bool]drivers.State{true: drivers.Failed, false: drivers.Ready}[want.Stops]
		})
	}
	for i, c := range []struct {
		is         condition
		want, port reply.Trouble
	}{
		{condition{cover: true}, reply.Open, reply.Faulty},
		{condition{button: true}, reply.Offline, reply.Offline},
		{condition{noRoll: true}, reply.NoPaper, reply.NoPaper},
		{condition{cover: true, noRoll: true}, reply.Open, reply.NoPaper},
		{condition{cutter: true}, reply.Cutter, reply.Faulty},
		{condition{dead: true}, reply.Faulty, reply.Faulty},
		{condition{hot: true}, reply.Hot, reply.Faulty},
		{condition{lowRoll: true}, reply.LowPaper, reply.Fine},
	} {
		want := c.want
		if r.port {
			want = c.port
		}
		says(reply.Fine)
		r.be(c.is)
		says(want)
		job := Job{Name: "A-001", Tap: "tap", Data: fmt.Appendf(nil, "slip %d\n", i)}
		done := make(chan result, 1)
		print := func() {
			fate, err := p.Print(t.Context(), job)
			done <- result{fate, err}
		}
		go print()
		if want.Stops {
			if !r.port {
				r.lookedAt(3)
			}
			select {
			case res := <-done:
				t.Errorf("%+v: printed: %+v", c.is, res)
			case <-first:
				t.Errorf("%+v: begun", c.is)
			default:
			}
			r.be(condition{})
		}
		<-first
		if res := <-done; res.fate != Sent || res.err != nil {
			t.Errorf("%+v: %+v", c.is, res)
		}
		r.await(job.Data)
		r.be(condition{})
		if r.port || !want.Stops {
			continue
		}
		r.set(func() {
			r.stop = func(got int) []byte {
				if got == 1 {
					r.is = c.is
				}
				return nil
			}
		})
		go print()
		<-first
		says(want)
		r.lookedAt(3)
		if len(done) > 0 {
			t.Errorf("%+v in the middle of a job: %+v", c.is, <-done)
			continue
		}
		r.set(func() { r.is, r.stop = condition{}, nil })
		if res := <-done; res.fate != Sent || res.err != nil {
			t.Errorf("%+v in the middle of a job: %+v", c.is, res)
		}
		r.await(job.Data)
	}
}

// await follows a printer's states to one.
func await(t *testing.T, p *Printer, what string, ok func(drivers.Status) bool) drivers.Status {
	t.Helper()
	for {
		s, changed := p.Watch().Get()
		if ok(s) {
			t.Logf("%s: %s %s %s", what, s.Name, s.State, s.Reason)
			return s
		}
		select {
		case <-changed:
		case <-t.Context().Done():
			t.Fatalf("%s: %+v", what, s)
		}
	}
}

// logged keeps the log's lines.
type logged chan string

func (l logged) Enabled(context.Context, slog.Level) bool { return true }
func (l logged) WithAttrs([]slog.Attr) slog.Handler       { return l }
func (l logged) WithGroup(string) slog.Handler            { return l }
func (l logged) Handle(_ context.Context, r slog.Record) error {
	line := r.Message
	r.Attrs(func(a slog.Attr) bool { line += " " + a.String(); return true })
	select {
	case l <- line:
	default: // enough
	}
	return nil
}

func TestPrinterOverTwins(t *testing.T) {
	for name, rig := range map[string]func(*testing.T) *rig{
		"serial": func(t *testing.T) *rig { return ptyRig(t, "serial:", "") },
		"usb":    func(t *testing.T) *rig { return ptyRig(t, "usb:", "") },
		"auto":   func(t *testing.T) *rig { return ptyRig(t, "", "lp*") },
		"tcp":    tcpRig,
	} {
		t.Run(name, func(t *testing.T) { testPrinter(t, rig(t)) })
		if name != "auto" {
			t.Run(name+" states", func(t *testing.T) { testStates(t, rig(t)) })
		}
	}
}

// ptyRig is a pseudo terminal, plugged in as another number each time where it is looked for by pattern.
func ptyRig(t *testing.T, kind, pattern string) *rig {
	f, dir := newFar(), t.TempDir()
	plugs, path := 0, ""
	var master, slave *os.File
	var serving sync.WaitGroup
	r := &rig{far: f, spec: kind + filepath.Join(dir, "lp0"), be: f.become}
	r.say = func(c byte) {
		if _, err := master.Write([]byte{c}); err != nil {
			t.Error(err)
		}
	}
	if pattern != "" {
		r.spec, r.glob = "auto", filepath.Join(dir, pattern)
	}
	r.plug = func() {
		var name string
		master, slave, name = pty(t)
		if path = filepath.Join(dir, "lp0"); pattern != "" {
			path = filepath.Join(dir, "lp"+strconv.Itoa(plugs))
		}
		plugs++
		if err := os.Symlink(name, path); err != nil {
			t.Fatal(err)
		}
		serving.Go(func() { f.serve(master) })
	}
	r.unplug = func() {
		for _, err := range []error{os.Remove(path), master.Close(), slave.Close()} {
			if err != nil {
				t.Error(err)
			}
		}
	}
	r.plug()
	t.Cleanup(func() {
		r.set(r.free)
		r.unplug()
		serving.Wait()
	})
	return r
}

// pty opens both ends of a raw pseudo terminal (pty(7)); the near end stays open, or the far end would hear a hang-up.
func pty(t *testing.T) (master, slave *os.File, path string) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	control(t, master, func(fd int) error {
		n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
		if err != nil {
			return err
		}
		path = "/dev/pts/" + strconv.Itoa(n)
		return unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	})
	if slave, err = os.OpenFile(path, os.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK, 0); err != nil {
		t.Fatal(err)
	}
	raw(t, slave)
	return master, slave, path
}

// raw takes the terminal out of a terminal.
func raw(t *testing.T, f *os.File) {
	t.Helper()
	settings := unix.Termios{Cflag: unix.CS8 | unix.CREAD | unix.CLOCAL | unix.B115200}
	settings.Cc[unix.VMIN] = 1
	control(t, f, func(fd int) error { return unix.IoctlSetTermios(fd, unix.TCSETS, &settings) })
}

func control(t *testing.T, f *os.File, do func(fd int) error) {
	t.Helper()
	c, err := f.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if e := c.Control(func(fd uintptr) { err = do(int(fd)) }); e != nil || err != nil {
		t.Fatal(e, err)
	}
}

// tcpRig is a printer in the network, which takes one connection after another.
func tcpRig(t *testing.T) *rig {
	f := newFar()
	r := &rig{far: f, be: f.become}
	var mu sync.Mutex
	var listener net.Listener
	var conn *net.TCPConn
	var serving sync.WaitGroup
	address := "127.0.0.1:0"
	r.plug = func() {
		l, err := net.Listen("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		listener, address = l, l.Addr().String()
		serving.Go(func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				mu.Lock()
				conn = c.(*net.TCPConn)
				mu.Unlock()
				f.serve(c)
				c.Close()
			}
		})
	}
	r.unplug = func() {
		listener.Close()
		mu.Lock()
		defer mu.Unlock()
		if conn != nil {
			conn.SetLinger(0) // a reset, as from a printer that was switched off and on
			conn.Close()
		}
	}
	r.plug()
	r.spec = "tcp:" + address
	t.Cleanup(func() {
		r.set(r.free)
		r.unplug()
		serving.Wait()
	})
	return r
}
