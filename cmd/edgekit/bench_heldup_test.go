//go:build bench

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"edgekit.internal/capture/vision"
	"edgekit.internal/cmd/internal/kittest"
)

// benchHeldUp holds a product up again and again: from when it is in what the camera reads, which may have one picture more before it, to
// its prompt among a visitor's offers; then it is taken back, and held up when it has been away for long enough. And it measures what
// looking at pictures without a code takes, and whether there are as many as without.
func benchHeldUp(t *testing.T, b *bench) {
	k, stall := holding(t, onDisk(t), "show")
	op, v := k.Pair(t), k.Visit(t)
	there := func() bool { _, err := v.Offer("mug"); return err == nil }
	var took sample
	for range 20 {
		begin := time.Now()
		stall.Hold(mugBars(t))
		kittest.Until(t, "the prompt", there)
		took.add(time.Since(begin))
		stall.Hold()
		if status, answer, err := op.Do("PUT", "/api/operator/offers/mug", map[string]string{"state": "hidden"}); err != nil || status != 204 {
			t.Fatalf("%d %s %v", status, answer, err)
		}
		time.Sleep(3500 * time.Millisecond) // what was away for 3 s is held up anew
	}
	b.put(heldUpPrompt, took.at(.95), "%s; asked for every 5 ms", took)

	const rounds, look = 4, 5 * time.Second
	rate := map[string]float64{}
	var share float64
	for i := range 2 * rounds {
		held := []string{"off", "show"}[i%2] // in turn: what else the machine does is the same for both
		k := kittest.Start(t, "-held-up", held, "-printer", "none")
		w := k.Watch(t)
		kittest.Until(t, "pictures", func() bool { return w.Pictures.Load() > 30 })
		worked := func() time.Duration { return threadOf(t, kittest.Child(t, k.PID(), "edgecam"), vision.Thread) }
		begin, pictures, before := time.Now(), w.Pictures.Load(), worked()
		time.Sleep(look)
		rate[held] += float64(w.Pictures.Load()-pictures) / time.Since(begin).Seconds() / rounds
		if held == "show" {
			share += 100 * float64(worked()-before) / float64(time.Since(begin)) / rounds
		}
		k.Kill()
	}
	b.put(heldUpCPU, share, "pictures without a code; at a viewer %.1f pictures a second, %.1f when it does not look", rate["show"], rate["off"])
}

// threadOf is how long the threads of a process that have a name have worked (proc_pid_schedstat, Documentation/scheduler/sched-stats).
func threadOf(t *testing.T, pid int, name string) (sum time.Duration) {
	t.Helper()
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, thread := range threads {
		called, err := os.ReadFile(thread + "/comm")
		if err != nil || strings.TrimSpace(string(called)) != name {
			continue
		}
		stat, err := os.ReadFile(thread + "/schedstat")
		if err != nil {
			t.Fatal(err)
		}
		var worked int64
		if _, err := fmt.Sscan(string(stat), &worked); err != nil {
			t.Fatal(err)
		}
		sum += time.Duration(worked)
	}
	return sum
}
