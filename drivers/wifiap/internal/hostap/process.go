package hostap

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Program is one of hostap's programs, with the files that it has in the run folder of whoever looks after it: in memory (/run), mode
// 0700. Who starts it writes its configuration (0600: a password is in it) and lets it write its log; who takes it over reads both.
// A power cut leaves nothing of them.
type Program struct {
	Path string   // of the executable
	Dir  string   // the run folder
	Name string   // of its files: NAME.conf, NAME.log
	Args []string // before the configuration's path
}

func (p Program) conf() string { return filepath.Join(p.Dir, p.Name+".conf") }
func (p Program) log() string  { return filepath.Join(p.Dir, p.Name+".log") }

// maxLog bounds a program's own log, of which only the end is ever read, while somebody looks after the program. mostLog is how far the
// kernel lets it grow meanwhile, whatever is sent over the air: what does not fit is lost.
const (
	maxLog  = 256 << 10
	mostLog = 1 << 20
)

// Process is a program that runs, started here or found.
type Process struct {
	PID  int
	Done <-chan struct{} // closed when it has ended
	log  string
	read int64 // of the log, see Said
	fd   int   // a pidfd: the number may be another process's once this one has ended
}

// Start writes the configuration into the run folder and starts the program with it, in a session of its own: it lives on when
// this process does not.
func (p Program) Start(conf []byte) (*Process, error) {
	if err := os.WriteFile(p.conf(), nil, 0o600); err != nil {
		return nil, fmt.Errorf("%s: %w", p.Name, err)
	}
	if err := os.WriteFile(p.conf(), conf, 0o600); err != nil {
		return nil, fmt.Errorf("%s: %w", p.Name, err)
	}
	log, err := os.OpenFile(p.log(), os.O_CREATE|os.O_TRUNC|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p.Name, err)
	}
	defer log.Close()
	c := exec.Command(p.Path, append(slices.Clone(p.Args), p.conf())...)
	c.Stdout, c.Stderr = log, log // a file: a pipe would end the program when this process ends
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	signal.Ignore(unix.SIGXFSZ) // in the program too (execve(2)): a log that is full is an error to it, and no end
	if err := c.Start(); err != nil {
		return nil, fmt.Errorf("%s: %w", p.Name, err)
	}
	if err := unix.Prlimit(c.Process.Pid, unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: mostLog, Max: mostLog}, nil); err != nil {
		c.Process.Kill()
		c.Wait()
		return nil, fmt.Errorf("%s: bound its log: %w", p.Name, err)
	}
	done := make(chan struct{})
	go func() {
		c.Wait() // how it ended is in its log
		close(done)
	}()
	return &Process{PID: c.Process.Pid, Done: done, log: p.log(), fd: -1}, nil
}

// Take is the program with this configuration: the one that runs already, so that who is connected stays, or a new one, before which
// starting is called.
func (p Program) Take(conf []byte, starting func()) (is *Process, adopted bool, err error) {
	is, same, err := p.Find(conf)
	if err != nil || is != nil && same {
		return is, err == nil, err
	}
	if is != nil {
		is.Stop()
	}
	starting()
	is, err = p.Start(conf)
	return is, false, err
}

// End ends the program, if it runs.
func (p Program) End() error {
	is, _, err := p.Find(nil)
	if err == nil && is != nil {
		is.Stop()
	}
	return err
}

// Find is the program that an earlier process started in the run folder, if it runs; same tells whether with this configuration.
// nil: there is none.
func (p Program) Find(conf []byte) (found *Process, same bool, err error) {
	processes, err := os.ReadDir("/proc")
	if err != nil {
		return nil, false, fmt.Errorf("%s: %w", p.Name, err)
	}
	is, err := os.Stat(p.Path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, false, nil // what is not there does not run
	}
	if err != nil {
		return nil, false, fmt.Errorf("%s: %w", p.Name, err)
	}
	for _, d := range processes {
		pid, err := strconv.Atoi(d.Name())
		if err != nil || !runs(pid, is, p.conf()) {
			continue
		}
		fd, err := unix.PidfdOpen(pid, 0)
		if errors.Is(err, unix.ESRCH) {
			continue
		}
		if err != nil {
			return nil, false, fmt.Errorf("%s: process %d: %w", p.Name, pid, err)
		}
		if !runs(pid, is, p.conf()) { // it has ended meanwhile, and the number is another's
			unix.Close(fd)
			continue
		}
		has, err := os.ReadFile(p.conf())
		done := make(chan struct{})
		go func() {
			wait(fd)
			close(done)
		}()
		found = &Process{PID: pid, Done: done, log: p.log(), fd: fd}
		if st, err := os.Stat(p.log()); err == nil { // what it said to another is past
			found.read = st.Size()
		}
		return found, err == nil && bytes.Equal(has, conf), nil
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

// While is a context that ends with the process.
func (p *Process) While(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, end := context.WithCancel(ctx)
	go func() {
		select {
		case <-p.Done:
			end()
		case <-ctx.Done():
		}
	}()
	return ctx, end
}

// Kill ends the program at once, and returns when it has ended. The kernel then takes its network down.
func (p *Process) Kill() {
	if err := p.signal(unix.SIGKILL); err == nil || errors.Is(err, unix.ESRCH) || errors.Is(err, os.ErrProcessDone) {
		<-p.Done
	}
	p.release()
}

// Stop has the program say goodbye to those on the air and end; one that does not within Patience is killed.
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

// Trim empties the program's log when it has grown large.
func (p *Process) Trim() {
	if st, err := os.Stat(p.log); err == nil && st.Size() > maxLog {
		os.Truncate(p.log, 0) // it appends; one that cannot be emptied stays in memory, and is tried again
	}
}

// Said is what the program wrote into its log since it was last asked, in whole lines; of a program that was taken over, since then. At
// most the last 256 KB of it.
func (p *Process) Said() string {
	f, err := os.Open(p.log)
	if err != nil {
		return ""
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return ""
	}
	if st.Size() < p.read { // it was emptied
		p.read = 0
	}
	from := max(p.read, st.Size()-maxLog)
	b := make([]byte, st.Size()-from)
	n, _ := f.ReadAt(b, from) // what is not there any more was emptied
	n = bytes.LastIndexByte(b[:n], '\n') + 1
	p.read = from + int64(n)
	return string(b[:n])
}

// Complaint is the line of the program's log that tells best why it ended, without any secret given; "": none does.
func (p *Process) Complaint(secret string) string {
	b, err := os.ReadFile(p.log)
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
		if secret != "" && strings.Contains(line, secret) || strings.Contains(line, ": STA ") { // a phone's address, and a phone ends no program
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
