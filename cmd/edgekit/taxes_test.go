package main

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"edgekit.internal/cmd/internal/kittest"
	"edgekit.internal/pipeline"
)

// TestTaxesThatAreAdded: visitors see and pay what it comes to, taxes in it; the ticket, the till and a void know each line's.
func TestTaxesThatAreAdded(t *testing.T) {
	const doc = `{"currency":"USD","taxes":"added","rounding":"half-even",
"skus":[{"sku":"MUG","title":"Mug","price":1000,"tax":8.875,"stock":10},{"sku":"BREAD","title":"Bread","price":450,"tax":0,"stock":10}],
"offers":[{"id":"mug","title":"Mug","lines":[{"sku":"MUG","n":1}],"price":1000},
{"id":"three","title":"Three for two","lines":[{"sku":"MUG","n":2},{"sku":"BREAD","n":1}],"pay":2}]}`
	data := t.TempDir()
	args := []string{"-catalog", kittest.File(t, "c.json", doc), "-printer", "none"}
	k := kittest.StartIn(t, data, args...)
	v := k.Visit(t)
	for _, c := range []struct {
		offer string
		paid  int64
	}{{"mug", 1089}, {"three", 2145}} { // 88.75 is 89; of 2000, 1633 are the mugs', whose tax is 144.93, and 367 the bread's
		o, err := v.Offer(c.offer)
		if err != nil || o.Price.Minor != c.paid {
			t.Errorf("%s is shown for %+v, %v, expected %d", c.offer, o.Price, err, c.paid)
		}
		sold(t, v, c.offer, c.paid)
	}
	var ticket struct{ Lines []pipeline.OrderLine }
	if status, err := v.Do(http.MethodGet, "/api/tickets/A-002", nil, &ticket); err != nil || status != http.StatusOK {
		t.Fatalf("%d, %v", status, err)
	}
	want := []pipeline.OrderLine{{SKU: "MUG", Title: "Mug", N: 2, Amount: 1778, Rate: 8875, Tax: 145}, {SKU: "BREAD", Title: "Bread", N: 1, Amount: 367}}
	if d := cmp.Diff(want, ticket.Lines); d != "" {
		t.Error(d)
	}
	k.Kill()
	k = kittest.StartIn(t, data, args...)
	res, err := local(k).Get("http://kit/till.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	till, err := io.ReadAll(res.Body)
	if err != nil || !strings.Contains(string(till), "total,net,,,32.34,2.34,30.00,") {
		t.Errorf("the till says, %v:\n%s", err, till)
	}
	sold(t, k.Visit(t), "mug", 1089)
}
