package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"edgekit.internal/cmd/internal/kittest"
	"edgekit.internal/cmd/internal/wire"
	"edgekit.internal/pipeline"
)

// bring imports a catalogue into a running kit, as edgectl does.
func bring(t *testing.T, k *kittest.Kit, catalogue string) {
	t.Helper()
	res, err := local(k).Post("http://kit/catalog?name=new.json", "application/json", strings.NewReader(catalogue))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	var done wire.Imported
	if err != nil || json.Unmarshal(b, &done) != nil || !done.Changed {
		t.Fatalf("%s %s %v", res.Status, b, err)
	}
}

// local asks a kit over its control socket.
func local(k *kittest.Kit) *http.Client {
	return &http.Client{Timeout: kittest.Limit, Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", filepath.Join(k.Data, "control.sock"))
	}}}
}

// TestAPriceThatChangesUnderTheFinger: nobody pays a price they were not shown, by prompt or by code.
func TestAPriceThatChangesUnderTheFinger(t *testing.T) {
	k := kittest.Start(t, "-printer", "none")
	mint := mintOf(t, k)
	shownAs := (&pipeline.Levels{Catalogue: pipeline.NewCatalogue("EUR", nil, []pipeline.Offer{{ID: "mug", Lines: []pipeline.Line{{SKU: "MUG", N: 1}}, Price: 1000}}), Offers: make([]pipeline.Level, 1)}).Terms("mug", 0)
	link := k.Viewer + "/t/" + mint.Link("mug", shownAs, 0, 10*time.Minute)
	v := k.Visit(t)
	shown, err := v.Offer("mug")
	if err != nil {
		t.Fatal(err)
	}
	bring(t, k, strings.Replace(kittest.Catalogue, `"price":1000`, `"price":1200`, 1))
	if a, err := v.Tap(kittest.NewTap(), "mug", shown.Token); err != nil || a.Status != http.StatusGone || a.Reason != "too-late" || a.Detail == "" {
		t.Errorf("%+v, %v", a, err)
	}
	res, err := v.Client.PostForm(link, url.Values{"id": {kittest.NewTap()}})
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusGone {
		t.Errorf("a code for the old price: %s", res.Status)
	}
	if a, err := v.Buy("mug"); err != nil || a.Status != http.StatusOK || a.Ticket != "A-001" || a.Total.Minor != 1200 {
		t.Errorf("for the new price: %+v, %v", a, err)
	}
	bring(t, k, strings.Replace(kittest.Catalogue, `"stock":10`, `"stock":11`, 1)) // nothing that a buyer agrees to
	again, err := v.Offer("mug")
	if err != nil {
		t.Fatal(err)
	}
	bring(t, k, strings.Replace(kittest.Catalogue, `"stock":10`, `"stock":12`, 1))
	if a, err := v.Tap(kittest.NewTap(), "mug", again.Token); err != nil || a.Status != http.StatusOK {
		t.Errorf("more stock made the prompt void: %+v, %v", a, err)
	}
}

// TestTheOperatorSellsByHand to whoever stands at the stall without a page: at the price that the console showed, once for each press,
// and whatever one visitor may have.
func TestTheOperatorSellsByHand(t *testing.T) {
	k := kittest.Start(t, "-printer", "none", "-catalog", kittest.File(t, "catalogue.json", strings.Replace(kittest.Catalogue, `"price":1000`, `"price":1000,"per_visitor":1`, 1)))
	op := k.Pair(t)
	sell := func(id, offer string, price int) (status int, is wire.Outcome, why wire.Problem) {
		t.Helper()
		status, b, err := op.Do("POST", "/api/operator/sales", map[string]any{"id": id, "offer": offer, "price": price})
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(b, &is); err != nil {
			t.Fatalf("%d %s: %v", status, b, err)
		}
		if err := json.Unmarshal(b, &why); err != nil {
			t.Fatal(err)
		}
		return status, is, why
	}
	first := kittest.NewTap()
	for _, want := range []struct{ id, ticket string }{{first, "A-001"}, {kittest.NewTap(), "A-002"}, {first, "A-001"}} {
		if status, is, why := sell(want.id, "mug", 1000); status != http.StatusOK || is.Ticket != want.ticket {
			t.Errorf("%d %+v %+v, want %s", status, is, why, want.ticket)
		}
	}
	if status, is, _ := sell(first, "mug", 900); status != http.StatusOK || is.Ticket != "A-001" {
		t.Errorf("a repeat after the price has changed: %d %+v", status, is)
	}
	for name, c := range map[string]struct {
		id, offer string
		price     int
		status    int
	}{
		"another price":     {kittest.NewTap(), "mug", 900, http.StatusGone},
		"no such offer":     {kittest.NewTap(), "none", 1000, http.StatusNotFound},
		"an id that's none": {"x", "mug", 1000, http.StatusBadRequest},
	} {
		if status, _, why := sell(c.id, c.offer, c.price); status != c.status || why.Detail == "" {
			t.Errorf("%s: %d %+v", name, status, why)
		}
	}
	if _, is, _ := sell(kittest.NewTap(), "mug", 1000); is.Ticket != "A-003" {
		t.Errorf("something was sold that was refused: the next is %+v", is)
	}
}

// TestAStartDoesNotUndoAnImport: what was imported while it ran stays, as long as the file it is started with is as it was.
func TestAStartDoesNotUndoAnImport(t *testing.T) {
	file := kittest.File(t, "catalogue.json", kittest.Catalogue)
	k := kittest.Start(t, "-printer", "none", "-catalog", file)
	price := func(want int64) {
		t.Helper()
		if o, err := k.Visit(t).Offer("pen"); err != nil || o.Price.Minor != want {
			t.Errorf("%+v, %v, want %d", o.Price, err, want)
		}
	}
	price(250)
	bring(t, k, strings.Replace(kittest.Catalogue, `"price":250`, `"price":260`, 1))
	price(260)
	k.Kill()
	k = kittest.StartIn(t, k.Data, "-printer", "none", "-catalog", file)
	price(260)
	k.Kill()
	if err := os.WriteFile(file, []byte(strings.Replace(kittest.Catalogue, `"price":250`, `"price":270`, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	k = kittest.StartIn(t, k.Data, "-printer", "none", "-catalog", file)
	price(270)
	k.Kill()
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	k = kittest.StartIn(t, k.Data, "-printer", "none", "-catalog", file)
	price(270)
}

// TestATapThatComesByAllWaysAtOnce is one sale, whichever is first, and all are told the same.
func TestATapThatComesByAllWaysAtOnce(t *testing.T) {
	k := kittest.Start(t, "-printer", "none")
	tickets := map[string]bool{}
	for range 20 {
		w := k.Watch(t)
		var p wire.Offer
		kittest.Until(t, "prompt", func() (ok bool) { p, ok = w.Prompt("pen"); return ok })
		id, got := kittest.NewTap(), make([]string, 5)
		var all sync.WaitGroup
		all.Go(func() {
			if o, err := w.TapSignal(id, "pen", p.Token); err != nil || o.Outcome != "confirmed" {
				t.Errorf("by the channel: %+v, %v", o, err)
			} else {
				got[0] = o.Ticket
			}
		})
		for i := 1; i < len(got); i++ {
			all.Go(func() {
				token := p.Token
				if i%2 == 0 { // the page had fetched a new one before it tried again
					o, err := w.Offer("pen")
					if err != nil {
						t.Error(err)
					}
					token = o.Token
				}
				if a, err := w.Tap(id, "pen", token); err != nil || a.Status != http.StatusOK {
					t.Errorf("by POST: %+v, %v", a, err)
				} else {
					got[i] = a.Ticket
				}
			})
		}
		all.Wait()
		for _, ticket := range got {
			if ticket != got[0] || ticket == "" {
				t.Errorf("one tap, told %q", got)
				break
			}
		}
		if tickets[got[0]] {
			t.Errorf("%s is two taps'", got[0])
		}
		tickets[got[0]] = true
		w.Close()
	}
	if _, b, err := k.Pair(t).Get("/api/operator/state"); err != nil || bytes.Count(b, []byte(`"ticket":"`)) != 20 {
		t.Errorf("%s, %v", b, err)
	}
}

// TestAPageWithManyOffers: more of them than go into one message of the channel; what is left of each is told nevertheless.
func TestAPageWithManyOffers(t *testing.T) {
	var offers []string
	for i := range 150 {
		offers = append(offers, fmt.Sprintf(`{"id":"offer-%d","title":"A rather good thing, number %d","lines":[{"sku":"PEN","n":1}],"price":250,"limit":9}`, i, i))
	}
	catalogue := `{"currency":"EUR","skus":[{"sku":"PEN","title":"Pen","price":300,"tax":19.0,"stock":1000}],"offers":[` + strings.Join(offers, ",\n") + `]}`
	k := kittest.Start(t, "-printer", "none", "-catalog", kittest.File(t, "many.json", catalogue))
	b := kittest.Browser(t)
	kittest.Open(t, b, k.Viewer+"/")
	kittest.Press(t, b, "Agree")
	kittest.See(t, b, "moving picture", seen+` > 30`)
	left := `[...document.querySelectorAll("#list button")].find(b => b.ariaLabel.includes("number 149"))?.textContent`
	kittest.See(t, b, "all offers", left+`.includes("9 left")`)
	if a, err := k.Visit(t).Buy("offer-149"); err != nil || a.Status != http.StatusOK {
		t.Fatalf("%+v, %v", a, err)
	}
	kittest.See(t, b, "one less", left+`.includes("8 left")`)
}

// TestACodesFormWithoutItsPage: who sends it without an id buys once, however often it is sent.
func TestACodesFormWithoutItsPage(t *testing.T) {
	k := kittest.Start(t, "-printer", "none")
	mint := mintOf(t, k)
	v := k.Visit(t)
	send := func(v *kittest.Visitor, path string) (a kittest.Answer) {
		t.Helper()
		req, err := http.NewRequest("POST", v.Base+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Accept", "application/json")
		res, err := v.Client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if err := json.NewDecoder(res.Body).Decode(&a); err != nil {
			t.Fatal(err)
		}
		a.Status = res.StatusCode
		return a
	}
	for _, ticket := range []string{"A-001", "A-002"} {
		path := "/t/" + mint.Link("mug", 0, 0, 10*time.Minute)
		for range 3 {
			if a := send(v, path); a.Status != http.StatusOK || a.Ticket != ticket {
				t.Errorf("%+v, want %s", a, ticket)
			}
		}
		if a := send(k.Visit(t), path); a.Reason != "token-used" {
			t.Errorf("another visitor with the same code: %+v", a)
		}
	}
}

// TestReadingHasALimitToo: one phone that asks for its tickets all the time is told to wait, and no other is.
func TestReadingHasALimitToo(t *testing.T) {
	k := kittest.Start(t, "-printer", "none")
	loud, quiet := k.Visit(t), k.Visit(t)
	for _, path := range []string{"/api/tickets", "/api/tickets/A-001", "/api/me", "/api/offers", "/api/still", "/api/events"} {
		limited := false
		for range 300 {
			req, err := http.NewRequest("HEAD", loud.Base+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			res, err := loud.Client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
			if limited = res.StatusCode == http.StatusTooManyRequests; limited {
				break
			}
		}
		if !limited {
			t.Errorf("%s 300 times at once, and none was too many", path)
		}
	}
	if status, _ := call(t, quiet, "GET", "/api/tickets", nil); status != http.StatusOK {
		t.Errorf("another visitor: %d", status)
	}
	confirmed(t, quiet, "pen")
}
