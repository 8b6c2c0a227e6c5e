package main

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"edgekit.internal/cmd/internal/kittest"
	"edgekit.internal/cmd/internal/wire"
)

// mugNumber is the mug's in heldUpCatalogue.
const mugNumber = "4006381333931"

// heldUpCatalogue has six offers, one more than the picture shows at once with the mug, which is prepared; the pen has no number and is
// the last.
const heldUpCatalogue = `{"currency":"EUR",
"skus":[{"sku":"MUG","title":"Mug","price":1250,"tax":19.0,"stock":10,"barcode":"` + mugNumber + `"},{"sku":"PEN","title":"Pen","price":300,"tax":19.0,"stock":50},
{"sku":"CUP","title":"Cup","price":300,"tax":19.0,"stock":50}],
"offers":[{"id":"mug","title":"Mug","lines":[{"sku":"MUG","n":1}],"price":1000,"state":"hidden"},
{"id":"c1","title":"Cup","lines":[{"sku":"CUP","n":1}],"price":300},{"id":"c2","title":"Two cups","lines":[{"sku":"CUP","n":2}],"price":550},
{"id":"c3","title":"Three cups","lines":[{"sku":"CUP","n":3}],"price":800},{"id":"c4","title":"Four cups","lines":[{"sku":"CUP","n":4}],"price":1000},
{"id":"pen","title":"Pen","lines":[{"sku":"PEN","n":1}],"price":250}]}`

// holding starts a kit whose camera sees a stall.
func holding(t testing.TB, data, held string) (*kittest.Kit, *kittest.Stall) {
	t.Helper()
	stall := kittest.NewStall(t)
	return kittest.StartIn(t, data, "-catalog", kittest.File(t, "catalogue.json", heldUpCatalogue), "-camera", "file:"+stall.Path, "-picture", "640x360@30", "-held-up", held), stall
}

func mugBars(t testing.TB) kittest.Held {
	t.Helper()
	text, bars := kittest.EAN(mugNumber[:12])
	if text != mugNumber {
		t.Fatalf("%s is printed for %s", text, mugNumber)
	}
	return bars
}

func heldUp(t testing.TB, op *kittest.Operator) *wire.HeldUp {
	t.Helper()
	var s struct {
		HeldUp *wire.HeldUp `json:"held_up"`
	}
	if _, b, err := op.Get("/api/operator/state"); err != nil || json.Unmarshal(b, &s) != nil {
		t.Fatal(string(b), err)
	}
	return s.HeldUp
}

// TestAProductHeldUpIsInThePictureAndOnThePage: a prepared one goes live, one beyond those in the picture gets a place; through the camera
// program's end; a ticket's code is a scan that hands nothing over, and one that sells sells nothing. What was held up is in the journal.
func TestAProductHeldUpIsInThePictureAndOnThePage(t *testing.T) {
	data := t.TempDir()
	k, stall := holding(t, data, "show")
	op, v := k.Pair(t), k.Visit(t)
	inPicture := func(offer string) func() bool {
		return func() bool { o, err := v.Offer(offer); return err == nil && o.State == "live" && o.Area != nil }
	}
	kittest.Until(t, "the picture with four prompts", inPicture("c4"))
	if _, err := v.Offer("mug"); err == nil {
		t.Fatal("a prepared offer is shown before its product is")
	}
	if o, err := v.Offer("pen"); err != nil || o.Area != nil {
		t.Fatalf("%+v, %v: the sixth offer is in a picture for four", o, err)
	}
	stall.Hold(mugBars(t))
	kittest.Until(t, "the mug's prompt", inPicture("mug"))
	sold := confirmed(t, v, "mug")

	pid := kittest.Child(t, k.PID(), "edgecam")
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	stall.Hold(kittest.QR(t, "PEN"))
	kittest.Until(t, "the pen's prompt, by the next camera program", inPicture("pen"))

	var tickets struct {
		Tickets []struct{ Ticket, Tap string }
	}
	if _, b, err := op.Get("/api/operator/state"); err != nil || json.Unmarshal(b, &tickets) != nil || len(tickets.Tickets) != 1 {
		t.Fatal(string(b), err)
	}
	stall.Hold(kittest.QR(t, fmt.Sprintf("edgekit:%s:%s", sold, tickets.Tickets[0].Tap)))
	kittest.Until(t, "the console to know the ticket", func() bool { return heldUp(t, op).Detail == sold+": Mug, € 10.00 to pay." })
	var scans struct {
		Scans []wire.Scan
	}
	if _, b, err := op.Get("/api/operator/state"); err != nil || json.Unmarshal(b, &scans) != nil || len(scans.Scans) != 1 || scans.Scans[0].Ticket != sold || !scans.Scans[0].OK || scans.Scans[0].State != "open" {
		t.Errorf("%s, %v", b, err)
	}
	o, err := v.Offer("pen")
	if err != nil {
		t.Fatal(err)
	}
	stall.Hold(kittest.QR(t, k.Viewer+"/t/"+o.Token))
	kittest.Until(t, "the console to know no such product", func() bool {
		up := heldUp(t, op)
		return up.Text == "" && strings.HasPrefix(up.Detail, "No product has")
	})
	if _, b, err := op.Get("/api/operator/state"); err != nil || json.Unmarshal(b, &tickets) != nil || len(tickets.Tickets) != 1 {
		t.Errorf("codes held up to the camera have sold something: %s, %v", b, err)
	}
	if a, err := v.Tap(kittest.NewTap(), "pen", o.Token); err != nil || a.Outcome.Outcome != "confirmed" {
		t.Errorf("the code that was held up is used: %+v, %v", a, err)
	}
	if code, _ := k.Stop(); code != 0 {
		t.Errorf("exit %d", code)
	}
	var shown []string
	for _, e := range journalOf(t, filepath.Join(data, "kit.db")) {
		if e.Action != "" {
			shown = append(shown, strings.Join(strings.Fields(e.Action+" "+e.Offer+" "+e.Via+" "+e.Refused), " "))
		}
	}
	if got := strings.Join(shown, ", "); got != "show-offer mug camera, show-offer pen camera" {
		t.Errorf("the journal has %s", got)
	}
}

// TestTheConsoleAsksBeforeItShows, in a browser: nothing is shown before the button is pressed, and it is on the visitor's page then.
func TestTheConsoleAsksBeforeItShows(t *testing.T) {
	k, stall := holding(t, t.TempDir(), "ask")
	page, console := kittest.Browser(t), kittest.Browser(t, watchful)
	kittest.Open(t, page, k.Viewer+"/")
	kittest.Press(t, page, "Continue without")
	kittest.See(t, page, "moving picture", seen+` > 10`)
	kittest.Open(t, console, k.Console+"/console")
	enter(t, console, k.Code)
	kittest.See(t, console, "that nothing is held up", under("Held up to the camera")+`.includes("No product's code is held up.")`)
	stall.Hold(mugBars(t))
	kittest.See(t, console, "the question", under("Held up to the camera")+`.includes("Mug is held up: show it?")`)
	const prompt = `[...document.querySelectorAll("button")].some(b => b.ariaLabel === "Buy Mug for € 10.00" && b.checkVisibility())`
	if got := kittest.Read(t, page, prompt); got != "false" {
		t.Error("it is on the page before anybody said so")
	}
	press(t, console, "Show Mug")
	kittest.See(t, page, "the prompt", prompt)
	kittest.See(t, console, "that it is on show", under("Held up to the camera")+`.includes("Mug is on show.")`)
	kittest.See(t, console, "who did it", under("Buttons")+`.match(/Put on show \(from a console\)[^]*Mug is live/)`)
	kittest.Press(t, page, "Buy Mug for € 10.00")
	kittest.See(t, page, "outcome", status+`.startsWith("Confirmed")`)
	if got := kittest.Read(t, console, `JSON.stringify(wrongs)`); got != "[]" {
		t.Errorf("the console did wrong: %s", got)
	}
}

// TestAKitThatDoesNotLook is as it was: its console has no word of it.
func TestAKitThatDoesNotLook(t *testing.T) {
	k, stall := holding(t, t.TempDir(), "off")
	stall.Hold(mugBars(t))
	w := k.Watch(t)
	kittest.Until(t, "pictures", func() bool { return w.Pictures.Load() > 60 })
	if up := heldUp(t, k.Pair(t)); up != nil {
		t.Errorf("%+v", up)
	}
	if _, err := w.Visitor.Offer("mug"); err == nil {
		t.Error("it is shown")
	}
}
