package v4l2

import (
	"errors"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Control is something about a camera that can be set, as its driver describes it (VIDIOC_QUERYCTRL).
type Control struct {
	ID                      uint32
	Name                    string
	Min, Max, Step, Default int32

	kind  uint32
	flags uint32
}

// The controls that are known here (include/uapi/linux/v4l2-controls.h).
const (
	controlWhiteBalanceAuto = 0x0098090c // V4L2_CID_AUTO_WHITE_BALANCE
	controlMains            = 0x00980918 // V4L2_CID_POWER_LINE_FREQUENCY: 0 off, 1 50 Hz, 2 60 Hz, 3 by itself
	controlBacklight        = 0x0098091c // V4L2_CID_BACKLIGHT_COMPENSATION
	controlExposureMode     = 0x009a0901 // V4L2_CID_EXPOSURE_AUTO: 0 all by itself, 1 by hand, 3 with the aperture given, as webcams have it
	controlExposurePriority = 0x009a0903 // V4L2_CID_EXPOSURE_AUTO_PRIORITY: 1: dim light may cost rate
	controlFocus            = 0x009a090a // V4L2_CID_FOCUS_ABSOLUTE
	controlFocusAuto        = 0x009a090c // V4L2_CID_FOCUS_AUTO
	controlZoom             = 0x009a090d // V4L2_CID_ZOOM_ABSOLUTE
)

type queryControl struct { // struct v4l2_queryctrl
	id                    uint32
	kind                  uint32
	name                  [32]byte
	min, max, step, usual int32
	flags                 uint32
	_                     [2]uint32
}

type queryMenu struct { // struct v4l2_querymenu, which is packed: no gaps in this order
	id, index uint32
	_         [32]byte
	_         uint32
}

const (
	kindMenu, kindIntegerMenu = 3, 9 // V4L2_CTRL_TYPE_MENU, _INTEGER_MENU

	flagDisabled = 0x0001 // V4L2_CTRL_FLAG_…
	flagReadOnly = 0x0004
	flagNext     = 0x80000000

	maxControls = 256
)

var (
	vidiocGetCtrl   = request(dirRead|dirWrite, 27, unsafe.Sizeof(control{}))
	vidiocQueryCtrl = request(dirRead|dirWrite, 36, unsafe.Sizeof(queryControl{}))
	vidiocQueryMenu = request(dirRead|dirWrite, 37, unsafe.Sizeof(queryMenu{}))
)

// controls are what can be set of the camera.
func (d *Device) controls() (all []Control) {
	q := queryControl{}
	for range maxControls {
		q = queryControl{id: q.id | flagNext}
		if ioctl(d.node, vidiocQueryCtrl, &q) != nil {
			return all
		}
		if q.flags&(flagDisabled|flagReadOnly) == 0 {
			all = append(all, Control{ID: q.id, Name: text(q.name[:]), Min: q.min, Max: q.max, Step: max(q.step, 1), Default: q.usual, kind: q.kind, flags: q.flags})
		}
	}
	return all
}

// set gives a control a value, and sees that it has it: some cameras take what they then do not do.
func (d *Device) set(c Control, value int32) error {
	if value < c.Min || value > c.Max || !d.offers(c, value) {
		return errNoSuchValue
	}
	v := control{id: c.ID, value: value}
	if err := ioctl(d.node, vidiocSetCtrl, &v); err != nil {
		return explainControl(err)
	}
	if ioctl(d.node, vidiocGetCtrl, &v) == nil && v.value != value {
		return fmt.Errorf("it stays at %d", v.value)
	}
	return nil
}

// offers tells whether a menu has an item; they may have gaps.
func (d *Device) offers(c Control, item int32) bool {
	if c.kind != kindMenu && c.kind != kindIntegerMenu {
		return true
	}
	q := queryMenu{id: c.ID, index: uint32(item)}
	return ioctl(d.node, vidiocQueryMenu, &q) == nil
}

var errNoSuchValue = errors.New("it has no such value")

func explainControl(err error) error {
	switch {
	case errors.Is(err, unix.EINVAL), errors.Is(err, unix.ERANGE):
		return errNoSuchValue
	case errors.Is(err, unix.EBUSY), errors.Is(err, unix.EACCES):
		return errors.New("it is not free now")
	case errors.Is(err, unix.EIO), errors.Is(err, unix.EPIPE):
		return errors.New("it refuses")
	}
	return err
}
