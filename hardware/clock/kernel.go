package clock

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// read asks the kernel (adjtimex(2)). Both clocks are read at nearly the same moment.
func read() (Reading, error) {
	var t unix.Timex // no mode: nothing is changed
	state, err := unix.Adjtimex(&t)
	if err != nil {
		return Reading{}, err
	}
	return Reading{Wall: time.Now().Round(0), Up: Uptime(), Synced: state != unix.TIME_ERROR && t.Status&unix.STA_UNSYNC == 0,
		Error: time.Duration(t.Maxerror) * time.Microsecond}, nil
}

func set(t time.Time) error {
	ts := unix.NsecToTimespec(t.UnixNano())
	return unix.ClockSettime(unix.CLOCK_REALTIME, &ts)
}

// Battery tells whether the kernel took the wall clock from a clock of the board's own when it started
// (Documentation/ABI/testing/sysfs-class-rtc, hctosys).
func Battery() bool {
	b, err := os.ReadFile("/sys/class/rtc/rtc0/hctosys")
	return err == nil && strings.TrimSpace(string(b)) == "1"
}

// Restored reads the time that gokrazy's ntp notes at path when it is stopped in order, and sets when it starts, before it
// has asked a server (its cmd/ntp). Zero: there is none.
func Restored(path string) time.Time {
	b, err := os.ReadFile(path)
	if err != nil || len(b) > 64 {
		return time.Time{}
	}
	var t time.Time
	if t.UnmarshalText(b) != nil {
		return time.Time{}
	}
	return t
}

// watchSteps sends after each setting of the wall clock: the kernel cancels a timer on it then (timerfd_create(2),
// TFD_TIMER_CANCEL_ON_SET). It returns nil when ctx ends.
func watchSteps(ctx context.Context, steps chan<- struct{}) error {
	fd, err := unix.TimerfdCreate(unix.CLOCK_REALTIME, unix.TFD_CLOEXEC|unix.TFD_NONBLOCK)
	if err != nil {
		return fmt.Errorf("clock: watch for steps: %w", err)
	}
	timer := os.NewFile(uintptr(fd), "steps")
	defer timer.Close()
	defer context.AfterFunc(ctx, func() { timer.Close() })()
	far := unix.ItimerSpec{Value: unix.Timespec{Sec: 1 << 40}}
	for b := make([]byte, 8); ; {
		raw, err := timer.SyscallConn()
		if err == nil {
			var armed error
			err = raw.Control(func(fd uintptr) {
				armed = unix.TimerfdSettime(int(fd), unix.TFD_TIMER_ABSTIME|unix.TFD_TIMER_CANCEL_ON_SET, &far, nil)
			})
			err = errors.Join(err, armed)
		}
		if err == nil {
			_, err = timer.Read(b)
		}
		switch {
		case ctx.Err() != nil:
			return nil
		case !errors.Is(err, unix.ECANCELED):
			return fmt.Errorf("clock: watch for steps: %w", err)
		}
		select {
		case steps <- struct{}{}:
		default: // one is waiting to be looked at
		}
	}
}
