package file

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"image"
	"io"
	"strconv"
	"strings"
	"time"
)

// YUV4MPEG2, as the manual page yuv4mpeg(5) of mjpegtools describes it: a line "YUV4MPEG2" with parameters behind it, each a letter
// and a value; then for each picture a line "FRAME", perhaps with parameters, and the planes Y, Cb and Cr without gaps.
const (
	y4mMagic = "YUV4MPEG2"
	y4mFrame = "FRAME"
	maxLine  = 1024
)

type y4m struct {
	width, height int
	every         time.Duration
}

// readHeader reads the first line.
func readHeader(in *bufio.Reader) (y4m, error) {
	line, err := readLine(in)
	if err != nil {
		return y4m{}, fmt.Errorf("Y4M header: %w", err)
	}
	h, err := parseHeader(line)
	if err != nil {
		return y4m{}, fmt.Errorf("Y4M header %.80q: %w", line, err)
	}
	return h, nil
}

// readLine reads up to a newline, of at most maxLine bytes.
func readLine(in *bufio.Reader) (string, error) {
	var line []byte
	for {
		b, err := in.ReadByte()
		if err == io.EOF && len(line) > 0 {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return "", err
		}
		if b == '\n' {
			return string(line), nil
		}
		if line = append(line, b); len(line) > maxLine {
			return "", fmt.Errorf("a line of more than %d bytes", maxLine)
		}
	}
}

// parseHeader reads size, rate, interlacing and colour; other parameters (A pixel aspect, X comments) are passed over. Colour is
// 4:2:0 of 8 bits, which is also what a file means that does not say.
func parseHeader(line string) (y4m, error) {
	fields := strings.Split(line, " ")
	if fields[0] != y4mMagic {
		return y4m{}, errors.New("expected " + y4mMagic)
	}
	h := y4m{every: time.Second / 25}
	for _, f := range fields[1:] {
		if f == "" {
			continue
		}
		value, err := f[1:], error(nil)
		switch f[0] {
		case 'W':
			h.width, err = strconv.Atoi(value)
		case 'H':
			h.height, err = strconv.Atoi(value)
		case 'F':
			h.every, err = interval(value)
		case 'I':
			if value != "p" && value != "?" {
				err = errors.New("interlaced, expected whole pictures (Ip)")
			}
		case 'C':
			switch value {
			case "420", "420jpeg", "420mpeg2", "420paldv":
			default:
				err = errors.New("expected C420 of 8 bits")
			}
		}
		if err != nil {
			return y4m{}, fmt.Errorf("%s: %w", f, err)
		}
	}
	return h, sane(h.width, h.height)
}

// interval is the time between pictures of a rate such as "30000:1001".
func interval(rate string) (time.Duration, error) {
	a, b, _ := strings.Cut(rate, ":")
	n, err := strconv.ParseUint(a, 10, 31)
	d, err2 := strconv.ParseUint(b, 10, 31)
	if err = errors.Join(err, err2); err != nil {
		return 0, err
	}
	if n == 0 || d == 0 || n > maxFPS*d || d > 60*n {
		return 0, fmt.Errorf("expected a picture a minute to %d a second", maxFPS)
	}
	return time.Duration(d) * time.Second / time.Duration(n), nil
}

func (h y4m) skipHeader(in *bufio.Reader) error {
	again, err := readHeader(in)
	if err == nil && again != h {
		err = errors.New("the file changed")
	}
	return err
}

func (h y4m) next(in *bufio.Reader) (*image.YCbCr, error) {
	line, err := readLine(in)
	if err != nil {
		return nil, err
	}
	if !bytes.HasPrefix([]byte(line+" "), []byte(y4mFrame+" ")) {
		return nil, fmt.Errorf("Y4M picture begins with %.40q, expected %s", line, y4mFrame)
	}
	img := image.NewYCbCr(image.Rect(0, 0, h.width, h.height), image.YCbCrSubsampleRatio420)
	for _, plane := range [][]byte{img.Y, img.Cb, img.Cr} {
		if _, err := io.ReadFull(in, plane); err != nil {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return nil, fmt.Errorf("Y4M picture: %w", err)
		}
	}
	return even(img), nil
}

// even leaves out an odd last line and column.
func even(img *image.YCbCr) *image.YCbCr {
	img.Rect.Max = image.Pt(img.Rect.Dx()&^1, img.Rect.Dy()&^1)
	return img
}
