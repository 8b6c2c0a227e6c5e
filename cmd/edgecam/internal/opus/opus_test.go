package opus

import (
	"math"
	"math/rand/v2"
	"testing"

	"edgekit.internal/capture"
)

// voice is something like a vowel: pulses of a throat through two resonances, louder and softer.
func voice(pieces int) [][]int16 {
	rng := rand.New(rand.NewPCG(1, 2))
	var y [2][2]float64
	out := make([][]int16, pieces)
	next := 0.0
	for p := range out {
		out[p] = make([]int16, capture.SoundSamples)
		for i := range out[p] {
			n := float64(p*capture.SoundSamples + i)
			x := rng.Float64()*.02 - .01
			if n >= next {
				x += 1
				next += capture.SoundRate / (120 + 20*math.Sin(n/20000))
			}
			for f, hz := range []float64{700, 1800} {
				const r = .985
				v := x + 2*r*math.Cos(2*math.Pi*hz/capture.SoundRate)*y[f][0] - r*r*y[f][1]
				y[f][0], y[f][1] = v, y[f][0]
			}
			out[p][i] = int16(600 * (y[0][0] + y[1][0]/2) * (.6 + .4*math.Sin(n/15000)))
		}
	}
	return out
}

// like is how alike two sounds are, 1 for the same, at the delay at which they are most so.
func like(a, b []int16) (best float64, delay int) {
	for d := range 600 {
		var ab, aa, bb float64
		for i := d; i < min(len(b), len(a)+d); i++ {
			x, y := float64(a[i-d]), float64(b[i])
			ab, aa, bb = ab+x*y, aa+x*x, bb+y*y
		}
		if r := ab / math.Sqrt(aa*bb+1); r > best {
			best, delay = r, d
		}
	}
	return best, delay
}

func encode(t *testing.T, in [][]int16) (packets [][]byte) {
	t.Helper()
	e, err := NewEncoder()
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	for _, pcm := range in {
		p, err := e.Encode(pcm)
		if err != nil {
			t.Fatal(err)
		}
		packets = append(packets, p)
	}
	return packets
}

func decoder(t *testing.T) *Decoder {
	t.Helper()
	d, err := NewDecoder()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

func TestAVoiceComesThrough(t *testing.T) {
	in := voice(100)
	packets := encode(t, in)
	d := decoder(t)
	var sent, heard []int16
	bytes := 0
	for i, p := range packets {
		pcm, err := d.Decode(p)
		if err != nil || len(pcm) != capture.SoundSamples {
			t.Fatalf("packet %d: %d samples, %v", i, len(pcm), err)
		}
		sent, heard, bytes = append(sent, in[i]...), append(heard, pcm...), bytes+len(p)
	}
	r, delay := like(sent[48000:60000], heard[48000:60600])
	e, err := NewEncoder()
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if told := e.Delay().Seconds() * capture.SoundRate; math.Abs(told-float64(delay)) > 48 {
		t.Errorf("sound comes out %d samples later, and the encoder tells of %.0f", delay, told)
	}
	kbps := float64(bytes) * 8 / 2 / 1000
	t.Logf("%.1f kbit/s, %.3f alike, %.1f ms later", kbps, r, float64(delay)/48)
	if r < .9 || kbps < 16 || kbps > 40 {
		t.Errorf("%.1f kbit/s, %.3f alike", kbps, r)
	}
}

// TestALostPacketIsInTheOneAfterIt: far more like it than what a player makes up from what was before.
func TestALostPacketIsInTheOneAfterIt(t *testing.T) {
	in := voice(200)
	for i := range in { // what is lost cannot be guessed from what was before
		if i%10 == 4 {
			clear(in[i])
		}
	}
	packets := encode(t, in)
	lost := func(recover func(d *Decoder, next []byte) ([]int16, error)) (mean float64) {
		whole, d, n := decoder(t), decoder(t), 0
		for i, p := range packets {
			true, err := whole.Decode(p)
			if err != nil {
				t.Fatal(err)
			}
			if i%10 != 5 || i < 50 {
				if _, err := d.Decode(p); err != nil {
					t.Fatal(err)
				}
				continue
			}
			pcm, err := recover(d, packets[i+1])
			if err != nil || len(pcm) != len(true) {
				t.Fatalf("packet %d: %d samples, %v", i, len(pcm), err)
			}
			var of, off float64
			for k, v := range true {
				of, off = of+float64(v)*float64(v), off+float64(v-pcm[k])*float64(v-pcm[k])
			}
			mean, n = mean+10*math.Log10(of/off), n+1
		}
		return mean / float64(n)
	}
	with := lost(func(d *Decoder, next []byte) ([]int16, error) { return d.Recover(next) })
	without := lost(func(d *Decoder, _ []byte) ([]int16, error) { return d.Conceal() })
	t.Logf("what is not as it was in lost packets is %.1f dB below, by guessing %.1f dB", with, without)
	if with < without+3 {
		t.Errorf("what is not as it was in lost packets is %.1f dB below, by guessing %.1f dB", with, without)
	}
}

func TestSilenceIsSilent(t *testing.T) {
	quiet := make([][]int16, 50)
	for i := range quiet {
		quiet[i] = make([]int16, capture.SoundSamples)
	}
	d := decoder(t)
	for i, p := range encode(t, append(voice(50), quiet...)) {
		pcm, err := d.Decode(p)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range pcm {
			if i > 60 && (v > 2 || v < -2) {
				t.Fatalf("packet %d of silence: %d", i-50, v)
			}
		}
	}
}

func TestWhatIsNoPieceOrPacketIsRefused(t *testing.T) {
	e, err := NewEncoder()
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	for _, n := range []int{0, 1, 959, 961} {
		if _, err := e.Encode(make([]int16, n)); err == nil {
			t.Errorf("%d samples", n)
		}
	}
	d := decoder(t)
	for _, p := range [][]byte{nil, {0xff}, make([]byte, 3)} {
		if pcm, err := d.Decode(p); err == nil && len(pcm) == capture.SoundSamples {
			t.Errorf("%x is a packet", p)
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	in := voice(50)
	e, err := NewEncoder()
	if err != nil {
		b.Fatal(err)
	}
	defer e.Close()
	for i := 0; b.Loop(); i++ {
		if _, err := e.Encode(in[i%len(in)]); err != nil {
			b.Fatal(err)
		}
	}
}
