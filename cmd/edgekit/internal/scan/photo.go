package scan

import (
	"bytes"
	"context"
	"fmt"
	"image"
	_ "image/jpeg" // what phones take
	_ "image/png"
	"io"
	"time"

	"golang.org/x/image/draw"

	"edgekit.internal/cmd/edgekit/internal/slip"
	"edgekit.internal/cmd/internal/wire"
)

const (
	// maxPhoto bounds a picture's file, in bytes, and maxPixels what it unpacks to: a phone's own photographs, as they are, pass.
	maxPhoto  = 8 << 20
	maxPixels = 16_000_000
	// photoSide is what the longer side is made, in pixels: a slip's code is legible in less, and a larger picture only takes longer.
	photoSide = 1600
)

// Told is why a picture is of no use, for people.
type Told string

func (t Told) Error() string { return string(t) }

// Photo looks for a slip's code in a picture, JPEG or PNG, as if the scanner had read it. The error is Told. One at a
// time: others wait.
func (k *Counter) Photo(ctx context.Context, picture io.Reader) (wire.Scan, error) {
	k.photo.Lock()
	defer k.photo.Unlock()
	luma, err := unpack(picture)
	if err != nil {
		return wire.Scan{}, err
	}
	w := wire.Scan{At: time.Now().UTC()}
	var others int
	for _, c := range k.eye.Read(luma) {
		if _, _, ours := slip.ParseCode(c.Text); ours {
			w.Text = c.Text
			break
		}
		others++
	}
	switch {
	case w.Text == "" && others > 0:
		return wire.Scan{}, Told("There is a code in that picture, and it is no slip's. Photograph the code on the slip.")
	case w.Text == "":
		return wire.Scan{}, Told("There is no code in that picture that can be read. Hold the phone so that the slip's code fills half of it, and is sharp.")
	}
	k.look(ctx, &w)
	k.add(w)
	return w, nil
}

// unpack makes a picture's luma, of a size that is good to read.
func unpack(picture io.Reader) (*image.Gray, error) {
	b, err := io.ReadAll(io.LimitReader(picture, maxPhoto+1))
	if err != nil {
		return nil, Told(fmt.Sprintf("The picture did not come whole (%v). Try again.", err))
	}
	if len(b) > maxPhoto {
		return nil, Told(fmt.Sprintf("The picture is too large: expected at most %d MB.", maxPhoto>>20))
	}
	is, _, err := image.DecodeConfig(bytes.NewReader(b))
	if err != nil {
		return nil, Told("That is no picture that the kit can read: expected a JPEG or PNG.")
	}
	if is.Width < 1 || is.Height < 1 || is.Width > maxPixels/is.Height {
		return nil, Told(fmt.Sprintf("The picture has %d x %d pixels: expected at most %d million.", is.Width, is.Height, maxPixels/1_000_000))
	}
	whole, _, err := image.Decode(bytes.NewReader(b))
	if err != nil {
		return nil, Told("That picture is damaged. Take it again.")
	}
	long := max(is.Width, is.Height)
	to := image.Rect(0, 0, is.Width, is.Height)
	if long > photoSide {
		to = image.Rect(0, 0, max(1, is.Width*photoSide/long), max(1, is.Height*photoSide/long))
	}
	luma := image.NewGray(to)
	if to.Dx() == is.Width {
		draw.Draw(luma, to, whole, whole.Bounds().Min, draw.Src)
	} else {
		draw.ApproxBiLinear.Scale(luma, to, whole, whole.Bounds(), draw.Src, nil)
	}
	return luma, nil
}
