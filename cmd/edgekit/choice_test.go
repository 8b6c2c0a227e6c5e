package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"edgekit.internal/cmd/internal/kittest"
	"edgekit.internal/cmd/internal/wire"
)

// tees is a catalogue of one shirt in three sizes, the larger the dearer, and three of any for the price of two.
const tees = `{"currency":"EUR","skus":[
{"sku":"S","title":"Tee, S","product":"Tee","variant":"S","price":1900,"tax":19,"stock":3},
{"sku":"M","title":"Tee, M","product":"Tee","variant":"M","price":2000,"tax":19,"stock":1},
{"sku":"L","title":"Tee, L","product":"Tee","variant":"L","price":2100,"tax":19,"stock":9}],
"offers":[{"id":"tee","title":"Tee","lines":[{"of":["S","M","L"],"n":1}]},{"id":"three","title":"3 for 2","lines":[{"of":["S","M","L"],"n":3}],"pay":2}]}`

// TestWhatIsChosenIsBought: by a tap, by a code's page and by the sheet's, at the price of what was chosen, and of that no more than there is.
func TestWhatIsChosenIsBought(t *testing.T) {
	k := kittest.StartIn(t, t.TempDir(), "-catalog", kittest.File(t, "c.json", tees), "-printer", "none")
	v := k.Visit(t)
	o, err := v.Offer("tee")
	if err != nil || !o.From || o.Price.Minor != 1900 || len(o.Choices) != 1 || len(o.Choices[0].Of) != 3 || o.Choices[0].Of[1] != (wire.Option{SKU: "M", Title: "M", Left: 1, Price: o.Choices[0].Of[1].Price}) || o.Choices[0].Of[1].Price.Minor != 2000 {
		t.Fatalf("%+v, %v", o, err)
	}
	tap := func(v *kittest.Visitor, choice ...string) (a kittest.Answer) {
		t.Helper()
		o, err := v.Offer("tee")
		if err == nil {
			a.Status, err = v.Do("POST", "/api/taps", wire.Tap{ID: kittest.NewTap(), Offer: "tee", Token: o.Token, Choice: choice}, &a)
		}
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	for _, c := range []struct {
		choice []string
		status int
		reason string
	}{{nil, 422, "choice"}, {[]string{"XL"}, 422, "choice"}, {[]string{"M", "M"}, 422, "choice"}, {strings.Fields(strings.Repeat("M ", 21)), 400, "malformed"}} {
		if a := tap(v, c.choice...); a.Status != c.status || a.Reason != c.reason || a.Detail == "" {
			t.Errorf("%v: %+v", c.choice, a)
		}
	}
	if a := tap(v, "M"); a.Status != http.StatusOK || a.Title != "Tee (M)" || a.Total.Minor != 2000 || a.Ticket != "A-001" {
		t.Errorf("%+v", a)
	}
	if a := tap(v, "M"); a.Status != http.StatusConflict || a.Reason != "sold-out" {
		t.Errorf("%+v", a)
	}
	var price struct{ Price wire.Money }
	if status, err := v.Do("GET", "/api/price?offer=three&choice=S&choice=L&choice=S", nil, &price); err != nil || status != http.StatusOK || price.Price.Minor != 4000 {
		t.Errorf("%d, %v, %+v", status, err, price)
	}
	for _, q := range []string{"offer=three&choice=S", "offer=hat&choice=S", "offer=tee"} {
		if status, err := v.Do("GET", "/api/price?"+q, nil, nil); err != nil || status < 400 || status >= 500 {
			t.Errorf("%s: %d, %v", q, status, err)
		}
	}

	// a code's page, and the sheet, choose without scripts
	jar, _ := cookiejar.New(nil)
	plain := &http.Client{Jar: jar, Timeout: kittest.Limit}
	read := func(res *http.Response, err error) string {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	link := k.Viewer + "/t/" + mintOf(t, k).Link("tee", 0, 0, 10*time.Minute)
	page := read(plain.Get(link))
	for _, want := range []string{`<option value="S">S, € 19.00</option>`, `<option value="L">L, € 21.00</option>`, "Buy Tee from € 19.00"} {
		if !strings.Contains(page, want) {
			t.Errorf("no %s in %s", want, page)
		}
	}
	if strings.Contains(page, `value="M"`) {
		t.Errorf("what is sold out can be chosen: %s", page)
	}
	id := regexp.MustCompile(`name="id" value="([0-9A-Z]{26})"`).FindStringSubmatch(page)[1]
	if said := read(plain.PostForm(link, url.Values{"id": {id}, "choice": {"L"}})); !strings.Contains(said, "Confirmed · ticket A-002") {
		t.Error(said)
	}
	sheet := read(plain.Get(k.Viewer + "/portal"))
	form := regexp.MustCompile(`<form method="post" action="/portal/buy">.*?</form>`).FindAllString(sheet, -1)
	if len(form) != 2 || strings.Count(form[1], "<select") != 3 {
		t.Fatalf("%d forms in %s", len(form), sheet)
	}
	fields := url.Values{"choice": {"S", "S", "L"}}
	for _, m := range regexp.MustCompile(`name="(\w+)" value="([^"]*)"`).FindAllStringSubmatch(form[1], -1) {
		fields.Set(m[1], m[2])
	}
	if said := read(plain.PostForm(k.Viewer+"/portal/buy", fields)); !strings.Contains(said, "Confirmed · ticket A-003") || !strings.Contains(said, "3 for 2 (2 × S, L) · € 40.00") {
		t.Error(said)
	}
}

// TestOneChoosesInABrowser: a size by one tap, three of any by counting; the operator sells a size, and exchanges it for another.
func TestOneChoosesInABrowser(t *testing.T) {
	k := kittest.StartIn(t, t.TempDir(), "-catalog", kittest.File(t, "c.json", tees), "-printer", "none")
	buyer, console := kittest.Browser(t, watchful), kittest.Browser(t, watchful)
	kittest.Open(t, buyer, k.Viewer+"/?webrtc=off")
	kittest.Press(t, buyer, "Continue without")
	kittest.Press(t, buyer, "Buy Tee from € 19.00")
	kittest.Press(t, buyer, "Tee, M for € 20.00")
	kittest.See(t, buyer, "its ticket", `document.querySelector("#status").textContent.startsWith("Confirmed · ticket A-001 · Tee (M) € 20.00")`)
	kittest.Press(t, buyer, "Buy 3 for 2 from € 38.00")
	kittest.See(t, buyer, "what is gone", `document.querySelector("#choose").innerText.includes("M, sold out") && document.querySelector("#choose").innerText.includes("Choose 3.")`)
	for _, press := range []string{"One S more", "One L more", "One L less", "One S more", "One L more"} {
		kittest.Press(t, buyer, press)
	}
	kittest.Press(t, buyer, "Buy 3 for 2 for € 40.00")
	kittest.See(t, buyer, "its ticket", `document.querySelector("#status").textContent.startsWith("Confirmed · ticket A-002 · 3 for 2 (2 × S, L) € 40.00")`)
	kittest.See(t, buyer, "what is in it", `document.querySelector("#tickets").innerText.includes("2 × Tee, S · 1 × Tee, L")`)

	kittest.Open(t, console, k.Console+"/console")
	enter(t, console, k.Code)
	const which = `document.querySelector("[aria-label='Tee: which one']")`
	kittest.See(t, console, "what can be chosen", `[...(`+which+`?.options || [])].map((o) => o.text).join() === "S, € 19.00, 1 left,L, € 21.00, 8 left"`)
	kittest.Read(t, console, `(() => { const s = `+which+`; s.value = "L"; s.dispatchEvent(new Event("change")); })()`)
	press(t, console, "Sell Tee")
	press(t, console, "Sure? Sell Tee for € 21.00")
	kittest.See(t, console, "that it is sold", `document.querySelector("#tickets").innerText.includes("Tee (L)")`)
	kittest.Read(t, console, `(() => { const i = document.querySelector("#counter-number"); i.value = "A-003"; i.form.requestSubmit(); })()`)
	kittest.See(t, console, "the ticket", `document.querySelector("#counter-title").textContent === "A-003 · Tee (L)"`)
	press(t, console, "Void")
	kittest.Read(t, console, `(() => { const s = document.querySelector("#counter-for"); s.value = [...s.options].find((o) => o.text === "Tee: S, € 19.00").value; s.dispatchEvent(new Event("change")); })()`)
	press(t, console, "Exchange these")
	kittest.See(t, console, "what it is now", `document.querySelector("#counter-title").textContent === "A-004 · Tee (S)"`)
	for _, b := range []struct{ name, wrongs string }{{"buyer", kittest.Read(t, buyer, "wrongs.join()")}, {"console", kittest.Read(t, console, "wrongs.join()")}} {
		if b.wrongs != "" {
			t.Errorf("%s: %s", b.name, b.wrongs)
		}
	}
}

// TestTheLineIsFair: whoever taps what is sold out stands in line by when their tap came, through a kill; what comes free is kept for the first, and the page says so.
func TestTheLineIsFair(t *testing.T) {
	data := t.TempDir()
	args := []string{"-catalog", kittest.File(t, "c.json", `{"currency":"EUR","skus":[{"sku":"MUG","title":"Mug","price":1250,"tax":19,"stock":1}],"offers":[{"id":"mug","title":"Mug","lines":[{"sku":"MUG","n":1}],"price":1250}]}`), "-printer", "none", "-line", "120"}
	k := kittest.StartIn(t, data, args...)
	first, bob := k.Visit(t), k.Visit(t)
	sold(t, first, "mug", 1250)
	ann := kittest.Browser(t, watchful)
	kittest.Open(t, ann, k.Viewer+"/?webrtc=off")
	kittest.Press(t, ann, "Continue without")
	kittest.Press(t, ann, "Wait in line for Mug")
	kittest.See(t, ann, "her place", `document.querySelector("#status").textContent.startsWith("Sold out · You are the next in line") && document.querySelector("#lines").innerText.includes("In line for Mug: you are next")`)
	a, err := bob.Buy("mug")
	if err != nil || a.Status != http.StatusConflict || a.Reason != "sold-out" || !strings.HasPrefix(a.Detail, "Sold out. You are in line, with 1 before you") {
		t.Fatalf("%+v, %v", a, err)
	}
	k.Kill()
	k = kittest.StartIn(t, data, append(args, "-listen", strings.TrimPrefix(k.Viewer, "http://"))...)
	if o, err := bob.Offer("mug"); err != nil || o.State != "sold-out" || o.Line == nil || *o.Line != (wire.InLine{Ahead: 1}) || *o.Waiting != 2 {
		t.Fatalf("%+v, %v", o, err)
	}
	void := func(ticket string) {
		t.Helper()
		if done := serve(t, k, wire.Serve{ID: kittest.NewTap(), Ticket: ticket, Do: "void", Restock: true}); !done.OK {
			t.Fatalf("%+v", done)
		}
	}
	void("A-001")
	if a, err := bob.Buy("mug"); err != nil || a.Reason != "sold-out" {
		t.Errorf("what is kept for ann: %+v, %v", a, err)
	}
	var offers []wire.OfferLevel
	if inquire(t, k, "GET", "/offers", nil, &offers); offers[0].Kept != 1 || offers[0].Waiting != 1 || offers[0].Left != 0 {
		t.Errorf("%+v", offers)
	}
	kittest.See(t, ann, "her turn", `document.querySelector("#lines").innerText.match(/Mug is kept for you: (2:00|1:[0-5]\d)/)`)
	kittest.Press(t, ann, "Buy Mug for € 12.50")
	kittest.See(t, ann, "her ticket", `document.querySelector("#status").textContent.startsWith("Confirmed · ticket A-002 · Mug")`)
	kittest.See(t, ann, "no line", `document.querySelector("#lines").hidden`)
	void("A-002")
	if o, err := bob.Offer("mug"); err != nil || o.State != "live" || o.Left != 1 || o.Line == nil || o.Line.CalledMS < 100_000 || o.Line.CalledMS > 120_000 {
		t.Errorf("%+v, %v", o, err)
	}
	for range 2 {
		if status, err := bob.Do("DELETE", "/api/line/mug", nil, nil); err != nil || status != http.StatusNoContent {
			t.Errorf("%d, %v", status, err)
		}
	}
	if o, err := first.Offer("mug"); err != nil || o.Left != 1 || o.State != "live" || o.Line != nil {
		t.Errorf("after bob has left: %+v, %v", o, err)
	}
	if wrongs := kittest.Read(t, ann, "wrongs.join()"); wrongs != "" {
		t.Error(fmt.Sprint(wrongs))
	}
}
