package main

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"edgekit.internal/cmd/internal/kittest"
	"edgekit.internal/cmd/internal/wire"
)

const spoken = `{"currency":"EUR","skus":[{"sku":"MUG","title":"Mug","titles":{"de":"Becher","ar":"كوب"},"price":1250,"tax":19,"stock":10},
{"sku":"S","title":"Tee, S","variant":"S","variants":{"de":"klein"},"price":1,"tax":19,"stock":9},{"sku":"M","title":"Tee, M","variant":"M","price":1,"tax":19,"stock":9}],
"offers":[{"id":"mug","title":"Mug","lines":[{"sku":"MUG","n":1}],"price":1250},{"id":"tee","title":"Tee","lines":[{"of":["S","M"],"n":1}],"price":900}]}`

// TestVisitorsReadTheirLanguage: in the list, on a code's page, on the sheet, and in what is pushed.
func TestVisitorsReadTheirLanguage(t *testing.T) {
	k := kittest.StartIn(t, t.TempDir(), "-catalog", kittest.File(t, "c.json", spoken), "-printer", "none")
	link := "/t/" + mintOf(t, k).Link("mug", 0, 0, 10*time.Minute)
	read := func(path, accept string) string {
		t.Helper()
		r, err := http.NewRequest(http.MethodGet, k.Viewer+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Accept-Language", accept)
		res, err := http.DefaultClient.Do(r)
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
	for accept, want := range map[string]string{"de-CH,en;q=0.8": "Becher", "en": "Mug", "ar": "كوب", "fi": "Mug"} {
		if page := read(link, accept); !strings.Contains(page, "Buy "+want+" for") {
			t.Errorf("%s: %s", accept, page)
		}
		if page := read("/portal", accept); !strings.Contains(page, "Buy "+want+" for") {
			t.Errorf("%s: %s", accept, page)
		}
	}
	browser := kittest.Browser(t, watchful, `const f = fetch; window.fetch = (u, o = {}) => f(u, { ...o, headers: { ...(o.headers || {}), "Accept-Language": "de" } });`)
	kittest.Open(t, browser, k.Viewer+"/?webrtc=off")
	kittest.Press(t, browser, "Continue without")
	if got := kittest.Read(t, browser, `fetch("/api/offers").then((r) => r.json()).then(({ offers: [mug, tee] }) => [mug.title, mug.lang, tee.title, tee.choices[0].of.map((o) => o.title)].join())`); got != "Becher,de,Tee,klein,M" {
		t.Error(got)
	}
}

// TestThingsHavePictures: made small by the kit, shown by the page, and there after a kill.
func TestThingsHavePictures(t *testing.T) {
	data := t.TempDir()
	args := []string{"-catalog", kittest.File(t, "c.json", spoken), "-printer", "none"}
	k := kittest.StartIn(t, data, args...)
	photo := image.NewRGBA(image.Rect(0, 0, 1600, 1200))
	for i := range photo.Pix {
		photo.Pix[i] = byte(i * 7 / 3)
	}
	photo.Set(1, 1, color.White)
	var b bytes.Buffer
	if err := jpeg.Encode(&b, photo, nil); err != nil {
		t.Fatal(err)
	}
	var taken wire.PictureTaken
	if inquire(t, k, "POST", "/pictures?name=mug.JPG", b.Bytes(), &taken); taken.SKU != "MUG" || taken.Title != "Mug" {
		t.Errorf("%+v", taken)
	}
	inquire(t, k, "PUT", "/pictures?sku=M", b.Bytes(), &taken)
	for path, status := range map[string]int{"/pictures?name=hat.jpg": 404, "/pictures?name=S.jpg": 400} {
		res, err := local(k).Post("http://kit"+path, "image/jpeg", strings.NewReader("no picture"))
		if err != nil || res.StatusCode != status {
			t.Errorf("%s: %v, %v", path, res, err)
		} else {
			res.Body.Close()
		}
	}
	k.Kill()
	k = kittest.StartIn(t, data, args...)
	o, err := k.Visit(t).Offer("mug")
	if err != nil || o.Picture == "" {
		t.Fatalf("%+v, %v", o, err)
	}
	res, err := http.Get(k.Viewer + o.Picture)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	small, err := jpeg.Decode(res.Body)
	if err != nil || small.Bounds().Size() != image.Pt(480, 360) || res.ContentLength > 100_000 {
		t.Errorf("%v of %d bytes, %v", small.Bounds(), res.ContentLength, err)
	}
	browser := kittest.Browser(t, watchful)
	kittest.Open(t, browser, k.Viewer+"/?webrtc=off")
	kittest.Press(t, browser, "Continue without")
	kittest.See(t, browser, "the picture", `[...document.querySelectorAll("#list img")].some((i) => i.checkVisibility() && i.naturalWidth === 480)`)
	kittest.Press(t, browser, "Buy Tee for € 9.00")
	kittest.See(t, browser, "that of one kind", `document.querySelectorAll("#choose img").length === 1 && document.querySelector("#choose img").naturalWidth === 480`)
	if wrongs := kittest.Read(t, browser, "wrongs.join()"); wrongs != "" {
		t.Error(wrongs)
	}
	var stock []wire.Stock
	if inquire(t, k, "GET", "/stock", nil, &stock); !stock[0].Picture || stock[1].Picture || !stock[2].Picture {
		t.Errorf("%+v", stock)
	}
	if inquire(t, k, "DELETE", "/pictures?sku=MUG", nil, &taken); fmt.Sprint(taken.SKU) != "MUG" {
		t.Errorf("%+v", taken)
	}
	if o, err := k.Visit(t).Offer("mug"); err != nil || o.Picture != "" {
		t.Errorf("%+v, %v", o, err)
	}
}
