// Package file plays a file as if it were a camera: a still picture (JPEG, PNG), Motion JPEG (JPEGs one after the other), or
// YUV4MPEG2 (.y4m), in a loop at its rate.
package file

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"time"

	"edgekit.internal/capture"
)

// Bounds on files.
const (
	maxSide  = 4096     // pixels
	maxStill = 64 << 20 // bytes of a JPEG or PNG
	maxFPS   = 120
)

// Config says how a file is played.
type Config struct {
	Path string
	FPS  int // pictures a second, 1 to 120, where the file does not say: all but Y4M

	// DecodeJPEG reads a JPEG to a 4:2:0 picture with even sides in limited range (v4l2.DecodeJPEG does).
	DecodeJPEG func([]byte) (*image.YCbCr, error)
	// FromRGB draws any picture into a 4:2:0 one (v4l2.FromRGB does).
	FromRGB func(out *image.YCbCr, in image.Image)
	// Fit brings a picture to the size wanted. It may return its argument. Nil leaves pictures as they are.
	Fit func(*image.YCbCr) *image.YCbCr
	// Pace says which of the pictures are handed out. Nil: all.
	Pace *capture.Pace
}

// Camera is an open file.
type Camera struct {
	cfg    Config
	file   *os.File
	in     *bufio.Reader
	reader reader
	kind   string
	size   image.Point
	every  time.Duration
}

// reader reads the pictures of a file in turn.
type reader interface {
	// next returns a picture of its own each time, io.EOF after the last.
	next(in *bufio.Reader) (*image.YCbCr, error)
	// skipHeader reads what stands before the first picture.
	skipHeader(in *bufio.Reader) error
}

// Open reads enough of a file to know that it can be played: its first picture. Errors name the file and what was expected.
func Open(cfg Config) (*Camera, error) {
	if cfg.FPS < 1 || cfg.FPS > maxFPS {
		return nil, fmt.Errorf("file: %d pictures a second, expected 1 to %d", cfg.FPS, maxFPS)
	}
	f, err := os.Open(cfg.Path)
	if err != nil {
		return nil, fmt.Errorf("file: play %s: %w", cfg.Path, err)
	}
	c := &Camera{cfg: cfg, file: f, in: bufio.NewReaderSize(f, 1<<20), every: time.Second / time.Duration(cfg.FPS)}
	if err := c.recognise(); err != nil {
		f.Close() // read only
		return nil, fmt.Errorf("file: play %s: %w", cfg.Path, err)
	}
	return c, nil
}

// recognise goes by the first bytes, not by the name.
func (c *Camera) recognise() error {
	if st, err := c.file.Stat(); err != nil || !st.Mode().IsRegular() {
		return errors.Join(err, errors.New("not a plain file"))
	}
	start, err := c.in.Peek(16)
	if err != nil && len(start) < 4 {
		return errUnknown
	}
	switch {
	case bytes.HasPrefix(start, []byte(y4mMagic)):
		h, err := readHeader(c.in)
		if err != nil {
			return err
		}
		c.kind, c.reader, c.every = "Y4M", h, h.every
	case bytes.HasPrefix(start, []byte("\x89PNG")):
		c.kind = "PNG"
		c.reader, err = c.png()
	case start[0] == 0xff && start[1] == 0xd8:
		c.kind, c.reader = "MJPEG", motion{c.cfg.DecodeJPEG}
	default:
		return errUnknown
	}
	if err != nil {
		return err
	}
	first, err := c.reader.next(c.in)
	if err != nil {
		return fmt.Errorf("first picture: %w", err)
	}
	if c.kind != "PNG" { // whose picture is brought to its size already
		c.size = first.Rect.Size()
	}
	if _, err := c.in.Peek(1); err == io.EOF && c.kind == "MJPEG" {
		c.kind, c.reader = "JPEG", c.still(first)
	}
	return c.rewind()
}

var errUnknown = errors.New("expected a JPEG, a PNG, Motion JPEG or YUV4MPEG2")

func (c *Camera) rewind() error {
	if _, err := c.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	c.in.Reset(c.file)
	return c.reader.skipHeader(c.in)
}

func (c *Camera) png() (reader, error) {
	data, err := io.ReadAll(io.LimitReader(c.in, maxStill))
	if err != nil {
		return nil, err
	}
	cfg, err := png.DecodeConfig(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("png: %w", err)
	}
	if err := sane(cfg.Width, cfg.Height); err != nil {
		return nil, err
	}
	img, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("png: %w", err)
	}
	out := image.NewYCbCr(image.Rect(0, 0, cfg.Width&^1, cfg.Height&^1), image.YCbCrSubsampleRatio420)
	c.cfg.FromRGB(out, img)
	c.size = out.Rect.Size()
	return c.still(out), nil
}

func sane(w, h int) error {
	if w < 2 || h < 2 || w > maxSide || h > maxSide {
		return fmt.Errorf("pictures of %d×%d, expected sides of 2 to %d", w, h, maxSide)
	}
	return nil
}

// Name is the file's name.
func (c *Camera) Name() string { return "file " + filepath.Base(c.cfg.Path) }

// Format is such as "Y4M 1280x720 30/s".
func (c *Camera) Format() string {
	return fmt.Sprintf("%s %dx%d %.3g/s", c.kind, c.size.X, c.size.Y, float64(time.Second)/float64(c.every))
}

// Run hands out pictures until ctx ends, which returns nil; after the last comes the first. Waits are reckoned from the start, so
// they do not drift; when out takes longer than a picture lasts, the next come as late. A picture that cannot be read, or a file
// that was cut meanwhile, ends it with an error.
func (c *Camera) Run(ctx context.Context, out func(capture.Frame)) error {
	due := time.Now()
	wait := time.NewTimer(0)
	defer wait.Stop()
	some := false // since the last rewind
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-wait.C:
		}
		img, err := c.reader.next(c.in)
		if err == io.EOF && some {
			some = false
			if err = c.rewind(); err == nil {
				img, err = c.reader.next(c.in)
			}
		}
		if err != nil {
			return fmt.Errorf("file: play %s: %w", c.cfg.Path, err)
		}
		some = true
		if c.cfg.Pace.Due() {
			if c.cfg.Fit != nil {
				img = c.cfg.Fit(img)
			}
			out(capture.Frame{Image: img, At: capture.Monotonic()})
		}
		now := time.Now()
		if due = due.Add(c.every); due.Before(now) {
			due = now
		}
		wait.Reset(due.Sub(now))
	}
}

// Close closes the file; after Run.
func (c *Camera) Close() error {
	if err := c.file.Close(); err != nil {
		return fmt.Errorf("file: %w", err)
	}
	return nil
}
