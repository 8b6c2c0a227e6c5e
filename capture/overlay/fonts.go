package overlay

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/go-text/typesetting/bidi"
	"github.com/go-text/typesetting/font"
	ot "github.com/go-text/typesetting/font/opentype"
	"github.com/go-text/typesetting/shaping"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/goregular"
)

const (
	maxFontFiles = 4096     // names kept from all folders together
	maxFontBytes = 64 << 20 // a larger file is not opened; the largest Noto face, CJK, has 20 MB
	maxBadNoted  = 8        // unreadable files named in Note
)

// SystemFontDirs are the folders in which Debian's packages fonts-noto-core and fonts-noto-cjk put their faces.
func SystemFontDirs() []string {
	return []string{"/usr/share/fonts/truetype/noto", "/usr/share/fonts/opentype/noto"}
}

// Fonts draws lines of text in any script for which a Noto face was found. Opening it reads folders and two files;
// every other face is opened when the first text in its script is drawn, and stays open. In memory a face takes 0.5 to 2 MB,
// one for Chinese, Japanese or Korean 21 MB. Safe for concurrent use: one line is shaped
// at a time.
type Fonts struct {
	mu    sync.Mutex
	files map[string]string      // "notosansthai-bold" → path
	faces map[faceKey]*font.Face // nil: could not be read
	gofnt [2]*font.Face          // the Go font, regular and bold: always there
	dirs  []string               // those that hold the files
	asked []string
	bad   []string // what could not be read, for Note
	nbad  int

	shaper shaping.HarfbuzzShaper
	split  shaping.Segmenter
	bidi   bidi.Paragraph
	lines  lineCache
}

// faceKey is a file, by its name in Fonts.files, and a place in it.
type faceKey struct {
	stem  string
	index int
}

// LoadFonts looks for Noto faces (files named such as NotoSans-Regular.ttf or NotoSansArabic-Bold.ttf) in those dirs
// that exist; where two hold the same face, the earlier one is used. With none found the Go font is used, which has
// Latin, Greek and Cyrillic, and Note says so. A file that cannot be read is left out and named by Note, now or when it
// is first needed. The error is for the case that not even the Go font can be read, which a tested build excludes.
func LoadFonts(dirs ...string) (*Fonts, error) {
	f := &Fonts{files: map[string]string{}, faces: map[faceKey]*font.Face{}, asked: slices.Clone(dirs)}
	for i, data := range [][]byte{goregular.TTF, gobold.TTF} {
		face, err := parseFace(bytes.NewReader(data), 0)
		if err != nil {
			return nil, fmt.Errorf("overlay: read the built-in Go font: %w", err)
		}
		f.gofnt[i] = face
	}
	for _, dir := range dirs {
		entries, err := os.ReadDir(dir)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			f.spoilt(dir, err)
		}
		before := len(f.files)
		for _, e := range entries {
			name := strings.ToLower(e.Name())
			ext := filepath.Ext(name)
			if !strings.HasPrefix(name, "noto") || (ext != ".ttf" && ext != ".otf" && ext != ".ttc") || len(f.files) >= maxFontFiles {
				continue
			}
			if stem := strings.TrimSuffix(name, ext); f.files[stem] == "" {
				f.files[stem] = filepath.Join(dir, e.Name())
			}
		}
		if len(f.files) > before {
			f.dirs = append(f.dirs, dir)
		}
	}
	f.named("NotoSans", false)
	f.named("NotoSans", true)
	return f, nil
}

// Note says in one line which faces are used and which files could not be read; it is for the log and the console.
func (f *Fonts) Note() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var s string
	if len(f.files) == 0 {
		s = fmt.Sprintf("no Noto faces in %s: text is drawn with the Go font, which has only Latin, Greek and Cyrillic; install fonts-noto-core",
			strings.Join(f.asked, ", "))
		if len(f.asked) == 0 {
			s = "no folder for fonts given: text is drawn with the Go font, which has only Latin, Greek and Cyrillic"
		}
	} else {
		s = fmt.Sprintf("%d Noto faces in %s", len(f.files), strings.Join(f.dirs, ", "))
	}
	if f.nbad > 0 {
		s += fmt.Sprintf("; %d could not be read: %s", f.nbad, strings.Join(f.bad, "; "))
	}
	return s
}

func (f *Fonts) spoilt(path string, err error) {
	f.nbad++
	if len(f.bad) < maxBadNoted {
		f.bad = append(f.bad, fmt.Sprintf("%s (%v)", path, err))
	}
}

// named gives the face of a family such as "NotoSansThai", or "NotoSansCJK#2" for the third of a collection, or nil. A
// missing bold is stood in for by the regular.
func (f *Fonts) named(family string, bold bool) *font.Face {
	stem, place, _ := strings.Cut(strings.ToLower(family), "#")
	index, _ := strconv.Atoi(place) // none: 0
	if bold {
		if face := f.file(stem+"-bold", index); face != nil {
			return face
		}
	}
	return f.file(stem+"-regular", index)
}

func (f *Fonts) file(stem string, index int) *font.Face {
	path := f.files[stem]
	if path == "" {
		return nil
	}
	key := faceKey{stem, index}
	face, ok := f.faces[key]
	if !ok {
		var err error
		if face, err = openFace(path, index); err != nil {
			f.spoilt(path, err)
		}
		f.faces[key] = face
	}
	return face
}

func openFace(path string, index int) (*font.Face, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close() // read only: nothing to lose
	st, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if !st.Mode().IsRegular() || st.Size() > maxFontBytes {
		return nil, fmt.Errorf("expected a plain file of at most %d MB", maxFontBytes>>20)
	}
	return parseFace(file, index)
}

// parseFace reads one face of a font file or collection. The parser is not ours and the file may be anything, so its
// panic is turned into an error.
func parseFace(r font.Resource, index int) (face *font.Face, err error) {
	defer func() {
		if p := recover(); p != nil {
			face, err = nil, fmt.Errorf("not a usable font: %v", p)
		}
	}()
	loaders, err := ot.NewLoaders(r)
	if err != nil {
		return nil, fmt.Errorf("not a font: %w", err)
	}
	if len(loaders) == 0 {
		return nil, errors.New("an empty collection of fonts")
	}
	if index >= len(loaders) {
		index = 0
	}
	ft, err := font.NewFont(loaders[index])
	if err != nil {
		return nil, fmt.Errorf("not a usable font: %w", err)
	}
	if ft.Upem() == 0 {
		return nil, errors.New("not a usable font: it has no units per em")
	}
	return font.NewFace(ft), nil
}
