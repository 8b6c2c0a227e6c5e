package camlink

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"time"
)

const (
	headerSize = 5                          // length and kind
	unitHeader = 1 + 1 + 4 + 8              // layer, flags, RTP timestamp, time
	soundSize  = 4 + 8                      // RTP timestamp, time; the packet follows
	beatSize   = 8 + 8 + 8                  //
	flagKey    = 1                          // of an access unit: an IDR picture
	maxAt      = 200 * 365 * 24 * time.Hour // no machine is up for longer; keeps sums from overflowing
)

// Append appends a message as it goes over the link. It refuses what Decode would refuse, so that a fault shows where it
// is made.
func Append(dst []byte, m Message) ([]byte, error) {
	if err := check(m); err != nil {
		return dst, err
	}
	start := len(dst)
	out := append(dst, 0, 0, 0, 0, m.kind())
	switch m := m.(type) {
	case Keyframe:
		out = append(out, m.Layer)
	case Bitrate:
		out = binary.BigEndian.AppendUint32(append(out, m.Layer), m.Kbps)
	case Pace:
		out = append(out, m.Every)
	case AccessUnit:
		var flags byte
		if m.Key {
			flags |= flagKey
		}
		out = binary.BigEndian.AppendUint32(append(out, m.Layer, flags), m.RTP)
		out = binary.BigEndian.AppendUint64(out, uint64(m.At))
		out = append(out, m.Data...)
	case Mute:
		on := byte(0)
		if m.On {
			on = 1
		}
		out = append(out, on)
	case Sound:
		out = binary.BigEndian.AppendUint32(out, m.RTP)
		out = binary.BigEndian.AppendUint64(out, uint64(m.At))
		out = append(out, m.Data...)
	case WantStill, Refocus, NextCamera:
	case Still:
		out = append(out, m...)
	case Beat:
		out = binary.BigEndian.AppendUint64(out, m.Frames)
		out = binary.BigEndian.AppendUint64(out, uint64(m.Mean))
		out = binary.BigEndian.AppendUint64(out, m.Drops)
	default:
		body, err := json.Marshal(m)
		if err != nil {
			return dst, fmt.Errorf("camlink: write %T: %w", m, err)
		}
		out = append(out, body...)
	}
	size := len(out) - start - 4
	if size > MaxMessage {
		return dst, fmt.Errorf("camlink: %T of %d bytes, expected at most %d", m, size, MaxMessage)
	}
	binary.BigEndian.PutUint32(out[start:], uint32(size))
	return out, nil
}

// Decode reads the body of a message of the given kind. An AccessUnit's Data is a window on body, not a copy.
func Decode(kind byte, body []byte) (Message, error) {
	m, err := decode(kind, body)
	if err != nil {
		return nil, err
	}
	return m, check(m)
}

// bare are the messages without a body, which are wishes.
var bare = map[byte]Message{kindWantStill: WantStill{}, kindRefocus: Refocus{}, kindNextCamera: NextCamera{}}

func decode(kind byte, body []byte) (Message, error) {
	if m, ok := bare[kind]; ok {
		if len(body) != 0 {
			return nil, badSize(fmt.Sprintf("%T", m), len(body), 0)
		}
		return m, nil
	}
	switch kind {
	case kindScene:
		return fromJSON[Scene](body)
	case kindHello:
		return fromJSON[Hello](body)
	case kindAreas:
		return fromJSON[Areas](body)
	case kindSource:
		return fromJSON[Source](body)
	case kindZones:
		return fromJSON[Zones](body)
	case kindCode:
		return fromJSON[Code](body)
	case kindMicrophone:
		return fromJSON[Microphone](body)
	case kindKeyframe:
		if len(body) != 1 {
			return nil, badSize("keyframe", len(body), 1)
		}
		return Keyframe{body[0]}, nil
	case kindBitrate:
		if len(body) != 5 {
			return nil, badSize("bitrate", len(body), 5)
		}
		return Bitrate{body[0], binary.BigEndian.Uint32(body[1:])}, nil
	case kindPace:
		if len(body) != 1 {
			return nil, badSize("pace", len(body), 1)
		}
		return Pace{body[0]}, nil
	case kindMute:
		if len(body) != 1 || body[0] > 1 {
			return nil, fmt.Errorf("camlink: mute of % x, expected 0 or 1", body[:min(len(body), 8)])
		}
		return Mute{body[0] == 1}, nil
	case kindPrefer:
		return fromJSON[Prefer](body)
	case kindStill:
		return Still(body), nil
	case kindBeat:
		if len(body) != beatSize {
			return nil, badSize("beat", len(body), beatSize)
		}
		be := binary.BigEndian
		return Beat{be.Uint64(body), time.Duration(be.Uint64(body[8:])), be.Uint64(body[16:])}, nil
	case kindSound:
		if len(body) < soundSize {
			return nil, badSize("sound", len(body), soundSize)
		}
		be := binary.BigEndian
		return Sound{RTP: be.Uint32(body), At: time.Duration(be.Uint64(body[4:])), Data: body[soundSize:]}, nil
	case kindAccessUnit:
		if len(body) < unitHeader {
			return nil, badSize("access unit", len(body), unitHeader)
		}
		if body[1]&^flagKey != 0 {
			return nil, fmt.Errorf("camlink: access unit with flags %#x, expected 0 or 1", body[1])
		}
		return AccessUnit{
			Layer: body[0],
			Key:   body[1]&flagKey != 0,
			RTP:   binary.BigEndian.Uint32(body[2:]),
			At:    time.Duration(binary.BigEndian.Uint64(body[6:])),
			Data:  body[unitHeader:],
		}, nil
	}
	return nil, fmt.Errorf("camlink: message of unknown kind %d", kind)
}

func badSize(what string, got, want int) error {
	return fmt.Errorf("camlink: %s of %d bytes, expected %d", what, got, want)
}

func fromJSON[M Message](body []byte) (Message, error) {
	var m M
	if err := json.Unmarshal(body, &m); err != nil {
		return nil, fmt.Errorf("camlink: read %T: %w", m, err)
	}
	return m, nil
}

// Reader reads messages from a stream. It holds at most one message besides its buffer.
type Reader struct{ r *bufio.Reader }

// NewReader reads messages from r.
func NewReader(r io.Reader) *Reader { return &Reader{bufio.NewReaderSize(r, 64<<10)} }

// Read returns the next message; io.EOF when the stream ends between two. After any error the stream cannot be read on,
// since it is not known where the next message begins.
func (r *Reader) Read() (Message, error) {
	var header [headerSize]byte
	if _, err := io.ReadFull(r.r, header[:]); err != nil {
		return nil, err
	}
	size := binary.BigEndian.Uint32(header[:])
	if size < 1 || size > MaxMessage {
		return nil, fmt.Errorf("camlink: message of %d bytes, expected 1 to %d", size, MaxMessage)
	}
	body := make([]byte, size-1)
	if _, err := io.ReadFull(r.r, body); err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	return Decode(header[4], body)
}
