package pipeline

import (
	"slices"
	"time"
)

// Step is another price of an offer, from a point of its time on sale on. An offer's steps come one after the other: none of a later one's
// conditions is less than that of one before it.
type Step struct {
	After time.Duration // since it went live; 0: at once
	Sold  int           // pieces of the offer, in all; 0: however many
	Price int64         // as Offer.Price
}

// MaxSteps is how many steps an offer may have.
const MaxSteps = 20

// At is the offer at a place of the catalogue's, as it is sold at a kit time: at the price of its latest step, with all taxes in it. Where something is to be
// chosen, Price is the least that it can cost: see Pick.
func (l *Levels) At(i int, at time.Duration) Offer {
	o := l.Catalogue.Offers[i]
	if step := l.step(i, at); step.Price != o.Price {
		return l.Catalogue.asSold(step)
	}
	return l.Catalogue.sold[i]
}

// step is the offer at a place of the catalogue's, at the price of its latest step.
func (l *Levels) step(i int, at time.Duration) Offer {
	o, level := l.Catalogue.Offers[i], l.Offers[i]
	live := time.Duration(0) // for how long it has been; before it starts, and where that is not known, not at all
	if level.Starts > 0 {
		live = max(0, at-level.Starts)
	}
	for _, s := range o.Steps {
		if live >= s.After && level.Sold >= s.Sold {
			o.Price = s.Price
		}
	}
	return o
}

// Pick is the offer at a place of the catalogue's, as it is sold at a kit time to who chose these SKUs, one for each piece: with what was chosen in its lines, and
// at what that costs. why says for people why it cannot be; of an offer that leaves nothing to choose nothing can be chosen.
func (l *Levels) Pick(i int, at time.Duration, choice []string) (_ Offer, why string) {
	if len(choice) == 0 && !l.Catalogue.Offers[i].Chooses() {
		return l.At(i, at), ""
	}
	o, why := l.step(i, at).with(choice)
	if why != "" {
		return Offer{}, why
	}
	if o.Pay > 0 {
		o.Price = l.Catalogue.Paying(o)
	}
	return l.Catalogue.asSold(o), ""
}

// OfferAt finds an offer as it is sold at a kit time, and its place in the catalogue's Offers.
func (l *Levels) OfferAt(id string, at time.Duration) (Offer, int, bool) {
	_, i, ok := l.Catalogue.Offer(id)
	if !ok {
		return Offer{}, 0, false
	}
	return l.At(i, at), i, true
}

// StateAt is an offer's state at a kit time: one that was to start by then is live, and a live one whose end has come is over. One that is
// not there is withdrawn.
func (l *Levels) StateAt(id string, at time.Duration) OfferState {
	_, i, ok := l.Catalogue.Offer(id)
	if !ok {
		return OfferWithdrawn
	}
	return l.Offers[i].at(at)
}

func (v Level) at(at time.Duration) OfferState {
	state := v.State
	if state == OfferSoon && v.Starts > 0 && at >= v.Starts {
		state = OfferLive
	}
	if state == OfferLive && v.Ends > 0 && at >= v.Ends {
		state = OfferOver
	}
	return state
}

// Due is when time alone next changes an offer's state or price after a kit time; false: never.
func (l *Levels) Due(after time.Duration) (next time.Duration, ok bool) {
	due := func(at time.Duration) {
		if at > after && (!ok || at < next) {
			next, ok = at, true
		}
	}
	for i, v := range l.Offers {
		switch v.at(after) {
		case OfferSoon:
			due(v.Starts)
		case OfferLive:
			due(v.Ends)
			for _, s := range l.Catalogue.Offers[i].Steps {
				if v.Starts > 0 {
					due(v.Starts + s.After)
				}
			}
		}
	}
	return next, ok
}

// Terms names what a visitor agrees to who taps an offer at a kit time: its price then, what is in it, and the window in which it is live: a
// prompt or code that was made for other terms is not for these. Never 0 for an offer that is there.
func (l *Levels) Terms(id string, at time.Duration) uint32 {
	_, i, ok := l.Catalogue.Offer(id)
	if !ok {
		return 0
	}
	terms := l.Catalogue.terms[i]
	if o := l.At(i, at); o.Price != l.Catalogue.sold[i].Price {
		terms = l.Catalogue.termsOf(o)
	}
	const odd = 0x9e3779b1 // spreads the windows over all there are (Knuth, The Art of Computer Programming, 6.4)
	return max(1, terms^(l.Offers[i].Window*odd))
}

// Place is a viewer's in the line for an offer that was sold out when they tapped it. The line is by when taps came to the kit. Who is called has one kept for them.
type Place struct {
	Ahead int           // who is before them, and is not called
	Until time.Duration // kit time until which one is kept for them; 0: they are not called
}

// Level is the live state of an offer, owned by the store.
type Level struct {
	State OfferState
	Sold  int
	// Kept is how many are kept for those whose turn it is in the line for it, and Waiting how many stand in that line behind them: see Place.
	Kept, Waiting int
	Ends          time.Duration // kit time at which it is over; 0: none
	// Starts is the kit time at which an announced offer goes live by itself, 0: it does not; of a live one, at which it did.
	Starts time.Duration
	// Window counts how often it went live after it was not: what was shown in one window sells nothing in the next.
	Window uint32
}

// Levels is an immutable picture of what is left to sell, as of the last commit. Stock and Offers go with the
// catalogue's SKUs and Offers, place by place.
type Levels struct {
	Catalogue *Catalogue
	Stock     []int // pieces left
	Offers    []Level
	Shown     string // the offer that was put on show last by somebody's hand; empty, or of an earlier catalogue: none is
}

// Clone makes a copy that may be changed.
func (l *Levels) Clone() *Levels {
	return &Levels{l.Catalogue, slices.Clone(l.Stock), slices.Clone(l.Offers), l.Shown}
}

// Left is how many times an offer can still be sold: the least that its stock and its limit allow; below zero: as often as anybody wants it.
// None for one that is not there.
func (l *Levels) Left(id string) int {
	offer, i, ok := l.Catalogue.Offer(id)
	if !ok {
		return 0
	}
	left := -1
	if offer.Limit > 0 {
		left = max(0, offer.Limit-l.Offers[i].Sold-l.Offers[i].Kept)
	}
	for _, line := range offer.Lines {
		need, of := line.N, line.Of
		if len(of) == 0 {
			of, need = []string{line.SKU}, 0
			for _, other := range offer.Lines {
				if other.SKU == line.SKU {
					need += other.N
				}
			}
		}
		there, counted := l.pieces(of)
		if need <= 0 {
			return 0
		}
		if can := there / need; counted && (left < 0 || can < left) {
			left = can
		}
	}
	return left
}

// Has tells whether all that is in an offer, with all chosen, is left.
func (l *Levels) Has(o Offer) bool {
	need := map[string]int{}
	for _, line := range o.Lines {
		need[line.SKU] += line.N
	}
	for id, n := range need {
		if there, counted := l.pieces([]string{id}); counted && there < n {
			return false
		}
	}
	return true
}

// pieces is how many there are of some SKUs together; counted is false where there is always one more.
func (l *Levels) pieces(of []string) (n int, counted bool) {
	for _, id := range of {
		sku, at, ok := l.Catalogue.SKU(id)
		switch {
		case ok && sku.Uncounted:
			return 0, false
		case ok:
			n += max(0, l.Stock[at])
		}
	}
	return n, true
}

// Of is how many times an offer could be sold at the start: what Left is measured against; below zero: as often as anybody wants it.
func (l *Levels) Of(id string) int {
	_, i, ok := l.Catalogue.Offer(id)
	if !ok {
		return 0
	}
	left := l.Left(id)
	if left < 0 {
		return left
	}
	return left + l.Offers[i].Sold + l.Offers[i].Kept
}

// OfferOf is the offer by which a SKU is shown: of those with the fewest pieces in them, one that is prepared, announced or live; else a
// larger one, if that is announced or live already. Of equal ones it is the first. Where there is none, ok is false, and the offer the
// first of the smallest, if the SKU is in any.
func (l *Levels) OfferOf(sku string, at time.Duration) (offer Offer, ok bool) {
	least, fewest := 0, 0 // pieces of the smallest offer, and of the one that is chosen
	for _, o := range l.Catalogue.Offers {
		if n := o.pieces(sku); n > 0 && (least == 0 || n < least) {
			offer, least = o, n
		}
	}
	for _, o := range l.Catalogue.Offers {
		n, state := o.pieces(sku), l.StateAt(o.ID, at)
		can := state.Showable() && (n == least || state != OfferHidden)
		if n > 0 && can && (!ok || n < fewest) {
			offer, ok, fewest = o, true, n
		}
	}
	return offer, ok
}

// pieces is how many pieces are in an offer that has a SKU in it; 0: it has not.
func (o Offer) pieces(sku string) (n int) {
	has := false
	for _, l := range o.Lines {
		n, has = n+l.N, has || l.SKU == sku || slices.Contains(l.Of, sku)
	}
	if !has {
		return 0
	}
	return n
}

// Showable tells whether an offer in that state may be put on show because its product is: not one that is over, or was taken back.
func (s OfferState) Showable() bool { return s == OfferHidden || s == OfferSoon || s == OfferLive }
