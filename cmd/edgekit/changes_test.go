package main

import (
	"encoding/json"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"edgekit.internal/cmd/internal/kittest"
	"edgekit.internal/pipeline"
)

// TestSellingWhileTheCatalogueChanges: prices and bundles change, and offers come and go, under many hands. Every sale is
// for a price and with pieces that were in the catalogue together, and the stock is what the slips leave of it.
func TestSellingWhileTheCatalogueChanges(t *testing.T) {
	plenty := strings.Replace(kittest.Catalogue, `"stock":10}`, `"stock":100000}`, 1)
	dearer := strings.NewReplacer(`"price":1500`, `"price":2000`, `"n":2}`, `"n":3}`).Replace(plenty)
	without := strings.Replace(plenty, `"id":"set"`, `"id":"other"`, 1)
	k := kittest.Start(t, "-printer", "none", "-catalog", kittest.File(t, "plenty.json", plenty))
	stop := make(chan struct{})
	var sold, refused atomic.Int64
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				v, err := kittest.NewVisitor(k.Viewer)
				if err != nil {
					t.Error(err)
					return
				}
				for range 8 {
					o, err := v.Offer("set")
					if err != nil {
						continue // not in the catalogue of the moment
					}
					a, err := v.Tap(kittest.NewTap(), "set", o.Token)
					switch {
					case err != nil:
						t.Error(err)
						return
					case a.Status == http.StatusOK:
						sold.Add(1)
						if a.Total.Minor != o.Price.Minor {
							t.Errorf("shown at %d, sold at %d", o.Price.Minor, a.Total.Minor)
						}
					case a.Reason == "too-late" || a.Reason == "unknown-offer":
						refused.Add(1)
					default:
						t.Errorf("%+v", a)
					}
				}
			}
		})
	}
	for i := range 120 {
		bring(t, k, []string{dearer, plenty, without, plenty}[i%4])
	}
	close(stop)
	all.Wait()
	t.Logf("%d sold, %d were told that it had just changed", sold.Load(), refused.Load())
	if code, _ := k.Stop(); code != 0 {
		t.Fatal(code)
	}
	conn, err := sqlite.OpenConn(filepath.Join(k.Data, "kit.db"), sqlite.OpenReadOnly)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	left, sales := map[string]int{"MUG": 100_000, "PEN": 1_000_000}, int64(0)
	err = sqlitex.ExecuteTransient(conn, "SELECT total, lines FROM sales", &sqlitex.ExecOptions{ResultFunc: func(q *sqlite.Stmt) error {
		var lines []pipeline.OrderLine
		if err := json.Unmarshal([]byte(q.ColumnText(1)), &lines); err != nil {
			return err
		}
		sales++
		sum, pens := int64(0), 0
		for _, l := range lines {
			left[l.SKU] -= l.N
			sum += l.Amount
			if l.SKU == "PEN" {
				pens = l.N
			}
		}
		if total := q.ColumnInt64(0); sum != total || total == 1500 != (pens == 2) || total == 2000 != (pens == 3) {
			t.Errorf("%d for %s", total, q.ColumnText(1))
		}
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	err = sqlitex.ExecuteTransient(conn, "SELECT sku, left FROM stock", &sqlitex.ExecOptions{ResultFunc: func(q *sqlite.Stmt) error {
		if q.ColumnInt(1) != left[q.ColumnText(0)] {
			t.Errorf("%d of %s left, the slips leave %d", q.ColumnInt(1), q.ColumnText(0), left[q.ColumnText(0)])
		}
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	if sales != sold.Load() || sales < 50 {
		t.Errorf("%d sales, %d were acknowledged", sales, sold.Load())
	}
}
