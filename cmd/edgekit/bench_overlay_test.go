//go:build bench

package main

import (
	"image"
	"testing"
	"time"

	"edgekit.internal/capture"
	"edgekit.internal/capture/overlay"
)

// benchOverlay draws a full scene into a 720p picture, over and over, as it is drawn into each while nothing changes: four cards, two
// confirmations, a name and a code.
func benchOverlay(t *testing.T, b *bench) {
	fonts, err := overlay.LoadFonts()
	if err != nil {
		t.Fatal(err)
	}
	const noon = time.Hour
	scene := capture.Scene{Lower: capture.Lower{Name: "Blue Door Pottery", Line: "Thrown and fired in Leipzig"}, QR: capture.QR{Text: "http://10.66.0.1/t/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", Label: "Mug"}}
	for _, state := range []capture.PromptState{capture.PromptLive, capture.PromptLive, capture.PromptSoldOut, capture.PromptSoon} {
		scene.Prompts = append(scene.Prompts, capture.Prompt{Offer: "set", Title: "Breakfast set", Price: "€ 1,249.00", Left: 2, Of: 12, In: "Plate · Bowl", State: state, Ends: noon + time.Minute})
	}
	for range 2 {
		scene.Banners = append(scene.Banners, capture.Banner{Text: "Confirmed · A-042", Sub: "Enamel mug · 2 left", Until: noon + time.Minute})
	}
	c := overlay.New(fonts)
	c.SetScene(scene)
	img := image.NewYCbCr(image.Rect(0, 0, 1280, 720), image.YCbCrSubsampleRatio420)
	c.Draw(img, noon)
	var took sample
	for range 2000 {
		begin := time.Now()
		c.Draw(img, noon)
		took.add(time.Since(begin))
	}
	b.put(overlayDrawn, took.at(.5), "%s", took)
}
