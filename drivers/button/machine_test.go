package button

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

const ms = time.Millisecond

// change is an edge as a button makes it.
type change struct {
	at   time.Duration
	down bool
}

// play gives edges to a new machine, and what it told.
func play(b Bound, down bool, edges []change, end time.Duration) (*machine, []told) {
	m := &machine{bound: b}
	m.start(0, down)
	for _, e := range edges {
		m.edge(e.at, e.down, false)
	}
	m.advance(end)
	return m, m.take()
}

func gestures(ts []told) (gs []Gesture) {
	for _, t := range ts {
		if !t.reached {
			gs = append(gs, t.gesture)
		}
	}
	return gs
}

func TestGestures(t *testing.T) {
	press := func(at, held time.Duration) []change { return []change{{at, true}, {at + held, false}} }
	all := Bound{Double: true, Long: true, Hold: true}
	for name, c := range map[string]struct {
		bound Bound
		edges []change
		want  []Gesture
		at    time.Duration // of the last one
	}{
		"short acts at once":                     {Bound{}, press(100*ms, 50*ms), []Gesture{Short}, 150*ms + Settle},
		"short waits for a second one":           {all, press(100*ms, 50*ms), []Gesture{Short}, 150*ms + DoubleWithin},
		"double":                                 {all, slices.Concat(press(0, 50*ms), press(49*ms+DoubleWithin, 50*ms)), []Gesture{Double}, 99*ms + DoubleWithin + Settle},
		"two short ones":                         {all, slices.Concat(press(0, 50*ms), press(50*ms+DoubleWithin, 50*ms)), []Gesture{Short, Short}, 100*ms + 2*DoubleWithin},
		"two short ones, no double":              {Bound{}, slices.Concat(press(0, 50*ms), press(100*ms, 50*ms)), []Gesture{Short, Short}, 150*ms + Settle},
		"three, of which two are double":         {all, slices.Concat(press(0, 50*ms), press(100*ms, 50*ms), press(200*ms, 50*ms)), []Gesture{Double, Short}, 250*ms + DoubleWithin},
		"long":                                   {all, press(0, LongFrom), []Gesture{Long}, LongFrom + Settle},
		"nearly long":                            {all, press(0, LongFrom-1), []Gesture{Short}, LongFrom - 1 + DoubleWithin},
		"hold":                                   {all, press(0, HoldFrom), []Gesture{Hold}, HoldFrom + Settle},
		"nearly hold":                            {all, press(0, HoldFrom-1), []Gesture{Long}, HoldFrom - 1 + Settle},
		"slow, where nothing longer is bound":    {Bound{}, press(0, 9*time.Second), []Gesture{Short}, 9*time.Second + Settle},
		"slow, where only hold is":               {Bound{Hold: true}, press(0, 2*time.Second), []Gesture{Short}, 2*time.Second + Settle},
		"short, then long":                       {all, slices.Concat(press(0, 50*ms), press(100*ms, LongFrom)), []Gesture{Short, Long}, 100*ms + LongFrom + Settle},
		"a spike":                                {all, press(0, Settle-1), nil, 0},
		"a spike while it is held":               {all, []change{{0, true}, {500 * ms, false}, {505 * ms, true}, {2 * time.Second, false}}, []Gesture{Long}, 2*time.Second + Settle},
		"a gap that is a release":                {Bound{}, []change{{0, true}, {500 * ms, false}, {500*ms + Settle, true}, {800 * ms, false}}, []Gesture{Short, Short}, 800*ms + Settle},
		"chatter as it is pressed and let go":    {Bound{}, []change{{0, true}, {2 * ms, false}, {3 * ms, true}, {90 * ms, false}, {95 * ms, true}, {96 * ms, false}}, []Gesture{Short}, 96*ms + Settle},
		"half of the edges missed":               {Bound{}, []change{{0, true}, {2 * ms, true}, {90 * ms, false}, {92 * ms, false}}, []Gesture{Short}, 92*ms + Settle},
		"repeats":                                {Bound{Repeat: true}, press(0, RepeatFrom+2*RepeatEvery+1), []Gesture{Repeat, Repeat, Repeat}, RepeatFrom + 2*RepeatEvery},
		"repeats, let go before":                 {Bound{Repeat: true}, press(0, RepeatFrom-1), []Gesture{Short}, RepeatFrom - 1 + Settle},
		"never let go":                           {all, []change{{0, true}}, nil, 0},
		"let go too late":                        {all, press(0, StuckFrom), nil, 0},
		"short, and then never let go":           {all, slices.Concat(press(0, 50*ms), []change{{100 * ms, true}}), []Gesture{Short}, 100*ms + StuckFrom},
		"edges that come late, in their order":   {Bound{}, []change{{100 * ms, true}, {90 * ms, false}, {200 * ms, true}, {260 * ms, false}}, []Gesture{Short}, 260*ms + Settle},
		"noise without end":                      {all, noise(0, 20*time.Second), nil, 0},
		"short, then noise":                      {all, slices.Concat(press(0, 50*ms), noise(100*ms, 10*time.Second)), []Gesture{Short}, 100*ms + 10*time.Second + Settle - 5*ms},
		"after noise it is a button like before": {Bound{}, slices.Concat(noise(0, 5*time.Second), press(6*time.Second, 50*ms)), []Gesture{Short}, 6*time.Second + 50*ms + Settle},
	} {
		t.Run(name, func(t *testing.T) {
			_, out := play(c.bound, false, c.edges, time.Minute)
			if d := cmp.Diff(c.want, gestures(out)); d != "" {
				t.Fatal(d)
			}
			if len(c.want) > 0 && out[len(out)-1].at != c.at {
				t.Errorf("at %v, want %v", out[len(out)-1].at, c.at)
			}
		})
	}
}

// noise is an edge each 5 ms, ending up.
func noise(from, length time.Duration) (es []change) {
	for at := time.Duration(0); at < length; at += 5 * ms {
		es = append(es, change{from + at, len(es)%2 == 0})
	}
	return es
}

// TestWhatIsHeldIsTold: when a longer gesture is reached, so that a light can say "let go".
func TestWhatIsHeldIsTold(t *testing.T) {
	_, out := play(Bound{Long: true, Hold: true}, false, []change{{0, true}, {4 * time.Second, false}}, time.Minute)
	want := []told{{Long, true, LongFrom, LongFrom}, {Hold, true, HoldFrom, HoldFrom}, {Hold, false, 4*time.Second + Settle, 4 * time.Second}}
	if d := cmp.Diff(want, out, cmp.AllowUnexported(told{})); d != "" {
		t.Error(d)
	}
}

// TestAButtonThatIsStuck at the start, or later, is told once, does nothing, and is well when it comes up.
func TestAButtonThatIsStuck(t *testing.T) {
	for _, bound := range []Bound{{}, {Double: true, Long: true, Hold: true}, {Repeat: true}} {
		m, out := play(bound, true, nil, StuckFrom-1)
		if m.trouble != well || out != nil {
			t.Errorf("too early: %v, %v", m.trouble, out)
		}
		m.advance(10 * time.Minute)
		if _, due := m.due(); m.trouble != stuck || m.take() != nil || due {
			t.Errorf("%v, due %v", m.trouble, due)
		}
		m.edge(11*time.Minute, false, false)
		m.advance(12 * time.Minute)
		if m.trouble != well || m.take() != nil {
			t.Errorf("let go: %v", m.trouble)
		}
		m.edge(13*time.Minute, true, false)
		m.edge(13*time.Minute+50*ms, false, false)
		m.advance(14 * time.Minute)
		if d := cmp.Diff([]Gesture{Short}, gestures(m.take())); d != "" {
			t.Error(d)
		}
	}
	m, _ := play(Bound{Repeat: true}, false, []change{{0, true}}, time.Hour)
	if n := len(gestures(m.take())); m.trouble != stuck || n != 0 {
		t.Errorf("%v, %d more", m.trouble, n)
	}
}

// TestNoiseIsTold while it lasts.
func TestNoiseIsTold(t *testing.T) {
	m, _ := play(Bound{}, false, noise(0, 2*NoisyFrom), NoisyFrom)
	if m.trouble != noisy {
		t.Error(m.trouble)
	}
	if m.advance(time.Minute); m.trouble != well || m.take() != nil {
		t.Error(m.trouble)
	}
}

// TestLostEdgesEndNoRun: the kernel's buffer was full in the middle of one.
func TestLostEdgesEndNoRun(t *testing.T) {
	m := &machine{}
	m.start(0, false)
	m.edge(100*ms, true, false)
	m.edge(100*ms+2*Settle, false, true)
	m.edge(100*ms+2*Settle+ms, true, false)
	m.advance(250 * ms)
	m.edge(300*ms, false, true) // it had come to rest
	m.advance(time.Second)
	if got := m.take(); len(got) != 1 || got[0].gesture != Short || got[0].held != 200*ms {
		t.Errorf("%+v", got)
	}
}

// TestAnyChatterIsOnePress against a model that knows all edges beforehand: whatever the contacts do at a change, and however
// the calls that tell the time are spread among the edges, the gestures are the model's.
func TestAnyChatterIsOnePress(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		bound := rapid.SampledFrom([]Bound{{}, {Double: true}, {Long: true}, {Hold: true}, {Double: true, Long: true, Hold: true}, {Repeat: true}, {Repeat: true, Double: true}}).Draw(t, "bound")
		held := rapid.Bool().Draw(t, "held at the start")
		edges := chatter(t, held)
		end := time.Minute
		if n := len(edges); n > 0 {
			end += edges[n-1].at
		}
		m := &machine{bound: bound}
		m.start(0, held)
		var got []told
		for _, e := range edges {
			if rapid.Bool().Draw(t, "look") { // the program's own clock, anywhere between
				m.advance(m.now + (e.at-m.now)*time.Duration(rapid.IntRange(0, 100).Draw(t, "when"))/100)
			}
			m.edge(e.at, e.down, false)
			got = append(got, m.take()...)
		}
		m.advance(end)
		got = append(got, m.take()...)
		if d := cmp.Diff(model(bound, held, edges), gestures(got)); d != "" {
			t.Fatalf("%+v %v\n%s", bound, edges, d)
		}
		for i := 1; i < len(got); i++ {
			if got[i].at < got[i-1].at {
				t.Fatalf("time goes back: %+v", got)
			}
		}
	})
}

// chatter makes edges of presses whose contacts do as they like: at each change, and with spikes between.
func chatter(t *rapid.T, down bool) (edges []change) {
	at := time.Duration(0)
	pauses := []time.Duration{Settle, Settle + ms, 50 * ms, 200 * ms, DoubleWithin - Settle, DoubleWithin + Settle, 500 * ms, RepeatFrom + 100*ms, LongFrom + 50*ms, HoldFrom + 50*ms, StuckFrom + 50*ms}
	for range rapid.IntRange(0, 12).Draw(t, "changes") {
		at += rapid.SampledFrom(pauses).Draw(t, "pause") + time.Duration(rapid.IntRange(0, 99_999).Draw(t, "more"))*time.Microsecond
		if !rapid.Bool().Draw(t, "spike") {
			down = !down
		}
		for n := rapid.IntRange(0, 20).Draw(t, "edges"); ; n-- {
			level := down
			if n > 0 {
				level = rapid.Bool().Draw(t, "level")
			}
			edges = append(edges, change{at, level})
			if n == 0 {
				break
			}
			at += time.Duration(rapid.IntRange(0, int(Settle)-1).Draw(t, "gap"))
		}
	}
	return edges
}

// model says which gestures edges are, written as plainly as possible.
func model(b Bound, down bool, edges []change) (gs []Gesture) {
	type press struct{ from, to time.Duration }
	var presses []press
	settled, ours := down, false // ours: it was pressed while we looked
	for i := 0; i < len(edges); {
		first := edges[i].at
		for i++; i < len(edges) && edges[i].at-edges[i-1].at < Settle; i++ {
		}
		level := edges[i-1].down
		switch {
		case level == settled:
		case level:
			presses, ours = append(presses, press{from: first, to: -1}), true
		case ours:
			presses[len(presses)-1].to = first
		}
		settled = level
	}
	kind := func(p press) Gesture {
		held := p.to - p.from
		switch {
		case p.to < 0 || held >= StuckFrom:
			return "stuck"
		case b.Repeat && held >= RepeatFrom:
			return Repeat
		case b.Hold && held >= HoldFrom:
			return Hold
		case b.Long && held >= LongFrom:
			return Long
		}
		return Short
	}
	for i := 0; i < len(presses); i++ {
		p := presses[i]
		switch kind(p) {
		case Short:
			if b.Double && i+1 < len(presses) && presses[i+1].from-p.to < DoubleWithin && kind(presses[i+1]) == Short {
				gs = append(gs, Double)
				i++
				continue
			}
			gs = append(gs, Short)
		case Repeat, "stuck":
			for at := RepeatFrom; b.Repeat && at < StuckFrom && (p.to < 0 || p.from+at <= p.to); at += RepeatEvery {
				gs = append(gs, Repeat)
			}
		default:
			gs = append(gs, kind(p))
		}
	}
	return gs
}
