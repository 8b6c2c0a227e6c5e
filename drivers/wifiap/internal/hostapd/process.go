package hostapd

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A run folder, in memory (/run), mode 0700, has hostapd.conf (0600: the password) and hostapd.log, written by whoever
// starts hostapd and read by whoever takes it over; denied, the addresses that are not let in; and ctrl, hostapd's
// sockets. A power cut leaves nothing of it.
const (
	confName = "hostapd.conf"
	logName  = "hostapd.log"
	// DenyName is the file of addresses that are not let in.
	DenyName = "denied"
	// ControlName is the folder of hostapd's sockets.
	ControlName = "ctrl"
)

// maxLog bounds hostapd's own log, of which only the end is ever read.
const maxLog = 256 << 10

// Process is a hostapd that runs, started here or found.
type Process struct {
	PID  int
	Done <-chan struct{} // closed when it has ended
	dir  string
	fd   int // a pidfd: the number may be another process's once this one has ended
}

// Start writes the configuration into the run folder and starts hostapd with it, in a session of its own: it lives on when
// this process does not.
func Start(program, dir string, conf []byte) (*Process, error) {
	if err := os.WriteFile(filepath.Join(dir, confName), nil, 0o600); err != nil {
		return nil, fmt.Errorf("hostapd: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, confName), conf, 0o600); err != nil {
		return nil, fmt.Errorf("hostapd: %w", err)
	}
	denied, err := os.OpenFile(filepath.Join(dir, DenyName), os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("hostapd: %w", err)
	}
	denied.Close()
	log, err := os.OpenFile(filepath.Join(dir, logName), os.O_CREATE|os.O_TRUNC|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("hostapd: %w", err)
	}
	defer log.Close()
	c := exec.Command(program, filepath.Join(dir, confName))
	c.Stdout, c.Stderr = log, log // a file: a pipe would end hostapd when this process ends
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := c.Start(); err != nil {
		return nil, fmt.Errorf("hostapd: %w", err)
	}
	done := make(chan struct{})
	go func() {
		c.Wait() // how it ended is in its log
		close(done)
	}()
	return &Process{PID: c.Process.Pid, Done: done, dir: dir, fd: -1}, nil
}

// Find is the hostapd that an earlier process started in the run folder, if it runs; same tells whether with this
// configuration. nil: there is none.
func Find(program, dir string, conf []byte) (p *Process, same bool, err error) {
	processes, err := os.ReadDir("/proc")
	if err != nil {
		return nil, false, fmt.Errorf("hostapd: %w", err)
	}
	is, err := os.Stat(program)
	if err != nil {
		return nil, false, fmt.Errorf("hostapd: %w", err)
	}
	for _, d := range processes {
		pid, err := strconv.Atoi(d.Name())
		if err != nil || !runs(pid, is, filepath.Join(dir, confName)) {
			continue
		}
		fd, err := unix.PidfdOpen(pid, 0)
		if errors.Is(err, unix.ESRCH) {
			continue
		}
		if err != nil {
			return nil, false, fmt.Errorf("hostapd: process %d: %w", pid, err)
		}
		if !runs(pid, is, filepath.Join(dir, confName)) { // it has ended meanwhile, and the number is another's
			unix.Close(fd)
			continue
		}
		has, err := os.ReadFile(filepath.Join(dir, confName))
		done := make(chan struct{})
		go func() {
			wait(fd)
			close(done)
		}()
		return &Process{PID: pid, Done: done, dir: dir, fd: fd}, err == nil && bytes.Equal(has, conf), nil
	}
	return nil, false, nil
}

// runs tells whether a process is this program with this configuration file.
func runs(pid int, program os.FileInfo, conf string) bool {
	exe, err := os.Stat(fmt.Sprintf("/proc/%d/exe", pid)) // none when it has ended, also while nobody reaped it
	if err != nil || !os.SameFile(exe, program) {
		return false
	}
	command, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	return err == nil && slices.Contains(strings.Split(string(command), "\x00"), conf)
}

// wait returns when the process has ended (pidfd_open(2)).
func wait(fd int) {
	for {
		if n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, -1); n > 0 || err != nil && !errors.Is(err, unix.EINTR) {
			return
		}
	}
}

// Kill ends hostapd at once, and returns when it has ended. The kernel then takes the access point down.
func (p *Process) Kill() {
	if err := p.signal(unix.SIGKILL); err == nil || errors.Is(err, unix.ESRCH) || errors.Is(err, os.ErrProcessDone) {
		<-p.Done
	}
	p.release()
}

// Stop has hostapd tell the stations goodbye and end; one that does not within Patience is killed.
func (p *Process) Stop() {
	if p.signal(unix.SIGTERM) == nil {
		late := time.NewTimer(Patience)
		defer late.Stop()
		select {
		case <-p.Done:
		case <-late.C:
		}
	}
	p.Kill()
}

func (p *Process) signal(s unix.Signal) error {
	if p.fd >= 0 {
		return unix.PidfdSendSignal(p.fd, s, nil, 0)
	}
	select {
	case <-p.Done: // reaped: the number may be another's
		return os.ErrProcessDone
	default:
		return unix.Kill(p.PID, s)
	}
}

func (p *Process) release() {
	if p.fd >= 0 {
		unix.Close(p.fd)
		p.fd = -1
	}
}

// Trim empties hostapd's log when it has grown large.
func (p *Process) Trim() {
	path := filepath.Join(p.dir, logName)
	if st, err := os.Stat(path); err == nil && st.Size() > maxLog {
		os.Truncate(path, 0) // hostapd appends; one that cannot be emptied stays in memory, and is tried again
	}
}

// Complaint is the line of hostapd's log that tells best why it ended, without any secret given; "": none does.
func (p *Process) Complaint(secret string) string {
	b, err := os.ReadFile(filepath.Join(p.dir, logName))
	if err != nil {
		return ""
	}
	return complaint(string(b[max(0, len(b)-maxLog):]), secret)
}

// complaint takes the first line that speaks of an error: the others follow from it.
func complaint(log, secret string) string {
	for line := range strings.Lines(log) {
		line = strings.TrimSpace(line)
		small := strings.ToLower(line)
		if secret != "" && strings.Contains(line, secret) || strings.Contains(line, ": STA ") { // a phone's address, and a phone ends no hostapd
			continue
		}
		for _, word := range []string{"line ", "invalid", "not allowed", "could not", "failed", "not found", "no such", "unable", "not support", "error"} {
			if strings.Contains(small, word) {
				return printable(line)
			}
		}
	}
	return ""
}

func printable(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, s)
	return s[:min(len(s), 200)]
}
