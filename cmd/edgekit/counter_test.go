package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"edgekit.internal/cmd/internal/kittest"
	"edgekit.internal/cmd/internal/wire"
)

// serve does something with a ticket at another console than the one that is looked at.
func serve(t *testing.T, k *kittest.Kit, s wire.Serve) (done wire.Served) {
	t.Helper()
	b, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	inquire(t, k, "POST", "/counter", b, &done)
	return done
}

func inquire(t *testing.T, k *kittest.Kit, method, path string, body []byte, answer any) {
	t.Helper()
	r, err := http.NewRequest(method, "http://kit"+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	res, err := local(k).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK || json.Unmarshal(b, answer) != nil {
		t.Fatalf("%s %s: %s %s, %v", method, path, res.Status, b, err)
	}
}

// TestTicketsAreServedInABrowser: paid and handed over, called, in part, voided, brought back, exchanged; two consoles hand nothing over twice; buyers and the
// screen at the counter see how it stands.
func TestTicketsAreServedInABrowser(t *testing.T) {
	k := kittest.Start(t)
	buyer := kittest.Browser(t, watchful)
	kittest.Open(t, buyer, k.Viewer+"/")
	kittest.Press(t, buyer, "Continue without")
	kittest.See(t, buyer, "moving picture", seen+` > 30`) // prompts stay where they are from then on
	kittest.Press(t, buyer, "Buy Mug for € 10.00")
	kittest.See(t, buyer, "its ticket", `document.querySelector("#tickets").innerText.includes("A-001")`)
	v := k.Visit(t)
	for _, offer := range []string{"pen", "set"} {
		if a, err := v.Buy(offer); err != nil || a.Status != http.StatusOK {
			t.Fatalf("%s: %+v, %v", offer, a, err)
		}
	}
	browser, board := kittest.Browser(t, watchful), kittest.Browser(t, watchful)
	see := func(what, expr string) { t.Helper(); kittest.See(t, browser, what, expr) }
	says := func(what string) {
		t.Helper()
		see(what, fmt.Sprintf(`document.querySelector("dialog[open]")?.innerText.includes(%q)`, what))
	}
	kittest.Open(t, board, k.Viewer+"/board")
	kittest.See(t, board, "all three to come", `document.querySelector("[aria-labelledby=waiting-title]").innerText.match(/A-001[^]*A-002[^]*A-003/)`)
	kittest.Open(t, browser, k.Console+"/console")
	enter(t, browser, k.Code)

	press(t, browser, "Serve A-001")
	says("€ 10.00 to pay")
	press(t, browser, "Call the number")
	says("A-001 is called.")
	kittest.See(t, board, "it can be fetched", `document.querySelector("[aria-labelledby=ready-title]").innerText.includes("A-001") && !document.querySelector("[aria-labelledby=waiting-title]").innerText.includes("A-001")`)
	kittest.See(t, buyer, "that it can be fetched", `document.querySelector("#status").innerText === "Ready · ticket A-001: please fetch it" && document.querySelector("#tickets").innerText.includes("Ready: please fetch it")`)
	press(t, browser, "€ 10.00 in cash, hand over")
	says("A-001 is handed over: 1 x Mug. Take € 10.00 (cash).")
	kittest.See(t, board, "it was fetched", `!document.body.innerText.includes("A-001")`)
	if done := serve(t, k, wire.Serve{ID: kittest.NewTap(), Ticket: "A-001", Do: "hand-over"}); done.OK || done.Detail != "A-001 was handed over just now: hand nothing over." {
		t.Errorf("at another console: %+v", done)
	}
	press(t, browser, "Undo the last")
	says("A-001: that is undone. Give back € 10.00 (cash).")
	press(t, browser, "€ 10.00 by card, hand over")
	says("Take € 10.00 (card).")
	press(t, browser, "Take back")
	press(t, browser, "Take these back")
	says("A-001 came back: 1 x Mug. Give back € 10.00 (cash).")
	press(t, browser, "Done")

	press(t, browser, "Serve A-002")
	says("to pay")
	press(t, browser, "Void")
	press(t, browser, "Void these")
	says("A-002 is void: 1 x Pen.")
	press(t, browser, "Done")

	press(t, browser, "Serve A-003")
	says("A-003 ·")
	press(t, browser, "Void")
	kittest.Read(t, browser, `(() => { const s = document.querySelector("#counter-for"); s.value = [...s.options].find((o) => o.text.startsWith("Pen")).value; s.dispatchEvent(new Event("change")); })()`)
	press(t, browser, "Exchange these")
	says("A-003: 1 x Mug, 2 x Pen exchanged for A-004: Pen. € 2.50 to pay.")
	says("A-004 · Pen")
	press(t, browser, "€ 2.50 in cash, hand over")
	says("A-004 is handed over: 1 x Pen. Take € 2.50 (cash).")
	press(t, browser, "Done")
	if a, err := v.Buy("set"); err != nil || a.Ticket != "A-005" {
		t.Fatalf("%+v, %v", a, err)
	}

	kittest.Read(t, browser, `(() => { const f = document.querySelector("#counter-number"); f.value = "a5"; f.form.requestSubmit(); })()`)
	says("A-005 ·")
	kittest.Read(t, browser, `(() => { const n = document.querySelectorAll("dialog[open] input[type=number]"); n[0].value = 0; })()`)
	press(t, browser, "Hand over, not paid yet")
	says("are owed.")
	see("how it stands", `document.querySelector("#tickets").innerText.match(/A-005[^]*Partly handed over[^]*A-004[^]*Handed over[^]*A-003[^]*Void[^]*A-002[^]*Void[^]*A-001[^]*Void/)`)
	press(t, browser, "Done")

	var got struct {
		Tickets []struct{ Ticket, Fulfilment string }
	}
	if status, err := v.Do("GET", "/api/tickets", nil, &got); err != nil || status != http.StatusOK || fmt.Sprint(got.Tickets) != "[{A-005 partly} {A-004 handed-over} {A-003 void} {A-002 void}]" {
		t.Errorf("the buyer sees %+v, %d, %v", got, status, err)
	}
	for _, b := range []string{kittest.Read(t, browser, `JSON.stringify(wrongs)`), kittest.Read(t, board, `JSON.stringify(wrongs)`)} {
		if b != "[]" {
			t.Errorf("a page did wrong: %s", b)
		}
	}
}

// TestASlipIsPhotographedInABrowser: the very slip that was printed, and the console opens its ticket.
func TestASlipIsPhotographedInABrowser(t *testing.T) {
	k := kittest.Start(t)
	if a, err := k.Visit(t).Buy("mug"); err != nil || a.Ticket != "A-001" {
		t.Fatalf("%+v, %v", a, err)
	}
	var slip []byte
	kittest.Until(t, "the slip", func() (there bool) {
		var err error
		slip, err = os.ReadFile(filepath.Join(k.Data, "tickets", "A-001.png"))
		return err == nil
	})
	browser := kittest.Browser(t, watchful)
	kittest.Open(t, browser, k.Console+"/console")
	enter(t, browser, k.Code)
	photograph := func(picture []byte) {
		t.Helper()
		kittest.Read(t, browser, fmt.Sprintf(`(() => { const d = new DataTransfer(), b = Uint8Array.from(atob(%q), c => c.charCodeAt(0)); d.items.add(new File([b], "slip.png", { type: "image/png" }));
			const f = document.querySelector("#counter-photo"); f.files = d.files; f.dispatchEvent(new Event("change")); })()`, base64.StdEncoding.EncodeToString(picture)))
	}
	kittest.See(t, browser, "the tickets", `document.querySelector("#tickets").innerText.includes("A-001")`)
	photograph(slip[:len(slip)/2])
	kittest.See(t, browser, "that it is damaged", `document.querySelector("#counter-look-fault").innerText.includes("damaged")`)
	photograph(slip)
	kittest.See(t, browser, "the ticket", `document.querySelector("dialog[open]")?.innerText.match(/A-001 · Mug[^]*€ 10.00 to pay/)`)
	press(t, browser, "Done")
	kittest.See(t, browser, "what was scanned", `document.querySelector("#scans").innerText.includes("A-001: Mug, € 10.00 to pay.")`)

	var s wire.Scan // by somebody else: this console opens what is scanned
	inquire(t, k, "POST", "/photo", slip, &s)
	if s.Ticket != "A-001" || !s.OK {
		t.Errorf("%+v", s)
	}
	kittest.See(t, browser, "the ticket that was scanned", `document.querySelector("dialog[open]")?.innerText.includes("A-001 · Mug")`)
}

// TestTheCounterOutlivesAKill: what was said to be done is done, once, under its id, and everything else can be asked for again.
func TestTheCounterOutlivesAKill(t *testing.T) {
	k := kittest.Start(t, "-printer", "none")
	v := k.Visit(t)
	for range 6 {
		if a, err := v.Buy("pen"); err != nil || a.Status != http.StatusOK {
			t.Fatalf("%+v, %v", a, err)
		}
	}
	var asked []wire.Serve
	var said []wire.Served
	for n := range 6 {
		s := wire.Serve{ID: kittest.NewTap(), Ticket: fmt.Sprintf("A-%03d", n+1), Do: "hand-over", Payment: "cash"}
		if n%3 == 1 {
			s = wire.Serve{ID: s.ID, Ticket: s.Ticket, Do: "void", Restock: true}
		}
		asked, said = append(asked, s), append(said, serve(t, k, s))
		k.Kill()
		k = kittest.StartIn(t, k.Data, "-printer", "none")
	}
	for i, s := range asked {
		want := said[i]
		if got := serve(t, k, s); !got.OK || got.Detail != want.Detail || got.Money != want.Money || !got.At.Equal(want.At) {
			t.Errorf("%+v: %+v, and before the kill %+v", s, got, want)
		}
		s.ID = kittest.NewTap()
		if got := serve(t, k, s); got.OK {
			t.Errorf("done twice: %+v", got)
		}
	}
	var sales []wire.Sale
	inquire(t, k, "GET", "/tickets", nil, &sales)
	var is []string
	for _, s := range sales {
		is = append(is, fmt.Sprint(s.Fulfilment, " ", s.Owed))
	}
	if got := strings.Join(is, ", "); got != "handed-over 0, void 0, handed-over 0, handed-over 0, void 0, handed-over 0" {
		t.Error(got)
	}
	var w wire.Waits
	if inquire(t, k, "GET", "/waits", nil, &w); w.Handed.N != 4 || w.Open != 0 || w.Handed.Most <= 0 {
		t.Errorf("%+v", w)
	}
}

// TestTheTillIsClosedInABrowser: what came in since the morning is shown, saved as a table, printed and closed; then the next roll begins.
func TestTheTillIsClosedInABrowser(t *testing.T) {
	k := kittest.Start(t)
	v := k.Visit(t)
	for _, offer := range []string{"mug", "set"} {
		if a, err := v.Buy(offer); err != nil || a.Status != http.StatusOK {
			t.Fatalf("%s: %+v, %v", offer, a, err)
		}
	}
	if done := serve(t, k, wire.Serve{ID: kittest.NewTap(), Ticket: "A-002", Do: "hand-over", Payment: "card"}); !done.OK {
		t.Fatalf("%+v", done)
	}
	browser := kittest.Browser(t, watchful)
	kittest.Open(t, browser, k.Console+"/console")
	enter(t, browser, k.Code)
	see := func(what, expr string) { t.Helper(); kittest.See(t, browser, what, expr) }
	see("the sales", under("Sales")+`.includes("Till roll")`)
	kittest.Read(t, browser, `[...document.querySelectorAll("summary")].find(s => s.textContent === "Till roll").click()`)
	see("the roll", under("Sales")+`.match(/Sold, 2 tickets[^]*25.00 EUR[^]*Net[^]*25.00 EUR[^]*Tax 19 %, in 25.00 EUR[^]*4.00 EUR[^]*By card[^]*15.00 EUR[^]*Not paid[^]*10.00 EUR[^]*2 × Mug[^]*2 × Pen/)`)
	if table := kittest.Read(t, browser, `fetch(document.querySelector("#till-csv").href).then(r => r.text())`); !strings.Contains(table, "total,net,,,25.00,4.00,21.00,") {
		t.Error(table)
	}
	if head := kittest.Read(t, browser, `fetch(document.querySelector("#till-pdf").href).then(r => r.text()).then(b => b.slice(0, 5))`); head != "%PDF-" {
		t.Error(head)
	}
	press(t, browser, "Print the roll")
	see("that it is printed", under("Sales")+`.includes("It is printed.")`)
	if _, err := os.Stat(filepath.Join(k.Data, "tickets", "till-roll.png")); err != nil {
		t.Error(err)
	}
	press(t, browser, "Close the day")
	press(t, browser, "Not yet")
	press(t, browser, "Close the day")
	press(t, browser, "Close the till")
	see("that it is closed", under("Sales")+`.match(/Net[^]*25.00 EUR[^]*The till is closed: closing 1/)`)
	kittest.Read(t, browser, `(() => { const w = document.querySelector("#till-which"); w.value = ""; w.dispatchEvent(new Event("change")); })()`)
	see("the next roll", under("Sales")+`.includes("Nothing was sold.")`)
	if got := kittest.Read(t, browser, `JSON.stringify(wrongs)`); got != "[]" {
		t.Errorf("the page did wrong: %s", got)
	}
}
