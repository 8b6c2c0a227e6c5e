package push

import (
	"testing"
	"testing/synctest"
	"time"

	"edgekit.internal/capture"
)

func testFeed(every time.Duration) (*feed, *[]uint8) {
	var asked []uint8
	f := newFeed(func(l uint8) { asked = append(asked, l) }, every, 1000)
	f.setLayers(twoLayers)
	f.start()
	return f, &asked
}

func taken(f *feed) (ts []uint32) {
	for {
		au, ok := f.takePicture()
		if !ok {
			return ts
		}
		ts = append(ts, au.RTP)
	}
}

// Nobody takes: what waits is bounded, and what is sent afterwards can be decoded.
func TestAStuckConnectionGoesOnWithAKeyPicture(t *testing.T) {
	f, _ := testFeed(time.Second)
	f.picture(unit(1, 0, true, 100))
	for i := range uint32(100) {
		f.picture(unit(1, i+1, false, 100))
	}
	if n := len(taken(f)); n > maxPictures {
		t.Fatalf("%d pictures waited", n)
	}
	f.picture(unit(1, 200, false, 100))
	if got := taken(f); got != nil {
		t.Fatalf("%v was taken, which cannot be decoded", got)
	}
	f.picture(unit(1, 300, true, 100))
	f.picture(unit(1, 301, false, 100))
	if got := taken(f); len(got) != 2 || got[0] != 300 {
		t.Fatalf("%v", got)
	}
	if _, _, _, overflow := f.state(); overflow != 1 || f.dropped.Load() != maxPictures+1 {
		t.Fatalf("%d, dropped %d", overflow, f.dropped.Load())
	}
	for i := range uint32(50) { // large ones
		f.picture(unit(1, 400+i, true, 300<<10))
	}
	if f.bytes > maxBytes {
		t.Fatalf("%d bytes wait", f.bytes)
	}
	taken(f)
	if f.bytes != 0 {
		t.Fatalf("%d bytes are left of nothing", f.bytes)
	}
	for i := range 100 {
		f.sound(capture.Sound{RTP: uint32(i)})
	}
	if s, _ := f.takeSound(); s.RTP != 100-maxSounds {
		t.Fatalf("the oldest sound is %d", s.RTP)
	}
}

// A layer changes at a key picture of the new one, and no picture of the old one comes after it.
func TestLayersChangeAtAKeyPicture(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, asked := testFeed(time.Millisecond)
		f.picture(unit(1, 1, true, 100))
		time.Sleep(2 * time.Millisecond) // no two wants are closer
		f.change(0)
		if got := *asked; len(got) == 0 || got[len(got)-1] != 0 {
			t.Fatalf("asked for %v", got)
		}
		f.picture(unit(0, 10, false, 100)) // cannot be decoded yet
		f.picture(unit(1, 11, false, 100))
		f.picture(unit(0, 20, true, 100))
		f.picture(unit(1, 21, false, 100))
		f.picture(unit(1, 22, true, 100))
		f.picture(unit(0, 30, false, 100))
		got := taken(f)
		if len(got) != 4 || got[0] != 1 || got[1] != 11 || got[2] != 20 || got[3] != 30 {
			t.Fatalf("%v", got)
		}
		f.setLayers(twoLayers[1:]) // the camera program has started with one layer
		f.picture(unit(1, 40, false, 100))
		f.picture(unit(1, 41, true, 100))
		if got := taken(f); len(got) != 1 || got[0] != 41 {
			t.Fatalf("%v", got)
		}
	})
}

// Whatever a server asks for, the stall's own viewers pay for no more key pictures than was agreed.
func TestKeyPicturesAreAskedForNoMoreThanAgreed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, asked := testFeed(time.Second)
		begun := len(*asked)
		for i := range uint32(10 * 30) {
			for range 20 {
				f.key()
			}
			f.picture(unit(1, i, false, 10))
			taken(f)
			time.Sleep(time.Second / 30)
		}
		if n := len(*asked) - begun; n < 9 || n > 11 {
			t.Fatalf("asked %d times in 10 s", n)
		}
		f.picture(unit(1, 1000, true, 10))
		f.stop()
		n := len(*asked)
		time.Sleep(2 * time.Second)
		f.picture(unit(1, 1001, false, 10))
		f.key()
		if len(*asked) != n {
			t.Fatal("asked though nobody takes")
		}
	})
}
