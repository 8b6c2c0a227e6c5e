package file

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"edgekit.internal/capture"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// decode and fromRGB stand in for the functions that the camera program passes: gray pictures, so luma alone counts.
func decode(data []byte) (*image.YCbCr, error) {
	img, err := jpeg.Decode(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	out := image.NewYCbCr(image.Rect(0, 0, img.Bounds().Dx()&^1, img.Bounds().Dy()&^1), image.YCbCrSubsampleRatio420)
	fromRGB(out, img)
	return out, nil
}

func fromRGB(out *image.YCbCr, in image.Image) {
	for y := range out.Rect.Dy() {
		for x := range out.Rect.Dx() {
			out.Y[y*out.YStride+x] = color.GrayModel.Convert(in.At(x, y)).(color.Gray).Y
		}
	}
}

func gray(w, h int, v byte) *image.Gray {
	img := image.NewGray(image.Rect(0, 0, w, h))
	for i := range img.Pix {
		img.Pix[i] = v
	}
	return img
}

func jpg(t testing.TB, w, h int, v byte) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, gray(w, h, v), nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func y4mFile(header string, w, h int, values ...byte) []byte {
	b := []byte(header + "\n")
	for _, v := range values {
		b = append(b, "FRAME Ip\n"...)
		b = append(b, bytes.Repeat([]byte{v}, w*h)...)
		b = append(b, bytes.Repeat([]byte{128}, 2*((w+1)/2)*((h+1)/2))...)
	}
	return b
}

func config(t *testing.T, data []byte) Config {
	t.Helper()
	path := filepath.Join(t.TempDir(), "picture.bin")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return Config{Path: path, FPS: 100, DecodeJPEG: decode, FromRGB: fromRGB}
}

// play returns the brightness of the first n pictures.
func play(t *testing.T, c *Camera, n int) (luma []byte) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var last time.Duration
	err := c.Run(ctx, func(f capture.Frame) {
		if f.At <= last {
			t.Errorf("picture at %v after %v", f.At, last)
		}
		last = f.At
		if len(luma) < n {
			luma = append(luma, f.Image.Y[0])
		}
		f.Image.Y[0] = 99 // the picture is ours: this must not be seen again
		if len(luma) == n {
			cancel()
		}
	})
	if err != nil {
		t.Error(err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	return luma
}

func TestEveryKindOfFilePlaysInALoop(t *testing.T) {
	var still bytes.Buffer
	if err := png.Encode(&still, gray(9, 5, 70)); err != nil {
		t.Fatal(err)
	}
	thumb := jpg(t, 16, 8, 40) // with a JPEG inside a comment, whose markers are none
	inner := jpg(t, 8, 8, 1)
	thumb = append(append(thumb[:2:2], 0xff, 0xfe, byte((len(inner)+2)>>8), byte(len(inner)+2)), append(inner, thumb[2:]...)...)
	for name, c := range map[string]struct {
		data   []byte
		format string
		luma   []byte
	}{
		"PNG":             {still.Bytes(), "PNG 8x4 100/s", []byte{70, 70, 70}},
		"JPEG":            {jpg(t, 17, 8, 50), "JPEG 16x8 100/s", []byte{50, 50, 50}},
		"JPEG in JPEG":    {thumb, "JPEG 16x8 100/s", []byte{40, 40}},
		"Motion JPEG":     {append(append(jpg(t, 16, 8, 10), jpg(t, 16, 8, 200)...), jpg(t, 16, 8, 90)...), "MJPEG 16x8 100/s", []byte{10, 200, 90, 10, 200}},
		"bytes between":   {append(append(jpg(t, 16, 8, 10), 0, 0, 7), jpg(t, 16, 8, 20)...), "MJPEG 16x8 100/s", []byte{10, 20, 10}},
		"Y4M":             {y4mFile("YUV4MPEG2 W6 H4 F100:1 Ip A1:1 C420jpeg XYSCSS=420JPEG", 6, 4, 31, 32), "Y4M 6x4 100/s", []byte{31, 32, 31, 32, 31}},
		"Y4M, odd sides":  {y4mFile("YUV4MPEG2 W7 H5 F100:1", 7, 5, 31, 32), "Y4M 6x4 100/s", []byte{31, 32, 31}},
		"Y4M, NTSC rates": {y4mFile("YUV4MPEG2 W6 H4 F30000:1001", 6, 4, 8), "Y4M 6x4 30/s", []byte{8}},
	} {
		t.Run(name, func(t *testing.T) {
			cam, err := Open(config(t, c.data))
			if err != nil {
				t.Fatal(err)
			}
			if cam.Format() != c.format || cam.Name() != "file picture.bin" {
				t.Errorf("%q %q, expected %q", cam.Name(), cam.Format(), c.format)
			}
			if d := cmp.Diff(c.luma, play(t, cam, len(c.luma))); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestPicturesAreFittedButTheFormatIsTheFiles(t *testing.T) {
	var still bytes.Buffer
	if err := png.Encode(&still, gray(16, 8, 70)); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		data []byte
		want int
	}{
		"JPEG": {jpg(t, 16, 8, 10), 1 + 4},
		"PNG":  {still.Bytes(), 1 + 4},
		"film": {append(jpg(t, 16, 8, 10), jpg(t, 16, 8, 10)...), 4},
	} {
		cfg := config(t, c.data)
		n := 0
		small := image.NewYCbCr(image.Rect(0, 0, 4, 4), image.YCbCrSubsampleRatio420)
		cfg.Fit = func(*image.YCbCr) *image.YCbCr { n++; return small }
		cam, err := Open(cfg)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(cam.Format(), " 16x8 ") {
			t.Errorf("%s: %s, expected the size of the file", name, cam.Format())
		}
		play(t, cam, 4)
		if n != c.want { // the still is passed again, but has its size then
			t.Errorf("%s: fitted %d times, expected %d", name, n, c.want)
		}
	}
}

func TestFilesThatCannotBePlayedAreRefusedWithTheReason(t *testing.T) {
	cut := jpg(t, 16, 8, 10)
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"empty":        {nil, "expected a JPEG"},
		"text":         {[]byte("hello, this is a text"), "expected a JPEG"},
		"cut JPEG":     {cut[:len(cut)-3], "unexpected EOF"},
		"cut PNG":      {[]byte("\x89PNG\r\n\x1a\nabcdefgh"), "png"},
		"no pictures":  {[]byte("YUV4MPEG2 W6 H4 F1:1\n"), "EOF"},
		"cut picture":  {y4mFile("YUV4MPEG2 W6 H4 F1:1", 6, 3, 1), "unexpected EOF"},
		"no FRAME":     {[]byte("YUV4MPEG2 W6 H4 F1:1\nFRAMES\n"), "expected FRAME"},
		"10 bits":      {[]byte("YUV4MPEG2 W6 H4 C420p10\n"), "C420p10: expected C420"},
		"interlaced":   {[]byte("YUV4MPEG2 W6 H4 It\n"), "interlaced"},
		"no size":      {[]byte("YUV4MPEG2 W6\n"), "6×0"},
		"huge":         {[]byte("YUV4MPEG2 W6 H99999999\n"), "expected sides"},
		"not a size":   {[]byte("YUV4MPEG2 W6 Hx\n"), "Hx"},
		"no rate":      {[]byte("YUV4MPEG2 W6 H4 F0:0\n"), "F0:0"},
		"endless rate": {[]byte("YUV4MPEG2 W6 H4 F1000:1\n"), "a second"},
		"endless line": {[]byte("YUV4MPEG2 X" + strings.Repeat("x", 2000)), "a line of more"},
	} {
		cfg := config(t, c.data)
		if _, err := Open(cfg); err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), cfg.Path) {
			t.Errorf("%s: %v, expected an error with %q and the path", name, err, c.want)
		}
	}
	if _, err := Open(Config{Path: t.TempDir(), FPS: 1}); err == nil {
		t.Error("a folder was opened")
	}
	if _, err := Open(Config{Path: "x"}); err == nil {
		t.Error("no rate was accepted")
	}
}

func TestFileThatIsCutWhilePlayingEndsWithAnError(t *testing.T) {
	cfg := config(t, y4mFile("YUV4MPEG2 W6 H4 F100:1", 6, 4, 1))
	cam, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer cam.Close()
	err = cam.Run(t.Context(), func(capture.Frame) {
		if err := os.Truncate(cfg.Path, 0); err != nil {
			t.Error(err)
		}
	})
	if err == nil {
		t.Error("it went on")
	}
}

func FuzzParseHeader(f *testing.F) {
	f.Add("YUV4MPEG2 W1280 H720 F30000:1001 Ip A1:1 C420mpeg2 XYSCSS=420MPEG2")
	f.Add("YUV4MPEG2  W F: I C")
	f.Fuzz(func(t *testing.T, line string) {
		h, err := parseHeader(line)
		if err == nil && (h.width < 2 || h.height < 2 || h.width > maxSide || h.height > maxSide || h.every < time.Second/maxFPS || h.every > time.Minute) {
			t.Fatalf("%+v", h)
		}
	})
}

// FuzzNextJPEG: what is cut out begins and ends as a JPEG does, and lies in the stream.
func FuzzNextJPEG(f *testing.F) {
	f.Add(append([]byte("junk"), jpg(f, 8, 8, 1)...))
	f.Add([]byte{0xff, 0xd8, 0xff, 0xfe, 0, 4, 0xff, 0xd9, 0xff, 0xda, 0, 2, 0xff, 0, 0xff, 0xd0, 0xff, 0xff, 0xd9})
	f.Fuzz(func(t *testing.T, stream []byte) {
		in := bufio.NewReader(bytes.NewReader(stream))
		for {
			data, err := nextJPEG(in)
			if err != nil {
				return
			}
			if !bytes.HasPrefix(data, []byte{0xff, 0xd8}) || !bytes.HasSuffix(data, []byte{0xff, 0xd9}) || !bytes.Contains(stream, data) {
				t.Fatalf("% x of % x", data, stream)
			}
		}
	})
}

// FuzzY4MPicture: a picture is whole, or an error.
func FuzzY4MPicture(f *testing.F) {
	f.Add(6, 4, y4mFile("", 6, 4, 1)[1:])
	f.Fuzz(func(t *testing.T, w, h int, stream []byte) {
		if sane(w, h) != nil || w*h > 1<<16 {
			return
		}
		img, err := y4m{width: w, height: h}.next(bufio.NewReader(bytes.NewReader(stream)))
		if err == nil && (img.Rect.Dx() != w&^1 || len(img.Y) < w*h) {
			t.Fatal(fmt.Sprint(img.Rect), io.EOF)
		}
	})
}
