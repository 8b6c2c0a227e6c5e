package air

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

var ladder = []int{1800, 600, 150}

// crowd are so many seats that are alike.
func crowd(n int, s Seat) []Seat {
	seats := make([]Seat, n)
	for i := range seats {
		seats[i] = s
		if s.Cost == 0 {
			seats[i].Cost = 1
		}
	}
	return seats
}

func layers(seats []Seat) (of [3]int) {
	for _, s := range seats {
		of[s.Layer]++
	}
	return of
}

// settled is a governor for whom so much came through when it went wrong, and that since then allows what it allows.
func settled(through int, seats []Seat) *Governor {
	g := &Governor{}
	for i := range seats {
		seats[i].Told, seats[i].Queue, seats[i].Sent, seats[i].Delivered = true, time.Second/10, 2*through/len(seats), through/len(seats)
	}
	g.Judge(10*Every, seats)
	for i := range seats {
		seats[i].Queue, seats[i].Sent = 0, 0
	}
	g.Judge(11*Every, seats)
	return g
}

func TestOneBadWayIsNobodyElses(t *testing.T) {
	for _, c := range []struct {
		of, bad int
		common  bool
	}{{1, 1, true}, {2, 1, false}, {2, 2, true}, {3, 2, true}, {6, 2, false}, {6, 3, true}, {13, 6, false}, {13, 7, true}, {100, 49, false}, {100, 50, true}} {
		seats := crowd(c.of, Seat{Told: true, Sent: 1000, Delivered: 1000})
		for i := range c.bad {
			seats[c.of-1-i].Queue = 80 * time.Millisecond
		}
		if got := (&Governor{}).Judge(time.Second, seats); got != c.common {
			t.Errorf("%d of %d: %v", c.bad, c.of, got)
		}
	}
}

// TestWhoCameFirstKnowsBest: who comes when a queue stands takes it for the way's length.
func TestWhoCameFirstKnowsBest(t *testing.T) {
	seats := crowd(20, Seat{Told: true, Sent: 1000, Delivered: 500})
	for i := range 4 {
		seats[i].Queue = 80 * time.Millisecond
	}
	if !(&Governor{}).Judge(time.Second, seats) {
		t.Error("four of the first five do not count")
	}
	seats[0].Queue = 0
	if (&Governor{}).Judge(time.Second, seats) {
		t.Error("three of the first five do")
	}
}

// TestWhatCameThroughIsKept under: less at once, and that is it once the queue has gone.
func TestWhatCameThroughIsKept(t *testing.T) {
	seats := crowd(10, Seat{})
	g := settled(6000, seats)
	if g.bound() != use*6000 || g.Rate() != 0 { // nothing is wanted yet
		t.Errorf("%+v", g)
	}
	scale := g.Share(12*Every, ladder, seats)
	if all := sum(ladder, seats, nil) * scale; all > use*6000*1.001 || all < use*6000*0.9 {
		t.Errorf("%v to %.2f are %.0f kbit/s", layers(seats), scale, all)
	}
	if g.Rate() < 5999 || g.Rate() > 6001 {
		t.Errorf("sent at %.0f", g.Rate())
	}
}

func TestSharesAreFair(t *testing.T) {
	for _, c := range []struct {
		through int
		seats   []Seat
		want    [3]int
	}{
		{100_000, crowd(10, Seat{}), [3]int{10, 0, 0}},
		{6000, crowd(10, Seat{}), [3]int{1, 9, 0}},
		{3000, crowd(10, Seat{}), [3]int{0, 5, 5}},
		{500, crowd(10, Seat{}), [3]int{0, 0, 10}},
		{500, crowd(10, Seat{Layer: 2}), [3]int{0, 0, 10}},
		{6000, append(crowd(5, Seat{Own: 2}), crowd(5, Seat{})...), [3]int{3, 2, 5}},
	} {
		g := settled(c.through, c.seats)
		scale := g.Share(time.Minute, ladder, c.seats)
		if d := cmp.Diff(c.want, layers(c.seats)); d != "" || scale < hard || scale > 1 {
			t.Errorf("%d kbit/s for %d: %.2f of %s", c.through, len(c.seats), scale, d)
		}
	}
	far := append(crowd(9, Seat{}), Seat{Cost: 12})
	g := settled(8000, far)
	g.Share(time.Minute, ladder, far)
	if far[9].Layer != 1 || layers(far) != [3]int{8, 2, 0} { // eight others have the large one for what it would take
		t.Errorf("to a far phone goes layer %d, to near ones %v", far[9].Layer, layers(far[:9]))
	}
}

// TestLayersAreLeftAloneForAWhile: what changed is looked at for some seconds, unless it is too much.
func TestLayersAreLeftAloneForAWhile(t *testing.T) {
	seats := crowd(10, Seat{})
	g := settled(6000, seats)
	g.Share(time.Minute, ladder, seats)
	was := layers(seats)
	g.allowed = 40_000
	g.Share(time.Minute+calm-Every, ladder, seats)
	if d := cmp.Diff(was, layers(seats)); d != "" {
		t.Error(d)
	}
	if g.Share(time.Minute+calm, ladder, seats); layers(seats) != [3]int{10, 0, 0} {
		t.Error(layers(seats))
	}
	g.allowed = 2000
	if g.Share(time.Minute+calm+Every, ladder, seats); layers(seats)[0] != 0 {
		t.Error(layers(seats))
	}
}

// TestAnEmptyStallIsNotFull: when all have gone, nothing is tight, and what was reckoned counts for who comes next.
func TestAnEmptyStallIsNotFull(t *testing.T) {
	seats := crowd(10, Seat{})
	g := settled(3000, seats)
	g.Share(time.Minute, ladder, seats)
	if _, tight := g.Allows(); !tight {
		t.Fatal("ten have room in 3 Mbit/s")
	}
	g.Judge(time.Minute+Every, nil)
	g.Share(time.Minute+Every, ladder, nil)
	if kbps, tight := g.Allows(); tight || kbps > 3000 {
		t.Errorf("nobody watches: %.0f kbit/s, tight %v", kbps, tight)
	}
	g.Share(time.Minute+2*Every, ladder, seats)
	if kbps, tight := g.Allows(); !tight || kbps > 3000 {
		t.Errorf("all are back: %.0f kbit/s, tight %v", kbps, tight)
	}
}

// TestTheRadiosRateIsWhereItBegins, before anything goes wrong.
func TestTheRadiosRateIsWhereItBegins(t *testing.T) {
	seats := crowd(10, Seat{})
	g := &Governor{}
	g.SetAir(10_000)
	scale := g.Share(time.Minute, ladder, seats)
	if all := sum(ladder, seats, nil) * scale; all > use*10_000+1 {
		t.Errorf("%v to %.2f: %.0f", layers(seats), scale, all)
	}
}

// TestWhateverIsSaidSharesAreShares: no report makes a share that is none, or takes the last picture from anybody.
func TestWhateverIsSaidSharesAreShares(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := &Governor{}
		now := time.Hour
		seats := crowd(rapid.IntRange(0, 12).Draw(t, "seats"), Seat{})
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			now += Every
			for i := range seats {
				s := &seats[i]
				s.Own = rapid.IntRange(-1, 4).Draw(t, "own")
				s.Told = rapid.Bool().Draw(t, "told")
				s.Queue = time.Duration(rapid.Int64Range(0, int64(3*time.Second)).Draw(t, "queue"))
				s.Lost = rapid.Float64Range(0, 1).Draw(t, "lost")
				s.Sent, s.Delivered = rapid.IntRange(0, 5000).Draw(t, "sent"), rapid.IntRange(0, 5000).Draw(t, "delivered")
				s.Cost = rapid.Float64Range(0.1, 50).Draw(t, "cost")
			}
			g.SetAir(float64(rapid.IntRange(0, 2).Draw(t, "air")) * 5000)
			g.Judge(now, seats)
			scale := g.Share(now, ladder, seats)
			if !(scale >= hard && scale <= 1) || g.Rate() < 0 || g.Rate() != g.Rate() {
				t.Fatalf("scale %v, rate %v", scale, g.Rate())
			}
			for _, s := range seats {
				if s.Layer < max(s.Own, 0) && s.Layer != len(ladder)-1 || s.Layer >= len(ladder) {
					t.Fatalf("%+v", s)
				}
			}
			if r := g.Rate(); r > 0 && len(seats) > 0 && r < g.floor {
				t.Fatalf("%.0f kbit/s are less than pictures that move take, %.0f", r, g.floor)
			}
		}
	})
}

func TestPaceLetsThroughWhatIsDue(t *testing.T) {
	p := NewPace()
	defer p.Due.Stop()
	p.Rate = 100_000
	now, sent := time.Hour, 0
	p.Fill(now)
	for end := now + 10*time.Second; now < end; {
		if p.May() {
			p.Spend(1200)
			sent += 1200
			continue
		}
		p.Waits = false
		now += p.Wait()
		p.Fill(now)
	}
	if sent < 980_000 || sent > 1_020_000 {
		t.Errorf("%d bytes in ten seconds of 100,000 a second", sent)
	}
	p.Rate = 0
	for range 1000 {
		p.Spend(1200)
		if !p.May() {
			t.Fatal("held up without a bound")
		}
	}
	p.Rate = 1200
	if p.Fill(now + time.Second); !p.May() {
		t.Error("what went without a bound is held against it")
	}
	p.Spend(120_000) // a key picture for all, and then there is more than enough for a minute
	p.Rate = 0
	p.Fill(now + 2*time.Second)
	p.Rate = 1200
	if p.Fill(now + time.Minute); !p.May() {
		t.Error("what was too much a minute ago is held against it")
	}
}

// TestEnoughIsSeenToBeEnough: where all comes through from the start, nothing is held back in the end, however many watch.
func TestEnoughIsSeenToBeEnough(t *testing.T) {
	for n := range 100 {
		g, seats, scale := &Governor{}, crowd(n+1, Seat{Told: true}), 1.0
		for i := range 60 {
			for j := range seats {
				seats[j].Sent = int(scale * float64(ladder[seats[j].Layer]))
				seats[j].Delivered = seats[j].Sent
			}
			now := time.Duration(i+1) * Every
			g.Judge(now, seats)
			scale = g.Share(now, ladder, seats)
		}
		if kbps, tight := g.Allows(); tight || scale < 1 {
			t.Errorf("%d viewers: %.0f of %.0f kbit/s allowed, sent at %.0f", n+1, kbps, g.wanted, g.Rate())
		}
	}
}
