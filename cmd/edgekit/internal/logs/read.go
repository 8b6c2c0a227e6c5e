package logs

import (
	"context"
	"encoding/json"
	"log/slog"
	"slices"
	"strings"
	"time"

	"edgekit.internal/cmd/internal/wire"
	"edgekit.internal/hardware/clock"
)

// Query says which records are wanted. The zero value is all of them.
type Query struct {
	Level string        // at least: INFO, WARN, ERROR, in any case
	Since time.Duration // no older than this; 0: any
	Last  int           // the latest so many; 0: all there are
}

// ParseLevel reads a level's name, in any case; empty is info.
func ParseLevel(s string) (slog.Level, error) {
	var l slog.Level
	if s == "" {
		return l, nil
	}
	return l, l.UnmarshalText([]byte(s))
}

func (q Query) wants(rec wire.LogRecord, boot string) bool {
	least, err := ParseLevel(q.Level)
	if err != nil {
		return false
	}
	if l, err := ParseLevel(rec.Level); err != nil || l < least {
		return false
	}
	return q.Since == 0 || age(rec, boot) <= q.Since
}

// age is how old a record is: of this boot by the time since, which no clock's jump touches; of an earlier one by the wall
// clock, if it knew the time then.
func age(rec wire.LogRecord, boot string) time.Duration {
	if rec.Boot == boot {
		return clock.Uptime() - time.Duration(rec.Up*float64(time.Second))
	}
	if rec.At.Year() < 2020 {
		return 1<<63 - 1
	}
	return time.Since(rec.At)
}

// Read returns records, oldest first, those not yet on the disk too.
func (r *Ring) Read(q Query) []wire.LogRecord { return r.read(q, nil) }

// read is Read; a reader given with it gets exactly what comes after.
func (r *Ring) read(q Query, next *reader) []wire.LogRecord {
	out := []wire.LogRecord{}
	r.disk.Lock()
	if r.files != nil {
		for line := range r.files.lines {
			if rec, ok := parse(line); ok && q.wants(rec, r.boot) {
				out = append(out, rec)
			}
		}
	}
	r.mu.Lock()
	for _, rec := range r.queue {
		if q.wants(rec, r.boot) {
			out = append(out, rec)
		}
	}
	if next != nil {
		r.readers[next] = struct{}{}
	}
	r.mu.Unlock()
	r.disk.Unlock()
	if q.Last > 0 && len(out) > q.Last {
		out = slices.Clone(out[len(out)-q.Last:])
	}
	return out
}

// parse reads a line of the log; ok is false for what a power cut or a bad card left of one.
func parse(line []byte) (rec wire.LogRecord, ok bool) {
	ok = json.Unmarshal(line, &rec) == nil && rec.Level != "" && rec.Text != ""
	return rec, ok
}

// maxBehind bounds the records that wait for one who follows the log; who is slower misses the oldest.
const maxBehind = 256

type reader struct{ c chan wire.LogRecord }

func (r *reader) put(rec wire.LogRecord) {
	for {
		select {
		case r.c <- rec:
			return
		default:
			select {
			case <-r.c:
			default:
			}
		}
	}
}

// Follow gives the records there are, and each new one until ctx ends or yield returns false. None is missed in between.
func (r *Ring) Follow(ctx context.Context, q Query, yield func(wire.LogRecord) bool) {
	me := &reader{make(chan wire.LogRecord, maxBehind)}
	before := r.read(q, me)
	defer func() {
		r.mu.Lock()
		delete(r.readers, me)
		r.mu.Unlock()
	}()
	for _, rec := range before {
		if !yield(rec) {
			return
		}
	}
	for {
		select {
		case rec := <-me.c:
			if q.wants(rec, r.boot) && !yield(rec) {
				return
			}
		case <-ctx.Done():
			return
		}
	}
}

// said are the texts of one source in this boot, so that what is told again after a restart is not logged twice.
func (r *Ring) said(from string) (texts map[string]int, lastUp float64) {
	texts = map[string]int{}
	for _, rec := range r.Read(Query{}) {
		if rec.From == from && rec.Boot == r.boot {
			texts[rec.Text]++
			lastUp = max(lastUp, rec.Up)
		}
	}
	return texts, lastUp
}

// oneLine is a text as it is logged: printable, of bounded length.
func oneLine(s string) string {
	if len(s) > maxText {
		s = s[:maxText] + "…"
	}
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if r < ' ' && r != '\t' || r == 0x7f {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?")))
}

const maxText = 2048
