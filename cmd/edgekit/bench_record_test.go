//go:build bench

package main

import (
	"context"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"edgekit.internal/capture"
	"edgekit.internal/capture/camlink"
	"edgekit.internal/capture/record"
	"edgekit.internal/cmd/internal/kittest"
)

// benchRecord measures what recording costs: processor's time and the disk's work for a second of picture, and what taps notice of it
// whose sales are synced to the same disk.
func benchRecord(t *testing.T, b *bench) {
	const rounds = 30
	units := shot(t, 10)
	long := units[len(units)-1].At - units[0].At + time.Second/30
	seconds := rounds * long.Seconds()
	dir := filepath.Join(onDisk(t), "recordings")
	r := record.New(record.Config{Dir: dir, Log: slog.New(slog.DiscardHandler)})
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	if err := r.Start(ctx); err != nil {
		t.Fatal(err)
	}
	bytes, cpu, began := 0, cpuOf(t, os.Getpid()), units[0].At
	for round := range rounds {
		shift := time.Duration(round) * long
		for at, i := began, 0; i < len(units); at += capture.SoundLen {
			r.Sound(capture.Sound{At: at + shift, Data: make([]byte, 60)})
			for ; i < len(units) && units[i].At <= at; i++ {
				au := units[i]
				au.At += shift
				bytes += len(au.Data)
				r.Picture(au)
			}
		}
		if err := r.Mark(ctx, record.Withheld, ""); err != nil { // which waits until all before it was taken
			t.Fatal(err)
		}
	}
	if err := r.Stop(ctx); err != nil {
		t.Fatal(err)
	}
	cpu = cpuOf(t, os.Getpid()) - cpu
	stop()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	s := r.Stats()
	if s.Dropped+s.Late+s.Failures > 0 {
		t.Errorf("%+v", s)
	}
	b.put(recordCPU, 100*cpu.Seconds()/seconds, "720p30, %.0f kbit/s of picture, 24 of sound; on the disk %.0f kbit/s and %.2f syncs a second",
		float64(bytes)*8/1000/seconds, float64(s.Bytes)*8/1000/seconds, float64(s.Syncs)/seconds)

	k := kittest.StartIn(t, filepath.Join(onDisk(t), "kit"), "-catalog", kittest.File(t, "catalogue.json", kittest.Catalogue), "-printer", "none")
	gather(t, "visitors", k.Viewer)
	op := k.Pair(t)
	var visitors []*kittest.Visitor
	for range 10 {
		visitors = append(visitors, k.Visit(t))
	}
	var with, without sample
	for range 3 {
		for on, took := range map[bool]*sample{true: &with, false: &without} {
			if status, answer, err := op.Do("PUT", "/api/operator/recordings", map[string]bool{"on": on}); err != nil || status != http.StatusOK {
				t.Fatalf("%d %s %v", status, answer, err)
			}
			*took = append(*took, buyAll(t, visitors)...)
		}
	}
	b.put(tapRecording, with.at(.99), "%s; without %s: p50 %.2f ×, p99 %.2f ×; on the disk of the sales; over HTTP", with, without, with.at(.5)/without.at(.5), with.at(.99)/without.at(.99))
}

// shot is what the camera program makes of a picture that needs its bit rate, within some seconds from a key picture on.
func shot(t *testing.T, seconds int) (units []capture.AccessUnit) {
	t.Helper()
	got := make(chan capture.AccessUnit, 1000)
	cam := camlink.New(camlink.Config{Path: filepath.Join(kittest.Programs(t), "edgecam"), Log: slog.New(slog.DiscardHandler),
		Args:         []string{"-camera", "file:" + webcam(t, t.TempDir()), "-width", "1280", "-height", "720", "-fps", "30", "-layers", "1280x720@30:1800"},
		OnAccessUnit: func(au capture.AccessUnit) { got <- au }})
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- cam.Run(ctx) }()
	for end := time.After(kittest.Limit); len(units) == 0 || units[len(units)-1].At-units[0].At < time.Duration(seconds)*time.Second-50*time.Millisecond; {
		select {
		case au := <-got:
			if len(units) > 0 || au.Key {
				units = append(units, au)
			}
		case <-end:
			t.Fatalf("%d pictures in %v", len(units), kittest.Limit)
		}
	}
	stop()
	for {
		select {
		case <-got:
		case <-done:
			return units
		}
	}
}
