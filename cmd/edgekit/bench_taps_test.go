//go:build bench

package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"edgekit.internal/cmd/internal/kittest"
	"edgekit.internal/pipeline/trace"
)

// benchTaps taps in a real page while a crowd watches, the data on the disk.
func benchTaps(t *testing.T, b *bench) {
	p := newBenchPaper(t)
	k := kittest.StartIn(t, onDisk(t), "-catalog", kittest.File(t, "catalogue.json", kittest.Catalogue), "-printer", p.spec())
	browser := openPage(t, k)
	gather(t, "visitors", k.Viewer)
	var out struct {
		Took  sample
		IDs   []string
		Lost  int
		Other map[string]int
	}
	inPage(t, browser, `bench.buy("Pen", 110, 270)`, &out) // below the limit of 4 a second for one visitor
	if len(out.Took) < 80 || out.Lost > 5 {
		t.Fatalf("only %d taps confirmed, %d without an outcome, others %v", len(out.Took), out.Lost, out.Other)
	}
	lost := ""
	if out.Lost > 0 || len(out.Other) > 0 {
		lost = fmt.Sprintf("; %d without an outcome, others %v", out.Lost, out.Other)
	}
	b.put(tapOutcome, out.Took.at(.99), "%s%s; the kit's own share with the disk's sync: %s", out.Took, lost, shares(t, k, out.IDs))
}

// benchServerShare is what the kit itself takes of a tap, by its own traces, when a sync costs nothing, with a crowd
// that watches and taps that come from ten visitors.
func benchServerShare(t *testing.T, b *bench) {
	k := kittest.StartIn(t, inMemory(t), "-catalog", kittest.File(t, "catalogue.json", kittest.Catalogue), "-printer", "none")
	gather(t, "visitors", k.Viewer)
	var mu sync.Mutex
	var ids []string
	var buyers sync.WaitGroup
	for range 10 {
		v := k.Visit(t)
		buyers.Go(func() {
			for range 25 {
				o, err := v.Offer("pen")
				if err != nil {
					t.Error(err)
					return
				}
				id := kittest.NewTap()
				if a, err := v.Tap(id, "pen", o.Token); err != nil || a.Status != http.StatusOK {
					t.Errorf("tap: %+v, %v", a, err)
					return
				}
				mu.Lock()
				ids = append(ids, id)
				mu.Unlock()
				time.Sleep(270 * time.Millisecond) // a visitor's limit is 4 a second
			}
		})
	}
	buyers.Wait()
	took := shares(t, k, ids)
	b.put(serverShare, took.at(.99), "%s; validate, enrich and act by the kit's traces, data in memory, 37 taps a second", took)
}

// shares adds up the kit's own steps of taps: validate, enrich and act.
func shares(t *testing.T, k *kittest.Kit, ids []string) (took sample) {
	t.Helper()
	op := k.Pair(t)
	for _, id := range ids {
		status, body, err := op.Get("/api/operator/traces/" + id)
		if err != nil || status != http.StatusOK {
			t.Fatalf("trace of %s: %d %v", id, status, err)
		}
		var way trace.Trace
		if err := json.Unmarshal(body, &way); err != nil {
			t.Fatal(err)
		}
		var sum time.Duration
		for _, s := range way.Spans {
			switch s.Step {
			case "validate", "enrich", "act":
				sum += s.Took
			}
		}
		took.add(sum)
	}
	return took
}
