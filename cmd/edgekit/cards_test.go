package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"edgekit.internal/cmd/internal/kittest"
	"edgekit.internal/cmd/internal/wire"
	"edgekit.internal/pipeline"
)

// cardNumber makes up the number of a payment card, as somebody may write it.
func cardNumber(rnd *rand.Rand) string {
	for {
		var d []byte
		d = append(d, byte('3'+rnd.IntN(4)))
		for len(d) < 16 {
			d = append(d, byte('0'+rnd.IntN(10)))
		}
		s := string(d)
		if !pipeline.HasCard(s) { // its check digit is wrong
			continue
		}
		switch part := " "; rnd.IntN(3) {
		case 0:
			return s
		case 1:
			part = "-"
			fallthrough
		default:
			return strings.Join([]string{s[:4], s[4:8], s[8:12], s[12:]}, part)
		}
	}
}

// TestNoCardNumberIsKept: numbers of payment cards are said in every place where somebody might type, paste or scan one. None is found in any file of the kit
// afterwards: not in its database, its journal, its logs or its settings.
func TestNoCardNumberIsKept(t *testing.T) {
	rnd := rand.New(rand.NewPCG(7, uint64(os.Getpid())))
	k := kittest.Start(t, "-record", "ask")
	v := k.Visit(t)
	if a, err := v.Buy("pen"); err != nil || a.Status != http.StatusOK {
		t.Fatalf("%+v, %v", a, err)
	}
	var said []string
	number := func() string {
		n := cardNumber(rnd)
		said = append(said, n)
		return n
	}
	quoted := func(text string, more ...any) string {
		b, err := json.Marshal(fmt.Sprintf(text, more...))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	ask := func(method, path, body string) (status int) {
		t.Helper()
		r, err := http.NewRequest(method, "http://kit"+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set(wire.KeyHeader, kittest.NewTap())
		res, err := local(k).Do(r)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		return res.StatusCode
	}
	for range 20 {
		id := func() string { return kittest.NewTap() }
		note := func() string { return quoted("paid with %s at noon", number()) }
		bare := func() string { return quoted("%s", strings.ReplaceAll(number(), " ", "-")) }
		for _, c := range []struct {
			method, path, body string
			status             int
		}{
			{"POST", "/stock", `{"id":"` + id() + `","sku":"PEN","by":1,"reason":"counted","note":` + note() + `}`, 200},
			{"POST", "/stock", `{"id":"` + id() + `","sku":` + bare() + `,"by":1,"reason":"counted"}`, 200},
			{"POST", "/counter", `{"id":"` + id() + `","ticket":"A-001","do":"ready","note":` + note() + `}`, 200},
			{"POST", "/counter", `{"id":"` + id() + `","ticket":` + bare() + `,"do":"ready"}`, 400},
			{"PUT", "/recordings/release", `{"id":"` + id() + `","released":true,"note":` + note() + `}`, 0},
			{"POST", "/press", `{"id":"` + id() + `","action":"show-offer","offer":` + bare() + `}`, 0},
			{"POST", "/press", `{"id":"` + id() + `","button":` + bare() + `,"gesture":` + quoted("%s", strings.NewReplacer(" ", "", "-", "").Replace(number())) + `}`, 0},
			{"PUT", "/offers/" + url.PathEscape(number()), `{"state":"live"}`, 404},
			{"PUT", "/offers/pen", `{"state":` + note() + `}`, 400},
			{"PUT", "/settings", `slip-text = ` + quoted("%s", number()), 0},
			{"PUT", "/settings", `stall = ` + quoted("%s", number()), 0},
			{"PUT", "/settings", `stall = "x" # ` + number(), 0},
			{"POST", "/catalog?name=" + url.QueryEscape(number()), strings.Replace(kittest.Catalogue, `"title":"Mug"`, `"title":`+note(), 1), 0},
			{"POST", "/catalog?name=x.csv", "sku,title,price,tax\nA," + number() + ",1,19\n", 0},
			{"GET", "/tickets/" + url.PathEscape(number()), "", 404},
			{"GET", "/code.png?offer=" + url.QueryEscape(number()), "", 0},
			{"POST", "/till/close", `{"id":` + bare() + `}`, 0},
		} {
			if got := ask(c.method, c.path, c.body); c.status != 0 && got != c.status {
				t.Errorf("%s %s %s: %d, expected %d", c.method, c.path, c.body, got, c.status)
			}
		}
	}
	visitor := &http.Client{Timeout: kittest.Limit}
	for range 4 {
		for _, path := range []string{"/t/" + url.PathEscape(number()), "/api/tickets/" + url.PathEscape(number()), "/" + url.PathEscape(number()), "/c/" + url.PathEscape(number()), "/?q=" + url.QueryEscape(number())} {
			r, err := http.NewRequest(http.MethodGet, k.Viewer+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("User-Agent", number())
			r.Header.Set("Cookie", "viewer="+number())
			res, err := visitor.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
		}
		for path, body := range map[string]map[string]any{"/api/taps": {"id": number(), "offer": number(), "token": number()}, "/api/session": {"consent": map[string]any{"choice": number()}}, "/api/consent": {"choice": number()}, "/api/stay": {"x": number()}, "/api/taps?": {"id": kittest.NewTap(), "offer": "pen", "token": "", "choice": []string{number()}}} {
			if _, err := v.Do(http.MethodPost, path, body, nil); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := v.Do(http.MethodPut, "/api/consent", map[string]any{"version": 1, "choice": number()}, nil); err != nil {
			t.Fatal(err)
		}
		if _, err := kittest.PairWith(k.Console, number()); err == nil {
			t.Error("a card's number pairs")
		}
	}
	k.Stop()
	files := 0
	if err := filepath.WalkDir(k.Data, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		files++
		text, err := os.ReadFile(path)
		for _, n := range said {
			for _, form := range []string{n, strings.NewReplacer(" ", "", "-", "").Replace(n), strings.ReplaceAll(n, " ", "-"), strings.ReplaceAll(n, "-", " ")} {
				if at := bytes.Index(text, []byte(form)); at >= 0 {
					t.Errorf("%s has %s: …%q…", path, form, text[max(0, at-80):min(len(text), at+80)])
					break
				}
			}
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if files < 5 || len(said) < 400 {
		t.Errorf("%d numbers in %d files: that proves little", len(said), files)
	}
	if text, err := os.ReadFile(filepath.Join(k.Data, "kit.db")); err != nil || !bytes.Contains(text, []byte("paid with …")) {
		t.Errorf("no note is kept either, %v", err)
	}
}
