package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	"image/draw"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	scaling "golang.org/x/image/draw"

	"edgekit.internal/capture/vision"
	"edgekit.internal/cmd/internal/kittest"
)

// A phone at three metres from a screen of 32 inches: its main camera has 4,032 pixels over 69° (26 mm of focal length, in film's terms), so that three
// metres away 1 m is 978 pixels wide, and the screen is 0.71 m.
const (
	perMetre    = 978.
	screenWide  = .71
	photographs = 5
)

// photographed is a picture on that screen as that phone takes it: as large as it is there, not quite sharp, washed out by the light in the room, with a sensor's noise.
func photographed(img image.Image, seed uint64) *image.Gray {
	from := image.NewGray(image.Rect(0, 0, img.Bounds().Dx(), img.Bounds().Dy()))
	draw.Draw(from, from.Rect, img, img.Bounds().Min, draw.Src)
	scale := perMetre * screenWide / float64(from.Rect.Dx())
	to := image.NewGray(image.Rect(0, 0, int(float64(from.Rect.Dx())*scale), int(float64(from.Rect.Dy())*scale)))
	scaling.CatmullRom.Scale(to, to.Rect, from, from.Rect, draw.Src, nil)
	const sigma = .6
	var kernel [5]float64
	for i := range kernel {
		kernel[i] = math.Exp(-float64((i-2)*(i-2)) / (2 * sigma * sigma))
	}
	rnd := rand.New(rand.NewPCG(seed, 3))
	out := image.NewGray(to.Rect)
	for y := range to.Rect.Dy() {
		for x := range to.Rect.Dx() {
			var sum, weight float64
			for j, a := range kernel {
				for i, b := range kernel {
					if p := image.Pt(x+i-2, y+j-2); p.In(to.Rect) {
						sum, weight = sum+a*b*float64(to.GrayAt(p.X, p.Y).Y), weight+a*b
					}
				}
			}
			out.Pix[y*out.Stride+x] = uint8(min(255, max(0, 60+.65*sum/weight+rnd.NormFloat64()*5)))
		}
	}
	return out
}

// readByAnother is what another's reader makes of a picture; "": nothing.
func readByAnother(t *testing.T, img *image.Gray) string {
	t.Helper()
	at, err := filepath.Abs("../../.cache/escpos/node_modules/jsqr")
	if err == nil {
		_, err = os.Stat(at)
	}
	if err != nil {
		if os.Getenv("CI") == "" {
			t.Skip(err)
		}
		t.Fatalf("%v: `make deps` installs it", err)
	}
	const script = `const chunks = []; process.stdin.on("data", c => chunks.push(c)).on("end", () => {
		const b = Buffer.concat(chunks), w = b.readUInt32BE(0), h = b.readUInt32BE(4), rgba = new Uint8ClampedArray(w * h * 4);
		for (let i = 0; i < w * h; i++) rgba[4 * i] = rgba[4 * i + 1] = rgba[4 * i + 2] = b[8 + i], rgba[4 * i + 3] = 255;
		const m = require(process.argv[1]), read = m.default || m, code = read(rgba, w, h);
		console.log(JSON.stringify(code ? { text: code.data, version: code.version, modes: code.chunks.map(c => c.type) } : {}));
	});`
	var in bytes.Buffer
	for _, n := range []int{img.Rect.Dx(), img.Rect.Dy()} {
		in.Write([]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)})
	}
	in.Write(img.Pix)
	c := exec.Command("node", "-e", script, at)
	c.Stdin = &in
	out, err := c.Output()
	if err != nil {
		t.Fatalf("node: %v", err)
	}
	var code struct {
		Text    string
		Version int
		Modes   []string
	}
	if err := json.Unmarshal(out, &code); err != nil {
		t.Fatalf("%s: %v", out, err)
	}
	if code.Text != "" && (code.Version != 4 || fmt.Sprint(code.Modes) != "[alphanumeric]") {
		t.Errorf("a code of version %d as %v, expected 4, of letters and digits alone", code.Version, code.Modes)
	}
	return code.Text
}

// TestACodeIsReadFromThreeMetres: out of a 360p picture as Chromium has it from the stream, shown on a screen at the stall, by a phone three metres away; by our own
// reader and by another's.
func TestACodeIsReadFromThreeMetres(t *testing.T) {
	k := kittest.Start(t, "-picture", "640x360@30", "-config", kittest.File(t, "edgekit.toml", "[overlay]\ncode = \"offer\"\nname = \"Blue Door\"\n"))
	b := kittest.Browser(t)
	kittest.Open(t, b, k.Viewer+"/")
	kittest.Press(t, b, "Continue without")
	kittest.See(t, b, "moving picture", seen+` > 60`)
	var reader vision.Reader
	ours, others := 0, 0
	for n := range photographs {
		shown := photographed(picture(t, b, "video"), uint64(n))
		texts := map[string]bool{}
		for _, c := range reader.Read(shown) {
			if texts[c.Text] = true; strings.Contains(c.Text, "/T/") {
				ours++
			}
		}
		if other := readByAnother(t, shown); strings.Contains(other, "/T/") {
			if others++; len(texts) > 0 && !texts[other] {
				t.Errorf("ours read %v, the other %q", texts, other)
			}
		}
		kittest.See(t, b, "another picture", fmt.Sprintf(`%s > %d`, seen, 90+30*n))
	}
	t.Logf("of %d photographs, ours read %d, the other %d", photographs, ours, others)
	if ours < photographs-1 || others < photographs-1 {
		t.Errorf("of %d photographs, ours read %d, the other %d", photographs, ours, others)
	}
}

// TestACodeThatIsNotGoodAnyMore says so kindly, and offers another that is; one that was made up is not known, and nothing but a button buys.
func TestACodeThatIsNotGoodAnyMore(t *testing.T) {
	k := kittest.Start(t, "-printer", "none")
	mint := mintOf(t, k)
	visit := func(method, path string, form string) (status int, page string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, k.Viewer+path, strings.NewReader(form))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		res, err := k.Visit(t).Client.Do(req)
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
	link := "/T/" + mint.Link("mug", 0, 0, 10*time.Minute)
	for range 3 {
		if status, page := visit("GET", link, ""); status != http.StatusOK || !strings.Contains(page, `<form method="post">`) {
			t.Fatalf("a good one: %d %s", status, page)
		}
	}
	if status, page := visit("POST", link, ""); status != http.StatusOK || !strings.Contains(page, "Confirmed · ticket A-001") {
		t.Fatalf("%d %s", status, page)
	}
	status, page := visit("GET", link, "")
	if status != http.StatusOK || !strings.Contains(page, "This code was used already: each sells one. Here is another:") {
		t.Fatalf("a used one: %d %s", status, page)
	}
	_, other, _ := strings.Cut(page, `action="`)
	other, _, _ = strings.Cut(other, `"`)
	if status, page := visit("POST", other, ""); status != http.StatusOK || !strings.Contains(page, "Confirmed · ticket A-002") {
		t.Errorf("the other by %q: %d %s", other, status, page)
	}
	stale := "/t/" + mint.Link("mug", 0, 0, 0) // its time was over at once
	if status, page := visit("GET", stale, ""); status != http.StatusOK || !strings.Contains(page, "This code has changed since. Here is the current one:") || !strings.Contains(page, "Buy Mug for € 10.00") {
		t.Errorf("a stale one: %d %s", status, page)
	}
	if status, page := visit("GET", "/t/"+strings.Repeat("A", 64), ""); status != http.StatusNotFound || !strings.Contains(page, "not one of this stall") || strings.Contains(page, "<form") {
		t.Errorf("one that was made up: %d %s", status, page)
	}
	good := "/t/" + mint.Link("mug", 0, 0, 10*time.Minute)
	bring(t, k, strings.Replace(kittest.Catalogue, `"limit":5`, `"limit":2`, 1))
	if status, page := visit("GET", good, ""); status != http.StatusOK || !strings.Contains(page, "Sold out") || strings.Contains(page, "<form") {
		t.Errorf("of what is sold out: %d %s", status, page)
	}
	if o, err := k.Visit(t).Offer("mug"); err != nil || o.Left != 0 {
		t.Errorf("%+v, %v", o, err)
	}
}

// TestACodeOnTheConsoleSells: to whoever scans it off the screen or off paper, once; and there is none of what cannot be bought.
func TestACodeOnTheConsoleSells(t *testing.T) {
	k := kittest.Start(t)
	browser := kittest.Browser(t, watchful)
	kittest.Open(t, browser, k.Console+"/console")
	enter(t, browser, k.Code)
	press(t, browser, "Code for Mug")
	kittest.See(t, browser, "the code", `document.querySelector("dialog[open] img").naturalWidth > 30 && !document.querySelector("dialog[open] img").hidden`)
	var reader vision.Reader
	read := func(img image.Image) string {
		t.Helper()
		grey := image.NewGray(img.Bounds())
		draw.Draw(grey, grey.Rect, img, img.Bounds().Min, draw.Src)
		codes := reader.Read(grey)
		if len(codes) != 1 || !strings.Contains(codes[0].Text, "/T/") {
			t.Fatalf("%+v", codes)
		}
		return codes[0].Text
	}
	buy := func(link, want string) {
		t.Helper()
		res, err := k.Visit(t).Client.PostForm(link, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if b, err := io.ReadAll(res.Body); err != nil || !strings.Contains(string(b), want) {
			t.Errorf("%s %s, %v; expected %q", res.Status, b, err, want)
		}
	}
	shown := read(picture(t, browser, "dialog[open] img"))
	buy(shown, "Confirmed · ticket A-001")
	buy(shown, "This code was used already")
	kittest.See(t, browser, "another", fmt.Sprintf(`document.querySelector("dialog[open] img").src !== %q`, kittest.Read(t, browser, `document.querySelector("dialog[open] img").src`)))
	press(t, browser, "Print one")
	kittest.See(t, browser, "that it is printed", `document.querySelector("dialog[open]").innerText.includes("It is printed")`)
	f, err := os.Open(filepath.Join(k.Data, "tickets", "code.png"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	paper, _, err := image.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	buy(read(paper), "Confirmed · ticket A-002")
	bring(t, k, strings.Replace(kittest.Catalogue, `"limit":5`, `"limit":2`, 1))
	press(t, browser, "Print one")
	kittest.See(t, browser, "that there is none", `document.querySelector("dialog[open]").innerText.includes("Mug is sold out.")`)
	if got := kittest.Read(t, browser, `JSON.stringify(wrongs)`); got != "[]" {
		t.Errorf("the page did wrong: %s", got)
	}
}
