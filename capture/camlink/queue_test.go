package camlink

import (
	"context"
	"net"
	"testing"

	"edgekit.internal/capture"
)

func TestFullQueueDropsPicturesUpToTheNextKeyPictureAndKeepsTheRest(t *testing.T) {
	q := newQueue()
	q.control(kindAreas, []byte{1})
	for i := range maxQueued - 1 {
		if !q.unit(uint8(i%2), i < 2, []byte{2}) {
			t.Fatalf("picture %d refused", i)
		}
	}
	if q.unit(0, false, []byte{3}) {
		t.Fatal("a picture went into a full queue")
	}
	if q.unit(0, false, []byte{4}) || q.unit(1, false, []byte{4}) {
		t.Fatal("a picture was taken that refers to a dropped one")
	}
	if got, want := q.drops(), uint64(maxQueued-1+3); got != want {
		t.Errorf("%d drops counted, expected %d", got, want)
	}
	if !q.unit(1, true, []byte{5}) || !q.unit(1, false, []byte{6}) {
		t.Fatal("a layer did not resume at its key picture")
	}
	if q.unit(0, false, []byte{7}) {
		t.Fatal("the other layer resumed too")
	}
	var got []byte
	for it, ok := q.pop(); ok; it, ok = q.pop() {
		got = append(got, it.bytes...)
	}
	if string(got) != "\x01\x05\x06" || q.bytes != 0 {
		t.Errorf("left in the queue: % x, %d bytes counted", got, q.bytes)
	}
}

func TestBytesWaitingAreBounded(t *testing.T) {
	q := newQueue()
	big := make([]byte, maxQueuedBytes/2+1)
	if !q.unit(0, true, big) || q.unit(0, true, big) {
		t.Fatal("expected room for one of two")
	}
	if !q.unit(0, true, big) || q.bytes > maxQueuedBytes {
		t.Errorf("%d bytes wait", q.bytes)
	}
}

func TestSmallMessagesStayBoundedWithTheLatestOfEachKind(t *testing.T) {
	q := newQueue()
	for i := range 4 * 256 { // far beyond maxQueued
		q.control(kindAreas, []byte{byte(i)})
		q.control(kindBeat, []byte{byte(i)})
		q.control(kindBeat, []byte{byte(i)})
	}
	if len(q.items) > maxQueued+4 {
		t.Errorf("%d messages wait", len(q.items))
	}
	last := map[byte]byte{}
	for it, ok := q.pop(); ok; it, ok = q.pop() {
		last[it.kind] = it.bytes[0]
	}
	if want := byte(255); last[kindAreas] != want || last[kindBeat] != want {
		t.Errorf("the latest got lost: %v", last)
	}
}

// TestSoundOutlastsPicturesAndIsBoundedToo: of a second that the daemon does not read, the last half is heard.
func TestSoundOutlastsPicturesAndIsBoundedToo(t *testing.T) {
	q := newQueue()
	for i := range byte(60) {
		for range 4 {
			q.unit(0, true, []byte{0xff})
		}
		q.sound([]byte{i})
	}
	var heard []byte
	pictures := 0
	for it, ok := q.pop(); ok; it, ok = q.pop() {
		if it.kind == kindSound {
			heard = append(heard, it.bytes...)
			continue
		}
		pictures++
	}
	if len(heard) != maxSounds || heard[0] != 60-maxSounds || heard[maxSounds-1] != 59 {
		t.Errorf("heard % x", heard)
	}
	if q.silenced() != 60-maxSounds || q.drops()+uint64(pictures) != 240 || q.bytes != 0 || q.sounds != 0 {
		t.Errorf("%d packets of sound dropped, %d pictures of 240 kept and %d dropped, %d bytes and %d packets counted in an empty queue",
			q.silenced(), pictures, q.drops(), q.bytes, q.sounds)
	}
}

func TestOrdersReachTheChildAndNonsenseEndsIt(t *testing.T) {
	ours, theirs := net.Pipe()
	c := NewConn(theirs)
	got := make(chan any, 8)
	ended := make(chan error, 1)
	go func() {
		ended <- c.Run(context.Background(), Orders{
			Scene:    func(s capture.Scene) { got <- s.Rev },
			Keyframe: func(l uint8) { got <- l },
			Bitrate:  func(l uint8, kbps int) { got <- [2]int{int(l), kbps} },
			Pace:     func(every int) { got <- every },
		})
	}()
	for _, m := range []Message{Scene{Rev: 3}, Keyframe{2}, Bitrate{1, 500}, Pace{2}, Beat{}} {
		b, err := Append(nil, m)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ours.Write(b); err != nil {
			t.Fatal(err)
		}
	}
	if a, b, c, d := <-got, <-got, <-got, <-got; a != uint64(3) || b != uint8(2) || c != [2]int{1, 500} || d != 2 {
		t.Errorf("%v %v %v %v", a, b, c, d)
	}
	if err := <-ended; err == nil {
		t.Error("a beat from the daemon was taken for an order")
	}
}

func TestChildEndsWellWhenTheDaemonGoes(t *testing.T) {
	ours, theirs := net.Pipe()
	c := NewConn(theirs)
	if err := c.SendHello([]capture.Layer{{Width: 2, Height: 2, FPS: 1, Kbps: 1}}); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Run(context.Background(), Orders{}) }()
	if m, err := NewReader(ours).Read(); err != nil || len(m.(Hello)) != 1 {
		t.Fatalf("%v, %v", m, err)
	}
	ours.Close()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
