package journal

import (
	"cmp"
	"slices"
	"time"
)

// Date is when something happened, as far as that can be known: not before Earliest and not after Latest. Either is zero
// when nothing bounds it.
type Date struct{ Earliest, Latest time.Time }

// Known tells whether both ends are.
func (d Date) Known() bool { return !d.Earliest.IsZero() && !d.Latest.IsZero() }

// At is the likeliest moment: the middle, or the one end there is; zero when there is none.
func (d Date) At() time.Time {
	switch {
	case d.Known():
		return d.Earliest.Add(d.Latest.Sub(d.Earliest) / 2)
	case d.Latest.IsZero():
		return d.Earliest
	}
	return d.Latest
}

// Within is how far At may be off; only for one that is Known.
func (d Date) Within() time.Duration { return d.Latest.Sub(d.Earliest) / 2 }

// Dates dates a kit's entries by its fixes. Immutable.
type Dates struct{ fixes []Entry } // surest first

// drift is how far kit time runs off at most in a time: crystals are good for 50 parts in a million.
func drift(d time.Duration) time.Duration { return d.Abs() / 10_000 }

// maxSpan bounds how far apart kit times can be that are compared; a century. It keeps sums from overflowing.
const maxSpan = 100 * 365 * 24 * time.Hour

// NewDates takes the fixes among a kit's entries.
func NewDates(entries []Entry) Dates {
	var d Dates
	for _, e := range entries {
		if e.Kind == Fix && e.Boot != 0 && e.Within >= 0 && e.Within < maxSpan.Milliseconds() {
			d.fixes = append(d.fixes, e)
		}
	}
	slices.SortStableFunc(d.fixes, func(a, b Entry) int { return cmp.Compare(a.Within, b.Within) })
	return d
}

// Of dates an entry. A fix of the same boot dates it both ways, since kit time runs on without a gap within one. A fix of
// an earlier boot says that at least the kit time since has passed, one of a later boot that at least as much was still to
// come: between boots time passes that the kit does not count. Where fixes contradict one another, the surer one counts.
func (d Dates) Of(e Entry) Date {
	var out Date
	for _, f := range d.fixes {
		since := time.Duration(e.Kit-f.Kit) * time.Millisecond
		if e.Kit-f.Kit > maxSpan.Milliseconds() || f.Kit-e.Kit > maxSpan.Milliseconds() {
			continue // no kit lives so long
		}
		at := time.UnixMilli(f.Wall).Add(since)
		off := time.Duration(f.Within)*time.Millisecond + drift(since)
		var more Date
		if e.Boot == 0 || f.Boot <= e.Boot { // an entry without a boot was written in none that is known
			more.Earliest = at.Add(-off)
		}
		if e.Boot == 0 || f.Boot >= e.Boot {
			more.Latest = at.Add(off)
		}
		if e.Boot == 0 {
			more = oneSided(more, since)
		}
		out = out.and(more)
	}
	return out
}

// oneSided is what a fix says of an entry whose boot is not known: only which came first, by kit time, is sure.
func oneSided(d Date, since time.Duration) Date {
	if since >= 0 {
		return Date{Earliest: d.Earliest}
	}
	return Date{Latest: d.Latest}
}

// and narrows a date by another that is less sure; one that contradicts it changes nothing.
func (d Date) and(o Date) Date {
	n := d
	if !o.Earliest.IsZero() && (n.Earliest.IsZero() || o.Earliest.After(n.Earliest)) {
		n.Earliest = o.Earliest
	}
	if !o.Latest.IsZero() && (n.Latest.IsZero() || o.Latest.Before(n.Latest)) {
		n.Latest = o.Latest
	}
	if n.Known() && n.Latest.Before(n.Earliest) {
		return d
	}
	return n
}
