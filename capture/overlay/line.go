package overlay

import (
	"image"
	"image/draw"
	"slices"

	"github.com/go-text/typesetting/bidi"
	"github.com/go-text/typesetting/di"
	ot "github.com/go-text/typesetting/font/opentype"
	"github.com/go-text/typesetting/shaping"
	"golang.org/x/image/math/fixed"
	"golang.org/x/image/vector"
)

const (
	maxRunes = 512  // of one line; the rest is cut off
	maxWidth = 4096 // pixels of one line; the rest is replaced by an ellipsis
	minPx    = 6
	maxPx    = 256
)

// Style says how a line is drawn; the zero value is regular and as wide as it needs to be.
type Style struct {
	Bold     bool
	MaxWidth int // in pixels; a longer line ends in an ellipsis. 0, and anything above 4096: 4096
}

// Raster draws one line of text as coverage, 0 to 255, in a picture that begins at (0, 0): as wide as the text and as
// high as its faces' line metrics say, so that lines of one script align. px is the size of the em in pixels (6 to 256;
// outside, the nearest). The text is ordered by the bidirectional algorithm (UAX #9), split by script (UAX #24), given a
// face for each script and shaped (OpenType GSUB and GPOS). It may be any bytes: line breaks and control characters
// become spaces, overrides of direction are left out, and what follows the first 512 runes is cut off. An empty
// line has width 1.
//
// The picture may be shared with other callers: it must not be changed. The last few hundred are kept.
func (f *Fonts) Raster(s string, px int, o Style) *image.Alpha {
	return f.line(s, px, o).img
}

// drawn is a line as it is kept: its coverage, and the distance from its top to its baseline.
type drawn struct {
	img      *image.Alpha
	baseline int
	rtl      bool // reads from right to left
}

func (f *Fonts) line(s string, px int, o Style) drawn {
	px = min(max(px, minPx), maxPx)
	if o.MaxWidth <= 0 || o.MaxWidth > maxWidth {
		o.MaxWidth = maxWidth
	}
	if len(s) > maxRunes*4 {
		s = s[:maxRunes*4]
	}
	key := lineKey{s, px, o}
	f.mu.Lock()
	defer f.mu.Unlock()
	if d, ok := f.lines.get(key); ok {
		return d
	}
	d, ok := f.render(key, false)
	if !ok { // a face that parses but panics: the built-in one does not
		if d, ok = f.render(key, true); !ok {
			d = drawn{img: image.NewAlpha(image.Rect(0, 0, 1, px)), baseline: px}
		}
	}
	f.lines.put(key, d)
	return d
}

func (f *Fonts) render(k lineKey, plain bool) (d drawn, ok bool) {
	defer func() {
		if recover() != nil { // the shaper is not ours, and the text and the faces may be anything
			f.shaper, f.split, f.bidi = shaping.HarfbuzzShaper{}, shaping.Segmenter{}, bidi.Paragraph{}
			d, ok = drawn{}, false
		}
	}()
	c := &chooser{f: f, bold: k.style.Bold, plain: plain}
	text := c.clean(k.text)
	c.line = text
	d = paint(f.fit(c, text, k.px, k.style.MaxWidth), k.px, k.style.MaxWidth)
	d.rtl = rightToLeft(text)
	return d, true
}

// shaped is a line ready to be painted: runs from left to right.
type shaped struct {
	runs            []shaping.Output
	advance         fixed.Int26_6
	ascent, descent fixed.Int26_6
}

// fit shapes a line, and where it is too wide the longest beginning of it, at a cluster's edge, that leaves room for
// an ellipsis. Bisection keeps the cost of a hostile title to about ten shapings.
func (f *Fonts) fit(c *chooser, text []rune, px, width int) shaped {
	rtl := rightToLeft(text)
	whole := f.shape(c, text, rtl, px)
	if whole.advance <= fixed.I(width) {
		return whole
	}
	var cuts []int
	for _, run := range whole.runs {
		for _, g := range run.Glyphs {
			cuts = append(cuts, g.TextIndex())
		}
	}
	slices.Sort(cuts)
	cuts = slices.Compact(cuts)
	cut := func(n int) shaped {
		head := text[:n]
		for len(head) > 0 && head[len(head)-1] == ' ' {
			head = head[:len(head)-1]
		}
		return f.shape(c, append(slices.Clone(head), '…'), rtl, px)
	}
	best := cut(0)
	for lo, hi := 0, len(cuts); lo < hi; {
		mid := (lo + hi) / 2
		if s := cut(cuts[mid]); s.advance <= fixed.I(width) {
			best, lo = s, mid+1
		} else {
			hi = mid
		}
	}
	return best
}

func (f *Fonts) shape(c *chooser, text []rune, rtl bool, px int) shaped {
	in := shaping.Input{Text: text, RunEnd: len(text), Size: fixed.I(px), Face: c.base(), Direction: di.DirectionLTR, Language: "en"}
	base := bidi.LeftToRight
	if rtl {
		in.Direction, base = di.DirectionRTL, bidi.RightToLeft
	}
	var line shaped
	if len(text) == 0 {
		out := f.shaper.Shape(shaping.Input{Text: []rune{' '}, RunEnd: 1, Size: in.Size, Face: in.Face, Direction: di.DirectionLTR})
		line.ascent, line.descent = out.LineBounds.Ascent, -out.LineBounds.Descent
		return line
	}
	levels := make([]int8, len(text))
	runs := f.bidi.Segment(text, base)
	for i := range runs.NumRuns() {
		run := runs.Run(i)
		for j := run.Start; j < run.End && j < len(levels); j++ {
			levels[j] = int8(run.Level)
		}
	}
	var order []int8
	for _, part := range f.split.Split(in, c) {
		out := f.shaper.Shape(part)
		line.runs = append(line.runs, out)
		order = append(order, levels[part.RunStart])
		line.advance += out.Advance
		line.ascent = max(line.ascent, out.LineBounds.Ascent)
		line.descent = max(line.descent, -out.LineBounds.Descent)
	}
	reorder(line.runs, order)
	return line
}

// reorder puts runs in the order in which they are seen from left to right: from the highest level down to the lowest
// odd one, every stretch of runs at that level or above is reversed (UAX #9 rule L2).
func reorder[T any](runs []T, levels []int8) {
	if len(levels) == 0 {
		return
	}
	for level := slices.Max(levels); level > 0; level-- {
		for i := 0; i < len(levels); i++ {
			j := i
			for j < len(levels) && levels[j] >= level {
				j++
			}
			if j > i {
				slices.Reverse(runs[i:j])
				slices.Reverse(levels[i:j])
				i = j
			}
		}
	}
}

// paint fills the outlines of a shaped line. What hangs over its ends, as italics do, widens the picture; what reaches
// above or below the line's metrics, as towers of marks do, is cut off.
func paint(line shaped, px, width int) drawn {
	left, right := fixed.Int26_6(0), line.advance
	pen := fixed.Int26_6(0)
	for _, run := range line.runs {
		for _, g := range run.Glyphs {
			x := pen + g.XOffset + g.XBearing
			left, right = min(left, x), max(right, x+g.Width)
			pen += g.Advance
		}
	}
	left, right = max(left, -fixed.I(px)), min(right, line.advance+fixed.I(px))
	w := min(max((right-left).Ceil(), 1), width)
	ascent, descent := min(max(line.ascent.Ceil(), 1), 4*px), min(max(line.descent.Ceil(), 0), 4*px)
	img := image.NewAlpha(image.Rect(0, 0, w, ascent+descent))
	z := vector.NewRasterizer(w, ascent+descent)
	z.DrawOp = draw.Src
	pen = -left
	for i := range line.runs {
		for _, g := range line.runs[i].Glyphs {
			glyph(z, &line.runs[i], g, float32(pen+g.XOffset)/64, float32(ascent)-float32(g.YOffset)/64)
			pen += g.Advance
		}
	}
	z.Draw(img, img.Bounds(), image.Opaque, image.Point{})
	return drawn{img: img, baseline: ascent}
}

func glyph(z *vector.Rasterizer, run *shaping.Output, g shaping.Glyph, x, y float32) {
	outline, ok := run.Face.GlyphDataOutline(g.GlyphID)
	if !ok {
		return
	}
	scale := float32(run.Size) / 64 / float32(run.Face.Upem())
	open := false
	for _, s := range outline.Segments {
		a := s.Args
		for i := range a {
			a[i].X, a[i].Y = x+a[i].X*scale, y-a[i].Y*scale
		}
		switch s.Op {
		case ot.SegmentOpMoveTo:
			if open {
				z.ClosePath()
			}
			z.MoveTo(a[0].X, a[0].Y)
			open = true
		case ot.SegmentOpLineTo:
			z.LineTo(a[0].X, a[0].Y)
		case ot.SegmentOpQuadTo:
			z.QuadTo(a[0].X, a[0].Y, a[1].X, a[1].Y)
		case ot.SegmentOpCubeTo:
			z.CubeTo(a[0].X, a[0].Y, a[1].X, a[1].Y, a[2].X, a[2].Y)
		}
	}
	if open {
		z.ClosePath()
	}
}
