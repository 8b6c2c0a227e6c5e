// Package meter says how well a picture is lit and focused where it matters: where the creator's face is, and where goods are held up.
//
// Light is the mean brightness of a zone, and how much of it is lost at either end. Sharpness does not depend on how much there is to
// see: where there is an edge at all, it is how steep that is. An edge of a sharp picture is done within a pixel or two; at a distance of
// eight pixels a blurred one looks the same, and from one pixel to the next it hardly changes.
package meter

import (
	"image"
	"math"
	"sync/atomic"
	"time"

	"edgekit.internal/capture"
)

// zones are where a face and goods belong in the picture. The console draws them over what the camera sees.
var zones = []capture.Zone{{Name: "face", X: 0.30, Y: 0.06, W: 0.40, H: 0.46}, {Name: "goods", X: 0.25, Y: 0.44, W: 0.50, H: 0.46}}

const (
	far       = 8   // pixels over which an edge is looked for
	least     = 28  // of luma: what is an edge
	fewEdges  = 200 // in a zone: with fewer there is nothing that could be sharp
	best      = 250 // what makes it 100 with edges that are blurred by 0.7 pixels, as lenses and sensors leave them at best
	every     = 2   // lines of a zone that are looked at: one in so many
	lost      = 8   // of luma from either end of the range: nothing can be told apart there
	low, high = 16, 235
)

// Read measures the zones of a picture (limited range, as cameras' pictures are here). Sharp is below 0 where there is no edge to tell by.
func Read(img *image.YCbCr) (all []capture.Zone) {
	size := img.Rect.Size()
	for _, z := range zones {
		x0, y0 := int(z.X*float64(size.X)), int(z.Y*float64(size.Y))
		x1, y1 := int((z.X+z.W)*float64(size.X)), int((z.Y+z.H)*float64(size.Y))
		read(img, image.Rect(x0, y0, x1, y1), &z)
		all = append(all, z)
	}
	return all
}

func read(img *image.YCbCr, r image.Rectangle, z *capture.Zone) {
	var sum, n, blown, crushed int
	var edges, edgesNear, edgesFar, flat, flatNear float64 // how many, and the squares of what changes over one pixel, and over far
	for y := r.Min.Y; y < r.Max.Y; y += every {
		row := img.Y[img.YOffset(r.Min.X, y):][:r.Dx()]
		for x := far; x < len(row)-far; x++ {
			v := int(row[x])
			sum, n = sum+v, n+1
			switch {
			case v >= high-lost:
				blown++
			case v <= low+lost:
				crushed++
			}
			near, wide := float64(2*v-int(row[x-1])-int(row[x+1])), float64(2*v-int(row[x-far])-int(row[x+far]))
			if wide <= -least || wide >= least {
				edges, edgesNear, edgesFar = edges+1, edgesNear+near*near, edgesFar+wide*wide
			} else {
				flat, flatNear = flat+1, flatNear+near*near
			}
		}
	}
	if z.Sharp = -1; n == 0 {
		return
	}
	z.Light = percent(sum-n*low, n*(high-low))
	z.Blown, z.Crushed = percent(blown, n), percent(crushed, n)
	if edges*every >= fewEdges {
		noise := edges * flatNear / max(flat, 1) // is where there are edges too
		step := edgesFar / far                   // what edgesNear is when each is a step: seen at two pixels, and at far on both sides
		z.Sharp = min(int(best*math.Sqrt(max(edgesNear-noise, 0)/step)), 100)
	}
}

func percent(part, of int) int { return min(max(part*100/of, 0), 100) }

// Meter reads a picture now and then.
type Meter struct {
	Told func([]capture.Zone) // must not block
	next atomic.Int64         // when the next reading is due, by the pictures' time
}

// apart is between two readings: twice a second a person can follow, and it costs a thousandth of a core.
const apart = 500 * time.Millisecond

// Show looks at a picture if it is time to. It keeps nothing of it. It may be called from any goroutine: a camera and the slate that fills
// in for it have one each.
func (m *Meter) Show(f capture.Frame) {
	next := m.next.Load()
	due := f.At >= time.Duration(next) || time.Duration(next)-f.At > 2*apart // or the camera's clock is another one's now
	if due && m.next.CompareAndSwap(next, int64(f.At+apart)) {
		m.Told(Read(f.Image))
	}
}
