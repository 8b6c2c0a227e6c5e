package v4l2

import (
	"context"
	"errors"
	"image"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"edgekit.internal/capture"
)

// reader reads units of two bytes: 'K' for a key picture or 'P' for one that builds on the one before, and the picture's luma.
type reader struct {
	ready, closed bool
	read          int
}

func (r *reader) Decode(unit []byte) (*image.YCbCr, error) {
	r.read++
	if r.ready = len(unit) == 2 && (unit[0] == 'K' || r.ready); !r.ready {
		return nil, errors.New("no key picture")
	}
	img := image.NewYCbCr(image.Rect(0, 0, 2, 2), image.YCbCrSubsampleRatio420)
	img.Y[0] = unit[1]
	return img, nil
}

func (r *reader) Lost()  { r.ready = false }
func (r *reader) Close() { r.closed = true }

// watch runs a camera that sends H.264 with a key picture every ten, until stop says so, and returns the numbers of the pictures that came.
func watch(t *testing.T, f *fake, pace *capture.Pace, enough int) (came []byte, r *reader, err error) {
	t.Helper()
	r = &reader{}
	ds := &Devices{open: f.open, H264: &H264{New: func() Decoder { return r }, Takes: func() time.Duration { return time.Millisecond }}}
	d, err := ds.Open("fake", wantFake)
	if err != nil {
		t.Fatal(err)
	}
	if d.Format() != "H.264 64x48 30/s" {
		t.Error(d.Format())
	}
	d.now, d.Pace = f.clock, pace
	ctx, stop := context.WithCancel(t.Context())
	err = d.Run(ctx, func(fr capture.Frame) {
		if came = append(came, fr.Image.Y[0]); len(came) == enough {
			stop()
		}
	})
	if e := d.Close(); e != nil || !r.closed {
		t.Errorf("closed %v, %v", r.closed, e)
	}
	return came, r, err
}

func unit(n int) []byte {
	if n%10 == 0 {
		return []byte{'K', byte(n)}
	}
	return []byte{'P', byte(n)}
}

func TestH264IsReadWholeAndHandedOutAsOrdered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{format: AVC, began: time.Now(), next: func(n int) shot { return shot{data: unit(n)} }}
		pace := &capture.Pace{}
		pace.Set(3)
		came, r, err := watch(t, f, pace, 6)
		if err != nil || r.read < 16 {
			t.Errorf("%d read: %v", r.read, err)
		}
		for i := range came[1:] {
			if came[i+1]-came[i] != 3 {
				t.Errorf("%v, expected every third", came)
				break
			}
		}
	})
}

// TestNothingThatBuildsOnALostPictureIsShown: until the next key picture, for which the camera is asked, though not with each picture.
func TestNothingThatBuildsOnALostPictureIsShown(t *testing.T) {
	for name, s := range map[string]shot{
		"not enough buffers": {data: unit(5), lost: 1},
		"broken":             {data: unit(5), flags: flagError},
		"nothing":            {},
		"no H.264":           {data: []byte("hello")},
	} {
		synctest.Test(t, func(t *testing.T) {
			f := &fake{format: AVC, began: time.Now()}
			f.next = func(n int) shot {
				if n == 5 {
					return s
				}
				return shot{data: unit(n)}
			}
			came, _, err := watch(t, f, nil, 10)
			if want := []byte{0, 1, 2, 3, 4, 10, 11, 12, 13, 14}; err != nil || !slices.Equal(came, want) || f.asked != 1 {
				t.Errorf("%s: %v, %v, asked %d times", name, came, err, f.asked)
			}
		})
	}
}

// TestAStreamWithoutKeyPicturesIsBegunAnew: with some cameras, opening them again is the only way to get one.
func TestAStreamWithoutKeyPicturesIsBegunAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{format: AVC, began: time.Now(), next: func(int) shot { return shot{data: []byte{'P', 1}} }}
		begin := time.Now()
		if came, _, err := watch(t, f, nil, 1); err == nil || len(came) > 0 {
			t.Errorf("%v, %v", came, err)
		}
		if took := time.Since(begin); took > 5*time.Second || f.asked < 3 || f.asked > 5 {
			t.Errorf("after %v by its own clock, asked %d times", took, f.asked)
		}
	})
}

// TestH264IsChosenWhereItCostsLess and only where it can be read.
func TestH264IsChosenWhereItCostsLess(t *testing.T) {
	modes := func() []Mode { return []Mode{{MJPG, 1280, 720, 30}, {AVC, 1280, 720, 30}, {YUYV, 640, 480, 30}} }
	want := Want{Width: 1280, Height: 720, FPS: 30}
	others := machine(6)
	for takes, best := range map[time.Duration]FourCC{time.Microsecond: AVC, time.Second: MJPG} {
		h := &H264{Takes: func() time.Duration { return takes }}
		load := func(m Mode) float64 {
			if m.Format == AVC {
				return h.load(m)
			}
			return others(m)
		}
		if m, err := choose(h.readable(modes()), want, load); err != nil || m.Format != best {
			t.Errorf("%v a picture: %v, %v", takes, m, err)
		}
	}
	var none *H264
	if m, err := choose(none.readable(modes()), want, others); err != nil || m.Format != MJPG {
		t.Errorf("without a decoder: %v, %v", m, err)
	}
}
