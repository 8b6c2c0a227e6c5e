package pictures

import (
	"bytes"
	"encoding/binary"
	"errors"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// scene is a picture whose left half is red, and whose lower right quarter is blue.
func scene(w, h int) *image.RGBA {
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			c := color.RGBA{255, 255, 255, 255}
			switch {
			case x < w/2:
				c = color.RGBA{255, 0, 0, 255}
			case y >= h/2:
				c = color.RGBA{0, 0, 255, 255}
			}
			m.SetRGBA(x, y, c)
		}
	}
	return m
}

func asJPEG(t *testing.T, m image.Image, orientation int) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, nil); err != nil {
		t.Fatal(err)
	}
	if orientation == 0 {
		return b.Bytes()
	}
	tiff := []byte{'M', 'M', 0, 42, 0, 0, 0, 8, 0, 1, 1, 18, 0, 3, 0, 0, 0, 1, 0, byte(orientation), 0, 0, 0, 0, 0, 0}
	exif := append([]byte("Exif\x00\x00"), tiff...)
	head := binary.BigEndian.AppendUint16([]byte{0xff, 0xd8, 0xff, 0xe1}, uint16(len(exif)+2))
	return append(append(head, exif...), b.Bytes()[2:]...)
}

func open(t *testing.T, data string) *Shelf {
	t.Helper()
	s, err := Open(data, func() bool { return true })
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func shown(t *testing.T, s *Shelf, sku string) image.Image {
	t.Helper()
	mux := http.NewServeMux()
	mux.Handle("GET /pictures/{name}", s)
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequest("GET", s.Of(sku), nil))
	m, kind, err := image.Decode(w.Body)
	if err != nil || kind != "jpeg" || !strings.Contains(w.Header().Get("Cache-Control"), "immutable") {
		t.Fatalf("%d, %v", w.Code, err)
	}
	return m
}

// TestAPictureIsMadeSmall, upright, and of one format, from whatever the operator has; it is there after a restart, and the last one counts.
func TestAPictureIsMadeSmall(t *testing.T) {
	data := t.TempDir()
	s := open(t, data)
	if s.Of("MUG") != "" {
		t.Error("a picture of nothing")
	}
	var flat bytes.Buffer
	if err := png.Encode(&flat, scene(100, 50)); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		file []byte
		size image.Point
	}{
		"a phone's": {asJPEG(t, scene(2000, 1000), 0), image.Pt(480, 240)}, "upright": {asJPEG(t, scene(1000, 2000), 0), image.Pt(240, 480)}, "turned": {asJPEG(t, scene(2000, 1000), 6), image.Pt(240, 480)},
		"small": {flat.Bytes(), image.Pt(100, 50)}, "a line": {asJPEG(t, scene(4000, 1), 0), image.Pt(480, 1)},
	} {
		if err := s.Set("MUG/1", bytes.NewReader(c.file)); err != nil {
			t.Errorf("%s: %v", name, err)
		} else if got := shown(t, s, "MUG/1").Bounds().Size(); got != c.size {
			t.Errorf("%s: %v, want %v", name, got, c.size)
		}
	}
	if err := s.Set("PEN", bytes.NewReader(flat.Bytes())); err != nil {
		t.Fatal(err)
	}
	last := s.Of("MUG/1")
	if err := os.WriteFile(filepath.Join(data, "pictures", "4d55472f31.part"), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(data, "pictures", "holiday.jpg"), []byte("somebody's own"), 0o600); err != nil {
		t.Fatal(err)
	}
	s = open(t, data)
	if all, _ := os.ReadDir(filepath.Join(data, "pictures")); s.Of("MUG/1") != last || len(all) != 3 {
		t.Errorf("after a restart %q, and before it %q; %d files", s.Of("MUG/1"), last, len(all))
	}
	if err := errors.Join(s.Remove("MUG/1"), s.Remove("MUG/1")); err != nil || s.Of("MUG/1") != "" || s.Of("PEN") == "" {
		t.Error(err)
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequest("GET", "/pictures/x", nil))
	if w.Code != http.StatusNotFound {
		t.Error(w.Code)
	}
}

// TestPhotographsStandUpright, however the phone was held.
func TestPhotographsStandUpright(t *testing.T) {
	is := func(c color.Color) string {
		r, g, b, _ := c.RGBA()
		switch {
		case r > 0xa000 && g > 0xa000 && b > 0xa000:
			return "white"
		case r > b:
			return "red"
		}
		return "blue"
	}
	// the corners of the scene as each orientation shows it: upper left, upper right, lower left, lower right
	for n, want := range map[int]string{1: "red white red blue", 2: "white red blue red", 3: "blue red white red", 4: "red blue red white", 5: "red red white blue", 6: "red red blue white", 7: "blue white red red", 8: "white blue red red", 9: "red white red blue"} {
		s := open(t, t.TempDir())
		if err := s.Set("MUG", bytes.NewReader(asJPEG(t, scene(64, 64), n))); err != nil {
			t.Fatal(err)
		}
		m := shown(t, s, "MUG")
		if got := strings.Join([]string{is(m.At(8, 8)), is(m.At(56, 8)), is(m.At(8, 56)), is(m.At(56, 56))}, " "); got != want {
			t.Errorf("orientation %d: %s, want %s", n, got, want)
		}
	}
}

// TestWhatIsNoPicture gets a clear error, and leaves the picture that was there.
func TestWhatIsNoPicture(t *testing.T) {
	s := open(t, t.TempDir())
	good := asJPEG(t, scene(100, 100), 0)
	if err := s.Set("MUG", bytes.NewReader(good)); err != nil {
		t.Fatal(err)
	}
	was := s.Of("MUG")
	huge := asJPEG(t, scene(16, 16), 0)
	at := bytes.Index(huge, []byte{0xff, 0xc0}) // its size (ITU-T T.81, B.2.2)
	binary.BigEndian.PutUint16(huge[at+5:], 60000)
	binary.BigEndian.PutUint16(huge[at+7:], 60000)
	for _, c := range []struct {
		file []byte
		says string
	}{
		{nil, "no picture that the kit can read"}, {[]byte("GIF89a"), "no picture that the kit can read"}, {huge, "60000 x 60000 pixels: expected at most 25 million"},
		{good[:len(good)/2], "damaged"}, {bytes.Repeat([]byte{0}, MaxFile+1), "too large"},
	} {
		if err := s.Set("MUG", bytes.NewReader(c.file)); !errors.As(err, new(Told)) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%v, want %q", err, c.says)
		}
	}
	s.room = func() bool { return false }
	if err := s.Set("PEN", bytes.NewReader(good)); !errors.As(err, new(Told)) || s.Of("PEN") != "" || s.Of("MUG") != was {
		t.Errorf("%v, %q", err, s.Of("MUG"))
	}
}

// FuzzOrientation: no photograph makes a kit fall over.
func FuzzOrientation(f *testing.F) {
	f.Add([]byte{0xff, 0xd8, 0xff, 0xe1, 0, 34, 'E', 'x', 'i', 'f', 0, 0, 'I', 'I', 42, 0, 8, 0, 0, 0, 1, 0, 18, 1, 3, 0, 1, 0, 0, 0, 6, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		if n := orientation(b); n < 1 || n > 8 {
			t.Fatal(n)
		}
	})
}
