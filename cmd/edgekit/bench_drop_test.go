//go:build bench

package main

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"edgekit.internal/cmd/internal/kittest"
)

const (
	dropBuyers = 2000
	dropItems  = 100
)

// benchDrop has a drop of 100 go live before 2,000 visitors, who all tap it at once, each on a connection of their own; and once more where those who get none stand in
// line.
func benchDrop(t *testing.T, b *bench) {
	dropTo(t, b, dropTold, 0)
	dropTo(t, b, dropLine, 120)
}

func dropTo(t *testing.T, b *bench, row string, line int) {
	k := kittest.StartIn(t, onDisk(t), "-line", fmt.Sprint(line), "-printer", "none", "-camera", "synthetic", "-picture", "320x180@5", "-catalog", kittest.File(t, "catalogue.json",
		fmt.Sprintf(`{"currency":"EUR","skus":[{"sku":"CUP","title":"Cup","price":1000,"tax":19,"stock":%d}],"offers":[{"id":"cup","title":"Cup","lines":[{"sku":"CUP","n":1}],"price":900,"state":"soon"}]}`, dropItems)))
	var visitors []*kittest.Visitor
	for len(visitors) < dropBuyers {
		v, err := kittest.NewVisitor(k.Viewer)
		if err != nil { // they all come from one address, which may not open so many sessions at once
			<-time.After(50 * time.Millisecond)
			continue
		}
		visitors = append(visitors, v)
	}
	tokens := make([]string, len(visitors))
	live := time.Now()
	if status, body, err := k.Pair(t).Do("PUT", "/api/operator/offers/cup", map[string]string{"id": kittest.NewTap(), "state": "live"}); err != nil || status != http.StatusNoContent {
		t.Fatalf("%d %s %v", status, body, err)
	}
	each := func(do func(i int) error) {
		var all sync.WaitGroup
		for i := range visitors {
			all.Go(func() {
				if err := do(i); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
	}
	each(func(i int) error {
		o, err := visitors[i].Offer("cup")
		tokens[i] = o.Token
		return err
	})
	shown := time.Since(live)
	took := make([]time.Duration, len(visitors))
	said, places := map[string]int{}, map[string]bool{}
	var mu sync.Mutex
	begin := time.Now()
	each(func(i int) error {
		from := time.Now()
		a, err := visitors[i].Tap(kittest.NewTap(), "cup", tokens[i])
		took[i] = time.Since(from)
		is := a.Reason
		if a.Ticket != "" {
			is = "sold"
		}
		mu.Lock()
		if said[is]++; is == "sold-out" {
			places[a.Detail] = true
		}
		mu.Unlock()
		return err
	})
	all := time.Since(begin)
	if said["sold"] != dropItems || said["sold-out"] != dropBuyers-dropItems {
		t.Errorf("%v, expected %d sold", said, dropItems)
	}
	if want := dropBuyers - dropItems; line > 0 && len(places) != want {
		t.Errorf("%d places in line for %d", len(places), want)
	}
	var s sample
	for _, d := range took {
		s.add(d)
	}
	b.put(row, s.at(1), "%s; %d sold, %d told that it is sold out; all within %v of the first tap, and offers fetched by all within %v of going live; visitors on the same machine", s, said["sold"], said["sold-out"], all.Round(time.Millisecond), shown.Round(time.Millisecond))
}
