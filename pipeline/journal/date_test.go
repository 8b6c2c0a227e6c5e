package journal

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

var noon = time.Date(2026, 7, 4, 12, 0, 0, 0, time.UTC)

// fix says that at a kit time of a boot, in seconds, it was so many seconds after noon.
func fix(boot uint32, kit, wall int64, source string, within int64) Entry {
	return Entry{Kind: Fix, Boot: boot, Kit: kit * 1000, Wall: noon.UnixMilli() + wall*1000, Source: source, Within: within * 1000}
}

// TestDatesOfEntries: an entry of a boot and kit time, and what is known of when that was, in seconds after noon. The
// wall clock that the entry itself has plays no part: it says 1970.
func TestDatesOfEntries(t *testing.T) {
	const none = -1 << 40
	ntp := func(boot uint32, kit, wall int64) Entry { return fix(boot, kit, wall, "ntp", 2) }
	for name, r := range map[string]struct {
		fixes            []Entry
		boot             uint32
		kit              int64
		earliest, latest int64
	}{
		"nothing known":               {nil, 1, 100, none, none},
		"a later fix, same boot":      {[]Entry{ntp(1, 600, 600)}, 1, 100, 98, 102},
		"an earlier fix, same boot":   {[]Entry{ntp(1, 100, 100)}, 1, 600, 598, 602},
		"drift over a day":            {[]Entry{ntp(1, 0, 0)}, 1, 100_000, 99_988, 100_012},
		"only the boot before has":    {[]Entry{ntp(1, 100, 100)}, 2, 200, 198, none},
		"only the boot after has":     {[]Entry{ntp(2, 500, 9_000)}, 1, 200, none, 8_702},
		"a boot between two with":     {[]Entry{ntp(1, 100, 100), ntp(3, 500, 9_000)}, 2, 200, 198, 8_702},
		"a short gap dates closely":   {[]Entry{ntp(1, 100, 100), ntp(3, 300, 310)}, 2, 200, 198, 212},
		"phone then ntp, agreeing":    {[]Entry{fix(1, 100, 103, "phone", 5), ntp(1, 200, 200)}, 1, 150, 148, 152},
		"phone then ntp, disagreeing": {[]Entry{fix(1, 100, 90_000, "phone", 5), ntp(1, 200, 200)}, 1, 100, 98, 102},
		"phone wrong in another boot": {[]Entry{fix(1, 100, 90_000, "phone", 5), ntp(2, 200, 200)}, 1, 100, none, 102},
		"battery clock, then ntp":     {[]Entry{fix(1, 0, 200, "rtc", 300), ntp(1, 60, 60)}, 1, 30, 28, 32},
		"two of the same worth meet":  {[]Entry{ntp(1, 100, 101), ntp(1, 200, 199)}, 1, 100, 99, 101},
		"boot not known, after":       {[]Entry{ntp(1, 100, 100)}, 0, 200, 198, none},
		"boot not known, before":      {[]Entry{ntp(1, 100, 100)}, 0, 50, none, 52},
		"sales are no fixes":          {[]Entry{{Kind: Sale, Boot: 1, Kit: 0, Wall: noon.UnixMilli()}}, 1, 100, none, none},
		"a fix without a boot":        {[]Entry{ntp(0, 100, 100)}, 1, 100, none, none},
	} {
		got := NewDates(r.fixes).Of(Entry{Kind: Sale, Boot: r.boot, Kit: r.kit * 1000, Wall: 5_000})
		seconds := func(at time.Time) int64 {
			if at.IsZero() {
				return none
			}
			return int64(at.Sub(noon).Round(time.Second) / time.Second)
		}
		if e, l := seconds(got.Earliest), seconds(got.Latest); e != r.earliest || l != r.latest {
			t.Errorf("%s: from %d to %d, want %d to %d", name, e, l, r.earliest, r.latest)
		}
	}
}

func TestTheMiddleOfADate(t *testing.T) {
	for name, r := range map[string]struct {
		d    Date
		want time.Time
	}{
		"both": {Date{noon, noon.Add(time.Minute)}, noon.Add(30 * time.Second)}, "from": {Date{Earliest: noon}, noon}, "until": {Date{Latest: noon}, noon}, "none": {},
	} {
		if got := r.d.At(); !got.Equal(r.want) {
			t.Errorf("%s: %v", name, got)
		}
	}
	if w := (Date{noon, noon.Add(time.Minute)}).Within(); w != 30*time.Second {
		t.Errorf("within %v", w)
	}
}

// TestADateHoldsTheTruth lives through boots, gaps and lost anchors with a clock that drifts, and takes fixes that are as
// true as they say: whatever is dated happened between the two ends.
func TestADateHoldsTheTruth(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type moment struct {
			e    Entry
			true time.Time
		}
		at, kit, boot := noon, int64(0), uint32(1)
		var all []Entry
		var moments []moment
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			switch ms := rapid.Int64Range(0, 8*3600_000).Draw(t, "ms"); rapid.SampledFrom([]string{"run", "cut", "fix", "entry"}).Draw(t, "step") {
			case "run":
				at = at.Add(time.Duration(ms) * time.Millisecond)
				kit += ms + ms*rapid.Int64Range(-50, 50).Draw(t, "ppm")/1_000_000
			case "cut": // up to a minute of kit time is lost with it, and the time without power is not counted
				boot++
				at = at.Add(time.Duration(ms) * time.Millisecond)
				kit = max(0, kit-min(ms, 60_000))
				for len(moments) > 0 && moments[len(moments)-1].e.Boot == boot-1 && moments[len(moments)-1].e.Kit > kit {
					kit = moments[len(moments)-1].e.Kit // what was stored took its anchor along
				}
				for _, e := range all {
					kit = max(kit, e.Kit)
				}
			case "fix":
				within := rapid.Int64Range(1, 400_000).Draw(t, "within")
				off := rapid.Int64Range(-within, within).Draw(t, "off")
				all = append(all, Entry{Kind: Fix, Boot: boot, Kit: kit, Wall: at.UnixMilli() + off, Within: within})
			case "entry":
				moments = append(moments, moment{Entry{Kind: Sale, Boot: boot, Kit: kit}, at})
			}
		}
		dates := NewDates(all)
		const slack = 2 * time.Millisecond // entries are in whole milliseconds
		for _, m := range moments {
			d := dates.Of(m.e)
			if !d.Earliest.IsZero() && m.true.Before(d.Earliest.Add(-slack)) || !d.Latest.IsZero() && m.true.After(d.Latest.Add(slack)) {
				t.Fatalf("boot %d, kit %d was at %v, dated %v to %v by %+v", m.e.Boot, m.e.Kit, m.true, d.Earliest, d.Latest, all)
			}
		}
	})
}

func FuzzDates(f *testing.F) {
	f.Add(uint32(1), int64(5), int64(7), int64(1), uint32(2), int64(9))
	f.Fuzz(func(t *testing.T, boot uint32, kit, wall, within int64, of uint32, at int64) {
		d := NewDates([]Entry{{Kind: Fix, Boot: boot, Kit: kit, Wall: wall, Within: within}}).Of(Entry{Boot: of, Kit: at})
		if d.Known() && d.Latest.Before(d.Earliest) {
			t.Errorf("%+v", d)
		}
	})
}
