package vision

import (
	"bytes"
	"image"
	"image/jpeg"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"rsc.io/qr"

	"edgekit.internal/capture"
)

// label is a printed code: which modules are ink, and how wide and high it is with its quiet zone.
type label struct {
	code capture.Code
	w, h float64 // modules, without the quiet zone
	ink  func(u, v float64) bool
}

const quiet = 8 // modules around a label

// bars prints runs, dark first.
func bars(c capture.Code, widths string) label {
	var dark []bool
	for i, w := range widths {
		for range w - '0' {
			dark = append(dark, i%2 == 0)
		}
	}
	// As on a package: a barcode is lower than the standard has it.
	return label{c, float64(len(dark)), float64(len(dark)) * 0.45, func(u, _ float64) bool { return dark[int(u)] }}
}

func runsOf(p [4]float64) string {
	var s strings.Builder
	for _, w := range p {
		s.WriteByte(byte('0' + int(w)))
	}
	return s.String()
}

func printEAN(kind string, text string) label {
	all := text
	if kind == UPCA {
		all = "0" + text
	}
	even := 0
	if len(all) == 13 {
		for pattern, first := range firstDigit {
			if first == all[0] {
				even = pattern
			}
		}
		all = all[1:]
	}
	side := len(all) / 2
	w := "111"
	for i := range side {
		p := digits[all[i]-'0']
		if even>>(side-1-i)&1 == 1 {
			p = [4]float64{p[3], p[2], p[1], p[0]}
		}
		w += runsOf(p)
	}
	w += "11111"
	for i := side; i < len(all); i++ {
		w += runsOf(digits[all[i]-'0'])
	}
	return bars(capture.Code{Kind: kind, Text: text}, w+"111")
}

func print128(text string) label {
	symbols := []int{startB}
	if strings.Trim(text, "0123456789") == "" && len(text)%2 == 0 {
		symbols[0] = startC
		for i := 0; i < len(text); i += 2 {
			symbols = append(symbols, int(text[i]-'0')*10+int(text[i+1]-'0'))
		}
	} else {
		for _, c := range []byte(text) {
			symbols = append(symbols, int(c-' '))
		}
	}
	sum := symbols[0]
	for i, s := range symbols[1:] {
		sum += (i + 1) * s
	}
	w := ""
	for _, s := range append(symbols, sum%103, stop128) {
		w += bars128[s]
	}
	return bars(capture.Code{Kind: Code128, Text: text}, w+"2")
}

func printQR(t testing.TB, text string, level qr.Level) label {
	c, err := qr.Encode(text, level)
	if err != nil {
		t.Fatal(err)
	}
	return label{capture.Code{Kind: QR, Text: text}, float64(c.Size), float64(c.Size), func(u, v float64) bool { return c.Black(int(u), int(v)) }}
}

// view is how a label is held up to the camera, and what the light does.
type view struct {
	module float64 // pixels a module, at the label's middle
	roll   float64 // degrees, in the picture's plane
	yaw    float64 // degrees, one side away from the camera
	blur   float64 // pixels, standard deviation
	noise  float64 // levels, standard deviation
	glare  float64 // levels that a lamp's reflection adds in its middle, over half the label; a gradient over all at below zero
	cover  float64 // share of the label's height that fingers cover, from below
	hole   float64 // share of a QR code's side that a sticker over its middle has
	radius float64 // modules: of the cup that it is around; 0: it is flat
	moved  float64 // pixels that the hand moves along the picture's rows while it is taken
	jpeg   int     // quality of the camera's compression, 1 to 100; 0: none
	spread float64 // modules by which ink has spread, to each side
}

const wide, high = 1280, 720

// hold renders a label held up before a stall: a 720p luma plane in video's range, drawn anew for each seed.
func hold(l label, v view, seed uint64) *image.Gray {
	r := rand.New(rand.NewPCG(seed, 7))
	img := backdrop(seed)
	grain := grainOf(r)
	cx, cy := float64(wide)/2+r.Float64()*200-100, float64(high)/2+r.Float64()*120-60
	const focal = 1100.0
	sinRoll, cosRoll := math.Sincos(v.roll * math.Pi / 180)
	sinYaw, cosYaw := math.Sincos(v.yaw * math.Pi / 180)
	reach := (math.Hypot(l.w, l.h)/2 + quiet) * v.module * 1.15
	x0, x1 := max(0, int(cx-reach)), min(wide-1, int(cx+reach))
	y0, y1 := max(0, int(cy-reach)), min(high-1, int(cy+reach))
	w, h := x1-x0+1, y1-y0+1
	light := make([]float64, w*h)
	const fine = 2
	// on is the place on the label that is seen at one in the picture, both from their middles.
	on := func(x, y float64) (u, w float64) {
		x, y = x*cosRoll+y*sinRoll, -x*sinRoll+y*cosRoll
		// Where the ray meets a plane that is turned by yaw around the upright axis through its middle.
		k := focal * cosYaw / (focal*cosYaw - x*sinYaw)
		u, w = (x*k*cosYaw+(k*focal-focal)*sinYaw)/v.module, y*k/v.module
		if v.radius > 0 {
			u = v.radius * math.Asin(min(max(u/v.radius, -1), 1))
		}
		return u + l.w/2, w + l.h/2
	}
	for py := range h {
		for px := range w {
			x, y, behind := float64(x0+px)-cx, float64(y0+py)-cy, float64(img.Pix[(y0+py)*img.Stride+x0+px])
			light[py*w+px] = behind
			if u, w := on(x, y); u < -quiet-2 || w < -quiet-2 || u > l.w+quiet+2 || w > l.h+quiet+2 {
				continue
			}
			sum := 0.0
			for s := range fine * fine {
				u, w := on(x+(float64(s%fine)+0.5)/fine-0.5, y+(float64(s/fine)+0.5)/fine-0.5)
				sum += l.light(u, w, v, behind)
			}
			light[py*w+px] = sum / (fine * fine)
		}
	}
	blur(light, w, h, v.blur)
	smear(light, w, h, int(v.moved))
	gx, gy := float64(w)/2+(r.Float64()-0.5)*l.w*v.module*0.6, float64(h)/2+(r.Float64()-0.5)*l.h*v.module*0.6
	size := l.h * v.module / 4
	for py := range h {
		for px := range w {
			a := light[py*w+px]
			switch {
			case v.glare > 0:
				d := math.Hypot(float64(px)-gx, float64(py)-gy) / size
				a += v.glare * math.Exp(-d*d/2)
			case v.glare < 0:
				a *= 1 + v.glare/255*float64(px)/float64(w)
			}
			img.Pix[(y0+py)*img.Stride+x0+px] = byte(min(max(a+grain[(py*w+px)%len(grain)]*v.noise, 16), 235))
		}
	}
	if v.jpeg > 0 {
		var b bytes.Buffer
		if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: v.jpeg}); err != nil {
			panic(err) // a picture in memory
		}
		again, err := jpeg.Decode(&b)
		if err != nil {
			panic(err)
		}
		return again.(*image.Gray)
	}
	return img
}

// light is what a place on the label has, or what is behind it.
func (l label) light(u, v float64, how view, behind float64) float64 {
	switch {
	case u < -quiet || v < -quiet || u >= l.w+quiet || v >= l.h+quiet:
		return behind
	case v > l.h*(1-how.cover) && how.cover > 0:
		return 120 // fingers
	case how.hole > 0 && math.Abs(u-l.w/2) < how.hole*l.w/2 && math.Abs(v-l.h/2) < how.hole*l.h/2:
		return 160
	case u < 0 || v < 0 || u >= l.w || v >= l.h:
		return 205
	case l.ink(u, v), how.spread > 0 && (u > how.spread && l.ink(u-how.spread, v) || u < l.w-how.spread && l.ink(u+how.spread, v)):
		return 38
	}
	return 205
}

// backdrop is a stall behind the label: boards, jars and cloth, all with edges, none with a code.
func backdrop(seed uint64) *image.Gray {
	img, r := image.NewGray(image.Rect(0, 0, wide, high)), rand.New(rand.NewPCG(seed, 8))
	for i := range img.Pix {
		x, y := i%wide, i/wide
		img.Pix[i] = byte(90 + 25*((x/97+y/61)%3) + (x*7+y*3)%5 + (x*x+y*11)%9)
	}
	for range 60 {
		x, y, w, h, l := r.IntN(wide-80), r.IntN(high-60), 3+r.IntN(80), 3+r.IntN(60), byte(20+r.IntN(210))
		for j := y; j < min(y+h, high); j++ {
			for i := x; i < min(x+w, wide); i++ {
				img.Pix[j*wide+i] = l + byte((i*5+j*3)%6)
			}
		}
	}
	return img
}

// grainOf is normal noise for a picture, in a length that no side of a label has.
func grainOf(r *rand.Rand) []float64 {
	grain := make([]float64, 9973)
	for i := range grain {
		grain[i] = r.NormFloat64()
	}
	return grain
}

func blur(a []float64, w, h int, sigma float64) {
	if sigma == 0 {
		return
	}
	n := int(3*sigma) + 1
	k, sum := make([]float64, 2*n+1), 0.0
	for i := range k {
		d := float64(i-n) / sigma
		k[i] = math.Exp(-d * d / 2)
		sum += k[i]
	}
	line := make([]float64, max(w, h))
	pass := func(count, length, step, next int) {
		for c := range count {
			for i := range length {
				v := 0.0
				for j, weight := range k {
					v += weight * a[c*next+min(max(i+j-n, 0), length-1)*step]
				}
				line[i] = v / sum
			}
			for i := range length {
				a[c*next+i*step] = line[i]
			}
		}
	}
	pass(h, w, 1, w)
	pass(w, h, w, 1)
}

// smear takes the mean of n pixels to the right.
func smear(a []float64, w, h, n int) {
	for y := range h {
		row := a[y*w : (y+1)*w]
		for x := range max(0, w-n) {
			sum := 0.0
			for i := range n {
				sum += row[x+i]
			}
			if n > 0 {
				row[x] = sum / float64(n)
			}
		}
	}
}
