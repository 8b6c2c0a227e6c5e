package main

import (
	"fmt"
	"net/http"
	"testing"

	"edgekit.internal/cmd/internal/kittest"
)

// TestAShopsProductsInABrowser: a file is looked at, all that is wrong with it is told with its place, what a good one changes is shown
// before it does, and what comes of it is sold.
func TestAShopsProductsInABrowser(t *testing.T) {
	k := kittest.Start(t, "-printer", "none", "-taxes", "standard=19")
	browser := kittest.Browser(t, watchful)
	see := func(what, expr string) { t.Helper(); kittest.See(t, browser, what, expr) }
	kittest.Open(t, browser, k.Console+"/console")
	enter(t, browser, k.Code)
	see("the offers", under("Offers")+`.includes("Catalogue")`)
	choose := func(name, text string) {
		t.Helper()
		kittest.Read(t, browser, fmt.Sprintf(`(() => { const d = new DataTransfer(); d.items.add(new File([%q], %q));
			const f = [...document.querySelectorAll("label")].find(l => l.textContent.startsWith("Catalogue (JSON or CSV)")).control;
			f.files = d.files; f.dispatchEvent(new Event("change")); })()`, text, name))
	}
	kittest.Read(t, browser, `[...document.querySelectorAll("summary")].find(s => s.textContent === "Catalogue").click()`)
	const head = "Handle,Title,Option1 Name,Option1 Value,Variant SKU,Variant Inventory Tracker,Variant Inventory Qty,Variant Price,Variant Taxable,Status\n"
	choose("bad.csv", head+"jar,,Title,Default Title,JAR,shopify,1,x,true,active\n")
	see("what is wrong, and where", under("Offers")+`.match(/Nothing was imported. 2 things are wrong[^]*bad.csv:2:5: the name[^]*bad.csv:2:40: price: "x"/)`)
	choose("shop.csv", head+"mug,Mug,Title,Default Title,MUG,shopify,10,12.50,true,active\njar,Jar,Size,Small,,,,\"1.234,50\",true,active\nold,Old,Title,Default Title,OLD,,,1,true,draft\n")
	see("what it would change", under("Offers")+`.match(/Shopify, UTF-8: 2 things for sale; left out: 1 draft. It would be: \d+ new[^]*Jar, Small, sku jar-Small: new[^]*price € 1234.50[^]*stock not counted/)`)
	if o, err := k.Visit(t).Offer("pen"); err != nil {
		t.Errorf("looking at it changed something: %+v, %v", o, err)
	}
	press(t, browser, "Import it")
	see("it is imported", under("Offers")+`.match(/Imported. Shopify/)`)
	see("an offer of it", under("Offers")+`.match(/Jar, Small[^]*Hidden[^]*not counted/)`)
	kittest.Read(t, browser, `void fetch("/api/operator/control/offers/jar-small", { method: "PUT", body: '{"state":"live"}' })`)
	kittest.Until(t, "it to be live", func() bool { o, err := k.Visit(t).Offer("jar-small"); return err == nil && o.State == "live" })
	for want := range 3 {
		if a, err := k.Visit(t).Buy("jar-small"); err != nil || a.Status != http.StatusOK || a.Left != -1 || a.Total.Minor != 123450 || a.Ticket != fmt.Sprintf("A-%03d", want+1) {
			t.Errorf("%+v, %v", a, err)
		}
	}
	if o, err := k.Visit(t).Offer("pen"); err == nil {
		t.Errorf("an offer of what is gone: %+v", o)
	}
	if got := kittest.Read(t, browser, `JSON.stringify(wrongs)`); got != "[]" {
		t.Errorf("the page did wrong: %s", got)
	}
}

// TestStockIsSetInABrowser: which thing, how many, why; it holds for the next sale, and is told to whoever looks later.
func TestStockIsSetInABrowser(t *testing.T) {
	k := kittest.Start(t, "-printer", "none")
	browser := kittest.Browser(t, watchful)
	see := func(what, expr string) { t.Helper(); kittest.See(t, browser, what, expr) }
	kittest.Open(t, browser, k.Console+"/console")
	enter(t, browser, k.Code)
	see("the offers", under("Offers")+`.includes("Stock")`)
	field := func(label, event, value string) {
		t.Helper()
		kittest.Read(t, browser, fmt.Sprintf(`(() => { const f = [...document.querySelectorAll("label")].find(l => l.textContent === %q).control; f.value = %q; f.dispatchEvent(new Event(%q)); })()`, label, value, event))
	}
	kittest.Read(t, browser, `[...document.querySelectorAll("summary")].find(s => s.textContent === "Stock").click()`)
	see("what is left", `[...document.querySelectorAll("button")].some(b => b.textContent === "Mug: 10 left")`)
	field("Find", "input", "mu")
	see("only what was looked for", `![...document.querySelectorAll("#stock-list button")].some(b => b.textContent.startsWith("Pen"))`)
	press(t, browser, "Mug: 10 left")
	field("Mug: there are", "input", "")
	press(t, browser, "Set what is left")
	see("that it needs a number", under("Offers")+`.includes("Enter how many there are")`)
	field("Mug: there are", "input", "1")
	field("because", "change", "damaged")
	press(t, browser, "Set what is left")
	see("what became of it", under("Offers")+`.match(/MUG: −9, damaged, 1 left/)`)
	if a, err := k.Visit(t).Buy("mug"); err != nil || a.Status != http.StatusOK || a.Left != 0 {
		t.Errorf("the one that is left: %+v, %v", a, err)
	}
	if a, err := k.Visit(t).Buy("mug"); err != nil || a.Reason != "sold-out" {
		t.Errorf("one that is not there: %+v, %v", a, err)
	}
	if got := kittest.Read(t, browser, `JSON.stringify(wrongs)`); got != "[]" {
		t.Errorf("the page did wrong: %s", got)
	}
}
