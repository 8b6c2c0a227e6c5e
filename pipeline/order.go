package pipeline

import (
	"slices"
	"sort"
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
}

// Has tells whether priced lines are the offer's: the same pieces of the same SKUs.
func (o Offer) Has(lines []OrderLine) bool {
	return slices.EqualFunc(o.Lines, lines, func(a Line, b OrderLine) bool { return a.SKU == b.SKU && a.N == b.N })
}

// Price splits the price of an offer, as it is sold (see Levels.At), over its lines in proportion to what they cost alone, by largest
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
