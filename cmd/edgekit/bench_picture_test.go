//go:build bench

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"testing"
	"time"

	"edgekit.internal/capture"
	"edgekit.internal/cmd/internal/kittest"
)

// openPage opens the kit's page in a browser of its own and waits until it plays and can tap.
func openPage(t *testing.T, k *kittest.Kit) context.Context {
	t.Helper()
	browser := kittest.Browser(t, pageScript)
	kittest.Open(t, browser, k.Viewer+"/")
	pagePlays(t, browser)
	kittest.Press(t, browser, "Continue without")
	return browser
}

func pagePlays(t *testing.T, browser context.Context) {
	t.Helper()
	kittest.See(t, browser, "picture, signals and prompts", `bench.first > 0 && bench.open && !!document.querySelector("button[aria-label^='Buy Pen']")`)
}

// inPage evaluates an expression in the page, which may be a promise, into a value.
func inPage(t *testing.T, browser context.Context, expr string, into any) {
	t.Helper()
	text := kittest.Read(t, browser, "Promise.resolve("+expr+").then(JSON.stringify)")
	if err := json.Unmarshal([]byte(text), into); err != nil {
		t.Fatalf("%s: %v: %s", expr, err, text)
	}
}

// benchPicture measures the way of the picture: to a page that opens, from the camera to the screen, and from a finger
// back into the picture.
func benchPicture(t *testing.T, b *bench) {
	k := kittest.Start(t, "-printer", "none")
	kittest.Until(t, "the encoder runs", func() bool { return kittest.ChildIfAny(k.PID(), "edgecam") != 0 })

	var first sample
	var weight struct{ Bytes, Files, Foreign float64 }
	for range 5 {
		t.Run("load", func(t *testing.T) { // each in a browser of its own: nothing is cached, no session is known
			browser := openPage(t, k)
			var ms float64
			inPage(t, browser, "bench.first", &ms)
			first = append(first, ms)
			inPage(t, browser, "bench.weight()", &weight)
		})
	}
	b.put(firstFrame, first.at(1), "%s; a new browser each", first)
	b.put(pageWeight, weight.Bytes/1000, "%.0f files, %.0f from elsewhere", weight.Files, weight.Foreign)

	browser := openPage(t, k)
	old, note := pictureAges(t, browser)
	b.put(screenP50, old.at(.5), "%s", note)
	b.put(screenP95, old.at(.95), "as above")

	var shown sample
	inPage(t, browser, `bench.confirm("Pen", 12)`, &shown)
	b.put(tapPicture, shown.at(.95), "%s; from click to the first decoded picture with the plate", shown)

	kittest.Press(t, browser, "Sound on") // from now on the player holds the picture back until its sound is there
	kittest.See(t, browser, "sound", `!document.querySelector("video").muted`)
	inPage(t, browser, `new Promise((r) => setTimeout(r, 15000, null))`, new(any)) // so long it takes to bring both together
	old, note = pictureAges(t, browser)
	b.put(soundP95, old.at(.95), "%s", note)
}

// pictureAges are those of the pictures that a page shows in eight seconds, as they are shown: in ms, and in words.
func pictureAges(t *testing.T, browser context.Context) (old sample, note string) {
	t.Helper()
	var ages [][2]float64
	inPage(t, browser, `(bench.ages = [], bench.seen = 0, new Promise((r) => setTimeout(r, 8000, null)))`, new(any))
	offset, sure := pageClock(t, browser)
	inPage(t, browser, `(() => { const a = bench.ages; bench.ages = null; return a; })()`, &ages)
	var seen float64
	inPage(t, browser, "bench.seen", &seen)
	for _, a := range ages {
		const turn = 1 << 32 // the strip's milliseconds wrap
		age := a[0] + offset - a[1]
		old = append(old, age-turn*math.Round(age/turn)-0.5) // and are cut: half a one on average
	}
	if len(old) < 50 {
		t.Fatalf("the clock was read in %d of %.0f pictures", len(old), seen)
	}
	return old, fmt.Sprintf("%s; 720p, clocks compared within ±%.1f ms; %.1f pictures a second", old, sure, seen/8)
}

// pageClock finds what to add to the page's performance.now() for CLOCK_MONOTONIC, in ms, and how sure that is: the
// quickest of some questions bounds it.
func pageClock(t *testing.T, browser context.Context) (offset, sure float64) {
	t.Helper()
	sure = 1e9
	for range 30 {
		var page float64
		before := capture.Monotonic()
		inPage(t, browser, "performance.now()", &page)
		after := capture.Monotonic()
		if half := float64(after-before) / 2 / float64(time.Millisecond); half < sure {
			sure, offset = half, float64(before+after)/2/float64(time.Millisecond)-page
		}
	}
	return offset, sure
}
