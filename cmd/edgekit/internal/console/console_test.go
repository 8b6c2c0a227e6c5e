package console

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/time/rate"

	"edgekit.internal/cmd/edgekit/internal/seal"
	"edgekit.internal/cmd/internal/settings"
	"edgekit.internal/cmd/internal/ui"
	"edgekit.internal/cmd/internal/wire"
	"edgekit.internal/drivers"
	"edgekit.internal/pipeline"
	"edgekit.internal/pipeline/store"
	"edgekit.internal/pipeline/trace"
)

// book is one offer that is live for an hour, and no tickets.
type book struct{ left atomic.Int64 }

func (b *book) Levels() *pipeline.Levels {
	c := pipeline.NewCatalogue("EUR", []pipeline.SKU{{SKU: "MUG"}}, []pipeline.Offer{{ID: "mug", Title: "Mug", Lines: []pipeline.Line{{SKU: "MUG", N: 1}}}})
	return &pipeline.Levels{Catalogue: c, Stock: []int{int(b.left.Load())}, Offers: []pipeline.Level{{State: pipeline.OfferLive, Ends: time.Hour}}}
}
func (*book) Tickets(context.Context, int) ([]pipeline.Ticket, error) { return nil, nil }
func (*book) Taken(context.Context) (int64, error)                    { return 0, nil }
func (*book) SetOffer(context.Context, string, string, pipeline.OfferState, time.Duration) error {
	return nil
}
func (*book) Stats() store.Stats { return store.Stats{} }

// printed is a set-up that collects the pairing codes there were.
type printed struct {
	codes []string
	saved wire.Settings
}

func (p *printed) Code() string { return p.latest() }
func (p *printed) Next(bool) string {
	p.codes = append(p.codes, fmt.Sprintf("123-%03d", len(p.codes)))
	return p.latest()
}
func (p *printed) latest() string                 { return p.codes[len(p.codes)-1] }
func (p *printed) Settings() wire.Settings        { return p.saved }
func (*printed) Restart()                         {}
func (*printed) PrintSetup(context.Context) error { return Told("There is no printer.") }
func (p *printed) Save(text []byte) (settings.Problems, error, error) {
	f, problems := settings.Parse(text)
	if problems != nil {
		return problems, nil, nil
	}
	p.saved = wire.Settings{Text: string(f.Text), Pending: true}
	return nil, nil, nil
}

// noSlips is a kit with two old slips and one ticket; it collects what is printed again.
type noSlips struct{ again []string }

func (*noSlips) Held(context.Context) (int, error)              { return 2, nil }
func (*noSlips) DecideHeld(context.Context, string, bool) error { return nil }
func (*noSlips) Test(context.Context) error                     { return Told("There is no printer.") }
func (*noSlips) Sheet(_ context.Context, print bool) (wire.ScannerSheet, error) {
	if print {
		return wire.ScannerSheet{}, Told("There is no printer.")
	}
	return wire.ScannerSheet{PNG: []byte("picture"), Minutes: 10}, nil
}
func (n *noSlips) Again(_ context.Context, _, ticket string) error {
	if ticket != "A-001" {
		return store.ErrUnknown{What: "ticket", ID: ticket}
	}
	n.again = append(n.again, ticket)
	return nil
}

// noPush is a kit without a server to send to.
type noPush struct{}

func (noPush) Status() *wire.Push { return nil }
func (noPush) Set(bool) bool      { return false }

func newConsole(now func() time.Duration) (*Console, *printed, *book) {
	codes, b := &printed{}, &book{}
	codes.Next(false)
	b.left.Store(3)
	c := New(Config{
		Book: b, Devices: func() []drivers.Status { return nil }, Viewers: func() int { return 0 }, Metrics: http.NotFoundHandler(), Ready: func() error { return nil },
		Trace: trace.NewRing(1), Now: now, Key: seal.Key("key"), Assets: ui.Console(), Setup: codes, Slips: &noSlips{}, Logs: func(level string, last int) wire.Logs {
			return wire.Logs{Records: []wire.LogRecord{{Level: level, Text: "said"}}}
		}, Log: slog.New(slog.DiscardHandler), Buttons: func() wire.Buttons { return wire.Buttons{} }, Press: http.NotFoundHandler(), Scans: func() []wire.Scan { return nil }, HeldUp: func() *wire.HeldUp { return nil }, Recordings: http.NotFoundHandler(), Recording: func() wire.Recording { return wire.Recording{} }, Push: noPush{},
	})
	c.pairing.tries, c.pairing.each = rate.NewLimiter(rate.Inf, 1000), pipeline.NewLimiter(1000, 1000, 8)
	return c, codes, b
}

func do(c *Console, r *http.Request) *httptest.ResponseRecorder {
	rw := httptest.NewRecorder()
	c.Handler().ServeHTTP(rw, r)
	return rw
}

func pair(t *testing.T, c *Console, code string) (session *http.Cookie) {
	t.Helper()
	rw := do(c, httptest.NewRequest("POST", "/api/operator/pair", strings.NewReader(fmt.Sprintf(`{"code":%q}`, code))))
	for _, session = range rw.Result().Cookies() {
	}
	if ok := rw.Code == http.StatusNoContent; ok != (session != nil) || !ok && rw.Code != http.StatusForbidden {
		t.Fatalf("pair: %d %s", rw.Code, rw.Body)
	}
	return session
}

func TestACodeIsGoodOnceAndSurvivesTenWrongOnes(t *testing.T) {
	c, codes, _ := newConsole(func() time.Duration { return 0 })
	first := codes.latest()
	if len(first) != 7 || first[3] != '-' || first != c.Code() {
		t.Errorf("code %q, printed %q", c.Code(), first)
	}
	if pair(t, c, first) == nil {
		t.Error("the code is not good")
	}
	if len(codes.codes) != 2 || codes.latest() == first {
		t.Errorf("no new code was printed after one was used: %v", codes.codes)
	}
	if pair(t, c, first) != nil {
		t.Error("a code was good twice")
	}
	second := codes.latest()
	for range wrongCodes - 2 { // the one used before was the first wrong one
		pair(t, c, "wrong")
	}
	if codes.latest() != second {
		t.Errorf("a code went after fewer than %d wrong ones", wrongCodes)
	}
	pair(t, c, "wrong")
	if codes.latest() == second || pair(t, c, second) != nil {
		t.Errorf("a code survived %d wrong ones", wrongCodes)
	}
	if pair(t, c, codes.latest()) == nil {
		t.Error("the code printed last is not good")
	}
}

// TestAGuesserKeepsNobodyFromPairing: it sends ten codes a second for a market day, and the operator pairs at any time.
func TestAGuesserKeepsNobodyFromPairing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		codes := &printed{codes: []string{"000-000"}}
		p := newPairing(codes, nil)
		for hour := range 14 {
			for range 36000 {
				p.take("wrong", "10.0.0.66")
				time.Sleep(100 * time.Millisecond)
			}
			if _, wait := p.take("mistyped", fmt.Sprintf("10.0.1.%d", hour)); wait > 0 {
				t.Errorf("after %d hours the operator is told to wait %v", hour+1, wait)
			}
		}
		if ok, _ := p.take(codes.latest(), "10.0.2.1"); !ok {
			t.Error("the code is not good")
		}
	})
}

// TestGuessingBecomesSlow: each code that was lost to wrong ones makes the next tries rarer; a good one makes it quick again.
func TestGuessingBecomesSlow(t *testing.T) {
	codes := &printed{codes: []string{"000-000"}}
	p := newPairing(codes, nil)
	p.tries, p.each = rate.NewLimiter(rate.Inf, 1000), pipeline.NewLimiter(1000, 1000, 8)
	for lost, want := range []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 16 * time.Second, slowest, slowest} {
		if p.pause() != want || lost > 0 && p.tries.Limit() != rate.Every(want) {
			t.Errorf("after %d codes lost: %v, %v", lost, p.pause(), p.tries.Limit())
		}
		for range wrongCodes {
			p.take("wrong", "10.0.0.1")
		}
	}
	if ok, _ := p.take(codes.latest(), "10.0.0.1"); !ok || p.tries.Limit() != rate.Every(time.Second) {
		t.Errorf("%v, %v", ok, p.tries.Limit())
	}
	p.tries = rate.NewLimiter(0, 0)
	if ok, wait := p.take(codes.latest(), "10.0.0.1"); ok || wait != time.Second {
		t.Errorf("%v, wait %v", ok, wait)
	}
}

func TestASessionEnds(t *testing.T) {
	now := time.Duration(0)
	c, codes, _ := newConsole(func() time.Duration { return now })
	get := func(session *http.Cookie) int {
		r := httptest.NewRequest("GET", "/api/operator/state", nil)
		r.AddCookie(session)
		return do(c, r).Code
	}
	one, two := pair(t, c, codes.latest()), pair(t, c, codes.latest())
	r := httptest.NewRequest("POST", "/api/operator/unpair", nil)
	r.AddCookie(two)
	do(c, r)
	if got := [2]int{get(one), get(two)}; got != [2]int{200, 401} {
		t.Errorf("after the second logged out: %v", got)
	}
	if now = sessionLife - time.Nanosecond; get(one) != 200 {
		t.Error("it ended early")
	}
	if now = sessionLife; get(one) != 401 || get(two) != 401 {
		t.Error("it did not end")
	}
	if c.over.add("another", 2*sessionLife, now); len(c.over.ends) != 1 {
		t.Errorf("%d sessions remembered that are over anyway", len(c.over.ends)-1)
	}
}

// TestTimeThatPassesIsNoNews: a running offer's clock does not make the kit send everything four times a second.
func TestTimeThatPassesIsNoNews(t *testing.T) {
	for _, c := range []struct {
		name   string
		watch  time.Duration
		change bool
		want   int
	}{{"nothing happens", repeat, false, 1}, {"still nothing", repeat + 2*look, false, 2}, {"a sale", time.Second, true, 2}} {
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			console, codes, b := newConsole(func() time.Duration { return time.Since(began) })
			session := pair(t, console, codes.latest())
			ctx, cancel := context.WithTimeout(t.Context(), c.watch)
			defer cancel()
			if c.change {
				time.AfterFunc(c.watch/2+look/2, func() { b.left.Add(-1) })
			}
			r := httptest.NewRequestWithContext(ctx, "GET", "/api/operator/events", nil)
			r.AddCookie(session)
			body := do(console, r).Body.String()
			if got := strings.Count(body, "event: state\n"); got != c.want {
				t.Errorf("%s: told %d times in %v, want %d", c.name, got, c.watch, c.want)
			}
			if !strings.Contains(body, `"ends_ms":3600000`) {
				t.Errorf("%s: the offer's time is not told: %s", c.name, body)
			}
		})
	}
}

func TestThePagesFilesSayWhatTheyAre(t *testing.T) {
	c, _, _ := newConsole(func() time.Duration { return 0 })
	files, err := fs.Glob(ui.Console(), "*")
	if err != nil || len(files) < 3 {
		t.Fatalf("%v %v", files, err)
	}
	for _, file := range append(files, "") {
		rw := do(c, httptest.NewRequest("GET", "/console/"+file, nil))
		if kind := rw.Header().Get("Content-Type"); rw.Code != http.StatusOK || rw.Body.Len() == 0 || !strings.HasPrefix(kind, "text/") {
			t.Errorf("%q: %d, %q", file, rw.Code, kind)
		}
	}
	if rw := do(c, httptest.NewRequest("GET", "/console/none.js", nil)); rw.Code != http.StatusNotFound {
		t.Errorf("no such file: %d", rw.Code)
	}
}

func TestTooMuchIsRefusedAsThat(t *testing.T) {
	c, codes, _ := newConsole(func() time.Duration { return 0 })
	for body, want := range map[string]int{`{"code":"` + strings.Repeat("1", maxBody) + `"}`: 413, "{": 400, "[]": 400, "": 400} {
		if rw := do(c, httptest.NewRequest("POST", "/api/operator/pair", strings.NewReader(body))); rw.Code != want {
			t.Errorf("%.12q: %d, want %d", body, rw.Code, want)
		}
	}
	if len(codes.codes) != 1 {
		t.Error("what was not looked at used up the code")
	}
}

// TestSettingsAreTakenWholeOrRefusedWithPlaces by the console's own route.
func TestSettingsAreTakenWholeOrRefusedWithPlaces(t *testing.T) {
	c, codes, _ := newConsole(func() time.Duration { return 0 })
	session := pair(t, c, codes.latest())
	send := func(method, path, body string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, "/api/operator"+path, strings.NewReader(body))
		r.AddCookie(session)
		return do(c, r)
	}
	for _, x := range []struct {
		method, path, body string
		status             int
		want               string
	}{
		{"PUT", "/settings", `{"text":"stall = \"a\"\ncamra = 1\n"}`, 422, `"line":2,"column":1,"key":"camra"`},
		{"GET", "/settings", "", 200, `"text":""`},
		{"PUT", "/settings", `{"text":"stall = \"a\"\n"}`, 200, `"saved":true`},
		{"GET", "/settings", "", 200, `"text":"stall = \"a\"\n","pending":true`},
		{"PUT", "/settings", `{}`, 400, "malformed"},
		{"PUT", "/settings", `{"text":"` + strings.Repeat("#", maxBody) + `"}`, 413, "too-large"},
		{"GET", "/settings/schema", "", 200, "draft/2020-12"},
		{"GET", "/logs?level=warn", "", 200, `"level":"WARN"`},
		{"GET", "/logs?level=loud", "", 400, "malformed"},
		{"POST", "/restart", "", 202, ""},
		{"POST", "/setup-slip", "", 409, "There is no printer."},
	} {
		if rw := send(x.method, x.path, x.body); rw.Code != x.status || !strings.Contains(rw.Body.String(), x.want) {
			t.Errorf("%s %s: %d %s, want %d %s", x.method, x.path, rw.Code, rw.Body, x.status, x.want)
		}
	}
}

// TestTheTimeOfAPairedDeviceIsTold: of one that has paired, and of nobody else.
func TestTheTimeOfAPairedDeviceIsTold(t *testing.T) {
	c, codes, _ := newConsole(func() time.Duration { return 0 })
	var told []int64
	c.Time = func(at time.Time) { told = append(told, at.UnixMilli()) }
	for _, body := range []string{
		`{"code":"wrong","now":5}`, `{"code":"` + codes.latest() + `","now":"x"}`, `{"code":"` + codes.latest() + `","now":1790000000000}`, `{"code":"wrong","now":6}`,
	} {
		do(c, httptest.NewRequest("POST", "/api/operator/pair", strings.NewReader(body)))
	}
	do(c, httptest.NewRequest("POST", "/api/operator/pair", strings.NewReader(`{"code":"`+codes.latest()+`"}`))) // an older page
	if len(told) != 1 || told[0] != 1_790_000_000_000 {
		t.Errorf("told %v", told)
	}
}

// TestACodeMadeByAButton takes the place of the one before, whatever was tried on that.
func TestACodeMadeByAButton(t *testing.T) {
	c, codes, _ := newConsole(func() time.Duration { return 0 })
	old := c.Code()
	for range wrongCodes - 1 {
		pair(t, c, "999-999")
	}
	c.NewCode()
	if pair(t, c, old) != nil || len(codes.codes) != 2 {
		t.Errorf("the old one is good, or a new one was lost to its wrong tries: %v", codes.codes)
	}
	if pair(t, c, c.Code()) == nil {
		t.Error("the new one is not")
	}
}

// TestDecisionsAboutSlips: only what is understood is done, and only by who has paired.
func TestDecisionsAboutSlips(t *testing.T) {
	c, codes, _ := newConsole(func() time.Duration { return 0 })
	session := pair(t, c, codes.latest())
	for _, ask := range []struct {
		method, path, body string
		status             int
	}{
		{"PUT", "/api/operator/held-slips", `{"print":true}`, http.StatusNoContent}, {"PUT", "/api/operator/held-slips", `{"print":false}`, http.StatusNoContent},
		{"PUT", "/api/operator/held-slips", `{}`, http.StatusBadRequest}, {"PUT", "/api/operator/held-slips", `x`, http.StatusBadRequest},
		{"POST", "/api/operator/tickets/A-001/print", ``, http.StatusNoContent}, {"POST", "/api/operator/tickets/A-002/print", ``, http.StatusNotFound}, {"POST", "/api/operator/test-slip", ``, http.StatusConflict},
		{"POST", "/api/operator/scanner-sheet", `{"print":false}`, http.StatusOK}, {"POST", "/api/operator/scanner-sheet", `{"print":true}`, http.StatusConflict}, {"POST", "/api/operator/scanner-sheet", `x`, http.StatusBadRequest},
	} {
		r := httptest.NewRequest(ask.method, ask.path, strings.NewReader(ask.body))
		if rw := do(c, r.Clone(t.Context())); rw.Code != http.StatusUnauthorized {
			t.Errorf("%s %s by a stranger: %d", ask.method, ask.path, rw.Code)
		}
		r = httptest.NewRequest(ask.method, ask.path, strings.NewReader(ask.body))
		r.AddCookie(session)
		if rw := do(c, r); rw.Code != ask.status {
			t.Errorf("%s %s %s: %d %s, want %d", ask.method, ask.path, ask.body, rw.Code, rw.Body, ask.status)
		}
	}
}

// TestAnOperatorsAddressIsToldUntilItIsKnown: by requests, and by a page that is only looked at. Who could tell may be away.
func TestAnOperatorsAddressIsToldUntilItIsKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, codes, _ := newConsole(func() time.Duration { return 0 })
		session := pair(t, c, codes.latest())
		var told atomic.Int64
		var known atomic.Bool
		c.Staff = func(string) bool { told.Add(1); return known.Load() }
		request := func(ctx context.Context, path string) *http.Request {
			r := httptest.NewRequestWithContext(ctx, "GET", path, nil)
			r.AddCookie(session)
			return r
		}
		counted := func(what string, want int64) {
			t.Helper()
			if n := told.Load(); n != want {
				t.Errorf("%s: told %d times, want %d", what, n, want)
			}
		}
		for range 10 {
			do(c, request(t.Context(), "/api/operator/state"))
		}
		counted("at once", 1)
		time.Sleep(tellAgain)
		do(c, request(t.Context(), "/api/operator/state"))
		counted("later", 2)
		ctx, cancel := context.WithCancel(t.Context())
		var page sync.WaitGroup
		page.Go(func() { do(c, request(ctx, "/api/operator/events")) })
		time.Sleep(2*tellAgain + look)
		synctest.Wait()
		counted("a page that is open", 4)
		known.Store(true)
		time.Sleep(10 * tellAgain)
		synctest.Wait()
		counted("known", 5)
		cancel()
		page.Wait()
		r := request(t.Context(), "/api/operator/state")
		r.Header.Del("Cookie")
		r.RemoteAddr = "10.66.0.99:1"
		do(c, r)
		counted("a stranger", 5)
	})
}
