package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	"edgekit.internal/cmd/internal/kittest"
	"edgekit.internal/cmd/internal/wire"
)

// dropped is a catalogue with a drop that is prepared: dearer from its third piece on, and cheaper again ten seconds after its start.
const dropped = `{"currency":"EUR",
"skus":[{"sku":"MUG","title":"Mug","price":1250,"tax":19.0,"stock":10}],
"offers":[{"id":"mug","title":"Mug","lines":[{"sku":"MUG","n":1}],"price":1250,"state":"live"},
{"id":"drop","title":"Drop","lines":[{"sku":"MUG","n":1}],"price":900,"state":"hidden","lasts":3600,"steps":[{"sold":2,"price":1000},{"sold":2,"after":10,"price":950}]}]}`

// countdown has an offer start by itself, as edgectl does.
func countdown(t *testing.T, k *kittest.Kit, offer string, in time.Duration) {
	t.Helper()
	b, err := json.Marshal(wire.OfferState{ID: kittest.NewTap(), State: "soon", InMS: in.Milliseconds()})
	if err != nil {
		t.Fatal(err)
	}
	var is wire.OfferState
	inquire(t, k, http.MethodPut, "/offers/"+offer, b, &is)
	if is.State != "soon" || is.InMS != in.Milliseconds() {
		t.Fatalf("%+v", is)
	}
}

// TestADropStartsOnEveryPage by itself: it is counted down, can be bought at once when it starts and not a moment before, and becomes dearer by the
// piece and cheaper by the clock, for all pages the same.
func TestADropStartsOnEveryPage(t *testing.T) {
	k := kittest.StartIn(t, t.TempDir(), "-catalog", kittest.File(t, "c.json", dropped), "-printer", "none")
	watching, plain := k.Watch(t), k.Visit(t)
	if _, err := plain.Offer("drop"); err == nil {
		t.Fatal("what is hidden is listed")
	}
	const in = 3 * time.Second
	asked := time.Now()
	countdown(t, k, "drop", in)
	kittest.Until(t, "the countdown on the page", func() bool {
		o, ok := watching.Shown("drop")
		return ok && o.State == "soon" && o.StartsMS > 0 && o.StartsMS <= in.Milliseconds() && o.Token == ""
	})
	if a, err := plain.Tap(kittest.NewTap(), "drop", "x"); err != nil || a.Reason != "not-yet" || time.Since(asked) >= in {
		t.Errorf("a tap before the start: %+v, %v", a, err)
	}
	kittest.Until(t, "the start on the page", func() bool {
		o, ok := watching.Prompt("drop")
		return ok && o.State == "live" && o.Token != "" && o.EndsMS > 0
	})
	if early := in - time.Since(asked); early > 0 {
		t.Errorf("it started %v too early", early)
	}
	first, err := plain.Offer("drop")
	if err != nil || first.Price.Minor != 900 {
		t.Fatalf("%+v, %v", first, err)
	}
	sold(t, plain, "drop", 900)
	sold(t, plain, "drop", 900)
	if a, err := plain.Tap(kittest.NewTap(), "drop", first.Token); err != nil || a.Reason != "too-late" || a.Detail == "" {
		t.Errorf("at a price that is past: %+v, %v", a, err)
	}
	kittest.Until(t, "the second price on the page", func() bool {
		o, _ := watching.Prompt("drop")
		return o.Price.Minor == 1000
	})
	sold(t, plain, "drop", 1000)
	kittest.Until(t, "the third price on the page", func() bool {
		o, _ := watching.Prompt("drop")
		return o.Price.Minor == 950
	})
	sold(t, plain, "drop", 950)
}

// TestACountdownOutlivesAKill: it goes on by kit time, and what was told before stays so.
func TestACountdownOutlivesAKill(t *testing.T) {
	data := t.TempDir()
	args := []string{"-catalog", kittest.File(t, "c.json", dropped), "-printer", "none"}
	k := kittest.StartIn(t, data, args...)
	const in = 4 * time.Second
	asked := time.Now()
	countdown(t, k, "drop", in)
	k.Kill()
	k = kittest.StartIn(t, data, args...)
	watching := k.Watch(t)
	kittest.Until(t, "the start", func() bool {
		o, ok := watching.Prompt("drop")
		return ok && o.State == "live"
	})
	if early := in - time.Since(asked); early > 0 {
		t.Errorf("it started %v too early: time without the kit counts for nothing", early)
	}
	sold(t, k.Visit(t), "drop", 900)
}

// sold buys one, at a price.
func sold(t *testing.T, v *kittest.Visitor, offer string, price int64) {
	t.Helper()
	a, err := v.Buy(offer)
	if err != nil || a.Status != http.StatusOK || a.Total == nil || a.Total.Minor != price {
		t.Errorf("%s for %d: %+v, %v", offer, price, a, err)
	}
}

// TestADropIsCountedDownInABrowser: from the operator's phone to the visitors', in the picture and below it.
func TestADropIsCountedDownInABrowser(t *testing.T) {
	k := kittest.StartIn(t, t.TempDir(), "-catalog", kittest.File(t, "c.json", dropped), "-printer", "none")
	buyer, console := kittest.Browser(t, watchful), kittest.Browser(t, watchful)
	kittest.Open(t, buyer, k.Viewer+"/?webrtc=off")
	kittest.Press(t, buyer, "Continue without")
	kittest.Open(t, console, k.Console+"/console")
	enter(t, console, k.Code)
	kittest.See(t, console, "what can be chosen", `document.querySelector("[aria-label='Start Drop in']")?.options.length === 8`)
	kittest.Read(t, console, `(() => { const s = document.querySelector("[aria-label='Start Drop in']"); s.value = "1"; s.dispatchEvent(new Event("change")); })()`)
	card := func(what string) string {
		return fmt.Sprintf(`[...document.querySelectorAll("li.offer")].find((l) => l.innerText.includes("Drop"))?.innerText.match(%s)`, what)
	}
	kittest.See(t, console, "the countdown", card(`/Announced[^]*(1:00|0:5\d) until it starts/`))
	kittest.See(t, buyer, "the countdown in the list", `[...document.querySelectorAll("#list button")].some((b) => b.innerText.match(/Drop[^]*Starts in (1:00|0:5\d)/))`)
	countdown(t, k, "drop", 2*time.Second) // the operator has another idea
	kittest.See(t, buyer, "that it is on", `[...document.querySelectorAll("#list button")].some((b) => b.innerText.match(/Drop[^]*left · (1:00:00|59:5\d)/) && b.ariaDisabled === "false")`)
	kittest.Press(t, buyer, "Buy Drop for € 9.00")
	kittest.See(t, buyer, "its ticket", `document.querySelector("#tickets").innerText.includes("A-001")`)
	kittest.See(t, console, "that it is on", card(`/Live[^]*to go/`))
}
