package pipeline

import (
	"cmp"
	"fmt"
	"slices"
	"sort"
	"strings"
)

// Order is a validated and priced tap: all that the store needs to make it a sale.
type Order struct {
	Tap
	Nonce    [8]byte // of the token, burned by the sale
	Expires  int64   // kit second until which the burned token must be remembered
	Title    string
	Lines    []OrderLine
	Total    Money
	Consent  bool   // the viewer agreed to be profiled
	Decision Reason // Confirmed: sell it if there is stock; else record this refusal
	Details  string
}

// OrderLine is one line of the slip. The lines' amounts add up to the order's total to the last minor unit.
type OrderLine struct {
	SKU    string  `json:"sku"`
	Title  string  `json:"title"`
	N      int     `json:"n"`
	Amount int64   `json:"amount"` // for all N, tax included, minor units
	Rate   TaxRate `json:"rate"`
	Tax    int64   `json:"tax"` // contained in Amount

	Variant string `json:"variant,omitempty"` // where it was chosen, what sets it apart from the others
}

// What is an offer's title with what was chosen in it, such as "T-shirt (M)" or "Any three (2 × Red, Blue)".
func What(title string, lines []OrderLine) string {
	var chosen []string
	for _, l := range lines {
		switch {
		case l.Variant == "":
		case l.N > 1:
			chosen = append(chosen, fmt.Sprintf("%d × %s", l.N, l.Variant))
		default:
			chosen = append(chosen, l.Variant)
		}
	}
	if len(chosen) == 0 {
		return title
	}
	return title + " (" + strings.Join(chosen, ", ") + ")"
}

// Has tells whether priced lines are the offer's, in which all is chosen: the same pieces of the same SKUs.
func (o Offer) Has(lines []OrderLine) bool {
	return slices.EqualFunc(o.Lines, lines, func(a Line, b OrderLine) bool { return a.SKU == b.SKU && a.N == b.N })
}

// MaxChoice is how many pieces there may be to choose in an offer.
const MaxChoice = 20

// Chooses tells whether the buyer has something to choose.
func (o Offer) Chooses() bool {
	return slices.ContainsFunc(o.Lines, func(l Line) bool { return len(l.Of) > 0 })
}

// with is the offer with what is chosen in place of what there is to choose from: a line for each SKU, in the catalogue's order; or why it cannot be, for people.
func (o Offer) with(choice []string) (_ Offer, why string) {
	asked, rest := 0, slices.Clone(choice)
	var lines []Line
	for _, l := range o.Lines {
		if len(l.Of) == 0 {
			lines = append(lines, l)
			continue
		}
		asked += l.N
		got := 0
		for _, id := range l.Of {
			n := len(rest)
			rest = slices.DeleteFunc(rest, func(c string) bool { return c == id })
			if n -= len(rest); n > 0 {
				lines = append(lines, Line{SKU: id, N: n, Chosen: true})
			}
			got += n
		}
		if got != l.N {
			return Offer{}, fmt.Sprintf("Please choose %d of these: %d are chosen.", l.N, got)
		}
	}
	switch {
	case asked == 0:
		return Offer{}, "There is nothing to choose in this offer."
	case len(rest) > 0:
		return Offer{}, "What was chosen is not in this offer. Please look at it and choose again."
	}
	o.Lines = lines
	return o, ""
}

// Varies tells whether what an offer costs goes by what is chosen in it: its price is the least then.
func (c *Catalogue) Varies(o Offer) bool {
	for _, l := range o.Lines {
		for k, id := range l.Of {
			first, _, _ := c.SKU(l.Of[0])
			if sku, _, _ := c.SKU(id); k > 0 && (o.Pay > 0 && sku.Price != first.Price || c.Taxes.Added && sku.Tax != first.Tax) {
				return true
			}
		}
	}
	return false
}

// PriceText is what an offer costs, as it is sold (see Levels.At), for people.
func (c *Catalogue) PriceText(o Offer) string {
	text := Money{o.Price, c.Currency}.String()
	if c.Varies(o) {
		return "from " + text
	}
	return text
}

// cheapest is the offer with that chosen which makes it cost the least, however many of it are left.
func (c *Catalogue) cheapest(o Offer) Offer {
	if !o.Chooses() {
		return o
	}
	adds := func(id string) int64 { // to what the offer costs
		switch sku, _, _ := c.SKU(id); {
		case o.Pay == 0:
			return int64(sku.Tax)
		case c.Taxes.Added:
			return sku.Price + c.Taxes.Of(sku.Price, sku.Tax)
		default:
			return sku.Price
		}
	}
	o.Lines = slices.Clone(o.Lines)
	for i, l := range o.Lines {
		if len(l.Of) > 0 {
			o.Lines[i] = Line{N: l.N, SKU: slices.MinFunc(l.Of, func(a, b string) int { return cmp.Compare(adds(a), adds(b)) })}
		}
	}
	return o
}

// Paying is what the pieces of an offer cost in the catalogue that are paid for: the dearest. Of what is to be chosen it is the least.
func (c *Catalogue) Paying(o Offer) (sum int64) {
	var each []int64
	for _, l := range c.cheapest(o).Lines {
		sku, _, _ := c.SKU(l.SKU)
		each = append(each, slices.Repeat([]int64{sku.Price}, l.N)...)
	}
	slices.Sort(each)
	for _, p := range each[max(0, len(each)-o.Pay):] {
		sum += p
	}
	return sum
}

// asSold is an offer with what is paid for it as its price, and in Net what of that is not tax, where taxes are added. Where something is to be chosen, it is the
// least.
func (c *Catalogue) asSold(o Offer) Offer {
	if !c.Taxes.Added {
		return o
	}
	one := c.cheapest(o)
	o.Net, one.Net, o.Price = o.Price, o.Price, 0
	for _, l := range Price(c, one) {
		o.Price += l.Amount
	}
	return o
}

// Price splits the price of an offer, as it is sold and with all chosen (see Levels.Pick), over its lines in proportion to what they cost alone, by largest
// remainder, and works out each line's tax. Lines that cost nothing alone share by pieces. Where taxes are added, it is what of the price is not
// tax that is split, and each line's amount is its part with its tax.
func Price(c *Catalogue, o Offer) []OrderLine {
	price := o.Price
	if c.Taxes.Added {
		price = o.Net
	}
	lines := make([]OrderLine, len(o.Lines))
	weights := make([]int64, len(o.Lines))
	var sum int64
	for i, l := range o.Lines {
		sku, _, _ := c.SKU(l.SKU)
		lines[i] = OrderLine{SKU: l.SKU, Title: sku.Title, N: l.N, Rate: sku.Tax}
		if l.Chosen {
			lines[i].Variant = sku.Label()
		}
		weights[i] = sku.Price * int64(l.N)
		sum += weights[i]
	}
	if sum == 0 {
		for i, l := range o.Lines {
			weights[i] = int64(l.N)
			sum += weights[i]
		}
	}
	rest := price
	by := make([]int, len(lines))
	for i := range lines {
		lines[i].Amount = price * weights[i] / sum
		rest -= lines[i].Amount
		by[i] = i
	}
	sort.SliceStable(by, func(a, b int) bool { return price*weights[by[a]]%sum > price*weights[by[b]]%sum })
	for _, i := range by[:rest] {
		lines[i].Amount++
	}
	for i := range lines {
		lines[i].Tax = c.Taxes.Of(lines[i].Amount, lines[i].Rate)
		if c.Taxes.Added {
			lines[i].Amount += lines[i].Tax
		}
	}
	return lines
}
