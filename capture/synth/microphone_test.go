package synth

import (
	"context"
	"image"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"edgekit.internal/capture"
)

// TestKnocksBeginAsTheBallTouchesTheCounter: the ball is lowest in the picture of that time.
func TestKnocksBeginAsTheBallTouchesTheCounter(t *testing.T) {
	scene := newStall(320, 180)
	lowest := func(at time.Duration) int { // row of the ball's lower end: the last that differs above the counter's floor
		img := image.NewYCbCr(image.Rect(0, 0, 320, 180), image.YCbCrSubsampleRatio420)
		scene.draw(img, at, time.Unix(0, 0))
		for y := 180*70/100 - 1; y > 0; y-- {
			for x := range 320 {
				if d := int(img.Y[y*img.YStride+x]) - int(scene.still.Y[y*scene.still.YStride+x]); (d > 60 || d < -60) && y < 180*70/100-scene.shadow.rows/2 {
					return y
				}
			}
		}
		return 0
	}
	for _, second := range []time.Duration{100, 101, 103} {
		on, off := lowest(second*time.Second), lowest(second*time.Second+500*time.Millisecond)
		if on <= off {
			t.Errorf("second %d: the ball's lower end is in row %d, half a second later in %d", second, on, off)
		}
		before, with := hear(second*time.Second-capture.SoundLen), hear(second*time.Second)
		if loud(before) > 50 || loud(with) < 2000 || abs(with[0]) > 50 || abs(with[12]) < 8000 {
			t.Errorf("second %d: %v before, %v with the knock, which begins %v", second, loud(before), loud(with), with[:13])
		}
	}
}

func loud(pcm []int16) float64 {
	sum := 0.0
	for _, v := range pcm {
		sum += float64(v) * float64(v)
	}
	return math.Sqrt(sum / float64(len(pcm)))
}

func abs(v int16) int { return max(int(v), -int(v)) }

func TestPiecesOfSoundComeEvenlyAndWhenTheyAreOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		m := &Microphone{now: func() time.Duration { return time.Hour + 7*time.Millisecond + time.Since(began) }}
		ctx, stop := context.WithCancel(t.Context())
		var at []time.Duration
		err := m.Run(ctx, func(s capture.Samples) {
			if now := m.now(); now-s.At != capture.SoundLen {
				t.Errorf("piece of %v comes at %v", s.At, now)
			}
			if len(s.PCM) != capture.SoundSamples || s.At%capture.SoundLen != 0 {
				t.Errorf("piece of %v with %d samples", s.At, len(s.PCM))
			}
			if at = append(at, s.At); len(at) == 50 {
				stop()
			}
		})
		if err != nil || at[49]-at[0] != 49*capture.SoundLen {
			t.Errorf("%v, %v", err, at)
		}
	})
}

func TestAListenerThatWasAwayGetsWhatIsNew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		m := &Microphone{now: func() time.Duration { return time.Hour + time.Since(began) }}
		ctx, stop := context.WithCancel(t.Context())
		n := 0
		if err := m.Run(ctx, func(s capture.Samples) {
			switch n++; n {
			case 5:
				time.Sleep(time.Second)
			case 6:
				if age := m.now() - s.At; age > 2*capture.SoundLen {
					t.Errorf("a piece %v old", age)
				}
				stop()
			}
		}); err != nil {
			t.Error(err)
		}
	})
}
