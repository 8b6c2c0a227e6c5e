package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"flag"
	"image"
	"image/draw"
	_ "image/jpeg"
	_ "image/png"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/chromedp"

	"edgekit.internal/capture/overlay"
	"edgekit.internal/capture/vision"
	"edgekit.internal/cmd/internal/kittest"
)

var screens = flag.String("screens", "", "folder to put pictures of page and slip into, for the README")

// seen counts the pictures that the page has really shown.
const seen = `Number(document.documentElement.dataset.frames)`

// stripScript gives a page clock(video): when the synthetic camera took the picture that the video shows, in milliseconds; -1: it does not
// say. The layout is in capture/synth/strip.go.
const stripScript = `
const strip = new OffscreenCanvas(1280, 40).getContext("2d", { willReadFrequently: true });
function clock(v) {
  const w = 1280, h = 40;
  strip.drawImage(v, 0, 0, v.videoWidth, v.videoHeight / 18, 0, 0, w, h);
  const d = strip.getImageData(0, h / 4, w, h / 2);
  const level = (i) => { let s = 0, n = 0;
    for (let y = 0; y < d.height; y += 4) for (let x = (i + .25) * w / 40 | 0; x < (i + .75) * w / 40; x++, n++) s += d.data[4 * (y * w + x) + 1];
    return s / n; };
  const white = level(0), black = level(1), mid = (white + black) / 2;
  let ms = 0, sum = 0;
  for (let i = 2; i < 34; i++) ms = (ms << 1 | level(i) > mid) >>> 0;
  for (let i = 34; i < 40; i++) sum = sum << 1 | level(i) > mid;
  return white - black > 60 && sum === ((ms ^ ms >>> 6 ^ ms >>> 12 ^ ms >>> 18 ^ ms >>> 24 ^ ms >>> 30) & 63 ^ 42) ? ms : -1;
}
`

const status = `document.querySelector("[role=status]").textContent`

// picture is what the page shows now, from its decoded pixels.
func picture(t *testing.T, browser context.Context, element string) image.Image {
	t.Helper()
	url := kittest.Read(t, browser, `(() => {
		const from = document.querySelector("`+element+`"), c = document.createElement("canvas");
		c.width = from.videoWidth || from.naturalWidth; c.height = from.videoHeight || from.naturalHeight;
		if (!c.width) return "";
		c.getContext("2d").drawImage(from, 0, 0);
		return c.toDataURL("image/png");
	})()`)
	_, data, ok := strings.Cut(url, "base64,")
	if !ok {
		return image.NewGray(image.Rectangle{})
	}
	b, err := base64.StdEncoding.DecodeString(data)
	if err != nil {
		t.Fatal(err)
	}
	img, _, err := image.Decode(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	return img
}

func slipThere(k *kittest.Kit, ticket string) func() bool {
	return func() bool {
		f, err := os.Open(filepath.Join(k.Data, "tickets", ticket+".png"))
		if err != nil {
			return false
		}
		defer f.Close()
		c, _, err := image.DecodeConfig(f)
		return err == nil && c.Width > 300 && c.Height > 200
	}
}

// TestATapBecomesASlip is the main job, in a real browser: the page asks for consent, the picture is really decoded, a
// prompt in it is tapped, the page says Confirmed, the slip is there, and the confirmation is in the picture's pixels.
func TestATapBecomesASlip(t *testing.T) {
	k := kittest.Start(t)
	b := kittest.Browser(t)
	kittest.Open(t, b, k.Viewer+"/")
	kittest.See(t, b, "question", `document.querySelector("dialog").open`)
	kittest.Press(t, b, "Agree")
	kittest.See(t, b, "question answered", `!document.querySelector("dialog").open`)
	kittest.See(t, b, "moving picture", seen+` > 30`)
	if size := kittest.Read(t, b, `video.videoWidth + "x" + video.videoHeight`); size != "1280x720" && size != "640x360" {
		t.Errorf("the picture is %s", size)
	}
	if overlay.BannerShown(picture(t, b, "video")) {
		t.Error("a confirmation is in the picture before anybody bought")
	}
	if n := kittest.Read(t, b, `[...document.querySelectorAll("button")].filter(b => b.ariaLabel === "Buy Mug for € 10.00" && b.checkVisibility()).length`); n != "1" {
		t.Errorf("the prompt is there %s times", n)
	}
	kittest.Press(t, b, "Buy Mug for € 10.00")
	kittest.See(t, b, "outcome", status+`.startsWith("Confirmed")`)
	if s := kittest.Read(t, b, status); !strings.HasPrefix(s, "Confirmed · ticket A-001") {
		t.Errorf("the page says %q", s)
	}
	kittest.Until(t, "confirmation in the picture", func() bool { return overlay.BannerShown(picture(t, b, "video")) })
	kittest.Until(t, "slip", slipThere(k, "A-001"))
	kittest.See(t, b, "ticket in the list", `document.querySelector("#tickets").textContent.includes("A-001")`)
	shoot(t, b, k)
	op := k.Pair(t)
	for _, step := range []string{"validate", "enrich", "act", "picture", "printing", "printed"} {
		kittest.Until(t, "step "+step+" in the tap's trace", func() bool {
			_, trace, err := op.Get("/api/operator/state")
			return err == nil && strings.Contains(string(trace), `"step":"`+step+`"`)
		})
	}
	if status, b, err := op.Do("PUT", "/api/operator/offers/pen", map[string]string{"state": "over"}); status != 204 {
		t.Fatalf("%d %s %v", status, b, err)
	}
	kittest.See(t, b, "prompt that is over", `[...document.querySelectorAll("button")].some(b => b.ariaLabel === "Buy Pen for € 2.50" && b.getAttribute("aria-disabled") === "true")`)
	kittest.Press(t, b, "Buy Pen for € 2.50")
	kittest.See(t, b, "honest answer", status+`.startsWith("Too late")`)
	kittest.UntilWithin(t, "confirmation leaves the picture", kittest.Limit, func() bool { return !overlay.BannerShown(picture(t, b, "video")) })
	if me := kittest.Read(t, b, `fetch("/api/me").then(r => r.json()).then(m => m.consent.choice + " " + m.tickets.length)`); me != "agreed 1" {
		t.Errorf("the kit keeps %q", me)
	}
	for range 4 {
		n := kittest.Read(t, b, `document.querySelector("#tickets").childElementCount`)
		kittest.Press(t, b, "Buy Mug for € 10.00")
		kittest.See(t, b, "one more ticket", `document.querySelector("#tickets").childElementCount > `+n)
	}
	kittest.See(t, b, "sold out prompt", `[...document.querySelectorAll("button")].some(b => b.ariaLabel === "Buy Mug for € 10.00" && b.getAttribute("aria-disabled") === "true")`)
	kittest.Press(t, b, "Buy Mug for € 10.00")
	kittest.See(t, b, "honest answer", status+`.startsWith("Sold out")`)
}

// TestACodeInThePictureSells reads the code out of the picture that a browser decoded, as a passer-by's phone does from a screen at the
// stall: it buys by its button, once, and the picture has another one then.
func TestACodeInThePictureSells(t *testing.T) {
	k := kittest.Start(t, "-config", kittest.File(t, "edgekit.toml", "[overlay]\ncode = \"offer\"\nname = \"Blue Door\"\ntheme = \"light\"\naccent = \"#0A6E5C\"\n"))
	b := kittest.Browser(t)
	kittest.Open(t, b, k.Viewer+"/")
	kittest.Press(t, b, "Continue without")
	kittest.See(t, b, "moving picture", seen+` > 30`)
	var reader vision.Reader
	read := func(other string) (link string) {
		t.Helper()
		kittest.Until(t, "another code in the picture than "+other, func() bool {
			img := picture(t, b, "video")
			grey := image.NewGray(img.Bounds())
			draw.Draw(grey, grey.Rect, img, img.Bounds().Min, draw.Src)
			for _, c := range reader.Read(grey) {
				if c.Kind == vision.QR && c.Text != other {
					link = c.Text
				}
			}
			return link != ""
		})
		return link
	}
	visit := func(method, link string) (status int, text string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, link, nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := k.Visit(t).Client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		page, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, string(page)
	}
	first := read("")
	if !strings.HasPrefix(first, strings.ToUpper(k.Viewer)+"/T/") {
		t.Fatalf("the picture has %q", first)
	}
	for range 2 { // phones look at links by themselves
		if status, page := visit("GET", first); status != http.StatusOK || !strings.Contains(page, "<button class=\"buy\">Buy ") {
			t.Fatalf("%d %s", status, page)
		}
	}
	if status, page := visit("POST", first); status != http.StatusOK || !strings.Contains(page, "Confirmed · ticket A-001") {
		t.Fatalf("%d %s", status, page)
	}
	second := read(first)
	if status, page := visit("POST", first); status != http.StatusConflict || !strings.Contains(page, "This code was used already") {
		t.Errorf("%d %s", status, page)
	}
	if status, page := visit("POST", second); status != http.StatusOK || !strings.Contains(page, "Confirmed · ticket A-002") {
		t.Errorf("%d %s", status, page)
	}
}

// TestATapWithoutWebRTC: a browser that has none sees stills, and buys by SSE and POST.
func TestATapWithoutWebRTC(t *testing.T) {
	k := kittest.Start(t)
	b := kittest.Browser(t, kittest.WithoutWebRTC)
	kittest.Open(t, b, k.Viewer+"/")
	kittest.Press(t, b, "Continue without")
	kittest.See(t, b, "still picture", `still.naturalWidth >= 320 && !still.hidden`)
	first := kittest.Read(t, b, `still.src`)
	kittest.See(t, b, "next still", `still.src !== "`+first+`"`)
	kittest.Press(t, b, "Buy Mug for € 10.00")
	kittest.See(t, b, "outcome", status+`.startsWith("Confirmed · ticket A-001")`)
	kittest.Until(t, "confirmation in the still", func() bool { return overlay.BannerShown(picture(t, b, "#still")) })
	kittest.Until(t, "slip", slipThere(k, "A-001"))
	if me := kittest.Read(t, b, `fetch("/api/me").then(r => r.json()).then(m => m.consent.choice)`); me != "refused" {
		t.Errorf("consent is %q", me)
	}
	v := k.Visit(t)
	for range 4 {
		if a, err := v.Buy("mug"); err != nil || a.Outcome.Outcome != "confirmed" {
			t.Fatalf("%+v, %v", a, err)
		}
	}
	kittest.See(t, b, "the news that it is sold out", `[...document.querySelectorAll("button")].some(b => b.ariaLabel === "Buy Mug for € 10.00" && b.getAttribute("aria-disabled") === "true")`)
}

// TestByKeyboard: question, prompt and outcome by Tab and Enter alone, under the names that screen readers say.
func TestByKeyboard(t *testing.T) {
	k := kittest.Start(t)
	b := kittest.Browser(t)
	kittest.Open(t, b, k.Viewer+"/")
	kittest.See(t, b, "question", `document.querySelector("dialog").open`)
	focus := `(document.activeElement.ariaLabel || document.activeElement.textContent).trim()`
	press := func(keys string) {
		t.Helper()
		if _, err := chromedp.Run(b, chromedp.KeyEvent(keys)); err != nil {
			t.Fatal(err)
		}
	}
	walk := func(to string) {
		t.Helper()
		kittest.Until(t, "focus on "+to, func() bool {
			if kittest.Read(t, b, focus) == to {
				return true
			}
			press("\t")
			return false
		})
	}
	if said := tree(t, b); !slices.Contains(said, "dialog: Before you look around") || !slices.Contains(said, "button: Agree") || !slices.Contains(said, "button: Continue without") {
		t.Errorf("a screen reader is told %q", said)
	}
	walk("Continue without")
	press("\r")
	kittest.See(t, b, "question answered", `!document.querySelector("dialog").open`)
	kittest.See(t, b, "prompts over the live picture", seen+` > 10 && !!document.querySelector("#over button:not([hidden])")`)
	walk("Buy Mug for € 10.00")
	press("\r")
	kittest.See(t, b, "outcome", status+`.startsWith("Confirmed · ticket A-001")`)
	kittest.See(t, b, "ticket in the list", `!document.querySelector("#mine").hidden`)
	said := tree(t, b)
	for _, want := range []string{"button: Buy Mug for € 10.00", "button: Buy Pen for € 2.50", "heading: My tickets"} {
		if n := len(slices.DeleteFunc(slices.Clone(said), func(s string) bool { return s != want })); n != 1 {
			t.Errorf("%q is said %d times in %q", want, n, said)
		}
	}
	if !slices.ContainsFunc(said, func(s string) bool { return strings.HasPrefix(s, "status:") }) {
		t.Errorf("there is no status in %q", said)
	}
}

// tree is what a screen reader can say of the page: roles and names, in order.
func tree(t *testing.T, browser context.Context) (said []string) {
	t.Helper()
	if _, err := chromedp.Run(browser, chromedp.Func(func(ctx context.Context, tab *chromedp.Target) error {
		all, err := cdp.Call(ctx, tab, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{})
		if err != nil {
			return err
		}
		for _, n := range all.Nodes {
			if n.Ignored || n.Role == nil || n.Name == nil {
				continue
			}
			said = append(said, unquote(n.Role.Value)+": "+unquote(n.Name.Value))
		}
		return nil
	})); err != nil {
		t.Fatal(err)
	}
	return said
}

func unquote(raw []byte) (s string) {
	if json.Unmarshal(raw, &s) != nil {
		return string(raw)
	}
	return s
}

// TestThePictureComesBackByItself: the encoder and then the whole kit are killed under a watching page, and the picture
// resumes without a reload; taps go on meanwhile, and the page knows its tickets again.
func TestThePictureComesBackByItself(t *testing.T) {
	k := kittest.Start(t)
	b := kittest.Browser(t)
	kittest.Open(t, b, k.Viewer+"/")
	kittest.Press(t, b, "Agree")
	kittest.See(t, b, "moving picture", seen+` > 30`)
	origin := kittest.Read(t, b, `performance.timeOrigin`)
	resumes := func(after string) {
		t.Helper()
		n := kittest.Read(t, b, seen)
		kittest.See(t, b, "picture after "+after, seen+` > `+n+` + 60`)
		if kittest.Read(t, b, `performance.timeOrigin`) != origin {
			t.Errorf("the page was loaded again after %s", after)
		}
	}
	child := kittest.Child(t, k.PID(), "edgecam")
	for _, s := range []syscall.Signal{syscall.SIGKILL, syscall.SIGSTOP, syscall.SIGSEGV} {
		if err := syscall.Kill(child, s); err != nil {
			t.Fatal(err)
		}
		if a, err := k.Visit(t).Buy("pen"); err != nil || a.Outcome.Outcome != "confirmed" {
			t.Errorf("while the encoder was down: %+v, %v", a, err)
		}
		kittest.Until(t, "next encoder", func() bool {
			return kittest.ChildIfAny(k.PID(), "edgecam") != child && kittest.ChildIfAny(k.PID(), "edgecam") != 0
		})
		child = kittest.Child(t, k.PID(), "edgecam")
		resumes(s.String())
	}
	kittest.Press(t, b, "Buy Mug for € 10.00")
	kittest.See(t, b, "outcome", status+`.startsWith("Confirmed")`)
	k.Kill()
	kittest.StartIn(t, k.Data, "-listen", strings.TrimPrefix(k.Viewer, "http://"), "-operator", strings.TrimPrefix(k.Console, "http://"))
	resumes("a restart of the kit")
	kittest.Press(t, b, "Buy Desk set for € 15.00")
	kittest.See(t, b, "both tickets", status+`.startsWith("Confirmed") && document.querySelector("#tickets").childElementCount === 2`)
}

// shoot takes the README's pictures, if they are asked for.
func shoot(t *testing.T, b context.Context, k *kittest.Kit) {
	t.Helper()
	if *screens == "" {
		return
	}
	page, err := chromedp.Run(b, chromedp.CaptureScreenshot())
	if err != nil {
		t.Fatal(err)
	}
	slip, err := os.ReadFile(filepath.Join(k.Data, "tickets", "A-001.png"))
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{"page.png": page, "slip.png": slip} {
		if err := os.WriteFile(filepath.Join(*screens, name), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
