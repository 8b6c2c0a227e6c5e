package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"edgekit.internal/cmd/internal/kittest"
	"edgekit.internal/cmd/internal/wire"
	"edgekit.internal/drivers"
)

// drops is a catalogue with one offer that is announced and one that is prepared.
const drops = `{"currency":"EUR",
"skus":[{"sku":"MUG","title":"Mug","price":1250,"tax":19.0,"stock":10}],
"offers":[{"id":"mug","title":"Mug","lines":[{"sku":"MUG","n":1}],"price":1000,"state":"hidden"},
{"id":"two","title":"Two mugs","lines":[{"sku":"MUG","n":2}],"price":1800,"state":"soon"}]}`

// pressing presses a button in the console.
func pressing(t *testing.T, op *kittest.Operator, in wire.PressRequest) (out wire.Press) {
	t.Helper()
	if in.ID == "" {
		in.ID = kittest.NewTap()
	}
	status, b, err := op.Do("POST", "/api/operator/press", in)
	if err != nil || status != 200 || json.Unmarshal(b, &out) != nil {
		t.Fatalf("%+v: %d %s %v", in, status, b, err)
	}
	return out
}

func buttonsOf(t *testing.T, op *kittest.Operator) wire.Buttons {
	t.Helper()
	var s struct{ Buttons wire.Buttons }
	if _, b, err := op.Get("/api/operator/state"); err != nil || json.Unmarshal(b, &s) != nil {
		t.Fatal(string(b), err)
	}
	return s.Buttons
}

// TestADayOfPresses: a drop is started and sold out by buttons, a slip comes out again, help is called through a restart; and
// each press is in the journal, once.
func TestADayOfPresses(t *testing.T) {
	data, catalogue := t.TempDir(), kittest.File(t, "drops.json", drops)
	start := func() (*kittest.Kit, *kittest.Operator) {
		k := kittest.StartIn(t, data, "-catalog", catalogue, "-buttons", "virtual", "-lights", "virtual")
		return k, k.Pair(t)
	}
	k, op := start()
	v := k.Visit(t)
	state := func() string {
		t.Helper()
		o, err := v.Offer("two")
		if err != nil {
			t.Fatal(err)
		}
		return o.State
	}
	first := wire.PressRequest{ID: kittest.NewTap(), Button: "start-drop", Gesture: "short"}
	if out := pressing(t, op, first); !out.OK || out.Offer != "two" || state() != "live" {
		t.Fatalf("%+v; the offer is %s", out, state())
	}
	if out := pressing(t, op, first); !out.OK || out.Offer != "two" {
		t.Errorf("the same press again: %+v", out)
	}
	if a, err := v.Buy("two"); err != nil || a.Ticket != "A-001" {
		t.Fatalf("%+v, %v", a, err)
	}
	slip := filepath.Join(data, "tickets", "A-001.png")
	var was []byte
	kittest.Until(t, "the slip", func() (ok bool) {
		var err error
		was, err = os.ReadFile(slip)
		return err == nil && pressing(t, op, wire.PressRequest{Button: "reprint", Gesture: "short"}).OK
	})
	kittest.Until(t, "the slip again, marked", func() bool { now, err := os.ReadFile(slip); return err == nil && !bytes.Equal(now, was) })

	if out := pressing(t, op, wire.PressRequest{Button: "sold-out", Gesture: "short"}); out.OK || !strings.Contains(out.Detail, "hold it for 1 s") || state() != "live" {
		t.Errorf("%+v; the offer is %s", out, state())
	}
	if out := pressing(t, op, wire.PressRequest{Button: "sold-out", Gesture: "long"}); !out.OK || state() != "sold-out" {
		t.Errorf("%+v; the offer is %s", out, state())
	}
	o, err := v.Offer("two")
	if err != nil || o.Left != 0 {
		t.Errorf("%+v, %v", o, err)
	}
	if a, err := v.Tap(kittest.NewTap(), "two", o.Token); err != nil || a.Status != 409 || a.Reason != "sold-out" {
		t.Errorf("a tap on it: %+v, %v", a, err)
	}
	if out := pressing(t, op, wire.PressRequest{Button: "call-help", Gesture: "short"}); !out.OK {
		t.Errorf("%+v", out)
	}
	kittest.Until(t, "the light", func() bool { return buttonsOf(t, op).Lights["alert-light"] == "help" })

	k.Kill()
	k, op = start()
	v = k.Visit(t)
	kittest.Until(t, "what was pressed before", func() bool { return len(buttonsOf(t, op).Presses) > 0 })
	if b := buttonsOf(t, op); !b.Help || len(b.Presses) < 4 || b.Presses[0].Action != "call-help" || state() != "sold-out" {
		t.Errorf("after a power cut: %+v; the offer is %s", b, state())
	}
	if out := pressing(t, op, first); !out.OK || out.Offer != "two" || state() != "sold-out" {
		t.Errorf("the first press again: %+v; the offer is %s", out, state())
	}
	if out := pressing(t, op, wire.PressRequest{Action: "clear-help"}); !out.OK || buttonsOf(t, op).Help {
		t.Errorf("%+v", out)
	}
	if code, _ := k.Stop(); code != 0 {
		t.Errorf("exit %d", code)
	}
	count := map[string]int{}
	for _, e := range journalOf(t, filepath.Join(data, "kit.db")) {
		if e.Action != "" {
			count[e.Action+" "+e.Refused]++
		}
	}
	delete(count, "reprint-last refused") // as often as it was asked for before the slip was out
	for _, action := range []string{"start-next-drop ", "reprint-last ", "sold-out ", "call-help ", "clear-help "} {
		if count[action] != 1 {
			t.Errorf("%s: %d entries", action, count[action])
		}
		delete(count, action)
	}
	if len(count) > 0 {
		t.Error(count)
	}
}

// TestALostPhoneLocksNobodyOut: who holds Call help down gets a slip with a new code, and the old one is good no more.
func TestALostPhoneLocksNobodyOut(t *testing.T) {
	k := kittest.Start(t, "-buttons", "virtual")
	op := k.Pair(t)
	spent := kitCode(t, op)
	slip := filepath.Join(k.Data, "tickets", "setup.png")
	if out := pressing(t, op, wire.PressRequest{Button: "call-help", Gesture: "hold"}); !out.OK {
		t.Fatalf("%+v", out)
	}
	kittest.Until(t, "the slip", func() bool { _, err := os.Stat(slip); return err == nil })
	code := kitCode(t, op)
	if code == spent {
		t.Fatal("the code is the one before")
	}
	if _, err := kittest.PairWith(k.Console, spent); err == nil {
		t.Error("the code before is good still")
	}
	if _, err := kittest.PairWith(k.Console, code); err != nil {
		t.Error(err)
	}
}

func kitCode(t *testing.T, op *kittest.Operator) string {
	t.Helper()
	var s struct{ Pairing string }
	if _, b, err := op.Get("/api/operator/state"); err != nil || json.Unmarshal(b, &s) != nil || s.Pairing == "" {
		t.Fatal(string(b), err)
	}
	return s.Pairing
}

// TestShutDownByAButton ends the program in order; on the SD card's system it switches the board off.
func TestShutDownByAButton(t *testing.T) {
	k := kittest.Start(t, "-buttons", "virtual")
	op := k.Pair(t)
	if out := pressing(t, op, wire.PressRequest{Button: "reprint", Gesture: "hold"}); !out.OK {
		t.Fatalf("%+v", out)
	}
	<-k.Gone()
	if code, _ := k.Stop(); code != 0 || !strings.Contains(k.Log(), "kit ends in order") {
		t.Errorf("exit %d\n%s", code, k.Log())
	}
}

// deviceState is how the console shows a device; empty: not at all.
func deviceState(t *testing.T, op *kittest.Operator, device string) string {
	t.Helper()
	return string(deviceOf(op, device).State)
}

// deviceOf is what the console says of a device.
func deviceOf(op *kittest.Operator, device string) drivers.Status {
	var now struct{ Devices []drivers.Status }
	_, b, err := op.Get("/api/operator/state")
	if err != nil || json.Unmarshal(b, &now) != nil {
		return drivers.Status{} // asked again
	}
	for _, d := range now.Devices {
		if d.Device == device {
			return d
		}
	}
	return drivers.Status{}
}

// TestButtonsInABrowser: a drop is started from the console, why another is not is said, and a call for help is seen at once, and
// taken back.
func TestButtonsInABrowser(t *testing.T) {
	k := kittest.StartIn(t, t.TempDir(), "-catalog", kittest.File(t, "drops.json", strings.Replace(drops, "hidden", "over", 1)), "-buttons", "virtual", "-lights", "virtual")
	browser := kittest.Browser(t, watchful)
	see := func(what, expr string) { t.Helper(); kittest.See(t, browser, what, expr) }
	kittest.Open(t, browser, k.Console+"/console")
	enter(t, browser, k.Code)
	see("the buttons and lights are there", under("Devices")+`.match(/Buttons[^]*virtual[^]*Lights/)`)
	see("nothing was pressed", under("Buttons")+`.includes("No button was pressed yet.")`)
	press(t, browser, "Start the next drop")
	see("it is live", under("Buttons")+`.match(/Two mugs is live\.[^]*Next drop \(from a console\)/)`)
	press(t, browser, "Start the next drop")
	see("there is no other", under("Buttons")+`.match(/announce one in the console|just now/)`)
	press(t, browser, "Call help")
	see("help is called", `[...document.querySelectorAll("[role=alert]")].some(e => !e.hidden && e.innerText.includes("Help is called."))`)
	press(t, browser, "Somebody is there")
	see("and not any more", `document.getElementById("help").hidden`)
	press(t, browser, "Sold out Two mugs")
	see("an offer is sold out by hand", under("Offers")+`.includes("Sold out")`)
	if got := kittest.Read(t, browser, `JSON.stringify(wrongs)`); got != "[]" {
		t.Errorf("the page did wrong: %s", got)
	}
}
