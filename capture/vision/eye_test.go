package vision

import (
	"context"
	"image"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"edgekit.internal/capture"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// frameOf is a camera's frame of a luma plane.
func frameOf(luma *image.Gray, at time.Duration) capture.Frame {
	img := image.NewYCbCr(luma.Rect, image.YCbCrSubsampleRatio420)
	copy(img.Y, luma.Pix)
	return capture.Frame{Image: img, At: at}
}

// TestAnEyeStaysWithinItsShare: each look takes 30 ms of the thread's time; the camera gives 30 pictures a second for a minute. On a hot
// board it is less. Show never waits, and a picture is not touched after it.
func TestAnEyeStaysWithinItsShare(t *testing.T) {
	for _, c := range []struct {
		share float64
		pace  int
		most  time.Duration
		least uint64
	}{{0.1, 1, 6 * time.Second, 175}, {0.1, 2, 3 * time.Second, 85}, {0.1, 4, 1500 * time.Millisecond, 42}, {1, 1, time.Minute, 850}} {
		synctest.Test(t, func(t *testing.T) {
			const look = 30 * time.Millisecond
			began := time.Now()
			var worked time.Duration
			calls := 0
			e := NewEye(Config{Share: c.share, Saw: func(capture.Code) { t.Error("nothing is there") }, Now: func() time.Duration { return time.Since(began) },
				CPU: func() time.Duration {
					if calls++; calls%2 == 0 { // at a look's end
						time.Sleep(look)
						worked += look
					}
					return worked
				}})
			e.SetPace(c.pace)
			ctx, stop := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() { ended <- e.Run(ctx) }()
			luma := image.NewGray(image.Rect(0, 0, 64, 36))
			for i := range 30 * 60 {
				f := frameOf(luma, time.Duration(i)*time.Second/30)
				before := time.Now()
				e.Show(f)
				if took := time.Since(before); took > 0 {
					t.Fatalf("Show took %v", took)
				}
				clear(f.Image.Y)
				time.Sleep(time.Second / 30)
			}
			stop()
			if err := <-ended; err != nil {
				t.Error(err)
			}
			if worked > c.most || e.Looks() < c.least {
				t.Errorf("share %v at pace %d: worked %v in a minute with %d looks, expected at most %v, and at least %d", c.share, c.pace, worked, e.Looks(), c.most, c.least)
			}
		})
	}
}

// TestABarCodeIsToldWhenItWasReadTwice, a QR code at once; both again and again while they are there, but not for each picture.
func TestABarCodeIsToldWhenItWasReadTwice(t *testing.T) {
	var told []string
	e := NewEye(Config{Share: 1, Saw: func(c capture.Code) { told = append(told, c.Text) }})
	qr, ean, other := capture.Code{Kind: QR, Text: "q"}, capture.Code{Kind: EAN13, Text: "e"}, capture.Code{Kind: EAN13, Text: "o"}
	for i, c := range []struct {
		codes []capture.Code
		want  []string
	}{
		{[]capture.Code{qr}, []string{"q"}},
		{[]capture.Code{qr, ean}, nil}, // too soon, and once
		{nil, nil},
		{[]capture.Code{ean}, []string{"e"}},
		{[]capture.Code{ean}, nil},
		{[]capture.Code{ean, qr}, []string{"q"}},
		{nil, nil}, {nil, nil}, {nil, nil},
		{[]capture.Code{ean, other}, nil}, // it was away: once more it must be read twice
		{[]capture.Code{ean, ean}, []string{"e"}},
		{nil, nil}, {nil, nil}, {nil, nil},
		{[]capture.Code{other}, nil}, // the first was too long ago
	} {
		told, e.at = nil, time.Duration(i+1)*110*time.Millisecond
		e.note(c.codes)
		if d := cmp.Diff(c.want, told); d != "" {
			t.Errorf("look %d: %s", i, d)
		}
	}
	for i := range 10 * maxSeen {
		e.note([]capture.Code{{Kind: EAN8, Text: string(rune('a' + i))}})
	}
	if len(e.seen) > maxSeen {
		t.Errorf("%d codes are remembered", len(e.seen))
	}
}

// TestCamerasMayTakeTurnsInShowing: the slate's goroutine and the camera's at the same time.
func TestCamerasMayTakeTurnsInShowing(t *testing.T) {
	e := NewEye(Config{Share: 1, Saw: func(capture.Code) {}})
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- e.Run(ctx) }()
	var showing sync.WaitGroup
	for side := 64; side <= 96; side += 32 {
		showing.Go(func() {
			f := frameOf(image.NewGray(image.Rect(0, 0, side, 36)), 0)
			for e.Looks() < 3 {
				e.Show(f)
			}
		})
	}
	showing.Wait()
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// TestAnEyeSeesWhatIsHeldUp: from the camera's frames to the code, on the real clocks.
func TestAnEyeSeesWhatIsHeldUp(t *testing.T) {
	for _, l := range sheet(t) {
		saw := make(chan capture.Code, 8)
		e := NewEye(Config{Share: 1, Saw: func(c capture.Code) { saw <- c }})
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- e.Run(ctx) }()
		luma := hold(l, usual, 1)
		var got capture.Code
		for i := 0; got == (capture.Code{}); i++ {
			e.Show(frameOf(luma, time.Duration(i)*33*time.Millisecond))
			select {
			case got = <-saw:
			case <-t.Context().Done():
				t.Fatal("never seen")
			case <-time.After(time.Millisecond):
			}
		}
		stop()
		<-ended
		if got != l.code {
			t.Errorf("%+v is seen as %+v", l.code, got)
		}
	}
}
