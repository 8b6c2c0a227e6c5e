package camlink

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// child is one life of the camera process.
type child struct {
	link    net.Conn
	process *os.Process
	gone    chan struct{} // closed when it was waited for
	err     error         // how it ended, readable once gone is closed
}

// start runs the program with one end of a socket pair as its file descriptor 3. The kernel kills it when this process
// dies, however that happens (PR_SET_PDEATHSIG, prctl(2)), and it has a process group of its own, so that an operator's
// Ctrl-C reaches the daemon alone, which then stops it in order.
func start(cfg Config) (*child, error) {
	ours, theirs, err := pair()
	if err != nil {
		return nil, err
	}
	defer theirs.Close()
	lines := &lineLog{log: cfg.Log}
	cmd := exec.Command(cfg.Path, cfg.Args...)
	cmd.Env = cfg.Env
	cmd.Stderr = lines
	cmd.ExtraFiles = []*os.File{theirs}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.WaitDelay = time.Second // for a grandchild that keeps stderr open
	c := &child{link: ours, gone: make(chan struct{})}
	started := make(chan error)
	go func() {
		// The death signal is sent when the thread that started the child ends (golang/go issue 27505): this goroutine
		// keeps its thread for as long as the child lives.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(c.gone)
		err := cmd.Start()
		started <- err
		if err == nil {
			c.err = cmd.Wait()
			lines.flush()
		}
	}()
	if err := <-started; err != nil {
		ours.Close()
		<-c.gone
		return nil, fmt.Errorf("camlink: start the camera program: %w", err)
	}
	c.process = cmd.Process
	return c, nil
}

// pair makes the two ends of a link. Both are closed in other children that may be started meanwhile.
func pair() (net.Conn, *os.File, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("camlink: make a socket pair: %w", err)
	}
	ours, theirs := os.NewFile(uintptr(fds[0]), "link"), os.NewFile(uintptr(fds[1]), "link")
	defer ours.Close() // FileConn has its own
	conn, err := net.FileConn(ours)
	if err != nil {
		theirs.Close()
		return nil, nil, fmt.Errorf("camlink: use a socket pair: %w", err)
	}
	return conn, theirs, nil
}

// kill ends it at once, also when it is stopped or hangs.
func (c *child) kill() {
	if err := c.process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		slog.Error("camera program could not be killed", "error", err) // cannot be, for a child of ours
	}
}

// end closes the link, which asks the child to go, kills it when it has not gone in time, and waits until it has.
func (c *child) end(in time.Duration) {
	c.link.Close()
	t := time.NewTimer(in)
	defer t.Stop()
	select {
	case <-c.gone:
		return
	case <-t.C:
		c.kill()
	}
	<-c.gone
}

// Bounds of what the child may put in the kit's log through its stderr.
const (
	maxLine      = 512 // bytes; longer lines are cut
	maxLines     = 20  // in linePeriod
	linePeriod   = 10 * time.Second
	maxLineNoise = 64 << 10 // bytes of one write that are looked at
)

// lineLog is a child's stderr: each line a log record, within bounds. Used by one goroutine at a time.
type lineLog struct {
	log     *slog.Logger
	rest    []byte
	began   time.Time
	lines   int
	muffled int
}

func (l *lineLog) Write(b []byte) (int, error) {
	n := len(b)
	for line := range strings.Lines(string(b[:min(n, maxLineNoise)])) {
		end := strings.HasSuffix(line, "\n")
		l.rest = append(l.rest, strings.TrimSuffix(line, "\n")...)
		l.rest = l.rest[:min(len(l.rest), maxLine)]
		if end {
			l.flush()
		}
	}
	return n, nil
}

func (l *lineLog) flush() {
	line := strings.ToValidUTF8(strings.TrimSpace(string(l.rest)), "?")
	l.rest = l.rest[:0]
	if line == "" {
		return
	}
	if now := time.Now(); now.Sub(l.began) > linePeriod {
		if l.muffled > 0 {
			l.log.Warn("camera program wrote more lines than are logged", "left_out", l.muffled)
		}
		l.began, l.lines, l.muffled = now, 0, 0
	}
	if l.lines++; l.lines > maxLines {
		l.muffled++
		return
	}
	level := slog.LevelInfo
	if strings.HasPrefix(line, "[OpenH264]") && !strings.Contains(line, "Error:") {
		level = slog.LevelDebug // at every start the encoder says which of its settings it reads otherwise
	}
	l.log.LogAttrs(context.Background(), level, "camera program", slog.String("line", line))
}

func isReset(err error) bool {
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}
