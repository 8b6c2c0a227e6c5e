package portal

import (
	"context"
	"encoding/json"
	"errors"
	"html"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"edgekit.internal/cmd/edgekit/internal/seal"
	"edgekit.internal/cmd/edgekit/internal/web"
	"edgekit.internal/cmd/internal/wire"
	"edgekit.internal/pipeline"
)

const (
	kitAddress = "10.66.0.1:80"
	phone      = "10.66.0.7:40000"
	mac        = "02:00:00:00:00:07"
)

// air is the kit's own Wi-Fi with one phone in it.
type air struct {
	accepted bool
	broken   bool
	since    time.Time
}

func (a *air) Station(_ context.Context, addr netip.Addr) (Station, bool) {
	return Station{mac, a.accepted, a.since}, addr == netip.MustParseAddrPort(phone).Addr()
}

func (a *air) Accept(context.Context, netip.Addr) error {
	if a.broken {
		return errors.New("broken")
	}
	a.accepted = true
	return nil
}

// shop sells mugs at 1000 as often as one likes, once for each tap.
type shop struct {
	key     seal.Key
	price   int64
	expired string // a token
	sold    []pipeline.Tap
	begun   int
	acts    []string // addresses
}

func (s *shop) Acts(addr string) { s.acts = append(s.acts, addr) }

func (s *shop) Viewer(r *http.Request) (string, bool) {
	c, err := r.Cookie("edgekit")
	if err != nil {
		return "", false
	}
	return s.key.Open(c.Value)
}

func (s *shop) Begin(rw http.ResponseWriter, r *http.Request) (string, bool) {
	s.begun++
	v := "viewer" + string(rune('0'+s.begun))
	http.SetCookie(rw, web.Cookie(s.key.Sign(v), r))
	return v, true
}

func (s *shop) Offers(viewer, _ string) wire.Offers {
	return wire.Offers{Offers: []wire.Offer{{ID: "mug", Title: "Mug <big>", Price: wire.Money{Minor: s.price, Text: "€ 10.00"}, State: "live", Token: "for " + viewer}, {ID: "cup", Title: "Cup", State: "sold-out", Token: "x"}, {ID: "jug", Title: "Jug", State: "soon"}}}
}

func (s *shop) Tap(_ context.Context, viewer string, t wire.Tap, via pipeline.Channel) pipeline.Outcome {
	out := pipeline.Outcome{Tap: t.ID, Offer: t.Offer, Viewer: viewer, Reason: pipeline.Confirmed}
	at := slices.IndexFunc(s.sold, func(o pipeline.Tap) bool { return o.ID == t.ID && o.Viewer == viewer })
	switch {
	case at >= 0:
	case s.expired != "" && t.Token == s.expired:
		s.expired = ""
		return pipeline.Outcome{Tap: t.ID, Offer: t.Offer, Reason: pipeline.TokenExpired}
	case t.Token != "for "+viewer:
		return pipeline.Outcome{Tap: t.ID, Offer: t.Offer, Reason: pipeline.TokenInvalid, Details: "Not yours."}
	default:
		at = len(s.sold)
		s.sold = append(s.sold, pipeline.Tap{ID: t.ID, Viewer: viewer, Via: via})
	}
	out.Ticket = pipeline.TicketNumber(int64(at + 1))
	return out
}

func (s *shop) tickets(_ context.Context, viewer string, n int) (ts []pipeline.Ticket, _ error) {
	for i, t := range s.sold {
		if t.Viewer == viewer && len(ts) < n {
			ts = append(ts, pipeline.Ticket{Number: pipeline.TicketNumber(int64(i + 1)), Title: "Mug", Viewer: viewer})
		}
	}
	return ts, nil
}

// stall is a portal, and what it stands before.
type stall struct {
	*Portal
	air  *air
	shop *shop
}

func newStall() *stall {
	s := &stall{air: &air{}, shop: &shop{key: seal.Key("made by the test"), price: 1000}}
	next := http.NewServeMux()
	next.HandleFunc("POST /api/session", func(rw http.ResponseWriter, r *http.Request) {
		v, ok := s.shop.Viewer(r)
		if !ok {
			v, _ = s.shop.Begin(rw, r)
		}
		wire.Reply(rw, http.StatusOK, wire.Session{Viewer: v})
	})
	next.HandleFunc("/", func(rw http.ResponseWriter, _ *http.Request) { rw.Write([]byte("the page")) })
	s.Portal = New(Config{Stall: "Blue Door", Names: []string{"edgekit.internal"}, Stations: s.air, Shop: s.shop, Tickets: s.shop.tickets, Key: s.shop.key, Next: next, Log: slog.New(slog.DiscardHandler)})
	return s
}

// from sends a request as a device does that has no cookies, unless they are given.
func (s *stall) from(addr, method, target string, form url.Values, cookies ...*http.Cookie) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, strings.NewReader(form.Encode()))
	r.RemoteAddr = addr
	r.Header.Set("Accept", "text/html,application/xhtml+xml,*/*;q=0.8")
	r = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, net.Addr(net.TCPAddrFromAddrPort(netip.MustParseAddrPort(kitAddress)))))
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for _, c := range cookies {
		r.AddCookie(c)
	}
	rw := httptest.NewRecorder()
	s.ServeHTTP(rw, r)
	return rw
}

// form is what a page's first button to an action sends.
func form(t *testing.T, page, action string) url.Values {
	t.Helper()
	_, rest, ok := strings.Cut(page, `action="`+action+`">`)
	if !ok {
		t.Fatalf("no form to %s on the page:\n%s", action, page)
	}
	rest, _, _ = strings.Cut(rest, "</form>")
	f := url.Values{}
	for _, m := range regexp.MustCompile(`name="([^"]*)" value="([^"]*)"`).FindAllStringSubmatch(rest, -1) {
		f.Set(m[1], html.UnescapeString(m[2]))
	}
	return f
}

// TestAPhoneJoins: its system's question leads to the sheet until the visitor says so, and is answered as the system wants it from
// then on; nothing but the station tells who it is.
func TestAPhoneJoins(t *testing.T) {
	s := newStall()
	const probe = "http://connectivitycheck.gstatic.com/generate_204"
	if rw := s.from(phone, "GET", probe, nil); rw.Code != 302 || rw.Header().Get("Location") != "http://10.66.0.1/portal" {
		t.Fatalf("%d %v", rw.Code, rw.Header())
	}
	if rw := s.from(phone, "GET", "http://example.com/news", nil); rw.Code != 302 || rw.Header().Get("Location") != "http://10.66.0.1/portal" {
		t.Errorf("another page: %d %v", rw.Code, rw.Header())
	}
	if rw := s.from(phone, "POST", "http://example.com/api/taps", nil); rw.Code != http.StatusMisdirectedRequest {
		t.Errorf("a POST to another site: %d", rw.Code)
	}
	page := s.from(phone, "GET", "http://10.66.0.1/portal", nil).Body.String()
	if !strings.Contains(page, "Blue Door") || !strings.Contains(page, "Buy Mug &lt;big&gt; for € 10.00") || strings.Contains(page, "<script") || !strings.Contains(page, "Cup: sold out") {
		t.Errorf("the sheet:\n%s", page)
	}
	rw := s.from(phone, "POST", "http://10.66.0.1/portal/accept", form(t, page, "/portal/accept"))
	if rw.Code != 200 || !strings.Contains(rw.Body.String(), "You are connected") {
		t.Errorf("%d:\n%s", rw.Code, rw.Body)
	}
	if rw := s.from(phone, "GET", probe, nil); rw.Code != 204 || rw.Body.Len() > 0 {
		t.Errorf("the phone is not told that it is connected: %d %s", rw.Code, rw.Body)
	}
	if rw := s.from(phone, "GET", "http://www.msftconnecttest.com/redirect", nil); rw.Header().Get("Location") != "http://10.66.0.1/" {
		t.Errorf("a browser that is connected: %d %v", rw.Code, rw.Header())
	}
	if rw := s.from(phone, "GET", "http://example.com/news", nil); rw.Header().Get("Location") != "http://10.66.0.1/" {
		t.Errorf("another page, connected: %d %v", rw.Code, rw.Header())
	}
}

func TestTheKitCannotTellThePhone(t *testing.T) {
	s := newStall()
	s.air.broken = true
	page := s.from(phone, "GET", "http://10.66.0.1/portal", nil).Body.String()
	if rw := s.from(phone, "POST", "http://10.66.0.1/portal/accept", form(t, page, "/portal/accept")); rw.Code != 503 || !strings.Contains(rw.Body.String(), "Try again") {
		t.Errorf("%d:\n%s", rw.Code, rw.Body)
	}
}

// TestBuyingInTheSheet: without a cookie, once however often it is pressed; the sheet stays open for the ticket's number.
func TestBuyingInTheSheet(t *testing.T) {
	s := newStall()
	page := s.from(phone, "GET", "http://10.66.0.1/portal", nil).Body.String()
	buy := form(t, page, "/portal/buy")
	for range 2 {
		rw := s.from(phone, "POST", "http://10.66.0.1/portal/buy", buy)
		if rw.Code != 200 || !strings.Contains(rw.Body.String(), "Confirmed · ticket A-001") || !strings.Contains(rw.Body.String(), "<b>A-001</b>") {
			t.Fatalf("%d:\n%s", rw.Code, rw.Body)
		}
	}
	if len(s.shop.sold) != 1 || s.shop.sold[0].Via != pipeline.ViaSheet || s.air.accepted {
		t.Errorf("%+v, connected %v", s.shop.sold, s.air.accepted)
	}
	again := s.from(phone, "GET", "http://10.66.0.1/portal", nil).Body.String()
	if !strings.Contains(again, "<b>A-001</b>") {
		t.Errorf("the ticket is not there any more:\n%s", again)
	}
}

// TestAnOldPage buys all the same if the price is what it said, and says so if not.
func TestAnOldPage(t *testing.T) {
	s := newStall()
	for _, c := range []struct {
		price int64
		want  string
		sold  int
	}{{1000, "Confirmed · ticket A-001", 1}, {1200, "nothing was bought", 1}} {
		s.shop.price = 1000
		buy := form(t, s.from(phone, "GET", "http://10.66.0.1/portal", nil).Body.String(), "/portal/buy")
		s.shop.expired, s.shop.price = buy.Get("token"), c.price
		rw := s.from(phone, "POST", "http://10.66.0.1/portal/buy", buy)
		if !strings.Contains(rw.Body.String(), c.want) || len(s.shop.sold) != c.sold {
			t.Errorf("at %d: %d, %d sold:\n%s", c.price, rw.Code, len(s.shop.sold), rw.Body)
		}
	}
}

// TestTheBrowserIsTheSameVisitor: the one on the same phone without more, once; another by the code, once.
func TestTheBrowserIsTheSameVisitor(t *testing.T) {
	s := newStall()
	session := func(from string, cookies ...*http.Cookie) (string, []*http.Cookie) {
		rw := s.from(from, "POST", "http://10.66.0.1/api/session", nil, cookies...)
		var is wire.Session
		if err := json.Unmarshal(rw.Body.Bytes(), &is); err != nil {
			t.Fatal(err)
		}
		return is.Viewer, rw.Result().Cookies()
	}
	page := s.from(phone, "GET", "http://10.66.0.1/portal", nil).Body.String()
	code := codeOf(t, page)
	viewer, cookies := session(phone)
	if viewer != "viewer1" || len(cookies) != 1 {
		t.Errorf("the phone's browser is %s, %v", viewer, cookies)
	}
	if v, _ := session(phone); v == "viewer1" {
		t.Error("a second browser is the same visitor: they had no say in it")
	}
	const laptop = "10.66.0.9:1"
	upper := code[:3] + strings.ToUpper(code[3:])
	if rw := s.from(laptop, "POST", "http://10.66.0.1"+strings.ToUpper(code[:3])+code[3:], nil); len(rw.Result().Cookies()) > 0 {
		t.Error("a path in other letters is a code")
	}
	rw := s.from(laptop, "POST", "http://10.66.0.1"+upper, nil)
	if v, _ := session(laptop, rw.Result().Cookies()...); rw.Code != 302 || rw.Header().Get("Location") != "/" || v != "viewer1" {
		t.Errorf("by the code: %d %v, %s", rw.Code, rw.Header(), v)
	}
	if rw := s.from(laptop, "POST", "http://10.66.0.1"+code, nil); len(rw.Result().Cookies()) > 0 {
		t.Error("the code is good twice")
	}
	if rw := s.from(laptop, "GET", "http://10.66.0.1"+code, nil); rw.Code != 302 || rw.Header().Get("Location") != "/" {
		t.Errorf("a used code leads to %d %v", rw.Code, rw.Header())
	}
}

// codeOf is the path of the code on a phone's sheet.
func codeOf(t *testing.T, page string) string {
	t.Helper()
	m := regexp.MustCompile(`10\.66\.0\.1(/c/[a-z0-9]{6})`).FindStringSubmatch(page)
	if m == nil {
		t.Fatalf("no code on the page:\n%s", page)
	}
	return m[1]
}

// TestAScannedCodeAsks: to look at a code's page, as whoever scans a stranger's does, and as messengers do by themselves, makes nobody
// another visitor and uses nothing up; nor does another site's form.
func TestAScannedCodeAsks(t *testing.T) {
	s := newStall()
	code := codeOf(t, s.from(phone, "GET", "http://10.66.0.1/portal", nil).Body.String())
	ann := web.Cookie(s.shop.key.Sign("ann"), httptest.NewRequest("GET", "/", nil))
	for range 3 {
		rw := s.from("10.66.0.9:1", "GET", "http://10.66.0.1"+code, nil, ann)
		if rw.Code != 200 || len(rw.Result().Cookies()) > 0 || !strings.Contains(rw.Body.String(), "Go on here as the visitor of that phone") {
			t.Errorf("%d %v:\n%s", rw.Code, rw.Result().Cookies(), rw.Body)
		}
		if h := rw.Header(); !strings.Contains(h.Get("Content-Security-Policy"), "frame-ancestors 'none'") || h.Get("Cache-Control") != "no-store" {
			t.Errorf("another site's page can have the button pressed: %v", h)
		}
	}
	r := httptest.NewRequest("POST", "http://10.66.0.1"+code, nil)
	r.Header.Set("Origin", "http://elsewhere.example")
	rw := httptest.NewRecorder()
	s.ServeHTTP(rw, r)
	if rw.Code != http.StatusForbidden || len(rw.Result().Cookies()) > 0 {
		t.Errorf("another site's form: %d", rw.Code)
	}
	if rw := s.from("10.66.0.9:1", "POST", "http://10.66.0.1"+code, nil, ann); len(rw.Result().Cookies()) != 1 {
		t.Error("the code was used up by looking at it")
	}
}

// TestACodeTakesNobodysTickets: a browser whose visitor has bought something stays theirs, and the code is good for another.
func TestACodeTakesNobodysTickets(t *testing.T) {
	s := newStall()
	ann := web.Cookie(s.shop.key.Sign("ann"), httptest.NewRequest("GET", "/", nil))
	s.shop.sold = append(s.shop.sold, pipeline.Tap{ID: "x", Viewer: "ann"})
	code := codeOf(t, s.from(phone, "GET", "http://10.66.0.1/portal", nil).Body.String())
	if rw := s.from(phone, "GET", "http://10.66.0.1"+code, nil, ann); strings.Contains(rw.Body.String(), "<form") || !strings.Contains(rw.Body.String(), "tickets of its own") {
		t.Errorf("it is asked:\n%s", rw.Body)
	}
	if rw := s.from(phone, "POST", "http://10.66.0.1"+code, nil, ann); len(rw.Result().Cookies()) > 0 {
		t.Error("the browser is another visitor now")
	}
	if rw := s.from(phone, "POST", "http://10.66.0.1"+code, nil); len(rw.Result().Cookies()) != 1 {
		t.Error("the code was used up")
	}
}

// TestWhoHadToLeaveGoesOnByTheirCode, which no sheet has shown, for half an hour and once.
func TestWhoHadToLeaveGoesOnByTheirCode(t *testing.T) {
	s := newStall()
	code := s.Code("ann")
	if again := s.Code("ann"); again != code || s.Code("bob") == code {
		t.Errorf("%s, then %s", code, again)
	}
	rw := s.from("192.168.1.20:5000", "POST", "http://192.168.1.5/c/"+code, nil)
	cookies := rw.Result().Cookies()
	if len(cookies) != 1 {
		t.Fatalf("%d %v", rw.Code, cookies)
	}
	if v, ok := s.shop.key.Open(cookies[0].Value); !ok || v != "ann" {
		t.Errorf("the browser in another network is %q", v)
	}
	if rw := s.from("192.168.1.20:5000", "POST", "http://192.168.1.5/c/"+code, nil); len(rw.Result().Cookies()) > 0 {
		t.Error("the code is good twice")
	}
	v, now := newVisits(), time.Now()
	code = v.keep("ann", now)
	if !v.knows(code, now.Add(visitLife)) || v.knows(code, now.Add(visitLife+1)) || v.see("ann", "m", now.Add(time.Minute)) != code {
		t.Error("it is not good for as long as it is said, or a sheet takes it away")
	}
}

// TestAPhoneThatWasAwayIsAnybody: its address in the air may be another's by now, who is not to have its tickets, nor its browser be
// the same visitor.
func TestAPhoneThatWasAwayIsAnybody(t *testing.T) {
	s := newStall()
	page := func() string { return s.from(phone, "GET", "http://10.66.0.1/portal", nil).Body.String() }
	s.from(phone, "POST", "http://10.66.0.1/portal/buy", form(t, page(), "/portal/buy"))
	if !strings.Contains(page(), "A-001") {
		t.Fatal("the ticket is not there")
	}
	s.air.since = time.Now()
	if rw := s.from(phone, "POST", "http://10.66.0.1/api/session", nil); strings.Contains(rw.Body.String(), `"viewer1"`) {
		t.Errorf("its browser is the visitor who was there before: %s", rw.Body)
	}
	if now := page(); strings.Contains(now, "A-001") {
		t.Errorf("it has another's ticket:\n%s", now)
	}
	if s.from(phone, "POST", "http://10.66.0.1/portal/buy", form(t, page(), "/portal/buy")); !strings.Contains(page(), "A-002") {
		t.Error("it has none of its own")
	}
}

// TestElsewhere: a kit in the venue's network, or on a laptop, holds nobody, whatever it is called there.
func TestElsewhere(t *testing.T) {
	s := newStall()
	const guest = "192.168.1.20:5000"
	for _, target := range []string{"http://10.66.0.1/", "http://edgekit.internal/", "http://EdgeKit.internal.:80/", "http://kit.local/", "http://localhost:8080/", "http://connectivitycheck.gstatic.com/generate_204"} {
		if rw := s.from(guest, "GET", target, nil); rw.Body.String() != "the page" {
			t.Errorf("%s: %d %s", target, rw.Code, rw.Body)
		}
	}
	for from, captive := range map[string]bool{guest: false, phone: true} {
		var is struct {
			Captive bool
			Portal  string `json:"user-portal-url"`
		}
		rw := s.from(from, "GET", "http://10.66.0.1/captive", nil)
		if err := json.Unmarshal(rw.Body.Bytes(), &is); err != nil || is.Captive != captive || is.Portal != "http://10.66.0.1/portal" || rw.Header().Get("Content-Type") != "application/captive+json" {
			t.Errorf("%s: %s, %v", from, rw.Body, err)
		}
	}
}

func TestBadForms(t *testing.T) {
	s := newStall()
	buy := form(t, s.from(phone, "GET", "http://10.66.0.1/portal", nil).Body.String(), "/portal/buy")
	for name, change := range map[string]func(url.Values){
		"another's seal": func(f url.Values) { f.Set("visitor", seal.Key("other").Sign("viewer1")); f.Set("token", "for ann") },
		"no seal":        func(f url.Values) { f.Del("visitor"); f.Set("token", "for ann") },
		"no token":       func(f url.Values) { f.Del("token") },
		"too long":       func(f url.Values) { f.Set("token", strings.Repeat("x", maxForm)) },
	} {
		f, _ := url.ParseQuery(buy.Encode())
		change(f)
		if rw := s.from(phone, "POST", "http://10.66.0.1/portal/buy", f); rw.Code < 400 || len(s.shop.sold) > 0 {
			t.Errorf("%s: %d, %d sold", name, rw.Code, len(s.shop.sold))
		}
	}
	r := httptest.NewRequest("POST", "http://10.66.0.1/portal/buy", strings.NewReader(buy.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Origin", "http://elsewhere.example")
	rw := httptest.NewRecorder()
	s.ServeHTTP(rw, r)
	if rw.Code != http.StatusForbidden || len(s.shop.sold) > 0 {
		t.Errorf("another site's form: %d", rw.Code)
	}
}

// TestWhoIsInASheetDoesSomething: no page of it is open as a browser's is, and so each that is asked for counts.
func TestWhoIsInASheetDoesSomething(t *testing.T) {
	s := newStall()
	page := s.from(phone, "GET", "http://10.66.0.1/portal", nil).Body.String()
	s.from(phone, "POST", "http://10.66.0.1/portal/buy", form(t, page, "/portal/buy"))
	s.from(phone, "POST", "http://10.66.0.1/portal/accept", form(t, page, "/portal/accept"))
	if d := cmp.Diff([]string{"10.66.0.7", "10.66.0.7", "10.66.0.7"}, s.shop.acts); d != "" {
		t.Error(d)
	}
	s.from(phone, "GET", "http://connectivitycheck.gstatic.com/generate_204", nil)
	s.from(phone, "GET", "http://10.66.0.1/captive", nil)
	s.Leaving("10.66.0.7", 0)
	r := httptest.NewRequest("GET", "http://10.66.0.1/portal", nil) // an app that was led here
	r.RemoteAddr = phone
	r.Header.Set("Accept", "*/*")
	s.own.ServeHTTP(httptest.NewRecorder(), r)
	if len(s.shop.acts) != 3 {
		t.Error("a phone's own questions are its person's")
	}
	if len(s.places.at) != 1 {
		t.Error("an app was told what becomes of the place")
	}
}

// TestASheetSaysWhatBecomesOfItsPlace, on the next page of it and once.
func TestASheetSaysWhatBecomesOfItsPlace(t *testing.T) {
	s := newStall()
	page := func(addr string) string { return s.from(addr, "GET", "http://10.66.0.1/portal", nil).Body.String() }
	const goes, gone = "others are waiting", "went to somebody else"
	for _, c := range []struct {
		is    []time.Duration
		wants string // "": nothing
	}{
		{[]time.Duration{20 * time.Second}, goes},
		{[]time.Duration{20 * time.Second, -1}, ""},
		{[]time.Duration{20 * time.Second, 0}, gone},
		{[]time.Duration{0}, gone},
	} {
		for _, in := range c.is {
			s.Leaving("10.66.0.7", in)
		}
		if strings.Contains(page("10.66.0.8:1"), "place") {
			t.Errorf("%v: another is told", c.is)
		}
		first, again := page(phone), page(phone)
		if c.wants == "" && strings.Contains(first, "place") || !strings.Contains(first, c.wants) {
			t.Errorf("%v: the next page says nothing of %q:\n%s", c.is, c.wants, first)
		}
		if strings.Contains(again, "place") {
			t.Errorf("%v: it says so again", c.is)
		}
	}
	for i := range 3 * maxVisits {
		s.Leaving(strings.Repeat("x", i), 0)
	}
	if len(s.places.at) > maxVisits {
		t.Errorf("%d places are remembered", len(s.places.at))
	}
}

// TestVisitsAreBounded, and codes end.
func TestVisitsAreBounded(t *testing.T) {
	v := newVisits()
	now := time.Now()
	first := v.see("viewer", "m", now)
	if again := v.see("viewer", "m", now.Add(time.Minute)); again != first {
		t.Error("a page that is looked at again has another code")
	}
	if _, ok := v.redeem(first, now.Add(codeLife+time.Second)); ok {
		t.Error("an old code is good")
	}
	if _, ok := v.of("m", now, now.Add(visitLife+time.Second)); ok {
		t.Error("an old visit is remembered")
	}
	for i := range 3 * maxVisits {
		v.see("v"+strings.Repeat("x", i), strings.Repeat("m", i), now)
	}
	if v.order.Len() != maxVisits || len(v.bySelf) != maxVisits || len(v.byCode) > maxVisits || len(v.byMAC) > maxVisits {
		t.Errorf("%d visits, %d, %d, %d", v.order.Len(), len(v.bySelf), len(v.byCode), len(v.byMAC))
	}
}
