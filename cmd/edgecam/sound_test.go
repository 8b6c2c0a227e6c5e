package main

import (
	"math"
	"syscall"
	"testing"
	"time"

	"edgekit.internal/capture"
	"edgekit.internal/capture/synth"
	"edgekit.internal/cmd/edgecam/internal/opus"
)

// listener decodes what comes, in order, and looks for knocks.
type listener struct {
	t       *testing.T
	decoder *opus.Decoder
	last    capture.Sound
	loud    bool
	lost    bool            // the first packet is yet to come
	knocks  []time.Duration // when they began, as the packets' times say
}

func newListener(t *testing.T) *listener {
	t.Helper()
	d, err := opus.NewDecoder()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return &listener{t: t, decoder: d, lost: true}
}

// hear decodes a packet, and tells how loud its loudest sample is.
func (l *listener) hear(s capture.Sound) (most int) {
	l.t.Helper()
	pcm, err := l.decoder.Decode(s.Data)
	if err != nil {
		l.t.Fatal(err)
	}
	if s.RTP != capture.SoundTimestamp(s.At) || !l.lost && s.At <= l.last.At {
		l.t.Fatalf("sound of %v with timestamp %d after %v", s.At, s.RTP, l.last.At)
	}
	l.last, l.lost = s, false
	for i, v := range pcm {
		at := max(int(v), -int(v))
		if most = max(most, at); at > 6000 && !l.loud {
			l.loud = true
			l.knocks = append(l.knocks, s.At+time.Duration(i)*time.Second/capture.SoundRate)
		}
	}
	l.loud = l.loud && most > 1000
	return most
}

var heard = append([]string{"-microphone", "synthetic"}, small...)

// TestVoiceIsInStepWithThePicture: each knock begins, by its packets' timestamps, when the ball touches the counter by its pictures', a whole second
// of CLOCK_MONOTONIC. What is apart here is so on every screen: 45 ms are seen.
func TestVoiceIsInStepWithThePicture(t *testing.T) {
	k := startKit(t, heard...)
	if m := await(k, "microphone", func(m capture.Microphone) bool { return m.State == "ready" }); m.Name != synth.Name {
		t.Errorf("%+v", m)
	}
	l := newListener(t)
	pictures := map[time.Duration]time.Duration{} // by second, the distance of the picture nearest to its begin
	for len(l.knocks) < 4 {
		switch e := (<-k.events).(type) {
		case capture.Sound:
			l.hear(e)
		case capture.AccessUnit:
			second := e.At.Round(time.Second)
			if off, seen := pictures[second]; e.Layer == 0 && (!seen || (e.At-second).Abs() < off.Abs()) {
				pictures[second] = e.At - second
				if e.RTP != capture.Timestamp(e.At) {
					t.Errorf("picture of %v has timestamp %d", e.At, e.RTP)
				}
			}
		}
	}
	for _, at := range l.knocks[1:] { // the first may have been cut
		second := at.Round(time.Second)
		t.Logf("knock %+.1f ms, picture of the ball that touches the counter %+.1f ms from second %d", (at-second).Seconds()*1000, pictures[second].Seconds()*1000, second/time.Second)
		if (at - second).Abs() > 5*time.Millisecond {
			t.Errorf("a knock at %v, expected at %v", at, second)
		}
	}
}

// TestMutedIsSilentInEveryLife: what was heard before comes out no more, also of the program that follows one which was killed.
func TestMutedIsSilentInEveryLife(t *testing.T) {
	k := startKit(t, heard...)
	l := newListener(t)
	for len(l.knocks) < 1 {
		l.hear(await(k, "sound", any1[capture.Sound]))
	}
	k.SetMute(true)
	await(k, "muting", func(m capture.Microphone) bool { return m.Muted })
	quiet := func() {
		t.Helper()
		l := newListener(t)
		for n := range 120 {
			if most := l.hear(await(k, "silence", any1[capture.Sound])); n > 5 && most > 20 {
				t.Fatalf("packet %d while muted: %d", n, most)
			}
		}
	}
	quiet()
	if err := syscall.Kill(k.Stats().PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	await(k, "the next life", any1[[]capture.Layer])
	quiet()
	k.SetMute(false)
	l = newListener(t)
	for len(l.knocks) < 1 {
		l.hear(await(k, "sound", any1[capture.Sound]))
	}
}

// TestPictureAndSoundDoNotNeedOneAnother: without a camera there is sound, and without a microphone there are pictures.
func TestPictureAndSoundDoNotNeedOneAnother(t *testing.T) {
	k := startKit(t, "-camera", "/dev/video-none", "-microphone", "synthetic", "-width", "320", "-height", "180", "-fonts", t.TempDir())
	await(k, "no camera", func(s capture.Source) bool { return s.State == "absent" })
	l := newListener(t)
	for len(l.knocks) < 1 {
		l.hear(await(k, "sound", any1[capture.Sound]))
	}
	k = startKit(t, append([]string{"-microphone", "hw:31,0"}, small...)...)
	if m := await(k, "no microphone", func(m capture.Microphone) bool { return m.State != "opening" }); m.State != "absent" {
		t.Errorf("%+v", m)
	}
	for range 30 {
		await(k, "picture", any1[capture.AccessUnit])
	}
	k = startKit(t, append([]string{"-microphone", "none"}, small...)...)
	if m := await(k, "none wanted", any1[capture.Microphone]); m.State != "off" || math.Abs(float64(m.Level)) > 0 {
		t.Errorf("%+v", m)
	}
}
