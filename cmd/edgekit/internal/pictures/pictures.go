// Package pictures keeps a small picture of each thing for sale, as visitors' pages show it: made once from whatever the operator has, and there before doors open.
//
// They are files in the folder "pictures" of the data folder, HEX.DIGEST.jpg: the SKU's letters in hex, and what tells the picture from the one before it. Only this package
// writes them, one whole file after the other, and reads the names at a start; a crash leaves the old picture or the new one, or both, of which the next start keeps the
// one that is newer.
package pictures

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	_ "image/png" // what operators have
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/image/draw"
	_ "golang.org/x/image/webp"

	"edgekit.internal/hardware/whole"
)

// Bounds of what is taken, and of what is made of it.
const (
	// MaxFile bounds a picture's file, in bytes, and MaxPixels what it unpacks to: a phone's own photographs, as they are, pass.
	MaxFile   = 8 << 20
	MaxPixels = 25_000_000
	// Side is the longer side of what is made, in pixels: twice what the page shows, for screens of phones.
	Side    = 480
	quality = 80
	// most bounds what all of them take together, in bytes.
	most = 512 << 20
)

// Told is why a picture is of no use, for people.
type Told string

func (t Told) Error() string { return string(t) }

// Shelf has the pictures, by SKU. It is safe for concurrent use.
type Shelf struct {
	dir  string
	room func() bool // on the disk

	make sync.Mutex // one is made at a time: each takes much memory

	mu    sync.RWMutex
	of    map[string]file   // by SKU
	named map[string]string // paths, by the name that pages have
	bytes int64
}

type file struct {
	name string
	size int64
	at   time.Time
}

// Open reads which there are. room tells whether the disk has room for one more.
func Open(data string, room func() bool) (*Shelf, error) {
	s := &Shelf{dir: filepath.Join(data, "pictures"), room: room, of: map[string]file{}, named: map[string]string{}}
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return nil, fmt.Errorf("pictures: %w", err)
	}
	all, err := os.ReadDir(s.dir)
	if err != nil {
		return nil, fmt.Errorf("pictures: %w", err)
	}
	for _, e := range all {
		if strings.HasSuffix(e.Name(), ".part") { // half of one
			os.Remove(filepath.Join(s.dir, e.Name()))
			continue
		}
		letters, rest, _ := strings.Cut(e.Name(), ".")
		sku, err := hex.DecodeString(letters)
		info, gone := e.Info()
		if err != nil || gone != nil || len(rest) != 2*digest+len(".jpg") || !strings.HasSuffix(rest, ".jpg") {
			continue // somebody else's
		}
		s.put(string(sku), file{e.Name(), info.Size(), info.ModTime()})
	}
	return s, nil
}

const digest = 8 // bytes of a picture's digest in its name

// put has a SKU have a picture, if it is newer than the one that it has; the other one goes. s.mu is held, or nobody else knows s yet.
func (s *Shelf) put(sku string, f file) {
	if was, ok := s.of[sku]; ok && was.name != f.name {
		old := was
		if was.at.After(f.at) {
			old, f = f, was
		}
		delete(s.named, public(old.name))
		os.Remove(filepath.Join(s.dir, old.name)) // else the next start does
		s.bytes -= was.size
	} else if ok {
		s.bytes -= was.size
	}
	s.of[sku] = f
	s.named[public(f.name)] = filepath.Join(s.dir, f.name)
	s.bytes += f.size
}

// public is a picture's name in pages, which says nothing of the SKU.
func public(name string) string {
	_, rest, _ := strings.Cut(name, ".")
	return rest
}

// Of is where pages find the picture of a SKU; "": it has none.
func (s *Shelf) Of(sku string) string {
	if s == nil {
		return ""
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	f, ok := s.of[sku]
	if !ok {
		return ""
	}
	return "/pictures/" + public(f.name)
}

// Set makes a SKU's picture of a JPEG, PNG or WebP, in place of the one that it had. The error is Told where the picture, or room for it, is what is wrong.
func (s *Shelf) Set(sku string, picture io.Reader) error {
	s.make.Lock()
	defer s.make.Unlock()
	small, err := shrink(picture)
	if err != nil {
		return err
	}
	s.mu.RLock()
	full := s.bytes+int64(len(small)) > most
	s.mu.RUnlock()
	if full || !s.room() {
		return Told("There is no room for more pictures.")
	}
	sum := sha256.Sum256(small)
	name := hex.EncodeToString([]byte(sku)) + "." + hex.EncodeToString(sum[:digest]) + ".jpg"
	if err := whole.Replace(filepath.Join(s.dir, name), small); err != nil {
		return fmt.Errorf("pictures: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.put(sku, file{name, int64(len(small)), time.Now()})
	return nil
}

// Remove takes a SKU's picture away, if it has one.
func (s *Shelf) Remove(sku string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, ok := s.of[sku]
	if !ok {
		return nil
	}
	if err := os.Remove(filepath.Join(s.dir, f.name)); err != nil {
		return fmt.Errorf("pictures: %w", err)
	}
	delete(s.of, sku)
	delete(s.named, public(f.name))
	s.bytes -= f.size
	return nil
}

// ServeHTTP answers pages. A picture's name is its content's: it never changes.
func (s *Shelf) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	s.mu.RLock()
	path, ok := s.named[r.PathValue("name")]
	s.mu.RUnlock()
	b, err := os.ReadFile(path)
	if !ok || err != nil {
		http.NotFound(rw, r)
		return
	}
	rw.Header().Set("Content-Type", "image/jpeg")
	rw.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	rw.Write(b) // an error here is the asker's connection gone
}

// shrink makes the small picture.
func shrink(picture io.Reader) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(picture, MaxFile+1))
	if err != nil {
		return nil, Told(fmt.Sprintf("The picture did not come whole (%v). Try again.", err))
	}
	if len(b) > MaxFile {
		return nil, Told(fmt.Sprintf("The picture is too large: expected at most %d MB.", MaxFile>>20))
	}
	is, _, err := image.DecodeConfig(bytes.NewReader(b))
	if err != nil {
		return nil, Told("That is no picture that the kit can read: expected a JPEG, PNG or WebP.")
	}
	if is.Width < 1 || is.Height < 1 || is.Width > MaxPixels/is.Height {
		return nil, Told(fmt.Sprintf("The picture has %d x %d pixels: expected at most %d million.", is.Width, is.Height, MaxPixels/1_000_000))
	}
	large, _, err := image.Decode(bytes.NewReader(b))
	if err != nil {
		return nil, Told("That picture is damaged.")
	}
	w, h := large.Bounds().Dx(), large.Bounds().Dy()
	if long := max(w, h); long > Side {
		w, h = max(1, w*Side/long), max(1, h*Side/long)
	}
	small := image.NewRGBA(image.Rect(0, 0, w, h))
	draw.Draw(small, small.Rect, image.NewUniform(color.White), image.Point{}, draw.Src) // behind what is transparent
	draw.CatmullRom.Scale(small, small.Rect, large, large.Bounds(), draw.Over, nil)
	var out bytes.Buffer
	if err := jpeg.Encode(&out, upright(small, orientation(b)), &jpeg.Options{Quality: quality}); err != nil {
		return nil, fmt.Errorf("pictures: %w", err)
	}
	return out.Bytes(), nil
}
