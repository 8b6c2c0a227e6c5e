package even

import (
	"math"

	"edgekit.internal/capture"
)

// kernel reads a sampled sound between its samples: a windowed sinc, tabulated finely and read with straight lines between (J. O. Smith,
// "Digital Audio Resampling Home Page"). Where there are more samples than are wanted it is wider, so that what the wanted ones cannot
// hold is left out and not folded.
type kernel struct {
	half  int       // samples that it looks at, on each side
	table []float32 // of phases+1 rows of 2·half
}

const (
	crossings = 16  // of the sinc, on each side
	phases    = 512 // between two samples
	beta      = 7   // of the Kaiser window: 70 dB, and flat up to 0.86 of the band
)

func newKernel(rate int) *kernel {
	band := min(1, capture.SoundRate/float64(rate))
	k := &kernel{half: int(math.Ceil(crossings / band))}
	k.table = make([]float32, (phases+1)*2*k.half)
	for p := range phases + 1 {
		row := k.row(p)
		sum := 0.0
		for i := range row {
			x := float64(i-k.half+1) - float64(p)/phases
			v := band * sinc(band*x) * kaiser(x/float64(k.half))
			row[i] = float32(v)
			sum += v
		}
		for i := range row {
			row[i] = float32(float64(row[i]) / sum) // what stands still stays as it is, in every phase
		}
	}
	return k
}

func (k *kernel) row(p int) []float32 { return k.table[p*2*k.half:][:2*k.half] }

// at is the sound at a place between samples, which must have half of them on each side.
func (k *kernel) at(in []float32, place float64) float32 {
	whole := math.Floor(place)
	phase := (place - whole) * phases
	p := min(int(phase), phases-1)
	part := float32(phase - float64(p))
	x := in[int(whole)-k.half+1:][:2*k.half]
	a, b := k.row(p), k.row(p+1)
	var one, two float32
	for i, v := range x {
		one += v * a[i]
		two += v * b[i]
	}
	return one + (two-one)*part
}

func sinc(x float64) float64 {
	if x == 0 {
		return 1
	}
	return math.Sin(math.Pi*x) / (math.Pi * x)
}

// kaiser is the window, from -1 to 1.
func kaiser(x float64) float64 {
	if x <= -1 || x >= 1 {
		return 0
	}
	return bessel(beta*math.Sqrt(1-x*x)) / bessel(beta)
}

// bessel is the modified Bessel function of the first kind, of order 0, by its series.
func bessel(x float64) float64 {
	sum, term := 1.0, 1.0
	for n := 1.0; term > sum*1e-15; n++ {
		term *= x * x / 4 / (n * n)
		sum += term
	}
	return sum
}
