// Package v4l2 runs cameras through the kernel's Video4Linux2 interface (include/uapi/linux/videodev2.h, the kernel's
// userspace-api/media/v4l documentation), without C: it finds them, picks a mode, and turns what they send into 4:2:0
// pictures in limited range with the time at which they were taken.
package v4l2

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Bounds on what a driver may claim.
const (
	maxSide    = 4096 // pixels
	maxEntries = 64   // of each list: formats, sizes of one, rates of one size
	maxModes   = 1024
	maxBuffer  = 64 << 20 // bytes
)

// Info is a camera that was found.
type Info struct {
	Path  string // "/dev/video0"
	Name  string // as the device calls itself
	Bus   string // where it is plugged in, such as "usb-0000:01:00.0-1.2"
	Modes []Mode
}

// Devices are a machine's cameras. Its zero value is this machine's. It keeps count of drivers that did not come back from a call, and
// leaves those alone until they do, so there should be one only. Safe for concurrent use.
type Devices struct {
	H264 *H264 // nil: cameras' H.264 is not read

	open func(path string) (driver, error) // nil: the kernel's

	mu    sync.Mutex
	stuck []*node // up to maxStuck, and what was under way at that time
}

// Find lists the cameras among /dev/video*, in the order of their numbers: devices that capture pictures in a format that
// is understood. Codecs, scalers and metadata nodes are left out. A device that cannot be opened (in use, just pulled, or stuck)
// is left out too.
func (ds *Devices) Find() (found []Info) {
	paths := Nodes()
	slices.SortFunc(paths, func(a, b string) int { return number(a) - number(b) })
	for _, path := range paths {
		if info, err := ds.inspect(path); err == nil {
			found = append(found, info)
		}
	}
	return found
}

// Nodes are the names of what Find looks at. That they are the same is a sign that nothing was plugged in or pulled.
func Nodes() []string {
	paths, err := filepath.Glob("/dev/video*")
	if err != nil {
		return nil // the pattern is none that can be wrong
	}
	return paths
}

// number orders /dev/video10 after /dev/video9.
func number(path string) int {
	n, err := strconv.Atoi(strings.TrimPrefix(path, "/dev/video"))
	if err != nil {
		return 1 << 30
	}
	return n
}

func (ds *Devices) inspect(path string) (Info, error) {
	n, err := ds.openNode(path)
	if err != nil {
		return Info{}, err
	}
	info, err := n.query()
	if err = errors.Join(err, n.close()); err != nil {
		return Info{}, err
	}
	info.Modes = ds.H264.readable(info.Modes)
	if !slices.ContainsFunc(info.Modes, func(m Mode) bool { return m.Format.known() }) {
		return Info{}, errNoMode
	}
	return info, nil
}

// query asks a device who it is and what it can do.
func (n *node) query() (Info, error) {
	var c capability
	if err := ioctl(n, vidiocQueryCap, &c); err != nil {
		return Info{}, fmt.Errorf("ask what it is (VIDIOC_QUERYCAP): %w", err)
	}
	caps := c.capabilities
	if caps&capDeviceCaps != 0 {
		caps = c.deviceCaps // of this node, not of all nodes of the device
	}
	if caps&capVideoCapture == 0 || caps&capStreaming == 0 || caps&capM2M != 0 || !isCamera(text(c.driver[:])) {
		return Info{}, errors.New("it is no camera: it does not capture pictures by itself")
	}
	return Info{Path: n.path, Name: text(c.card[:]), Bus: text(c.busInfo[:]), Modes: n.modes()}, nil
}

// isCamera leaves out the parts of a Pi's own image processor that look like cameras but wait for pictures themselves.
func isCamera(driver string) bool {
	return driver != "bcm2835-isp" && driver != "bcm2835-codec" && driver != "pispbe"
}

// text is a string of the kernel's: up to the first NUL, printable.
func text(b []byte) string {
	b, _, _ = bytes.Cut(b, []byte{0})
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, strings.ToValidUTF8(string(b), "?"))
}

// modes lists formats with their sizes and rates (VIDIOC_ENUM_FMT, _ENUM_FRAMESIZES, _ENUM_FRAMEINTERVALS). The end of each
// list is EINVAL, and so is a list that the driver does not keep.
func (n *node) modes() (out []Mode) {
	for i := range uint32(maxEntries) {
		d := formatDesc{index: i, kind: videoCapture}
		if ioctl(n, vidiocEnumFmt, &d) != nil {
			return out
		}
		for _, size := range n.sizes(d.pixelFormat) {
			for _, fps := range n.rates(d.pixelFormat, size) {
				if len(out) < maxModes {
					out = append(out, Mode{d.pixelFormat, int(size[0]), int(size[1]), fps})
				}
			}
		}
	}
	return out
}

// usual sizes, for drivers that take any.
var usual = [][2]uint32{{320, 180}, {320, 240}, {640, 360}, {640, 480}, {800, 600}, {1280, 720}, {1920, 1080}}

func (n *node) sizes(f FourCC) (out [][2]uint32) {
	for i := range uint32(maxEntries) {
		s := frameSize{index: i, pixelFormat: f}
		if ioctl(n, vidiocEnumFrameSizes, &s) != nil {
			return out
		}
		if s.kind != discrete {
			return inRange(s.size)
		}
		out = append(out, [2]uint32{s.size[0], s.size[1]})
	}
	return out
}

// inRange picks the usual sizes between the least and the most, on the steps.
func inRange(s [6]uint32) (out [][2]uint32) {
	on := func(v, least, most, step uint32) bool {
		return v >= least && v <= most && (step < 2 || (v-least)%step == 0)
	}
	for _, u := range usual {
		if on(u[0], s[0], s[1], s[2]) && on(u[1], s[3], s[4], s[5]) {
			out = append(out, u)
		}
	}
	return out
}

func (n *node) rates(f FourCC, size [2]uint32) (out []float64) {
	for i := range uint32(maxEntries) {
		v := frameInterval{index: i, pixelFormat: f, width: size[0], height: size[1]}
		if err := ioctl(n, vidiocEnumFrameIntervals, &v); err != nil {
			if i == 0 {
				return []float64{assumedFPS} // keeps no list
			}
			return out
		}
		if v.kind != discrete { // from the shortest interval on, any
			return fast(v.interval[0])
		}
		out = append(out, perSecond(v.interval[0]))
	}
	return out
}

// assumedFPS is for drivers that do not say: most can do it.
const assumedFPS = 30

// fast is the usual rates up to that of the shortest interval.
func fast(shortest fraction) (out []float64) {
	most := perSecond(shortest)
	for _, fps := range []float64{5, 10, 15, 20, 25, 30, 60} {
		if fps <= most {
			out = append(out, fps)
		}
	}
	return out
}

func perSecond(interval fraction) float64 {
	if interval.numerator == 0 {
		return 0
	}
	return float64(interval.denominator) / float64(interval.numerator)
}
