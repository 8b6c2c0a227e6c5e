//go:build bench

package main

import (
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"edgekit.internal/cmd/internal/kittest"
	"edgekit.internal/cmd/internal/wire"
	contact "edgekit.internal/drivers/button"
)

// benchPress presses buttons while ten visitors buy, the data on the disk: from when a button is known to be let go, which is
// contact.Settle after its last edge, to when what it is for is done and committed. It goes through the console's API, which the
// wired ones have not before them.
func benchPress(t *testing.T, b *bench) {
	k := kittest.StartIn(t, onDisk(t), "-catalog", kittest.File(t, "catalogue.json", kittest.Catalogue), "-printer", "none", "-buttons", "virtual")
	op := k.Pair(t)
	var stop atomic.Bool
	var buyers sync.WaitGroup
	var sold atomic.Int64
	for range 10 {
		v := k.Visit(t)
		buyers.Go(func() {
			for every := time.NewTicker(300 * time.Millisecond); !stop.Load(); <-every.C { // below the limit of 4 a second for one visitor
				if a, err := v.Buy("pen"); err == nil && a.Status == http.StatusOK {
					sold.Add(1)
				}
			}
		})
	}
	var took sample
	for range 200 {
		in := wire.PressRequest{ID: kittest.NewTap(), Button: "call-help", Gesture: "short"}
		begin := time.Now()
		if out := pressing(t, op, in); !out.OK {
			t.Errorf("%+v", out)
		}
		took.add(time.Since(begin))
	}
	stop.Store(true)
	buyers.Wait()
	b.put(pressActed, took.at(.99)+float64(contact.Settle.Milliseconds()), "%s, and %v until a contact rests; %d sales meanwhile", took, contact.Settle, sold.Load())
}
