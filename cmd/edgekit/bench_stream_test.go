//go:build bench

package main

import (
	"bufio"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
)

// webcam writes a file for the camera to play over and over: a picture that pans slowly under a sensor's noise, so that
// the encoder needs the bit rate it may have, as with a real camera. The drawn one needs a third of it.
func webcam(t *testing.T, dir string) string {
	t.Helper()
	const w, h, pictures, margin = 640, 360, 64, 64
	path := filepath.Join(dir, "webcam.y4m")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	out := bufio.NewWriterSize(f, 1<<20)
	fmt.Fprintf(out, "YUV4MPEG2 W%d H%d F30:1 Ip C420jpeg\n", w, h)
	r := rand.New(rand.NewPCG(1, 2))
	var scene [h][w + margin]float64
	for range 60 { // soft blobs of all sizes
		x0, y0, size, light := r.Float64()*(w+margin), r.Float64()*h, 8+80*r.Float64(), 60*r.NormFloat64()
		for y := range h {
			for x := range w + margin {
				d := (math.Pow(float64(x)-x0, 2) + math.Pow(float64(y)-y0, 2)) / (size * size)
				if d < 4 {
					scene[y][x] += light * math.Exp(-d)
				}
			}
		}
	}
	for i := range pictures {
		fmt.Fprintln(out, "FRAME")
		pan := int(margin / 2 * (1 - math.Cos(2*math.Pi*float64(i)/pictures)))
		for y := range h {
			for x := range w {
				out.WriteByte(byte(min(max(110+scene[y][x+pan]+3*r.NormFloat64(), 16), 235)))
			}
		}
		for range w * h / 2 {
			out.WriteByte(byte(127 + r.IntN(3)))
		}
	}
	if err := out.Flush(); err != nil {
		t.Fatal(err)
	}
	return path
}
