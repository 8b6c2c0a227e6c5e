//go:build bench

package main

import (
	"net/http"
	"sync"
	"syscall"
	"testing"
	"time"

	"edgekit.internal/cmd/internal/kittest"
)

// benchEncoder kills the camera's process, or stops it so that it hangs, again and again, and measures until a viewer has a whole key picture, while
// others buy.
func benchEncoder(t *testing.T, b *bench) {
	const kills, buyers = 10, 40
	k := kittest.StartIn(t, onDisk(t), "-catalog", kittest.File(t, "catalogue.json", kittest.Catalogue), "-printer", "none")
	w := k.Watch(t)
	kittest.Until(t, "pictures", func() bool { return w.Pictures.Load() > 30 })

	var mu sync.Mutex
	type tap struct {
		at   time.Time
		took time.Duration
	}
	var taps []tap
	stop := make(chan struct{})
	var buying sync.WaitGroup
	for range buyers {
		v := k.Visit(t)
		buying.Go(func() {
			for {
				select {
				case <-stop:
					return
				case <-time.After(280 * time.Millisecond): // a visitor's limit is 4 a second
				}
				o, err := v.Offer("pen")
				if err != nil {
					t.Error(err)
					return
				}
				start := time.Now()
				if a, err := v.Tap(kittest.NewTap(), "pen", o.Token); err != nil || a.Status != http.StatusOK {
					t.Errorf("tap: %+v, %v", a, err)
					return
				}
				mu.Lock()
				taps = append(taps, tap{start, time.Since(start)})
				mu.Unlock()
			}
		})
	}
	var back, hung sample
	var without [][2]time.Time
	for i := range kills {
		end, took := syscall.SIGKILL, &back
		if i%2 == 1 {
			end, took = syscall.SIGSTOP, &hung
		}
		time.Sleep(5200 * time.Millisecond) // a life this long is a good one to the kit, and its end the first failure
		pid := kittest.Child(t, k.PID(), "edgecam")
		killed := time.Now()
		if err := syscall.Kill(pid, end); err != nil {
			t.Fatal(err)
		}
		kittest.Until(t, "the next child", func() bool { next := kittest.ChildIfAny(k.PID(), "edgecam"); return next != 0 && next != pid })
		keys := w.Keys.Load()
		kittest.Until(t, "a key picture", func() bool { return w.Keys.Load() > keys })
		pictures := w.Pictures.Load()
		kittest.Until(t, "the whole of it", func() bool { return w.Pictures.Load() > pictures })
		now := time.Now()
		took.add(now.Sub(killed))
		without = append(without, [2]time.Time{killed, now})
	}
	close(stop)
	buying.Wait()
	var during, beside sample
	for _, tap := range taps {
		in := false
		for _, gap := range without {
			in = in || tap.at.After(gap[0].Add(-tap.took)) && tap.at.Before(gap[1])
		}
		if in {
			during.add(tap.took)
		} else {
			beside.add(tap.took)
		}
	}
	b.put(encoderBack, max(back.at(1), hung.at(1)), "killed: %s; hung: %s; to a whole key picture at a viewer", back, hung)
	b.put(encoderTaps, during.at(.99), "%s; at other times %s", during, beside)
}
