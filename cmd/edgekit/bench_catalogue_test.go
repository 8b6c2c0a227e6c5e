//go:build bench

package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"edgekit.internal/cmd/internal/kittest"
	"edgekit.internal/cmd/internal/wire"
)

// The crowd that buys from a large catalogue: 500 taps a second in all, each visitor below the limit of 4.
const (
	manySKUs, manyOffers = 10_000, 200
	manyBuyers           = 140
	buyEvery             = 280 * time.Millisecond
)

// benchCatalogue sells 500 times a second from 10,000 SKUs by 200 live offers, the data in memory as for the server's share, and while all
// of it is imported anew.
func benchCatalogue(t *testing.T, b *bench) {
	k := kittest.StartIn(t, inMemory(t), "-catalog", kittest.File(t, "catalogue.json", large(t)), "-printer", "none", "-camera", "synthetic", "-picture", "320x180@5")
	var visitors []*kittest.Visitor
	for range manyBuyers {
		visitors = append(visitors, k.Visit(t))
	}
	start := time.Now()
	ids, still := buyMany(t, visitors, 12)
	rate := float64(len(still)) / time.Since(start).Seconds()
	took := shares(t, k, ids[max(0, len(ids)-200):])
	b.put(serverMany, took.at(.99), "%s; validate, enrich and act by the traces of the last %d; data in memory, %.0f taps a second; over HTTP %s", took, len(took), rate, still)

	stop := make(chan struct{})
	var imports sample
	var importing sync.WaitGroup
	importing.Go(func() {
		for n := 0; ; n++ {
			select {
			case <-stop:
				return
			case <-time.After(500 * time.Millisecond):
			}
			begin := time.Now()
			res, err := local(k).Post("http://kit/catalog?name=shop.csv", "text/csv", strings.NewReader(table(n)))
			if err != nil {
				t.Error(err)
				return
			}
			var done wire.Imported
			err = json.NewDecoder(res.Body).Decode(&done)
			res.Body.Close()
			if err != nil || !done.Changed || done.SKUs != manySKUs || done.Offers < manyOffers {
				t.Errorf("%s %v: %d SKUs, %d offers, changed: %v", res.Status, err, done.SKUs, done.Offers, done.Changed)
				return
			}
			imports.add(time.Since(begin))
		}
	})
	_, meanwhile := buyMany(t, visitors, 20)
	close(stop)
	importing.Wait()
	b.put(importMany, imports.at(1), "%d times, %s; a table of %.1f MB, read, compared and in use, with sales going on", len(imports), imports, float64(len(table(0)))/(1<<20))
	b.put(tapImport, meanwhile.at(.99), "%s; without %s: p50 %.2f ×, p99 %.2f ×; over HTTP", meanwhile, still, meanwhile.at(.5)/still.at(.5), meanwhile.at(.99)/still.at(.99))
}

// large is a catalogue of many SKUs, with some of them in live offers.
func large(t *testing.T) string {
	t.Helper()
	type sku struct {
		SKU   string  `json:"sku"`
		Title string  `json:"title"`
		Price int     `json:"price"`
		Tax   float64 `json:"tax"`
		Stock int     `json:"stock"`
	}
	var doc struct {
		Currency string           `json:"currency"`
		SKUs     []sku            `json:"skus"`
		Offers   []map[string]any `json:"offers"`
	}
	doc.Currency = "EUR"
	for i := range manySKUs {
		doc.SKUs = append(doc.SKUs, sku{fmt.Sprintf("SKU-%05d", i), fmt.Sprintf("Thing number %d", i), 100 + i%900, 19, 1_000_000})
	}
	for i := range manyOffers {
		doc.Offers = append(doc.Offers, map[string]any{"id": fmt.Sprintf("offer-%d", i), "title": fmt.Sprintf("Offer %d", i), "price": 500,
			"lines": []map[string]any{{"sku": doc.SKUs[i].SKU, "n": 1}, {"sku": doc.SKUs[manySKUs-1-i].SKU, "n": 2}}})
	}
	text, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// table is the same things with other prices, which live offers of several do not follow.
func table(n int) string {
	var s strings.Builder
	s.WriteString("sku,title,price,tax,stock\n")
	for i := range manySKUs {
		fmt.Fprintf(&s, "SKU-%05d,Thing number %d,%d.%02d,19,1000000\n", i, i, 1+i%9, (i+n)%100)
	}
	return s.String()
}

// buyMany has each visitor buy so often, another offer each time, by the tokens of one list.
func buyMany(t *testing.T, visitors []*kittest.Visitor, times int) (ids []string, took sample) {
	var mu sync.Mutex
	var buyers sync.WaitGroup
	for n, v := range visitors {
		buyers.Go(func() {
			time.Sleep(time.Duration(n) * buyEvery / manyBuyers) // they do not tap in step
			var list wire.Offers
			if status, err := v.Do(http.MethodGet, "/api/offers", nil, &list); err != nil || status != http.StatusOK || len(list.Offers) < manyOffers {
				t.Errorf("%d offers, status %d, %v", len(list.Offers), status, err)
				return
			}
			for i := range times {
				time.Sleep(buyEvery)
				o, id := list.Offers[(n+i)%manyOffers], kittest.NewTap()
				start := time.Now()
				if a, err := v.Tap(id, o.ID, o.Token); err != nil || a.Status != http.StatusOK {
					t.Errorf("tap: %+v, %v", a, err)
					return
				}
				mu.Lock()
				ids = append(ids, id)
				took.add(time.Since(start))
				mu.Unlock()
			}
		})
	}
	buyers.Wait()
	return ids, took
}
