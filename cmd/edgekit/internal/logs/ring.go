// Package logs keeps the kit's log through restarts and power cuts, within bounds of size and of what it writes to the card.
package logs

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	"edgekit.internal/cmd/internal/wire"
	"edgekit.internal/hardware/clock"
	"edgekit.internal/pipeline"
)

const (
	// maxQueue bounds the records that wait to be written; the oldest make room, and are counted.
	maxQueue = 1024
	// batch is how long records wait for others to be written with. Warnings and errors wait for nobody, but no more than
	// one write in urgentEvery is made for them.
	batch       = 5 * time.Second
	urgentEvery = time.Second
	// What a day of logs may cost a card, in bytes with the file system's own: what the busiest log is slowed down to.
	// burst is what may be written at once, such as after a start.
	DayBound = 32 << 20
	burst    = 4 << 20
	page     = 4096 // written at the least, and once more for the file system's own notes
)

// Ring is the log: records go to a bounded queue, Run takes them to the disk. Safe for concurrent use; nothing but Run,
// Close and Read touches the disk.
type Ring struct {
	boot   string
	some   chan struct{} // capacity 1: there is something to write
	urgent chan struct{} // capacity 1: it should be written now

	mu      sync.Mutex
	queue   []wire.LogRecord
	dropped int64
	readers map[*reader]struct{}

	disk      sync.Mutex // held while files are touched
	files     *segments  // nil: no folder yet
	room      func() bool
	allowance float64
	allowedAt time.Time
	written   int64
}

// New makes a log that has no folder yet: what is logged until Open waits in the queue.
func New() *Ring {
	boot := "?"
	if id, err := os.ReadFile("/proc/sys/kernel/random/boot_id"); err == nil {
		boot = strings.ReplaceAll(string(id), "-", "")[:8]
	}
	return &Ring{boot: boot, some: make(chan struct{}, 1), urgent: make(chan struct{}, 1), readers: map[*reader]struct{}{}, allowance: burst, allowedAt: time.Now()}
}

// Open gives the log its folder, which it makes if there is none. room, which may be nil, tells whether the disk has room for
// logs: without, the log shrinks to its latest part and waits.
func (r *Ring) Open(dir string, room func() bool) error {
	files, err := openSegments(dir)
	if err != nil {
		return fmt.Errorf("logs: %w", err)
	}
	r.disk.Lock()
	defer r.disk.Unlock()
	if r.files != nil {
		r.files.close()
	}
	r.files, r.room = files, room
	return nil
}

// Add logs a record; time, boot and uptime are filled in where they are missing, and numbers of payment cards are masked. It never blocks on the disk.
func (r *Ring) Add(rec wire.LogRecord) {
	if rec.At.IsZero() {
		rec.At = time.Now()
	}
	rec.At = rec.At.UTC().Truncate(time.Millisecond)
	if rec.Boot == "" {
		rec.Boot, rec.Up = r.boot, float64(clock.Uptime().Milliseconds())/1000
	}
	rec.Text = pipeline.Masked(rec.Text)
	for key, v := range rec.Attrs {
		if s, ok := v.(string); ok {
			rec.Attrs[key] = pipeline.Masked(s)
		}
	}
	r.mu.Lock()
	if r.queue = append(r.queue, rec); len(r.queue) > maxQueue {
		r.queue = r.queue[1:]
		r.dropped++
	}
	for reader := range r.readers {
		reader.put(rec)
	}
	r.mu.Unlock()
	poke(r.some)
	if rec.Level != slog.LevelInfo.String() {
		poke(r.urgent)
	}
}

func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default: // it is known already
	}
}

// Run writes until ctx ends, and then what is left.
func (r *Ring) Run(ctx context.Context) error {
	for {
		select {
		case <-r.some:
		case <-ctx.Done():
			r.flush(true)
			return nil
		}
		hurry := false
		wait := time.NewTimer(batch)
		select {
		case <-wait.C:
		case <-r.urgent:
			hurry = true
		case <-ctx.Done():
		}
		wait.Stop()
		if !r.flush(false) {
			poke(r.some) // there will be room, or leave, later
			continue
		}
		if hurry {
			wait.Reset(urgentEvery)
			select {
			case <-wait.C:
			case <-ctx.Done():
			}
			wait.Stop()
		}
	}
}

// flush writes what waits, if it may: done is false when that has to wait. last: it is now or never.
func (r *Ring) flush(last bool) (done bool) {
	r.disk.Lock()
	defer r.disk.Unlock()
	if r.files == nil {
		return true
	}
	if r.room != nil && !r.room() {
		r.files.shrink()
		return false
	}
	now := time.Now()
	r.allowance = min(burst, r.allowance+now.Sub(r.allowedAt).Seconds()*DayBound/86400)
	r.allowedAt = now
	if !last && r.allowance < 2*page {
		return false
	}
	r.mu.Lock()
	waiting, dropped := r.queue, r.dropped
	r.queue, r.dropped = nil, 0
	r.mu.Unlock()
	if dropped > 0 {
		waiting = append(waiting, wire.LogRecord{At: now.UTC(), Boot: r.boot, Up: clock.Uptime().Seconds(), Level: slog.LevelWarn.String(), From: "edgekit", Text: "log records were lost, more came than may be written", Attrs: map[string]any{"lost": dropped}})
	}
	if len(waiting) == 0 {
		return true
	}
	n, err := r.files.append(encode(waiting))
	cost := int64((n+page-1)/page*page + page)
	r.allowance -= float64(cost)
	r.written += cost
	if err != nil { // there is nowhere to log that; they wait for the disk to mend, within the queue's bound
		r.mu.Lock()
		r.queue = append(waiting, r.queue...)
		if over := len(r.queue) - maxQueue; over > 0 {
			r.queue = r.queue[over:]
			r.dropped += int64(over)
		}
		r.mu.Unlock()
	}
	return err == nil
}

func encode(recs []wire.LogRecord) (b []byte) {
	for _, rec := range recs {
		line, err := json.Marshal(rec)
		if err != nil { // an attribute that is no JSON
			rec.Attrs = nil
			if line, err = json.Marshal(rec); err != nil {
				continue
			}
		}
		b = append(append(b, line...), '\n')
	}
	return b
}

// Close writes what is left, and lets the folder go. Run must have ended, or never begun.
func (r *Ring) Close() {
	r.flush(true)
	r.disk.Lock()
	defer r.disk.Unlock()
	if r.files != nil {
		r.files.close()
		r.files = nil
	}
}

// Written is what logging cost the disk since New, in bytes with the file system's own; an estimate.
func (r *Ring) Written() int64 {
	r.disk.Lock()
	defer r.disk.Unlock()
	return r.written
}
