package record

import (
	"math"
	"testing"
	"time"
)

// TestARecordingIsWhatWasFed: with its sound, its length, and nothing that a decoder complains of.
func TestARecordingIsWhatWasFed(t *testing.T) {
	for _, sound := range []bool{true, false} {
		s := open(t, Config{})
		if sound {
			s.Sound(packetAt(began - 20*time.Millisecond))
		}
		s.start()
		s.pictures(began, began+25*time.Second, 300, sound)
		s.finish()
		r := s.only()
		if d := r.Long - 25*time.Second; d < -frame || d > frame {
			t.Errorf("sound %v: %v long", sound, r.Long)
		}
		p := probe(t, s.file(r))
		want := 1
		if sound {
			want = 2
		}
		if len(p.Streams) != want || p.Streams[0].Codec != "h264" || p.Streams[0].Width != 160 || p.Streams[0].Packets != "750" {
			t.Fatalf("sound %v: %+v", sound, p)
		}
		for _, one := range p.Streams {
			if math.Abs(p.number(one.Start)) > 0.03 || math.Abs(p.number(one.Long)-25) > 0.1 {
				t.Errorf("%+v", one)
			}
		}
		if sound && (p.Streams[1].Codec != "opus" || p.number(p.Streams[1].Packets) < 1248) {
			t.Errorf("%+v", p)
		}
		decodes(t, s.file(r))
		if n := s.Stats(); n.Dropped+n.Late+n.Failures+n.Silence != 0 || n.Files != 1 || n.Fragments < 12 || n.Fragments > 15 {
			t.Errorf("%+v", n)
		}
	}
}
