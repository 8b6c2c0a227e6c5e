package kit

import (
	"context"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"edgekit.internal/cmd/edgekit/internal/disk"
	"edgekit.internal/cmd/edgekit/internal/logs"
	"edgekit.internal/cmd/internal/wire"
	"edgekit.internal/hardware/crash"
)

// program is this one's name among the kit's.
const program = "edgekit"

func (k *Kit) crashes() string { return filepath.Join(k.config.Data, "crashes") }

// openLogs gives log and crash reports their folders. A kit that cannot keep them sells all the same.
func (k *Kit) openLogs() {
	room := func() bool { return disk.Room(k.config.Data, disk.Logs) }
	if err := k.ring.Open(filepath.Join(k.config.Data, "logs"), room); err != nil {
		k.log.Warn("the log is not kept", "err", err)
	}
	if err := crash.Arm(k.crashes(), program); err != nil {
		k.log.Warn("crash reports are not kept", "err", err)
	}
	k.wear = disk.OpenWear(k.config.Data)
}

// begins says how the last run ended, if that was not in order.
func (k *Kit) begins() {
	last, err := crash.Began(k.crashes(), program)
	if err != nil {
		k.log.Warn("how this run ends will not be known", "err", err)
	}
	if last != crash.Orderly {
		k.log.Warn("the last run did not end in order", "by", string(last))
	}
	k.log.Info("kit started", "kit", k.id)
}

func (k *Kit) ended() {
	k.log.Info("kit ends in order")
	if err := crash.Ended(k.crashes(), program); err != nil {
		k.log.Warn("the next start will take this end for a crash", "err", err)
	}
	if err := k.wear.Keep(); err != nil {
		k.log.Warn("what was written to the disk is not counted", "err", err)
	}
}

// wearEvery is how often the count of what was written is written itself.
const wearEvery = time.Hour

// keepLogs writes the log until ctx ends. On an SD card's system it has what the other programs and the kernel say too.
func (k *Kit) keepLogs(ctx context.Context) error {
	all, ctx := errgroup.WithContext(ctx)
	all.Go(func() error { return k.ring.Run(ctx) })
	if _, err := os.Stat(logs.InitSocket); err == nil {
		all.Go(func() error { return k.ring.Services(ctx, logs.InitSocket, program) })
		all.Go(func() error { return k.ring.Kernel(ctx, logs.KernelLog) })
	}
	all.Go(func() error {
		tick := time.NewTicker(wearEvery)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				if err := k.wear.Keep(); err != nil {
					k.log.Warn("what was written to the disk is not counted", "err", err)
				}
			case <-ctx.Done():
				return nil
			}
		}
	})
	return all.Wait()
}

// diskState is what the data folder's disk has been through, and what room it has.
func (k *Kit) diskState() wire.Disk {
	d := wire.Disk{Logs: k.ring.Written(), LogsDay: logs.DayBound}
	var err error
	if d.Free, d.Size, err = disk.Free(k.config.Data); err != nil {
		return d
	}
	d.Written, _ = k.wear.Bytes()
	for _, u := range []struct {
		use  disk.Use
		name string
	}{{disk.Recordings, "recordings"}, {disk.Logs, "logs"}} {
		if !disk.Enough(d.Free, u.use) {
			d.Stopped = append(d.Stopped, u.name)
		}
	}
	return d
}

// crashReports are what programs of the kit left when they crashed, newest first.
func (k *Kit) crashReports() []wire.CrashReport {
	out := []wire.CrashReport{}
	all, err := crash.Reports(k.crashes())
	if err != nil {
		k.log.Warn("crash reports cannot be read", "err", err)
	}
	for _, r := range all {
		out = append(out, wire.CrashReport{Name: r.Name, Program: r.Program, At: r.At.UTC(), Text: r.Text})
	}
	return out
}

// logsFor is the log as the console shows it.
func (k *Kit) logsFor(level string, last int) wire.Logs {
	return wire.Logs{Records: k.ring.Read(logs.Query{Level: level, Last: last}), Crashes: k.crashReports(), Disk: k.diskState()}
}
