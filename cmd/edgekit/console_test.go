package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"edgekit.internal/cmd/internal/kittest"
	"edgekit.internal/cmd/internal/wire"
)

// asked is a request to the operator's side, as anybody may make it.
type asked struct {
	method, path, body string
	cookie             *http.Cookie
	header             map[string]string
	from               string // address it comes from; empty: any
}

type answered struct {
	status int
	header http.Header
	cookie *http.Cookie
	wire.Problem
}

func ask(t *testing.T, base string, a asked) answered {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), kittest.Limit)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, a.method, base+a.path, strings.NewReader(a.body))
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range a.header {
		req.Header.Set(k, v)
	}
	if a.cookie != nil {
		req.AddCookie(a.cookie)
	}
	dial := &net.Dialer{}
	if a.from != "" {
		dial.LocalAddr = &net.TCPAddr{IP: net.ParseIP(a.from)}
	}
	way := &http.Transport{DialContext: dial.DialContext, DisableKeepAlives: true}
	res, err := way.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	got := answered{status: res.StatusCode, header: res.Header}
	if strings.HasSuffix(res.Header.Get("Content-Type"), "problem+json") {
		if err := json.NewDecoder(res.Body).Decode(&got.Problem); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range res.Cookies() {
		got.cookie = c
	}
	return got
}

func pairing(code string) asked {
	return asked{method: "POST", path: "/api/operator/pair", body: fmt.Sprintf(`{"code":%q}`, code)}
}

// pair makes a session, and returns its cookie.
func pair(t *testing.T, k *kittest.Kit, code string) *http.Cookie {
	t.Helper()
	got := ask(t, k.Console, pairing(code))
	if got.status != http.StatusNoContent || got.cookie == nil {
		t.Fatalf("pairing with %s: %d %s", code, got.status, got.Detail)
	}
	return got.cookie
}

// guarded is every route that only paired devices may use.
var guarded = []asked{
	{method: "GET", path: "/api/operator/state"},
	{method: "GET", path: "/api/operator/events"},
	{method: "PUT", path: "/api/operator/offers/mug", body: `{"state":"over"}`},
	{method: "POST", path: "/api/operator/sales", body: `{"id":"01ARZ3NDEKTSV4RRFFQ69G5FAV","offer":"mug","price":1000}`},
	{method: "GET", path: "/api/operator/tickets/A-001/slip.png"},
	{method: "GET", path: "/api/operator/traces/01ARZ3NDEKTSV4RRFFQ69G5FAV"},
	{method: "POST", path: "/api/operator/unpair"},
	{method: "GET", path: "/api/operator/settings"},
	{method: "GET", path: "/api/operator/status"},
	{method: "GET", path: "/api/operator/control/status"},
	{method: "PUT", path: "/api/operator/control/offers/mug", body: `{"state":"over"}`},
	{method: "PUT", path: "/api/operator/control/update", body: "not for you"},
	{method: "GET", path: "/api/operator/update"},
	{method: "PUT", path: "/api/operator/update", body: "not for you"},
	{method: "PUT", path: "/api/operator/settings", body: `{"text":"stall = \"mine\"\n"}`},
	{method: "GET", path: "/api/operator/settings/schema"},
	{method: "GET", path: "/api/operator/logs"},
	{method: "GET", path: "/api/operator/camera"},
	{method: "GET", path: "/api/operator/camera/still"},
	{method: "POST", path: "/api/operator/camera/refocus"},
	{method: "POST", path: "/api/operator/camera/next"},
	{method: "GET", path: "/api/operator/recordings"},
	{method: "PUT", path: "/api/operator/recordings", body: `{"on":true}`},
	{method: "PUT", path: "/api/operator/recordings/release", body: `{"released":true}`},
	{method: "GET", path: "/api/operator/recordings/00001.mp4"},
	{method: "GET", path: "/api/operator/recordings/00001/marks"},
	{method: "DELETE", path: "/api/operator/recordings/00001"},
	{method: "POST", path: "/api/operator/push", body: `{"on":true}`},
	{method: "POST", path: "/api/operator/restart"},
	{method: "POST", path: "/api/operator/setup-slip"},
	{method: "GET", path: "/api/operator/"},
	{method: "GET", path: "/api/operator/none"},
	{method: "GET", path: "/api/operator/pair"},
	{method: "DELETE", path: "/api/operator/offers/mug"},
}

func refusedUnpaired(t *testing.T, k *kittest.Kit, name string, change func(*asked)) {
	t.Helper()
	for _, a := range guarded {
		change(&a)
		if got := ask(t, k.Console, a); got.status != http.StatusUnauthorized || got.Reason != "not-paired" {
			t.Errorf("%s: %s %s: %d %q", name, a.method, a.path, got.status, got.Reason)
		}
	}
}

func TestNothingOfTheConsoleWithoutPairing(t *testing.T) {
	k := kittest.Start(t)
	visitor := k.Visit(t)
	if a, err := visitor.Buy("mug"); err != nil || a.Ticket != "A-001" { // so that there would be something to see
		t.Fatalf("%+v %v", a, err)
	}
	refusedUnpaired(t, k, "no session", func(*asked) {})
	refusedUnpaired(t, k, "made-up session", func(a *asked) {
		a.cookie = &http.Cookie{Name: "edgekit-operator", Value: "99999999999~127_0_0_1~X.AAAAAAAAAAAAAAAAAAAAAA"}
	})
	refusedUnpaired(t, k, "a visitor's session", func(a *asked) {
		a.cookie = &http.Cookie{Name: "edgekit-operator", Value: visitorsCookie(t, k)}
	})

	if got := ask(t, k.Console, pairing("12-34")); got.status != http.StatusForbidden || got.Reason != "refused" {
		t.Errorf("wrong code: %d %q", got.status, got.Reason)
	}
	session := pair(t, k, k.Code)
	if !session.HttpOnly || session.SameSite != http.SameSiteStrictMode || session.MaxAge <= 0 || session.Path != "/" {
		t.Errorf("session cookie %v", session)
	}
	if got := ask(t, k.Console, pairing(k.Code)); got.status != http.StatusForbidden {
		t.Errorf("the code was good twice: %d", got.status)
	}
	if got := ask(t, k.Console, asked{method: "GET", path: "/api/operator/state", cookie: session}); got.status != http.StatusOK {
		t.Errorf("paired: %d", got.status)
	}
	refusedUnpaired(t, k, "session carried to another address", func(a *asked) { a.cookie, a.from = session, "127.0.0.2" })
	bent := *session
	bent.Value = "9" + bent.Value
	refusedUnpaired(t, k, "session bent to last longer", func(a *asked) { a.cookie = &bent })

	for _, origin := range []map[string]string{
		{"Origin": "http://elsewhere.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site", "Origin": k.Viewer},
	} {
		for _, a := range []asked{pairing(k.Code), {method: "PUT", path: "/api/operator/offers/mug", body: `{"state":"over"}`}, {method: "POST", path: "/api/operator/unpair"}} {
			a.cookie, a.header = session, origin
			if got := ask(t, k.Console, a); got.status != http.StatusForbidden {
				t.Errorf("%s %s from %v: %d", a.method, a.path, origin, got.status)
			}
		}
	}

	code := state(t, k, session).Pairing
	if code == k.Code || len(code) != 7 {
		t.Errorf("the next device's code is %q, after %q was used", code, k.Code)
	}
	second := pair(t, k, strings.ReplaceAll(code, "-", " "))
	events := follow(t, k, second)
	if got := ask(t, k.Console, asked{method: "POST", path: "/api/operator/unpair", cookie: second}); got.status != http.StatusNoContent || got.cookie == nil || got.cookie.MaxAge >= 0 {
		t.Errorf("log out: %d %v", got.status, got.cookie)
	}
	refusedUnpaired(t, k, "session logged out of", func(a *asked) { a.cookie = second })
	for range events { // ends, as nobody is paired who follows them
	}
	if got := ask(t, k.Console, asked{method: "GET", path: "/api/operator/state", cookie: session}); got.status != http.StatusOK {
		t.Errorf("one device's log-out ended another's session: %d", got.status)
	}

	kittest.Until(t, "guesses are limited", func() bool {
		got := ask(t, k.Console, pairing("00"))
		return got.status == http.StatusTooManyRequests && got.Reason == "rate-limited" && got.header.Get("Retry-After") == "1"
	})
}

func visitorsCookie(t *testing.T, k *kittest.Kit) string {
	t.Helper()
	got := ask(t, k.Viewer, asked{method: "POST", path: "/api/session"})
	if got.cookie == nil {
		t.Fatalf("session: %d", got.status)
	}
	return got.cookie.Value
}

type shown struct {
	Pairing string
	Offers  []struct{ ID, State string }
}

func state(t *testing.T, k *kittest.Kit, session *http.Cookie) (s shown) {
	t.Helper()
	for line := range follow(t, k, session) {
		if data, ok := strings.CutPrefix(line, "data: "); ok {
			if err := json.Unmarshal([]byte(data), &s); err != nil {
				t.Fatal(err)
			}
			break
		}
	}
	return s
}

// follow reads the lines of the event stream until it ends.
func follow(t *testing.T, k *kittest.Kit, session *http.Cookie) func(yield func(string) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), kittest.Limit)
	t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, "GET", k.Console+"/api/operator/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.AddCookie(session)
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { res.Body.Close() })
	return func(yield func(string) bool) {
		lines := bufio.NewScanner(res.Body)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() && yield(lines.Text()) {
		}
		if err := lines.Err(); err != nil {
			t.Errorf("events: %v", err)
		}
	}
}

func TestVisitorsReachNothingOfTheOperators(t *testing.T) {
	k := kittest.Start(t)
	for _, path := range []string{"/console", "/console/", "/console/app.js", "/metrics", "/healthz", "/readyz", "/api/operator/", "/api/operator/state", "/api/operator/events", "/api/operator/pair"} {
		if got := ask(t, k.Viewer, asked{method: "GET", path: path}); got.status != http.StatusNotFound {
			t.Errorf("%s: %d", path, got.status)
		}
	}
	for _, a := range append(guarded, pairing(k.Code)) {
		if got := ask(t, k.Viewer, a); got.status != http.StatusNotFound && got.status != http.StatusMethodNotAllowed {
			t.Errorf("%s %s: %d", a.method, a.path, got.status)
		}
	}
	pair(t, k, k.Code) // the visitors' side did not use it up
}

func TestWhatAnOperatorStopsDoesNotSell(t *testing.T) {
	k := kittest.Start(t)
	op, visitor := k.Pair(t), k.Visit(t)
	put := func(offer, state string) int {
		t.Helper()
		status, _, err := op.Do("PUT", "/api/operator/offers/"+offer, map[string]string{"state": state})
		if err != nil {
			t.Fatal(err)
		}
		return status
	}
	buy := func(want int, reason string) {
		t.Helper()
		if a, err := visitor.Buy("mug"); err != nil || a.Status != want || a.Reason != reason {
			t.Errorf("tap: %d %q %v, want %d %q", a.Status, a.Reason, err, want, reason)
		}
	}
	shown, err := visitor.Offer("mug")
	if err != nil {
		t.Fatal(err)
	}
	if got := put("mug", "over"); got != http.StatusNoContent {
		t.Fatalf("stop: %d", got)
	}
	if a, err := visitor.Tap(kittest.NewTap(), "mug", shown.Token); err != nil || a.Status != http.StatusGone || a.Reason != "too-late" {
		t.Errorf("tap on a stopped offer: %d %q %v", a.Status, a.Reason, err)
	}
	if got := put("mug", "live"); got != http.StatusNoContent {
		t.Fatalf("start: %d", got)
	}
	buy(http.StatusOK, "")

	for _, c := range []struct {
		offer, state string
		want         int
	}{{"none", "live", 404}, {"mug", "gone", 400}, {"mug", "", 400}, {"mug", strings.Repeat("x", 20<<10), 413}} {
		if got := put(c.offer, c.state); got != c.want {
			t.Errorf("%s to be %.9q: %d, want %d", c.offer, c.state, got, c.want)
		}
	}
	if status, _, err := op.Do("PUT", "/api/operator/offers/mug", []string{"live"}); err != nil || status != http.StatusBadRequest {
		t.Errorf("a list in place of an object: %d %v", status, err)
	}
	buy(http.StatusOK, "") // and none of that changed anything
	if status, b, err := op.Get("/api/operator/tickets/A-001/slip.png"); err != nil || status != http.StatusOK || !bytes.HasPrefix(b, []byte("\x89PNG")) {
		t.Errorf("slip: %d %.20q %v", status, b, err)
	}
	for _, ticket := range []string{"A-999", "none", "..%2F..%2Fkit.db"} {
		if status, _, err := op.Get("/api/operator/tickets/" + ticket + "/slip.png"); err != nil || status != http.StatusNotFound {
			t.Errorf("slip of %s: %d %v", ticket, status, err)
		}
	}
}

// watchful makes a page keep what it did wrong.
const watchful = `window.wrongs = [];
addEventListener("securitypolicyviolation", e => wrongs.push(e.violatedDirective + " " + e.blockedURI));
addEventListener("error", e => wrongs.push(e.message));
addEventListener("unhandledrejection", e => wrongs.push(String(e.reason)));`

// under is the text of the section with a heading.
func under(heading string) string {
	return fmt.Sprintf(`([...document.querySelectorAll("section")].find(s => s.querySelector("h2").textContent === %q && s.checkVisibility()) || {innerText: ""}).innerText`, heading)
}

// button is a button by its accessible name, once it can be used.
func button(name string) string {
	return fmt.Sprintf(`[...document.querySelectorAll("button")].find(b => (b.ariaLabel || b.textContent) === %q && b.checkVisibility() && b.ariaDisabled !== "true")`, name)
}

func press(t *testing.T, browser context.Context, name string) {
	t.Helper()
	kittest.See(t, browser, name+" can be pressed", "!!"+button(name))
	kittest.Press(t, browser, name)
}

func enter(t *testing.T, browser context.Context, code string) {
	t.Helper()
	const field = `[...document.querySelectorAll("label")].find(l => l.textContent === "Pairing code" && l.checkVisibility())`
	kittest.See(t, browser, "the field for the code", "!!"+field)
	kittest.Read(t, browser, field+`.control.select()`)
	if _, err := chromedp.Run(browser, chromedp.KeyEvent(code)); err != nil {
		t.Fatal(err)
	}
	press(t, browser, "Pair")
}

func TestConsoleInABrowser(t *testing.T) {
	k := kittest.Start(t)
	browser := kittest.Browser(t, watchful)
	see := func(what, expr string) { t.Helper(); kittest.See(t, browser, what, expr) }

	kittest.Open(t, browser, k.Console+"/console")
	enter(t, browser, "000000") // one in a million
	see("a wrong code is said to be one", `document.querySelector("#pairing [role=alert]").textContent.includes("not the code")`)
	if got := kittest.Read(t, browser, under("Offers")); got != "" {
		t.Errorf("before pairing the page shows %q", got)
	}
	enter(t, browser, k.Code)
	see("the offers", under("Offers")+`.includes("Desk set")`)
	see("how many are left", under("Offers")+`.match(/Mug\s+Live\s+€ 10.00\s*5 left\s*0 sold/)`)
	see("camera and printer are ready", under("Devices")+`.match(/Camera\s+Ready[^]*Printer\s+Ready/)`)
	kittest.Read(t, browser, `window.sameTab = true`)
	kittest.Read(t, browser, `document.querySelector("#camera-open summary").click()`)
	see("what the camera sees", `document.querySelector("#camera-still").naturalWidth >= 320`)
	see("how it comes out", under("Picture")+`.match(/Face: .*(sharp|soft|blurred).*\n*Goods: .*(well lit|too)/)`)
	see("where a face belongs", `[...document.querySelectorAll("#camera-guides li")].map(l => l.textContent + l.getBoundingClientRect().width.toFixed()).join().match(/^face[1-9][0-9]+,goods[1-9][0-9]+$/)`)
	if got := kittest.Read(t, browser, `[...document.querySelectorAll("#camera-open button")].filter(b => b.checkVisibility()).length`); got != "0" {
		t.Errorf("%s buttons for a camera that has no controls and no other beside it", got)
	}
	kittest.Read(t, browser, `document.querySelector("#camera-open summary").click()`)

	visitor := k.Visit(t)
	if a, err := visitor.Buy("mug"); err != nil || a.Ticket != "A-001" {
		t.Fatalf("%+v %v", a, err)
	}
	see("the sale, and its times", under("Sales")+`.match(/Mug\s+€ 10.00\s+A-001[^]*sold in [^]*on paper in /)`)
	see("its ticket, printed", under("Tickets")+`.match(/A-001\s+Mug[^]*Printed/)`)
	see("one less", under("Offers")+`.match(/4 left\s*1 sold/)`)
	see("the money", `document.querySelector("#figures").innerText.includes("€ 10.00")`)

	press(t, browser, "Slip of A-001")
	see("the slip's picture", `(i => i && i.checkVisibility() && i.complete && i.naturalWidth > 100 && i.naturalHeight > 100)(document.querySelector("dialog[open] img"))`)
	press(t, browser, "Close")
	see("the slip is closed", `!document.querySelector("dialog[open]")`)

	token, err := visitor.Offer("mug")
	if err != nil {
		t.Fatal(err)
	}
	press(t, browser, "Stop Mug")
	see("it is over", under("Offers")+`.match(/Mug\s+Over/)`)
	if a, err := visitor.Tap(kittest.NewTap(), "mug", token.Token); err != nil || a.Status != http.StatusGone {
		t.Errorf("tap on an offer that the console shows as over: %d %v", a.Status, err)
	}
	press(t, browser, "Start Mug")
	see("it is live", under("Offers")+`.match(/Mug\s+Live/)`)

	k.Stop()
	see("the lost connection is said", `document.querySelector("[role=status]").textContent.startsWith("Connection lost")`)
	k = kittest.StartIn(t, k.Data, "-listen", strings.TrimPrefix(k.Viewer, "http://"), "-operator", strings.TrimPrefix(k.Console, "http://"))
	see("the connection is back", `document.querySelector("[role=status]").textContent === ""`)
	if a, err := k.Visit(t).Buy("pen"); err != nil || a.Ticket != "A-002" {
		t.Fatalf("%+v %v", a, err)
	}
	see("the next sale", under("Sales")+`.match(/Pen[^]*A-002[^]*Mug[^]*A-001/)`)

	press(t, browser, "Sell Pen")
	press(t, browser, "Sure? Sell Pen for € 2.50")
	see("what was sold by hand", under("Offers")+`.includes("Sold: ticket A-003.")`)
	see("its sale", under("Sales")+`.match(/Pen[^]*A-003[^]*Pen[^]*A-002/)`)

	for _, width := range []int64{360, 1280} {
		if _, err := chromedp.Run(browser, chromedp.EmulateViewport(width, 740)); err != nil {
			t.Fatal(err)
		}
		see(fmt.Sprintf("all of it fits %d px", width), fmt.Sprintf(`innerWidth === %d && document.documentElement.scrollWidth <= innerWidth`, width))
		if small := kittest.Read(t, browser, `[...document.querySelectorAll("button,summary,input")].filter(b => b.checkVisibility()).filter(b => { const r = b.getBoundingClientRect(); return r.width < 44 || r.height < 44 }).map(b => b.ariaLabel || b.textContent).join()`); small != "" {
			t.Errorf("at %d px too small for a thumb: %s", width, small)
		}
	}
	press(t, browser, "Log out")
	see("it asks for a code again", button("Pair"))
	if got := kittest.Read(t, browser, `document.body.textContent.match(/Mug|A-00\d|€|\d{3}-\d{3}/)`); got != "null" {
		t.Errorf("logged out, the page still holds %s", got)
	}
	if got := kittest.Read(t, browser, `JSON.stringify([window.sameTab, wrongs])`); got != "[true,[]]" {
		t.Errorf("the page was loaded anew, or did wrong: %s", got)
	}
}
