package pipeline

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/text/language"
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

	Product    string // what it is one of several kinds of, such as "T-shirt"; empty: of nothing
	Variant    string // what sets it apart from the others, such as "Red, L"
	PerVisitor int    // pieces that one visitor may have, by whatever offers; 0: no limit

	Titles, Variants map[string]string // in other languages, by BCP 47 tag
}

// Label is what it is called beside others that one can choose.
func (s SKU) Label() string { return cmp.Or(s.Variant, s.Title) }

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

// Line is so many pieces in an offer: of a SKU, or of those that the buyer chooses.
type Line struct {
	SKU string   // empty: the buyer chooses
	N   int      //
	Of  []string // SKUs to choose from, each as often as one likes; none of them is in another line

	Chosen bool `cbor:"-"` // SKU was, see Levels.Pick; never in a catalogue
}

// Offer is a SKU or bundle at a price, as the catalogue has it.
type Offer struct {
	ID         string
	Title      string
	Lines      []Line
	Price      int64         // of the whole offer, in minor units: in a catalogue with or without taxes, see TaxRules; as it is sold (Levels.At), what is paid, or the least that is
	Net        int64         // of that, as it is sold, what is not tax, where taxes are added; else 0
	Pay        int           // so many of its pieces are paid for, the dearest, and the rest is free: Price goes by that, of what is chosen; 0: Price was set
	Limit      int           // how many may be sold in all; 0: as many as there is stock
	PerVisitor int           // how many one visitor may have; 0: no limit
	State      OfferState    // in which it is imported
	Lasts      time.Duration // how long it is live once it goes live; 0: until somebody ends it
	Steps      []Step        // other prices that it has later

	Titles map[string]string // in other languages, by BCP 47 tag
}

// Catalogue is what may be sold. It is never changed once it was made: an import makes a new one.
type Catalogue struct {
	Currency string
	SKUs     []SKU
	Offers   []Offer // in the order they are shown
	Taxes    TaxRules
	Language string // of titles and variants, as a BCP 47 tag; "": English

	speaks     *speaks
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
	return c.Speaking("").Under(TaxRules{})
}

// Speaking is the same catalogue, whose titles are in another language.
func (c *Catalogue) Speaking(language string) *Catalogue {
	other := *c
	other.Language = language
	other.speaks = newSpeaks(cmp.Or(language, "en"), c.SKUs, c.Offers)
	return &other
}

// speaks finds the language that suits somebody best. What it found is kept: browsers say the same again and again.
type speaks struct {
	tags  []string // in the matcher's order; the first is that of the titles themselves
	match language.Matcher
	known sync.Map // Accept-Language → tag
	n     atomic.Int64
}

// maxAccepts bounds what is kept, and maxAccept what is looked at of what a browser says.
const (
	maxAccepts = 1000
	maxAccept  = 200
)

func newSpeaks(own string, skus []SKU, offers []Offer) *speaks {
	s := &speaks{tags: []string{own}}
	add := func(all map[string]string) {
		for tag := range all {
			if !slices.Contains(s.tags, tag) {
				s.tags = append(s.tags, tag)
			}
		}
	}
	for _, sku := range skus {
		add(sku.Titles)
		add(sku.Variants)
	}
	for _, o := range offers {
		add(o.Titles)
	}
	slices.Sort(s.tags[1:])
	tags := make([]language.Tag, len(s.tags))
	for i, t := range s.tags {
		tags[i] = language.Make(t)
	}
	s.match = language.NewMatcher(tags)
	return s
}

// In is the tag of the language that suits somebody best who accepts these (Accept-Language, RFC 9110, 12.5.4); "": that of the titles themselves.
func (c *Catalogue) In(accept string) (tag string) {
	s := c.speaks
	if len(s.tags) == 1 || accept == "" || len(accept) > maxAccept {
		return ""
	}
	if found, ok := s.known.Load(accept); ok {
		return found.(string)
	}
	if _, i := language.MatchStrings(s.match, accept); i > 0 {
		tag = s.tags[i]
	}
	if s.n.Add(1) < maxAccepts {
		s.known.Store(accept, tag)
	}
	return tag
}

// TitleIn is an offer's title in a language, or as it is. One of a single thing goes by that thing's name, if that is its own.
func (c *Catalogue) TitleIn(o Offer, tag string) string {
	if t := o.Titles[tag]; t != "" {
		return t
	}
	if len(o.Lines) == 1 && o.Lines[0].N == 1 {
		if sku, _, ok := c.SKU(o.Lines[0].SKU); ok && sku.Title == o.Title && sku.Titles[tag] != "" {
			return sku.Titles[tag]
		}
	}
	return o.Title
}

// LabelIn is what a SKU is called beside others, in a language.
func (s SKU) LabelIn(tag string) string {
	if s.Variant != "" {
		return cmp.Or(s.Variants[tag], s.Variant)
	}
	return cmp.Or(s.Titles[tag], s.Title)
}

// Under is the same catalogue under other rules of tax.
func (c *Catalogue) Under(t TaxRules) *Catalogue {
	other := *c
	other.Taxes, other.sold, other.terms = t, make([]Offer, len(c.Offers)), make([]uint32, len(c.Offers))
	for i, o := range c.Offers {
		other.sold[i] = other.asSold(o)
		other.terms[i] = other.termsOf(other.sold[i])
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

// termsOf names what an offer costs and has in it, as it is sold.
func (c *Catalogue) termsOf(o Offer) uint32 {
	h := fnv.New32a()
	fmt.Fprintln(h, c.Currency, o.Price, o.Pay, o.Lines)
	for _, l := range o.Lines {
		for _, id := range l.Of { // by which one what is chosen costs more than another
			sku, _, _ := c.SKU(id)
			fmt.Fprintln(h, sku.Price, sku.Tax)
		}
	}
	return max(1, h.Sum32())
}
