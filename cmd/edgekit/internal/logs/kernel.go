package logs

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/time/rate"

	"edgekit.internal/cmd/internal/wire"
	"edgekit.internal/hardware/clock"
)

// KernelLog is the kernel's log, a record a read (Documentation/ABI/testing/dev-kmsg).
const KernelLog = "/dev/kmsg"

// Kernel logs the kernel's warnings and what is worse, until ctx ends.
func (r *Ring) Kernel(ctx context.Context, path string) error {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil // a machine that does not show it
	}
	stop := context.AfterFunc(ctx, func() { f.Close() })
	defer func() {
		if stop() {
			f.Close()
		}
	}()
	_, logged := r.said("kernel")
	limit := rate.NewLimiter(perSecond, linesAtOnce)
	b := make([]byte, 8192)
	for {
		n, err := f.Read(b)
		if errors.Is(err, syscall.EPIPE) { // it was faster; the read goes on with the oldest there is
			continue
		}
		if err != nil || n == 0 {
			return nil
		}
		rec, ok := kernelRecord(string(b[:n]))
		if !ok || rec.Up <= logged || !limit.Allow() {
			continue
		}
		rec.Boot = r.boot
		rec.At = time.Now().Add(time.Duration(rec.Up*float64(time.Second)) - clock.Uptime())
		r.Add(rec)
	}
}

// kernelRecord reads "PRIORITY,SEQUENCE,MICROSECONDS,FLAGS;TEXT\n KEY=VALUE…". ok is false for what is not worth keeping:
// notices, and lines from user space (facility above 0).
func kernelRecord(s string) (rec wire.LogRecord, ok bool) {
	head, text, found := strings.Cut(s, ";")
	parts := strings.Split(head, ",")
	if !found || len(parts) < 3 {
		return rec, false
	}
	priority, err := strconv.Atoi(parts[0])
	up, err2 := strconv.ParseInt(parts[2], 10, 64)
	if err != nil || err2 != nil || priority < 0 || priority > 4 || up < 0 {
		return rec, false
	}
	text, _, _ = strings.Cut(text, "\n")
	rec = wire.LogRecord{Level: slog.LevelError.String(), From: "kernel", Text: oneLine(text), Up: float64(up) / 1e6}
	if priority == 4 {
		rec.Level = slog.LevelWarn.String()
	}
	return rec, rec.Text != ""
}
