package fulfil

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"edgekit.internal/pipeline"
)

// desk is a few printers that share slips, and fail as the test likes, with what came out of each.
type desk struct {
	mu    sync.Mutex
	ready chan int // printers that are ready
	fates []Fate   // of the slips to come; then all are Sent
	out   []string // what came out, whole or torn
}

func (d *desk) slip(ctx context.Context, t pipeline.Ticket, again bool, begin func() error) (Fate, error) {
	var printer int
	select {
	case printer = <-d.ready:
	case <-ctx.Done():
		return Unsent, ctx.Err()
	}
	defer func() { d.ready <- printer }()
	if err := begin(); err != nil {
		return Unsent, err
	}
	d.mu.Lock()
	fate := Sent
	if len(d.fates) > 0 {
		fate, d.fates = d.fates[0], d.fates[1:]
	}
	if fate > Unsent {
		d.out = append(d.out, fmt.Sprintf("%d copy %v whole %v", t.N, again, fate >= Sent))
	}
	d.mu.Unlock()
	time.Sleep(time.Duration(t.N%7) * 100 * time.Millisecond) // of the bubble's time
	if fate < Sent {
		return fate, errors.New("it failed")
	}
	return fate, nil
}

// TestManyPrintersOfWhichAnyFails: whatever fails on which, every ticket comes out whole, none twice without the mark of a possible copy,
// and where nothing fails they begin in order, each once.
func TestManyPrintersOfWhichAnyFails(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(1, 40).Draw(rt, "tickets")
		d := &desk{ready: make(chan int, 8), fates: rapid.SliceOfN(rapid.SampledFrom([]Fate{Unsent, Begun, Sent, Printed}), 0, 30).Draw(rt, "fates")}
		for i := range rapid.IntRange(1, 4).Draw(rt, "printers") {
			d.ready <- i
		}
		fails := false
		for _, f := range d.fates {
			fails = fails || f < Sent
		}
		b := &book{}
		for i := range n {
			b.add(int64(i + 1))
		}
		synctest.Test(t, func(t *testing.T) {
			d.ready = rebuilt(d.ready) // channels belong to the bubble that uses them
			q := New(b, d.slip, nil, slog.New(slog.DiscardHandler))
			ctx, cancel := context.WithCancel(context.Background())
			done := make(chan error)
			go func() { done <- q.Run(ctx) }()
			time.Sleep(time.Hour)
			cancel()
			<-done
		})
		unmarked, whole := map[string]int{}, map[string]int{}
		for _, out := range d.out {
			var number int64
			var again, all bool
			fmt.Sscanf(out, "%d copy %t whole %t", &number, &again, &all)
			if key := fmt.Sprint(number); !again {
				unmarked[key]++
			}
			if all {
				whole[fmt.Sprint(number)]++
			}
		}
		for i := range n {
			key := fmt.Sprint(i + 1)
			if whole[key] != 1 || unmarked[key] > 1 {
				rt.Fatalf("ticket %s came out whole %d times, %d unmarked: %v", key, whole[key], unmarked[key], d.out)
			}
			if b.ts[i].Print.Due() {
				rt.Fatalf("ticket %s is noted as %v", key, b.ts[i].Print)
			}
		}
		for i := 1; !fails && i < len(b.begun); i++ {
			if b.begun[i] <= b.begun[i-1] {
				rt.Fatalf("they began in the order %v", b.begun)
			}
		}
	})
}

func rebuilt(c chan int) chan int {
	next := make(chan int, cap(c))
	for len(c) > 0 {
		next <- <-c
	}
	return next
}
