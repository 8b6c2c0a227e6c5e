package camlink

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"edgekit.internal/capture"
)

var everyMessage = []Message{
	Scene{Rev: 7, Prompts: []capture.Prompt{{Offer: "mug", Title: "كوب", Price: "€ 10.00", Left: 2, Of: 5,
		State: capture.PromptLive, Ends: time.Minute}}, Banners: []capture.Banner{{Text: "Confirmed · A-042", Until: time.Hour}}},
	Scene{Rev: 8, Lower: capture.Lower{Name: "Ada", Line: "Mugs"}, QR: capture.QR{Text: "HTTP://K/T/1", Label: "Mug"}, Theme: capture.Theme{Light: true, Accent: 0xFFC93C}},
	Scene{},
	Keyframe{Layer: 1},
	Bitrate{Layer: 0, Kbps: 900},
	WantStill{},
	Refocus{},
	NextCamera{},
	Prefer{At: "usb-0000:01:00.0-1.2"},
	Pace{Every: 4},
	Still("a picture"),
	Hello{{ID: 0, Width: 1280, Height: 720, FPS: 30, Kbps: 1800}, {ID: 1, Width: 640, Height: 360, FPS: 30, Kbps: 600}},
	AccessUnit{Layer: 1, Key: true, RTP: 0xdeadbeef, At: 42 * time.Hour, Data: []byte{0, 0, 0, 1, 0x65, 9}},
	AccessUnit{RTP: 1, Data: []byte{0}},
	Areas{RTP: 90000, Rev: 7, Areas: []capture.Area{{Offer: "mug", X: 0.1, Y: 0.7, W: 0.2, H: 1}}},
	Source{State: "ready", Name: "HD Webcam", Format: "MJPEG 1280x720 30/s", Tuned: "focus held"},
	Zones{{Name: "face", Light: 40, Blown: 1, Crushed: 2, Sharp: -1}},
	Code{Kind: "ean-13", Text: "4006381333931"},
	Mute{On: true},
	Mute{},
	Sound{RTP: 0xfffffffe, At: 42 * time.Hour, Data: []byte{0x78, 1, 2}},
	Microphone{State: "ready", Name: "USB PnP Sound Device", Format: "48000 Hz 16-bit mono", Muted: true, Level: -42, Lost: 3},
	Microphone{State: "absent", Reason: "no microphone"},
	Beat{Frames: 3, Mean: 7 * time.Millisecond, Drops: 1},
}

func TestEveryMessageComesOutAsItWentIn(t *testing.T) {
	var stream []byte
	for _, m := range everyMessage {
		var err error
		if stream, err = Append(stream, m); err != nil {
			t.Fatal(err)
		}
	}
	for name, r := range map[string]io.Reader{
		"at once": bytes.NewReader(stream), "byte by byte": iotest.OneByteReader(bytes.NewReader(stream)),
	} {
		messages := NewReader(r)
		for _, want := range everyMessage {
			got, err := messages.Read()
			if err != nil {
				t.Fatalf("%s: %T: %v", name, want, err)
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("%s: %s", name, d)
			}
		}
		if _, err := messages.Read(); err != io.EOF {
			t.Errorf("%s: end of stream: %v", name, err)
		}
	}
}

func TestMessagesOutOfBoundsAreNeitherWrittenNorRead(t *testing.T) {
	for name, m := range map[string]Message{
		"layer":           Keyframe{Layer: MaxLayers},
		"no rate":         Bitrate{Layer: 0},
		"no pace":         Pace{},
		"slow pace":       Pace{Every: MaxPace + 1},
		"no data":         AccessUnit{},
		"too much data":   AccessUnit{Data: make([]byte, MaxMessage)},
		"time before 0":   AccessUnit{At: -1, Data: []byte{1}},
		"no layers":       Hello{},
		"layers mixed up": Hello{{ID: 1, Width: 2, Height: 2, FPS: 1, Kbps: 1}},
		"no width":        Hello{{ID: 0, Height: 2, FPS: 1, Kbps: 1}},
		"area outside":    Areas{Areas: []capture.Area{{X: 1.01}}},
		"area nowhere":    Areas{Areas: []capture.Area{{X: math.NaN()}}},
		"many areas":      Areas{Areas: make([]capture.Area, MaxAreas+1)},
		"many prompts":    Scene{Prompts: make([]capture.Prompt, MaxPrompts+1)},
		"long contents":   Scene{Prompts: []capture.Prompt{{In: strings.Repeat("x", maxText+1)}}},
		"long code":       Scene{QR: capture.QR{Text: strings.Repeat("x", maxText+1)}},
		"long name":       Scene{Lower: capture.Lower{Name: strings.Repeat("x", maxText+1)}},
		"no colour":       Scene{Theme: capture.Theme{Accent: 1 << 24}},
		"long title":      Scene{Prompts: []capture.Prompt{{Title: strings.Repeat("x", maxText+1)}}},
		"endless banner":  Scene{Banners: []capture.Banner{{Until: math.MaxInt64}}},
		"far place":       Prefer{At: strings.Repeat("x", maxText+1)},
		"camera state":    Source{State: "tired"},
		"no sound":        Sound{RTP: 1},
		"much sound":      Sound{Data: make([]byte, MaxSound+1)},
		"sound before 0":  Sound{At: -1, Data: []byte{1}},
		"deaf":            Microphone{State: "deaf"},
		"too loud":        Microphone{State: "ready", Level: 1},
		"too quiet":       Microphone{State: "ready", Level: capture.QuietLevel - 1},
		"long microphone": Microphone{State: "ready", Name: strings.Repeat("x", maxText+1)},
		"beat":            Beat{Mean: -1},
		"dark":            Zones{{Name: "face", Light: -1}},
		"zone elsewhere":  Zones{{Name: "face", X: 1.5}},
		"too sharp":       Zones{{Name: "face", Sharp: 101}},
		"many zones":      make(Zones, maxZones+1),
		"kind of code":    Code{Kind: "aztec", Text: "x"},
		"empty code":      Code{Kind: "qr"},
		"long held code":  Code{Kind: "qr", Text: strings.Repeat("x", MaxCode+1)},
	} {
		before := []byte("before")
		if got, err := Append(before, m); err == nil || string(got) != "before" {
			t.Errorf("%s: written as % x, %v", name, got, err)
		}
	}
	for name, c := range map[string]struct {
		kind byte
		body []byte
	}{
		"unknown kind": {99, nil},
		"short key":    {kindKeyframe, nil},
		"short rate":   {kindBitrate, []byte{1}},
		"short pace":   {kindPace, nil},
		"short mute":   {kindMute, nil},
		"half muted":   {kindMute, []byte{2}},
		"short sound":  {kindSound, make([]byte, soundSize-1)},
		"short beat":   {kindBeat, make([]byte, beatSize-1)},
		"short unit":   {kindAccessUnit, make([]byte, unitHeader-1)},
		"unit's flags": {kindAccessUnit, append([]byte{0, 0x82}, make([]byte, 40)...)},
		"no JSON":      {kindScene, []byte(`{"rev":`)},
		"wrong JSON":   {kindHello, []byte(`{"id":"a"}`)},
		"area outside": {kindAreas, []byte(`{"areas":[{"w":-1}]}`)},
	} {
		if m, err := Decode(c.kind, c.body); err == nil {
			t.Errorf("%s: read as %+v", name, m)
		}
	}
}

func TestBrokenStreamsEndWithAnErrorBeforeMuchIsRead(t *testing.T) {
	long := binary.BigEndian.AppendUint32(nil, MaxMessage+1)
	for name, c := range map[string]struct {
		stream []byte
		want   error
	}{
		"cut in header": {[]byte{0, 0}, io.ErrUnexpectedEOF},
		"cut in body":   {[]byte{0, 0, 0, 9, kindBeat, 1}, io.ErrUnexpectedEOF},
		"cut after it":  {[]byte{0, 0, 0, 9, kindBeat}, io.ErrUnexpectedEOF},
		"empty":         {[]byte{0, 0, 0, 0, 1}, nil},
		"too long":      {append(long, 1), nil},
	} {
		_, err := NewReader(bytes.NewReader(c.stream)).Read()
		if err == nil || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzDecode: whatever is accepted is written and read again as the same message.
func FuzzDecode(f *testing.F) {
	for _, m := range everyMessage {
		b, err := Append(nil, m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, stream []byte) {
		m, err := NewReader(bytes.NewReader(stream)).Read()
		if err != nil {
			return
		}
		again, err := Append(nil, m)
		if err != nil {
			t.Fatalf("%+v is read but not written: %v", m, err)
		}
		second, err := NewReader(bytes.NewReader(again)).Read()
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(m, second); d != "" {
			t.Fatal(d)
		}
	})
}
