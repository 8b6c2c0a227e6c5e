package pipeline

import (
	"fmt"
	"hash/fnv"
	"slices"
	"strings"
	"time"
)

// MaxStock is how many pieces of a SKU there may be.
const MaxStock = 1_000_000_000

// SKU is a thing for sale.
type SKU struct {
	SKU   string
	Title string
	Price int64 // for one piece, in minor units; with or without its tax, see TaxRules
	Tax   TaxRate
	Stock int // pieces there are when the catalogue is first imported

	Uncounted bool // there is always one more: a service, or made to order; Stock is 0

	Barcode string // what is printed on it, as a code's text; empty: nothing but SKU may be
}

// OfferState is where an offer is in its life.
type OfferState string

// The states of an offer.
const (
	OfferHidden    OfferState = "hidden"    // prepared, shown to nobody
	OfferSoon      OfferState = "soon"      // announced
	OfferLive      OfferState = "live"      // for sale
	OfferOver      OfferState = "over"      // its time has run out
	OfferWithdrawn OfferState = "withdrawn" // taken back by the operator
	OfferSoldOut   OfferState = "sold-out"  // none is left, says the operator, whatever the count says
)

// OfferStates lists the states that a catalogue or an operator may set.
var OfferStates = []OfferState{OfferHidden, OfferSoon, OfferLive, OfferOver, OfferWithdrawn, OfferSoldOut}

// Line is so many pieces of a SKU in an offer.
type Line struct {
	SKU string
	N   int
}

// Offer is a SKU or bundle at a price, as the catalogue has it.
type Offer struct {
	ID         string
	Title      string
	Lines      []Line
	Price      int64         // of the whole offer, in minor units: in a catalogue with or without taxes, see TaxRules; as it is sold (Levels.At), what is paid
	Net        int64         // of that, as it is sold, what is not tax, where taxes are added; else 0
	Pay        int           // so many of its pieces are paid for, the dearest, and the rest is free: Price goes by that; 0: Price was set
	Limit      int           // how many may be sold in all; 0: as many as there is stock
	PerVisitor int           // how many one visitor may have; 0: no limit
	State      OfferState    // in which it is imported
	Lasts      time.Duration // how long it is live once it goes live; 0: until somebody ends it
	Steps      []Step        // other prices that it has later
}

// Catalogue is what may be sold. It is never changed once it was made: an import makes a new one.
type Catalogue struct {
	Currency string
	SKUs     []SKU
	Offers   []Offer // in the order they are shown
	Taxes    TaxRules

	sku, offer map[string]int
	code       map[string]int // of SKUs, by what is printed on them
	sold       []Offer        // Offers as they are sold before their first step
	terms      []uint32       // of sold
	tag        map[uint32][]int
}

// NewCatalogue makes a catalogue whose entries can be found by id. It is the only way to make one that works.
func NewCatalogue(currency string, skus []SKU, offers []Offer) *Catalogue {
	c := &Catalogue{Currency: currency, SKUs: skus, Offers: offers, sku: make(map[string]int, len(skus)), offer: make(map[string]int, len(offers)), code: make(map[string]int, len(skus)),
		tag: make(map[uint32][]int, len(offers))}
	for i, s := range skus {
		c.sku[s.SKU] = i
		if s.Barcode != "" {
			c.code[CodeOf(s.Barcode)] = i
		}
	}
	for i, o := range offers {
		c.offer[o.ID] = i
		c.tag[OfferTag(o.ID)] = append(c.tag[OfferTag(o.ID)], i)
	}
	return c.Under(TaxRules{})
}

// Under is the same catalogue under other rules of tax.
func (c *Catalogue) Under(t TaxRules) *Catalogue {
	other := *c
	other.Taxes, other.sold, other.terms = t, make([]Offer, len(c.Offers)), make([]uint32, len(c.Offers))
	for i, o := range c.Offers {
		other.sold[i] = other.paid(o)
		other.terms[i] = other.sold[i].terms(c.Currency)
	}
	return &other
}

// SKU finds a SKU and its place in SKUs.
func (c *Catalogue) SKU(id string) (SKU, int, bool) {
	i, ok := c.sku[id]
	if !ok {
		return SKU{}, 0, false
	}
	return c.SKUs[i], i, true
}

// Scanned finds the SKU of a code that was read on a product: one whose barcode it is, else one whose id it is.
func (c *Catalogue) Scanned(text string) (SKU, bool) {
	if i, ok := c.code[CodeOf(text)]; ok {
		return c.SKUs[i], true
	}
	s, _, ok := c.SKU(text)
	return s, ok
}

// CodeOf is a code's text as all readers have it: the 12 digits of a UPC-A are an EAN-13 that begins with 0 (GS1 General
// Specifications, section 5.2.1), and some readers say it so.
func CodeOf(text string) string {
	if len(text) == 12 && strings.Trim(text, "0123456789") == "" {
		return "0" + text
	}
	return text
}

// Offer finds an offer and its place in Offers.
func (c *Catalogue) Offer(id string) (Offer, int, bool) {
	i, ok := c.offer[id]
	if !ok {
		return Offer{}, 0, false
	}
	return c.Offers[i], i, true
}

// OfferTag names an offer in few bytes, where its id has no room. Two may have the same: what is found by it is to be held against the id.
func OfferTag(id string) uint32 {
	h := fnv.New32a()
	h.Write([]byte(id))
	return h.Sum32()
}

// Tagged finds the offers of a tag as they are sold at a kit time: one, nearly always.
func (l *Levels) Tagged(tag uint32, at time.Duration) (offers []Offer) {
	for _, i := range l.Catalogue.tag[tag] {
		offers = append(offers, l.At(i, at))
	}
	return offers
}

func (o Offer) terms(currency string) uint32 {
	h := fnv.New32a()
	fmt.Fprintln(h, currency, o.Price, o.Lines)
	return max(1, h.Sum32())
}

// Level is the live state of an offer, owned by the store.
type Level struct {
	State OfferState
	Sold  int
	Ends  time.Duration // kit time at which it is over; 0: none
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
		left = max(0, offer.Limit-l.Offers[i].Sold)
	}
	for _, line := range offer.Lines {
		need := 0
		for _, other := range offer.Lines {
			if other.SKU == line.SKU {
				need += other.N
			}
		}
		sku, at, ok := l.Catalogue.SKU(line.SKU)
		if !ok || need <= 0 {
			return 0
		}
		if can := max(0, l.Stock[at]) / need; !sku.Uncounted && (left < 0 || can < left) {
			left = can
		}
	}
	return left
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
	return left + l.Offers[i].Sold
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
		n, has = n+l.N, has || l.SKU == sku
	}
	if !has {
		return 0
	}
	return n
}

// Showable tells whether an offer in that state may be put on show because its product is: not one that is over, or was taken back.
func (s OfferState) Showable() bool { return s == OfferHidden || s == OfferSoon || s == OfferLive }
