package even

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"edgekit.internal/capture"
)

// card is a sound card that hears a tone, has a crystal of its own, and tells the time late.
type card struct {
	rate   int
	off    float64 // of its crystal: 1e-4 is 0.01 % fast
	late   float64 // seconds, at most
	tone   float64 // Hz
	began  time.Duration
	rng    *rand.Rand
	frames int
}

func (c *card) when(frame int) float64 { return float64(frame) / (float64(c.rate) * (1 + c.off)) }

func (c *card) told() time.Duration {
	return c.began + time.Duration((c.when(c.frames)+delay(c.rng, c.late))*1e9)
}

// delay is up to some milliseconds, and now and then, as on a busy machine, ten times that.
func delay(rng *rand.Rand, most float64) float64 {
	if rng.IntN(20) == 0 {
		most *= 10
	}
	return most * rng.Float64()
}

// record gives about 10 ms.
func (c *card) record(s *Stream) {
	n := c.rate/100 - 3 + c.rng.IntN(7)
	at := c.told()
	pcm := make([]float32, n)
	for i := range pcm {
		pcm[i] = float32(.5 * math.Sin(2*math.Pi*c.tone*c.when(c.frames+i)))
	}
	c.frames += n
	s.Add(at, pcm)
}

func newCard(rate int, off, late, tone float64) *card {
	return &card{rate: rate, off: off, late: late, tone: tone, began: time.Hour + 123456789, rng: rand.New(rand.NewPCG(1, 2))}
}

// fit is the tone in samples that were taken from a time on, by least squares: how late it is against the true one, in seconds, and how far in dB what else
// there is lies below it.
func fit(pcm []int16, at, hz float64) (late, below float64) {
	var re, im float64
	for i, v := range pcm {
		p := 2 * math.Pi * hz * (at + float64(i)/capture.SoundRate)
		re += float64(v) * math.Sin(p) * 2 / float64(len(pcm))
		im += float64(v) * math.Cos(p) * 2 / float64(len(pcm))
	}
	var signal, rest float64
	for i, v := range pcm {
		p := 2 * math.Pi * hz * (at + float64(i)/capture.SoundRate)
		is := re*math.Sin(p) + im*math.Cos(p)
		signal += is * is
		rest += (float64(v) - is) * (float64(v) - is)
	}
	return -math.Atan2(im, re) / (2 * math.Pi * hz), 10 * math.Log10(signal/rest)
}

// TestEveryRateComesOutEvenAndInTime: the same tone is heard through cards of all rates, with crystals that are off, at the time at which it was made.
func TestEveryRateComesOutEvenAndInTime(t *testing.T) {
	for _, c := range []struct {
		rate int
		off  float64
	}{{48000, 3e-4}, {48000, -1e-3}, {44100, 2e-4}, {96000, -2e-4}, {16000, -3e-4}, {8000, 1e-3}} {
		const hz, settle, run = 50, 12, 16
		dev := newCard(c.rate, c.off, .004, hz)
		var last time.Duration
		var second []int16
		var from time.Duration
		worst, least, n := 0.0, 1000.0, 0
		s := New(c.rate, func(p capture.Samples) {
			if n++; n > 1 && p.At != last+capture.SoundLen && (p.At <= last || p.At-dev.began > (settling+1)*time.Second) {
				t.Fatalf("%d Hz: piece %d at %v after %v", c.rate, n, p.At, last)
			}
			if last = p.At; len(p.PCM) != capture.SoundSamples {
				t.Fatalf("%d Hz: %d samples", c.rate, len(p.PCM))
			}
			if p.At-dev.began < settle*time.Second {
				return
			}
			if len(second) == 0 {
				from = p.At
			}
			if second = append(second, p.PCM...); len(second) >= capture.SoundRate/5 {
				late, below := fit(second, (from - dev.began).Seconds(), hz)
				worst, least = max(worst, math.Abs(late)), min(least, below)
				second = second[:0]
			}
		})
		for dev.when(dev.frames) < run {
			dev.record(s)
		}
		t.Logf("%d Hz, crystal off by %+.0f ppm: at most %.2f ms from the truth, other than the tone %.0f dB below", c.rate, c.off*1e6, worst*1000, least)
		if worst > .005 || least < 40 || n < (run-1)*50 {
			t.Errorf("%d Hz, crystal off by %+.0f ppm: %d pieces, %.2f ms late, noise %.0f dB below", c.rate, c.off*1e6, n, worst*1000, least)
		}
	}
}

// TestTonesKeepTheirLevelAndNothingIsFolded: a voice's band passes; what the wanted rate cannot hold is gone.
func TestTonesKeepTheirLevelAndNothingIsFolded(t *testing.T) {
	for _, c := range []struct {
		rate int
		hz   float64
		want float64 // dB against the tone that went in
	}{{48000, 100, 0}, {48000, 15000, 0}, {44100, 15000, 0}, {16000, 6000, 0}, {8000, 3200, 0}, {96000, 10000, 0}, {96000, 30000, -65}} {
		k := newKernel(c.rate)
		in := make([]float32, c.rate)
		for i := range in {
			in[i] = float32(math.Sin(2 * math.Pi * c.hz * float64(i) / float64(c.rate)))
		}
		sum, n := 0.0, capture.SoundRate/2
		for i := range n {
			v := float64(k.at(in, 1000+float64(i)*float64(c.rate)/capture.SoundRate))
			sum += v * v
		}
		got := 10 * math.Log10(2*sum/float64(n))
		if c.want == 0 && math.Abs(got) > .2 || c.want < 0 && got > c.want {
			t.Errorf("%g Hz at %d comes out at %.1f dB, expected %g", c.hz, c.rate, got, c.want)
		}
	}
}

// TestADayLongSoundStaysWithThePicture: a card that is off by 100 ppm, and by other 40 as the day gets warm, would be 8 s away in the evening.
func TestADayLongSoundStaysWithThePicture(t *testing.T) {
	const rate = 48000
	rng := rand.New(rand.NewPCG(3, 4))
	p := newPace(rate, 0)
	truth, worst, pieces := 0.0, 0.0, 0
	frame := 0.0
	type mark struct{ frame, at float64 }
	var marks []mark // when the last blocks really began
	for truth < 86400 {
		off := 1e-4 + 4e-5*math.Sin(2*math.Pi*truth/86400)
		marks = append(marks, mark{frame, truth})
		p.clock.observe(truth + delay(rng, .005))
		const n = 1920.0
		p.clock.advance(n)
		frame += n
		truth += n / (rate * (1 + off))
		for {
			at, from, _, ok := p.next(frame)
			if !ok {
				break
			}
			pieces++
			for len(marks) > 1 && marks[1].frame <= from {
				marks = marks[1:]
			}
			was := marks[0].at + (from-marks[0].frame)/rate
			worst = max(worst, math.Abs(at.Seconds()-was))
		}
	}
	t.Logf("over a day of %d pieces the sound was at most %.1f ms from its time", pieces, worst*1000)
	if worst > .012 || pieces < 86400*50-10 {
		t.Errorf("%d pieces, at most %.1f ms from the truth", pieces, worst*1000)
	}
}

// TestLostSoundIsAGapInTimeAndNotADelay: what comes after it has its own time, and the pieces do not overlap.
func TestLostSoundIsAGapInTimeAndNotADelay(t *testing.T) {
	for name, told := range map[string]bool{"the driver says so": true, "nobody says so": false} {
		dev := newCard(48000, 1e-4, .002, 400)
		var at []time.Duration
		s := New(48000, func(p capture.Samples) { at = append(at, p.At) })
		for range 300 {
			dev.record(s)
		}
		before := len(at)
		dev.frames += 48000 / 2 // half a second is lost
		if told {
			s.Break()
		}
		for range 300 {
			dev.record(s)
		}
		gaps := 0
		for i := 1; i < len(at); i++ {
			switch step := at[i] - at[i-1]; {
			case step == capture.SoundLen:
			case step < 480*time.Millisecond || step > 560*time.Millisecond:
				t.Errorf("%s: piece %d comes %v after the one before", name, i, step)
			default:
				gaps++
			}
		}
		if gaps != 1 || len(at) < 2*before-5 {
			t.Errorf("%s: %d gaps, %d pieces, %d before", name, gaps, len(at), before)
		}
	}
}

// TestAClockThatJumpsIsFollowedWithoutOverlap: a driver whose times are some 60 ms wrong at first.
func TestAClockThatJumpsIsFollowedWithoutOverlap(t *testing.T) {
	for _, wrong := range []time.Duration{-80 * time.Millisecond, 80 * time.Millisecond} {
		dev := newCard(48000, 0, 0, 400)
		var at []time.Duration
		s := New(48000, func(p capture.Samples) { at = append(at, p.At) })
		real := dev.began
		dev.began += wrong
		dev.record(s)
		dev.began = real
		for range 1000 {
			dev.record(s)
		}
		for i := 1; i < len(at); i++ {
			if at[i]-at[i-1] < capture.SoundLen {
				t.Errorf("%v wrong: piece %d comes %v after the one before", wrong, i, at[i]-at[i-1])
			}
		}
	}
}

func BenchmarkASecondOf44100(b *testing.B) {
	s := New(44100, func(capture.Samples) {})
	dev := newCard(44100, 1e-4, .002, 400)
	pcm := make([]float32, 441)
	for b.Loop() {
		for range 100 {
			s.Add(dev.told(), pcm)
			dev.frames += len(pcm)
		}
	}
}
