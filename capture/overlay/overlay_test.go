package overlay

import (
	"image"
	"image/color"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	xdraw "golang.org/x/image/draw"
	"rsc.io/qr"

	"edgekit.internal/capture"
)

func picture(c *Compositor, w, h int, at time.Duration) *image.YCbCr {
	img := ground(w, h)
	c.Draw(img, at)
	return img
}

func same(a, b *image.YCbCr) bool {
	return slices.Equal(a.Y, b.Y) && slices.Equal(a.Cb, b.Cb) && slices.Equal(a.Cr, b.Cr)
}

func with(t testing.TB, s capture.Scene) *Compositor {
	c := New(goFonts(t))
	c.SetScene(s)
	return c
}

func TestBannerColourIsTheOneDocumented(t *testing.T) {
	if y, cb, cr := ycc(BannerR, BannerG, BannerB); y != BannerY || cb != BannerCb || cr != BannerCr {
		t.Errorf("Y %d, Cb %d, Cr %d", y, cb, cr)
	}
	for _, c := range []struct{ r, g, b, y, cb, cr uint8 }{{0, 0, 0, 16, 128, 128}, {255, 255, 255, 235, 128, 128}, {255, 0, 0, 81, 90, 240}, {0, 0, 255, 41, 240, 110}} {
		if y, cb, cr := ycc(c.r, c.g, c.b); y != c.y || cb != c.cb || cr != c.cr {
			t.Errorf("%v became %d, %d, %d", c, y, cb, cr)
		}
	}
}

func TestBannerIsFoundWhileItLastsAndNotAfter(t *testing.T) {
	long := "Confirmed · A-042 WWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWW"
	for _, b := range []capture.Banner{{Text: "Confirmed · A-042"}, {Text: long, Sub: long}, {}} {
		b.Until = noon + 3*time.Second
		c := with(t, capture.Scene{Prompts: market.Prompts, Banners: []capture.Banner{b}})
		for _, size := range []image.Point{{1280, 720}, {640, 480}, {320, 240}, {360, 640}} {
			img := picture(c, size.X, size.Y, b.Until-1)
			small := image.NewRGBA(image.Rect(0, 0, size.X/2, size.Y/2)) // the small layer, as a browser shows it
			xdraw.BiLinear.Scale(small, small.Rect, rgb(img), img.Rect, xdraw.Src, nil)
			if !BannerShown(img) || size.X >= 640 && !BannerShown(small) {
				t.Errorf("%v: the banner %.20q is not found", size, b.Text)
			}
			if r := BannerRect(size.X, size.Y); r.Min.Y*100 < 8*size.Y || !r.In(img.Rect) {
				t.Errorf("%v: the banner is at %v", size, r)
			}
			r, exact := BannerRect(size.X, size.Y), 0
			for y := r.Min.Y; y < r.Max.Y; y++ {
				for x := r.Min.X; x < r.Max.X; x++ {
					if p := img.YCbCrAt(x, y); p.Y == BannerY && p.Cb == BannerCb && p.Cr == BannerCr {
						exact++
					}
				}
			}
			if exact*2 < r.Dx()*r.Dy() {
				t.Errorf("%v: %d %% of the banner %.20q has its colour, expected half", size, exact*100/(r.Dx()*r.Dy()), b.Text)
			}
			if after := picture(c, size.X, size.Y, b.Until); BannerShown(after) || BannerShown(rgb(after)) {
				t.Errorf("%v: the banner is found after its time", size)
			}
		}
	}
}

func TestLatestBannersShowNewestOnTop(t *testing.T) {
	at := func(names ...string) *image.YCbCr {
		var s capture.Scene
		for _, n := range names {
			i, _ := strconv.Atoi(n)
			s.Banners = append(s.Banners, capture.Banner{Text: "A-" + n, Until: noon + time.Duration(i)*time.Second})
		}
		return picture(with(t, s), 640, 360, noon)
	}
	if !same(at("1", "2", "3"), at("3", "2")) {
		t.Error("of three banners not the latest two are shown, the latest first")
	}
	if same(at("3", "2"), at("3")) || same(at("3"), at("2")) {
		t.Error("different banners look the same")
	}
}

func TestAreasAreOfWhatCanBeTappedOrIsSoldOut(t *testing.T) {
	c := with(t, market)
	img := ground(1280, 720)
	rev, areas := c.Draw(img, noon)
	var got []string
	for i, a := range areas {
		got = append(got, a.Offer)
		if a.X < .03 || a.Y < .5 || a.X+a.W > .97 || a.Y+a.H > .97 || a.W < .1 || a.H < .1 || i > 0 && a.X < areas[i-1].X+areas[i-1].W {
			t.Errorf("area %+v is out of place", a)
		}
	}
	if diff := cmp.Diff([]string{"mug", "set", "tee"}, got); diff != "" || rev != 7 {
		t.Errorf("revision %d, areas (-want +got):\n%s", rev, diff)
	}
	_, again := c.Draw(img, noon+time.Hour)
	if diff := cmp.Diff(areas, again); diff != "" {
		t.Errorf("areas changed with time:\n%s", diff)
	}
}

// TestOtherAreasAreToldAPictureBefore: whatever scenes come, no picture has areas that were not told with the one before it, and what
// moves no area is not late.
func TestOtherAreasAreToldAPictureBefore(t *testing.T) {
	rnd := rand.New(rand.NewPCG(7, 8))
	c := with(t, market)
	img := ground(640, 360)
	rev, told := c.Draw(img, noon)
	moved, stayed := 0, 0
	for n := range uint64(300) {
		set := rev
		if rnd.IntN(2) == 0 {
			s := capture.Scene{Rev: 8 + n, Prompts: market.Prompts[rnd.IntN(2):][:1+rnd.IntN(2)]}
			c.SetScene(s)
			set = s.Rev
		}
		promised, _, other := c.Next()
		shown, areas := c.Draw(img, noon)
		if diff := cmp.Diff(told, areas); diff != "" {
			t.Fatalf("areas that were not told (-want +got):\n%s", diff)
		}
		if other && shown != promised && shown != set {
			t.Fatalf("revision %d is shown, and %d was promised", shown, promised)
		}
		rev = set
		if _, next, other := c.Next(); other {
			told, moved = next, moved+1
		} else if stayed++; shown != set {
			t.Fatalf("revision %d is shown, and %d moves nothing", shown, set)
		}
	}
	if moved < 50 || stayed < 50 {
		t.Errorf("areas moved %d times and stayed %d times: this shows little", moved, stayed)
	}
}

// TestOnlyWhatIsDrawnIsTouched holds the damage: what is outside stays as the camera gave it, the clock strip of the
// synthetic camera in the top 8 % above all. Nothing of it is over anything else of it.
func TestOnlyWhatIsDrawnIsTouched(t *testing.T) {
	for _, size := range []image.Point{{1280, 720}, {640, 360}, {640, 480}, {1440, 1080}, {720, 1280}, {160, 90}, {1920, 1080}} {
		c := with(t, full)
		before, after := ground(size.X, size.Y), picture(c, size.X, size.Y, noon)
		u := ruler{size.X, size.Y}
		allowed := append(u.cards(4, true), u.banner(0), u.banner(1), c.lower.at)
		if c.code.sprite == nil {
			if size.X > 160 {
				t.Errorf("%v: no code is drawn", size)
			}
		} else if allowed = append(allowed, c.code.at); size.X >= 1280 && size.X*9 == size.Y*16 && c.code.at.Dx() < 220 {
			t.Errorf("%v: the code is %v", size, c.code.at.Size())
		}
		for i, r := range allowed {
			if !r.In(image.Rect(size.X*3/100, size.Y*8/100, size.X-size.X*3/100, size.Y-size.Y*3/100)) {
				t.Errorf("%v: something is drawn at %v", size, r)
			}
			for _, o := range allowed[:i] {
				if r.Overlaps(o) {
					t.Errorf("%v: something is drawn at %v and at %v", size, r, o)
				}
			}
		}
		changed := 0
		for y := range size.Y {
			for x := range size.X {
				if before.YCbCrAt(x, y) == after.YCbCrAt(x, y) {
					continue
				}
				changed++
				if !slices.ContainsFunc(allowed, func(r image.Rectangle) bool { return image.Pt(x, y).In(r) }) {
					t.Fatalf("%v: (%d, %d) changed, outside of %v", size, x, y, allowed)
				}
			}
		}
		if changed == 0 {
			t.Errorf("%v: nothing is drawn", size)
		}
	}
}

func TestCountdownChangesOnTheSecond(t *testing.T) {
	for _, tc := range []struct {
		left time.Duration
		want string
	}{{-time.Hour, "00:00"}, {0, "00:00"}, {1, "00:01"}, {time.Second, "00:01"}, {time.Second + 1, "00:02"}, {299 * time.Second, "04:59"},
		{time.Hour, "1:00:00"}, {math.MaxInt64, "99:59:59"}, {math.MinInt64, "00:00"}} {
		if got := countdown(seconds(tc.left)); got != tc.want {
			t.Errorf("%v left shows %s, expected %s", tc.left, got, tc.want)
		}
	}
	c := with(t, capture.Scene{Prompts: []capture.Prompt{{Title: "Mug", State: capture.PromptLive, Left: -1, Ends: noon + 100*time.Second}}})
	first := picture(c, 640, 360, noon)
	if !same(first, picture(c, 640, 360, noon+999*time.Millisecond)) {
		t.Error("the picture changed within a second")
	}
	if same(first, picture(c, 640, 360, noon+time.Second)) {
		t.Error("the picture did not change with the second")
	}
}

func TestPictureIsThatOfTheSceneWhateverCameBefore(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	fonts := goFonts(t)
	used := New(fonts)
	for i := range 60 {
		s := capture.Scene{Rev: uint64(i)}
		for range rnd.IntN(5) {
			s.Prompts = append(s.Prompts, capture.Prompt{Offer: "x", Title: []string{"Mug", "Linen towel"}[rnd.IntN(2)], Price: []string{"€ 10.00", "€ 7.00"}[rnd.IntN(2)],
				Left: rnd.IntN(4) - 1, Of: rnd.IntN(2) * 9, Ends: time.Duration(rnd.IntN(3)) * noon,
				State: []capture.PromptState{capture.PromptSoon, capture.PromptLive, capture.PromptSoldOut}[rnd.IntN(3)]})
		}
		for range rnd.IntN(3) {
			s.Banners = append(s.Banners, capture.Banner{Text: []string{"A-1", "A-2"}[rnd.IntN(2)], Sub: []string{"", "Mug"}[rnd.IntN(2)], Until: noon + time.Duration(rnd.IntN(3)-1)})
		}
		fresh := New(fonts)
		used.SetScene(s)
		fresh.SetScene(s)
		w := []int{640, 480}[rnd.IntN(2)]
		picture(used, w, 360, noon) // in which areas that move are told
		if !same(picture(used, w, 360, noon), picture(fresh, w, 360, noon)) {
			t.Fatalf("scene %d: %+v looks different after other scenes", i, s)
		}
	}
}

// TestACodeIsAsSharpInTheSmallLayer reads the code back from the picture at half its size, module by module.
func TestACodeIsAsSharpInTheSmallLayer(t *testing.T) {
	c := with(t, full)
	img := picture(c, 1280, 720, noon)
	want, err := qr.Encode(full.QR.Text, qr.M)
	if err != nil {
		t.Fatal(err)
	}
	at, module := c.code.at, (c.code.at.Dx())/(want.Size+2*quiet)
	if module%2 != 0 {
		t.Fatalf("a module has %d pixels", module)
	}
	for y := -quiet; y < want.Size+quiet; y++ {
		for x := -quiet; x < want.Size+quiet; x++ {
			for i := range module * module / 4 { // pixels of the half picture, each the mean of four
				px, py := at.Min.X+(x+quiet)*module+i%(module/2)*2, at.Min.Y+(y+quiet)*module+i/(module/2)*2
				sum := int(img.YCbCrAt(px, py).Y) + int(img.YCbCrAt(px+1, py).Y) + int(img.YCbCrAt(px, py+1).Y) + int(img.YCbCrAt(px+1, py+1).Y)
				corner := (x == -quiet || x == want.Size+quiet-1) && y == -quiet // the plate is round
				if inside := x >= 0 && y >= 0 && x < want.Size && y < want.Size; !corner && (sum < 4*100) != (inside && want.Black(x, y)) {
					t.Fatalf("module %d,%d has luma %d", x, y, sum/4)
				}
			}
		}
	}
}

// TestColoursOfTextHaveContrast: 4.5:1 (WCAG 2.2, 1.4.3), with any accent, over any picture.
func TestColoursOfTextHaveContrast(t *testing.T) {
	over := func(plate, ground color.NRGBA) color.NRGBA {
		mix := func(a, b uint8) uint8 { return uint8((int(a)*int(plate.A) + int(b)*(255-int(plate.A))) / 255) }
		return color.NRGBA{mix(plate.R, ground.R), mix(plate.G, ground.G), mix(plate.B, ground.B), 0xFF}
	}
	for light := range 2 {
		for accent := range uint32(1 << 12) {
			p := paletteOf(capture.Theme{Light: light == 1, Accent: accent>>8*0x110000 | accent>>4&15*0x1100 | accent&15*0x11 | 1})
			pairs := map[string][2]color.NRGBA{"on accent": {p.onAccent, p.accent}, "on green": {white, green}, "stamp": {p.scarce, p.solid}}
			for name, ground := range map[string]color.NRGBA{"black": black, "white": white} {
				on := over(p.plate, ground)
				pairs["text over "+name], pairs["lesser text over "+name], pairs["scarce over "+name] = [2]color.NRGBA{p.text, on}, [2]color.NRGBA{p.lesser, on}, [2]color.NRGBA{p.scarce, on}
			}
			for what, pair := range pairs {
				if got := contrast(pair[0], pair[1]); got < 4.5 {
					t.Fatalf("accent %v, light %d: %s has %.2f", p.accent, light, what, got)
				}
			}
		}
	}
}

// TestWhatIsWrittenCanBeRead measures contrast in the picture itself, at 360 lines: of each line of text, between its strokes and what they
// are on, in both themes and with any accent, over black, white, and noise. Strokes thinner than a pixel lose some of their colour's
// contrast: 4 of 4.5 is to be left.
func TestWhatIsWrittenCanBeRead(t *testing.T) {
	grounds := map[string]func(int) uint8{"black": func(int) uint8 { return 16 }, "white": func(int) uint8 { return 235 }, "noise": func(i int) uint8 { return uint8(16 + i*7919%220) }}
	for _, theme := range []capture.Theme{{}, {Light: true}, {Accent: 0x121720}, {Accent: 0xFFFFFF}, {Accent: 0x7A7A7A, Light: true}, {Accent: 0x0033CC}, {Accent: 0xE2001A}} {
		for name, luma := range grounds {
			s := full
			s.Theme = theme
			c := with(t, s)
			img := ground(1280, 720)
			for i := range img.Y {
				img.Y[i] = luma(i)
			}
			c.Draw(img, noon)
			small := rgb(img)
			half := image.NewRGBA(image.Rect(0, 0, 640, 360))
			xdraw.ApproxBiLinear.Scale(half, half.Rect, small, small.Rect, xdraw.Src, nil)
			u := ruler{1280, 720}
			cards := u.cards(4, true)
			rows := map[string]image.Rectangle{ // where a line is, in the large picture
				"title": image.Rect(16, 12, 368, 46).Add(cards[0].Min), "contents": image.Rect(16, 48, 260, 78).Add(cards[1].Min),
				"price": image.Rect(24, pillTop+inHeight+6, 360, pillTop+inHeight+50).Add(cards[0].Min), "left": image.Rect(16, 152, 140, 186).Add(cards[0].Min),
				"few left": image.Rect(16, 152, 110, 186).Add(cards[1].Min), "countdown": image.Rect(150, 152, 250, 186).Add(cards[1].Min),
				"banner": image.Rect(110, 18, 500, 52).Add(u.banner(0).Min), "banner's second": image.Rect(110, 62, 400, 94).Add(u.banner(0).Min),
				"name": image.Rect(36, 12, c.lower.at.Dx()-20, 52).Add(c.lower.at.Min), "line": image.Rect(36, 58, c.lower.at.Dx()-20, 92).Add(c.lower.at.Min),
			}
			for what, r := range rows {
				r = image.Rect(r.Min.X/2, r.Min.Y/2, r.Max.X/2, r.Max.Y/2)
				if got := measured(half, r); got < 4 {
					t.Errorf("%+v over %s: %s has a contrast of %.1f", theme, name, what, got)
				}
			}
		}
	}
}

// measured is the contrast of text in a part of a picture: of the tenth that differs most from what most of it is.
func measured(img *image.RGBA, r image.Rectangle) float64 {
	var all []float64
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			p := img.RGBAAt(x, y)
			all = append(all, luminance(color.NRGBA{p.R, p.G, p.B, 0xFF}))
		}
	}
	slices.Sort(all)
	n := len(all)
	on := all[n/2]
	worth := func(l float64) float64 { return (max(l, on) + .05) / (min(l, on) + .05) }
	return max(worth(all[n/20]), worth(all[n-1-n/20]))
}

func TestBlendIsTheOverOperator(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 6))
	src := image.NewRGBA(image.Rect(0, 0, 32, 32))
	for i := 0; i < len(src.Pix); i += 4 {
		a := []int{0, 255, rnd.IntN(256)}[rnd.IntN(3)]
		for j := range 3 {
			src.Pix[i+j] = uint8(rnd.IntN(a + 1))
		}
		src.Pix[i+3] = uint8(a)
	}
	img := ground(160, 90)
	want := ground(160, 90)
	at := image.Rect(20, 10, 52, 42)
	bake(src, at).blend(img)
	for y := 0; y < 32; y++ {
		for x := 0; x < 32; x++ {
			p := src.Pix[src.PixOffset(x, y):]
			r, g, b, a := float64(p[0]), float64(p[1]), float64(p[2]), float64(p[3])/255
			o := want.YOffset(20+x, 10+y)
			exact := (65.481*r+128.553*g+24.966*b)/255 + 16*a + float64(want.Y[o])*(1-a)
			if math.Abs(exact-float64(img.Y[o])) > 1.01 {
				t.Fatalf("luma at (%d, %d) is %d, expected %.1f", x, y, img.Y[o], exact)
			}
		}
	}
	for y := 0; y < 32; y += 2 {
		for x := 0; x < 32; x += 2 {
			var cb, a float64
			for _, q := range []image.Point{{x, y}, {x + 1, y}, {x, y + 1}, {x + 1, y + 1}} {
				p := src.Pix[src.PixOffset(q.X, q.Y):]
				cb += ((-37.797*float64(p[0])-74.203*float64(p[1])+112*float64(p[2]))/255 + 128*float64(p[3])/255) / 4
				a += float64(p[3]) / 255 / 4
			}
			o := want.COffset(20+x, 10+y)
			if exact := cb + float64(want.Cb[o])*(1-a); math.Abs(exact-float64(img.Cb[o])) > 1.6 {
				t.Fatalf("chroma at (%d, %d) is %d, expected %.1f", x, y, img.Cb[o], exact)
			}
		}
	}
}

func TestEightSamplesAtOnceAreAsEachAlone(t *testing.T) {
	for a := range 256 {
		dst, src, cover := make([]uint8, 259), make([]uint8, 259), make([]uint8, 259)
		for i := range dst {
			dst[i], src[i], cover[i] = uint8(i), uint8((i*7)%(a+1)*240/255), uint8(a)
		}
		cover[100] ^= 1 // one stretch is uneven
		want := slices.Clone(dst)
		overEach(want, src, cover)
		if over(dst, src, cover); !slices.Equal(dst, want) {
			t.Fatalf("coverage %d:\n%v, expected\n%v", a, dst, want)
		}
	}
}

func TestPicturesThatCannotBeDrawnIntoAreLeftAlone(t *testing.T) {
	c := with(t, market)
	whole := ground(640, 360)
	short := *whole
	short.Y = short.Y[:1000]
	for name, img := range map[string]*image.YCbCr{
		"none": nil, "small": ground(80, 60), "4:4:4": image.NewYCbCr(image.Rect(0, 0, 640, 360), image.YCbCrSubsampleRatio444),
		"odd": image.NewYCbCr(image.Rect(0, 0, 641, 361), image.YCbCrSubsampleRatio420), "part": whole.SubImage(image.Rect(2, 2, 400, 300)).(*image.YCbCr), "short": &short,
	} {
		if rev, areas := c.Draw(img, noon); rev != 7 || areas != nil {
			t.Errorf("%s: revision %d, areas %v", name, rev, areas)
		}
	}
	if !same(whole, ground(640, 360)) {
		t.Error("a refused picture was changed")
	}
}

func TestSceneIsTakenFromAnyGoroutine(t *testing.T) {
	c := with(t, market)
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			s := market
			s.Prompts = slices.Clone(s.Prompts)
			for j := range 50 {
				s.Rev = uint64(i*50 + j)
				c.SetScene(s)
				s.Prompts[0].Left = j // the caller's own again
			}
		})
	}
	img := ground(640, 360)
	for range 50 {
		c.Draw(img, noon)
	}
	wg.Wait()
}

func TestSteadyPictureAllocatesNothing(t *testing.T) {
	c := with(t, market)
	img := ground(1280, 720)
	if n := testing.AllocsPerRun(20, func() { c.Draw(img, noon) }); n != 0 {
		t.Errorf("%v allocations a frame while nothing changes", n)
	}
}

func FuzzDraw(f *testing.F) {
	f.Add("Mug", "€ 10.00", "live", 3, 10, int64(noon), "Confirmed", uint8(4), uint16(640), uint16(360))
	f.Add("\u202E\xff", "", "sold-out", math.MinInt, math.MaxInt, int64(math.MinInt64), "قهوة", uint8(9), uint16(160), uint16(4000))
	fonts := goFonts(f)
	f.Fuzz(func(t *testing.T, title, price, state string, left, of int, ends int64, banner string, n uint8, w, h uint16) {
		p := capture.Prompt{Offer: title, Title: title, Price: price, Left: left, Of: of, State: capture.PromptState(state), Ends: time.Duration(ends)}
		c := New(fonts)
		c.SetScene(capture.Scene{Prompts: slices.Repeat([]capture.Prompt{p}, int(n)), Banners: slices.Repeat([]capture.Banner{{Text: banner, Sub: title, Until: noon + 1}}, int(n))})
		img := image.NewYCbCr(image.Rect(0, 0, int(w%1600), int(h%1600)), image.YCbCrSubsampleRatio420)
		_, areas := c.Draw(img, noon)
		for _, a := range areas {
			if a.X < 0 || a.Y < 0 || a.X+a.W > 1 || a.Y+a.H > 1 {
				t.Fatalf("area %+v", a)
			}
		}
	})
}

func BenchmarkDraw720p(b *testing.B) {
	img := ground(1280, 720)
	b.Run("steady", func(b *testing.B) {
		c := with(b, market)
		b.ReportAllocs()
		for b.Loop() {
			c.Draw(img, noon)
		}
	})
	b.Run("second", func(b *testing.B) { // both countdowns change
		c := with(b, market)
		at := time.Duration(0)
		for b.Loop() {
			c.Draw(img, at)
			at += time.Second
		}
	})
	b.Run("scene", func(b *testing.B) { // a card's stock changes, and a new confirmation comes
		c := with(b, market)
		s := market
		s.Prompts = slices.Clone(s.Prompts)
		for i := 0; b.Loop(); i++ {
			s.Prompts[0].Left = i % 10
			s.Banners = []capture.Banner{{Text: "Confirmed · A-" + strconv.Itoa(i), Until: noon + 1}}
			c.SetScene(s)
			c.Draw(img, noon)
		}
	})
}
