package vision

import (
	"bytes"
	"fmt"
	"image"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"rsc.io/qr"
)

// sheet is one label of each kind.
func sheet(t testing.TB) []label {
	return []label{
		printQR(t, "MUG-BLUE-03", qr.M),
		printEAN(EAN13, "4006381333931"),
		printEAN(EAN8, "96385074"),
		printEAN(UPCA, "036000291452"),
		print128("MUG-03"),
	}
}

// usual is a label of 3 pixels a module, held a little askew before a webcam that is in focus.
var usual = view{module: 3, roll: 4, blur: 0.7, noise: 4}

func but(change func(*view)) view {
	v := usual
	change(&v)
	return v
}

// groups are the sheet's columns of conditions, with what must be read of them: so many of four, by kind.
var groups = []struct {
	name string
	view view
	want map[string]int // of four; 0: nothing is promised
}{
	{"usual", usual, all(4)},
	{"1.2 px a module", but(func(v *view) { v.module = 1.2 }), nil},
	{"1.5 px a module", but(func(v *view) { v.module = 1.5 }), only(2, UPCA)},
	{"2 px a module", but(func(v *view) { v.module = 2 }), all(4)},
	{"5 px a module", but(func(v *view) { v.module = 5 }), all(4)},
	{"turned 15°", but(func(v *view) { v.roll = 15 }), all(4)},
	{"turned 30°", but(func(v *view) { v.roll = 30 }), all(4)},
	{"turned 45°", but(func(v *view) { v.roll = 45 }), all(4)},
	{"turned 67°", but(func(v *view) { v.roll = 67 }), only(4, QR, EAN13, UPCA, Code128)},
	{"turned 90°", but(func(v *view) { v.roll = 92 }), all(4)},
	{"upside down", but(func(v *view) { v.roll = 177 }), all(4)},
	{"turned 250°", but(func(v *view) { v.roll = 250 }), only(4, QR, EAN13, UPCA, Code128)},
	{"tilted 25°", but(func(v *view) { v.yaw = 25 }), all(4)},
	{"tilted 45°", but(func(v *view) { v.yaw = 45 }), all(4)},
	{"blur 1.2 px", but(func(v *view) { v.blur = 1.2 }), all(4)},
	{"blur 1.8 px", but(func(v *view) { v.blur = 1.8 }), nil},
	{"blur 1.8, 5 px", but(func(v *view) { v.blur, v.module = 1.8, 5 }), all(4)},
	{"hand moves 4 px", but(func(v *view) { v.moved = 4 }), nil},
	{"moves 4 px, 5 px", but(func(v *view) { v.moved, v.module = 4, 5 }), all(3)},
	{"dim, noisy", but(func(v *view) { v.noise = 9 }), all(4)},
	{"light from a side", but(func(v *view) { v.glare = -180 }), all(4)},
	{"reflection", but(func(v *view) { v.glare = 220 }), only(4, EAN13, EAN8, UPCA, Code128)},
	{"lower half covered", but(func(v *view) { v.cover = 0.5 }), only(4, EAN13, EAN8, UPCA, Code128)},
	{"sticker on it", but(func(v *view) { v.hole = 0.18 }), all(4)},
	{"around a mug", but(func(v *view) { v.radius = 124 }), all(4)},
	{"around a bottle", but(func(v *view) { v.radius = 75 }), all(4)},
	{"around a pen", but(func(v *view) { v.radius = 22 }), nil},
	{"JPEG 50", but(func(v *view) { v.jpeg = 50 }), all(4)},
	{"a bit of all", but(func(v *view) {
		v.module, v.roll, v.yaw, v.blur, v.noise, v.glare, v.jpeg, v.radius, v.spread = 2.5, 20, 15, 0.9, 6, -90, 70, 124, 0.1
	}), all(4)},
	{"far on a mug, dim", but(func(v *view) { v.radius, v.module, v.noise, v.roll = 124, 2, 8, 12 }), all(3)},
	{"ink has spread", but(func(v *view) { v.spread = 0.2 }), all(4)},
}

func only(n int, kinds ...string) map[string]int {
	want := map[string]int{}
	for _, k := range kinds {
		want[k] = n
	}
	return want
}

func all(n int) map[string]int {
	return only(n, QR, EAN13, EAN8, UPCA, Code128)
}

// TestSheet: every kind under every condition, and how often it is read. What is read and is not on the label is a fault, always.
func TestSheet(t *testing.T) {
	const seeds = 4
	labels := sheet(t)
	var table strings.Builder
	fmt.Fprintf(&table, "\n%-20s", "read of 4")
	for _, l := range labels {
		fmt.Fprintf(&table, "%9s", l.code.Kind)
	}
	for _, g := range groups {
		hits := make([]int, len(labels))
		var reading sync.WaitGroup
		for i, l := range labels {
			reading.Go(func() {
				var r Reader
				for seed := range uint64(seeds) {
					v := g.view
					v.roll += float64(seed%5) - 2
					for _, c := range r.Read(hold(l, v, seed)) {
						if c == l.code {
							hits[i]++
						} else {
							t.Errorf("%s, %s: read as %+v", g.name, l.code.Kind, c)
						}
					}
				}
			})
		}
		reading.Wait()
		fmt.Fprintf(&table, "\n%-20s", g.name)
		for i, l := range labels {
			fmt.Fprintf(&table, "%9d", hits[i])
			if hits[i] < g.want[l.code.Kind] {
				t.Errorf("%s: %s read %d of %d times, expected %d", g.name, l.code.Kind, hits[i], seeds, g.want[l.code.Kind])
			}
		}
	}
	t.Log(table.String())
}

// TestNothingIsReadWhereNothingIs: neither in a stall without codes, nor in noise, nor in bars that are no code.
func TestNothingIsReadWhereNothingIs(t *testing.T) {
	var r Reader
	rnd := rand.New(rand.NewPCG(1, 2))
	for seed := range uint64(10) {
		if got := r.Read(backdrop(seed)); len(got) > 0 {
			t.Errorf("a backdrop is read as %+v", got)
		}
	}
	img := image.NewGray(image.Rect(0, 0, wide, high))
	for range 5 {
		for i := range img.Pix {
			img.Pix[i] = byte(rnd.IntN(256))
		}
		if got := r.Read(img); len(got) > 0 {
			t.Errorf("noise is read as %+v", got)
		}
	}
	r.tally = r.tally[:0]
	for range 50_000 {
		r.line(randomBars(rnd))
	}
	if len(r.tally) > 0 {
		t.Errorf("of 50,000 lines of random bars some are read: %+v", r.tally)
	}
}

// randomBars is a line of bars of 1 to 4 modules, light before and after.
func randomBars(rnd *rand.Rand) []byte {
	line, level := bytes.Repeat([]byte{205}, 30), byte(205)
	for range 30 + rnd.IntN(60) {
		level = 38 + 205 - level
		line = append(line, bytes.Repeat([]byte{level}, 2*(1+rnd.IntN(4)))...)
	}
	return append(line, bytes.Repeat([]byte{205}, 30)...)
}

// TestCodesAtTheEdgesOfPictures: the smallest pictures, and a code on plain white that fills all of it.
func TestCodesAtTheEdgesOfPictures(t *testing.T) {
	var r Reader
	for _, size := range []image.Point{{1, 1}, {2, 2}, {9, 3}, {3, 200}, {160, 90}} {
		if got := r.Read(image.NewGray(image.Rectangle{Max: size})); len(got) > 0 {
			t.Errorf("%v: %+v", size, got)
		}
	}
	for _, l := range sheet(t) {
		const module = 3
		img := image.NewGray(image.Rect(0, 0, int(l.w+10)*module, int(l.h+10)*module))
		for i := range img.Pix {
			u, v := float64(i%img.Stride)/module-5, float64(i/img.Stride)/module-5
			img.Pix[i] = 235
			if u >= 0 && v >= 0 && u < l.w && v < l.h && l.ink(u, v) {
				img.Pix[i] = 16
			}
		}
		if got := r.Read(img); len(got) != 1 || got[0] != l.code {
			t.Errorf("%+v: %+v", l.code, got)
		}
	}
}

func BenchmarkRead(b *testing.B) {
	labels := sheet(b)
	var r Reader
	for _, c := range []struct {
		name string
		l    label
	}{{"none", label{}}, {"qr", labels[0]}, {"ean-13", labels[1]}} {
		img := hold(c.l, usual, 3)
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				r.Read(img)
			}
		})
	}
}
