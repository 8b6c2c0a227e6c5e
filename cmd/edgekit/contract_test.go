package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"edgekit.internal/cmd/internal/kittest"
	"edgekit.internal/hardware/identity"
	"edgekit.internal/pipeline/token"
)

// call makes a request and reads the answer as loose JSON, as others' programs do.
func call(t *testing.T, v *kittest.Visitor, method, path string, body any) (status int, answer map[string]any) {
	t.Helper()
	status, err := v.Do(method, path, body, &answer)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	return status, answer
}

// TestVisitorsAPI: the shapes that other programs rely on.
func TestVisitorsAPI(t *testing.T) {
	k := kittest.Start(t, "-printer", "none")
	v := k.Visit(t)
	status, s := call(t, v, "POST", "/api/session", nil)
	notice, _ := s["notice"].(map[string]any)
	if status != 200 || s["viewer"] != v.ID || s["consent"] != "needed" || notice["version"] != 1.0 || notice["text"] == "" {
		t.Fatalf("session %d %v", status, s)
	}
	if status, _ := call(t, v, "PUT", "/api/consent", map[string]any{"version": 1, "choice": "agreed"}); status != 200 {
		t.Errorf("consent %d", status)
	}
	if _, s := call(t, v, "POST", "/api/session", nil); s["viewer"] != v.ID || s["consent"] != "agreed" {
		t.Errorf("session again %v", s)
	}
	_, all := call(t, v, "GET", "/api/offers", nil)
	offers, _ := all["offers"].([]any)
	if len(offers) != 3 {
		t.Fatalf("offers %v", all)
	}
	mug, _ := offers[0].(map[string]any)
	if d := cmp.Diff(map[string]any{"minor": 1000.0, "currency": "EUR", "text": "€ 10.00"}, mug["price"]); d != "" || mug["id"] != "mug" || mug["title"] != "Mug" || mug["left"] != 5.0 || mug["state"] != "live" {
		t.Errorf("%v %s", mug, d)
	}
	tap := map[string]any{"id": kittest.NewTap(), "offer": "mug", "token": mug["token"]}
	status, first := call(t, v, "POST", "/api/taps", tap)
	if status != 200 || first["id"] != tap["id"] || first["outcome"] != "confirmed" || first["ticket"] != "A-001" {
		t.Errorf("tap %d %v", status, first)
	}
	for range 30 { // far beyond any limit: a repeat of a decided tap is answered before them
		if status, again := call(t, v, "POST", "/api/taps", tap); status != 200 || cmp.Diff(first, again) != "" {
			t.Fatalf("the same tap again: %d %s", status, cmp.Diff(first, again))
		}
	}
	if status, own := call(t, v, "GET", "/api/tickets/A-001", nil); status != 200 || own["ticket"] != "A-001" {
		t.Errorf("own ticket %d %v", status, own)
	}
	if status, p := call(t, k.Visit(t), "GET", "/api/tickets/A-001", nil); status != 404 || p["reason"] != "not-found" {
		t.Errorf("another's ticket %d %v", status, p)
	}
}

// TestEvents: offers come at once, and outcomes and changes as they happen, on the stream of those without WebRTC.
func TestEvents(t *testing.T) {
	k := kittest.Start(t, "-printer", "none")
	v := k.Visit(t)
	res, err := v.Client.Get(v.Base + "/api/events")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if got := res.Header.Get("Content-Type"); got != "text/event-stream" {
		t.Errorf("type %s", got)
	}
	lines := bufio.NewScanner(res.Body)
	next := func(kind string, ok func(data []byte) bool) {
		t.Helper()
		for lines.Scan() {
			if lines.Text() == "event: "+kind && lines.Scan() && ok([]byte(strings.TrimPrefix(lines.Text(), "data: "))) {
				return
			}
		}
		t.Fatalf("no event %s: %v", kind, lines.Err())
	}
	next("offers", func(b []byte) bool { return bytes.Contains(b, []byte(`"mug"`)) })
	a, err := v.Buy("mug")
	if err != nil || a.Status != 200 {
		t.Fatalf("%+v, %v", a, err)
	}
	left := false
	next("outcome", func(b []byte) bool {
		var o struct{ ID, Outcome, Ticket string }
		return json.Unmarshal(b, &o) == nil && o.ID == a.ID && o.Outcome == "confirmed" && o.Ticket == a.Ticket
	})
	if _, err := k.Visit(t).Buy("mug"); err != nil {
		t.Fatal(err)
	}
	next("offers", func(b []byte) bool { left = bytes.Contains(b, []byte(`"left":3`)); return left })
}

// TestACodeIsBoughtOnlyByPost: phones and messengers open links by themselves; that must cost nothing.
func TestACodeIsBoughtOnlyByPost(t *testing.T) {
	k := kittest.Start(t, "-printer", "none")
	mint := mintOf(t, k)
	link := k.Viewer + "/t/" + mint.Link("mug", 0, 0, 10*time.Minute)
	page := func(v *kittest.Visitor, form url.Values) (int, string) {
		t.Helper()
		var res *http.Response
		var err error
		if form == nil {
			res, err = v.Client.Get(link)
		} else {
			res, err = v.Client.PostForm(link, form)
		}
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, string(b)
	}
	v := k.Visit(t)
	for range 3 {
		if status, text := page(v, nil); status != 200 || !strings.Contains(text, "Buy Mug for € 10.00") {
			t.Fatalf("%d %s", status, text)
		}
	}
	if _, me := call(t, v, "GET", "/api/tickets", nil); len(me["tickets"].([]any)) != 0 {
		t.Error("a GET bought")
	}
	id := kittest.NewTap()
	for range 2 { // the form sent twice is one wish
		if status, text := page(v, url.Values{"id": {id}}); status != 200 || !strings.Contains(text, "Confirmed · ticket A-001") {
			t.Errorf("%d %s", status, text)
		}
	}
	if status, text := page(k.Visit(t), url.Values{"id": {kittest.NewTap()}}); status != 409 || !strings.Contains(text, "used already") {
		t.Errorf("the same code for another: %d %s", status, text)
	}
}

// TestAPlainPlayer: a WHEP player that knows nothing of edgekit plays the picture, and one that joins late begins with a
// key picture at once.
func TestAPlainPlayer(t *testing.T) {
	k := kittest.Start(t)
	for range 2 {
		w, err := kittest.WatchPlain(k.Viewer)
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		kittest.Until(t, "pictures", func() bool { return w.Pictures.Load() > 10 })
		if w.Keys.Load() == 0 {
			t.Error("pictures, and none of them a key picture")
		}
	}
	if res, err := http.Get(k.Viewer + "/"); err != nil || res.StatusCode != 200 || res.Header.Get("Content-Security-Policy") == "" {
		t.Errorf("page: %v, %v", res.Status, err)
	}
}

// mintOf makes tokens as the kit does, with its own secret.
func mintOf(t *testing.T, k *kittest.Kit) *token.Mint {
	t.Helper()
	who, err := identity.Open(k.Data)
	if err != nil {
		t.Fatal(err)
	}
	mint, err := token.New(who.Secret("tokens"), who.ID)
	if err != nil {
		t.Fatal(err)
	}
	return mint
}
