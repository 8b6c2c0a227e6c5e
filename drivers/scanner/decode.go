package scanner

import (
	"encoding/binary"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// maxText bounds a code, in characters: a QR code for people to scan at a counter has far fewer.
const maxText = 512

// pauseMost is how long a scanner may take between two keys, also by radio. Keys before a longer pause are no code.
const pauseMost = 700 * time.Millisecond

// event is a struct input_event's (linux/input.h).
type event struct {
	at    time.Duration
	kind  uint16
	code  uint16
	value int32
}

const (
	evSyn      = 0
	evKey      = 1
	synDropped = 3
)

var sizeTime = int(unsafe.Sizeof(unix.Timeval{}))

// sizeEvent is the size of a struct input_event.
var sizeEvent = sizeTime + 8

// parseEvents takes what the kernel wrote; a part of an event at the end is left out.
func parseEvents(b []byte) (es []event) {
	for ; len(b) >= sizeEvent; b = b[sizeEvent:] {
		var at time.Duration
		if sizeTime == 16 {
			at = time.Duration(binary.NativeEndian.Uint64(b))*time.Second + time.Duration(binary.NativeEndian.Uint64(b[8:]))*time.Microsecond
		} else {
			at = time.Duration(binary.NativeEndian.Uint32(b))*time.Second + time.Duration(binary.NativeEndian.Uint32(b[4:]))*time.Microsecond
		}
		rest := b[sizeTime:]
		es = append(es, event{at, binary.NativeEndian.Uint16(rest), binary.NativeEndian.Uint16(rest[2:]), int32(binary.NativeEndian.Uint32(rest[4:]))})
	}
	return es
}

// decoder makes codes of key events. It has no clock but the events' own.
type decoder struct {
	down    map[uint16]bool // keys that modify others
	caps    bool
	strokes []stroke
	bad     bool // what comes until the end is no code: too long, or events of it were lost
	last    time.Duration
	number  rune // typed on the number pad while Alt is down: a character by its number
	typing  bool // Alt is down

	torn int // codes that were given up
}

// feed takes an event. done are a code's strokes, when it ended with this event; none, and not nil: it ended, and did not come whole.
func (d *decoder) feed(e event) (done []stroke) {
	if d.down == nil {
		d.down = map[uint16]bool{}
	}
	switch {
	case e.kind == evSyn && e.code == synDropped: // the kernel's buffer was full: which keys are down now is not known either
		clear(d.down)
		d.typing, d.bad = false, true
		return nil
	case e.kind != evKey:
		return nil
	}
	switch e.code {
	case keyLeftShift, keyRightShift, keyLeftCtrl, keyRightCtrl, keyRightAlt:
		d.down[e.code] = e.value != 0
		return nil
	case keyLeftAlt:
		d.alt(e)
		return nil
	case keyCapsLock:
		d.caps = d.caps != (e.value == 1)
		return nil
	}
	if e.value != 1 { // let go; or repeated, which scanners never do
		return nil
	}
	switch e.code {
	case keyEnter, keyKPEnter, keyTab:
		return d.end()
	}
	if digit := pad[e.code]; d.typing && digit >= '0' && digit <= '9' {
		d.number = min(d.number*10+digit-'0', 0x110000)
		return nil
	}
	ctrl := d.down[keyLeftCtrl] || d.down[keyRightCtrl]
	both := ctrl && d.typing // Ctrl and Alt, which Windows takes for AltGr
	d.add(e.at, stroke{key: e.code, shift: d.down[keyLeftShift] || d.down[keyRightShift], altGr: d.down[keyRightAlt] || both,
		alt: d.typing && !both, ctrl: ctrl && !both, caps: d.caps})
	return nil
}

// alt takes Alt, which with the number pad is how scanners send characters that no layout has.
func (d *decoder) alt(e event) {
	switch {
	case e.value == 1:
		d.typing, d.number = true, 0
	case e.value == 0 && d.typing:
		d.typing = false
		if d.number > 0 && d.number < 0x110000 {
			d.add(e.at, stroke{literal: d.number})
		}
	}
}

func (d *decoder) add(at time.Duration, s stroke) {
	if len(d.strokes) > 0 && (at-d.last > pauseMost || at < d.last) {
		d.strokes = nil
		d.torn++
	}
	d.last = at
	if d.strokes = append(d.strokes, s); len(d.strokes) > maxText {
		d.strokes, d.bad = nil, true
	}
}

func (d *decoder) end() (done []stroke) {
	done = d.strokes
	d.strokes = nil
	if d.bad {
		d.bad = false
		d.torn++
		return []stroke{}
	}
	return done
}

// lines makes codes of a serial scanner's bytes: each ends with CR, LF, or both.
type lines struct {
	text []byte
	bad  bool
	torn int
}

func (l *lines) feed(b []byte) (codes []string) {
	for _, c := range b {
		switch {
		case c == '\r' || c == '\n' || c == '\t':
			if l.bad {
				l.torn++
			} else if len(l.text) > 0 {
				codes = append(codes, printable(l.text))
			}
			l.text, l.bad = l.text[:0], false
		case len(l.text) == 4*maxText:
			l.text, l.bad = l.text[:0], true
		case !l.bad:
			l.text = append(l.text, c)
		}
	}
	return codes
}
