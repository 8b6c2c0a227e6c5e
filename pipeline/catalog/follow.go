package catalog

import (
	"fmt"
	"slices"
	"strings"

	"edgekit.internal/pipeline"
)

// maxOwnOffers is how many offers a catalogue has before its goods have none of their own: nobody finds one among more.
const maxOwnOffers = 500

// withOffers makes a catalogue of a table's goods. Offers that are in use stay, as long as all that is in them is there; one that sells a single
// piece at the thing's own price, or by its own name, follows those. What no offer sells gets one, hidden until somebody starts it: one for all of a product's
// variants, which the buyer chooses.
func withOffers(goods, now *pipeline.Catalogue) *pipeline.Catalogue {
	var offers []pipeline.Offer
	sold, ids := map[string]bool{}, map[string]bool{}
	if now != nil && now.Currency == goods.Currency {
		for _, o := range now.Offers {
			o, ok := follow(o, now, goods)
			if !ok {
				continue
			}
			if len(o.Lines) == 1 && o.Lines[0].N == 1 {
				for _, id := range of(o.Lines[0]) {
					sold[id] = true
				}
			}
			ids[o.ID] = true
			offers = append(offers, o)
		}
	}
	for _, o := range own(goods, sold) {
		if len(offers) >= maxOwnOffers {
			break
		}
		if lower := strings.ToLower(o.ID); !ids[lower] {
			o.ID = lower
		}
		for n, id := 2, o.ID; ids[o.ID]; n++ {
			o.ID = fmt.Sprintf("%.*s-%d", maxID-8, id, n)
		}
		ids[o.ID] = true
		offers = append(offers, o)
	}
	return pipeline.NewCatalogue(goods.Currency, goods.SKUs, offers).Speaking(goods.Language).Under(goods.Taxes)
}

// of are the SKUs that a line is, or may be, pieces of.
func of(l pipeline.Line) []string {
	if len(l.Of) == 0 {
		return []string{l.SKU}
	}
	return l.Of
}

// follow is what becomes of an offer in use with other goods; false: there is nothing of it any more, or not all.
func follow(o pipeline.Offer, now, goods *pipeline.Catalogue) (pipeline.Offer, bool) {
	was := o
	o.Lines = slices.Clone(o.Lines)
	for i, l := range o.Lines {
		if len(l.Of) > 0 {
			if l.Of = choices(l.Of, now, goods); len(l.Of) == 0 {
				return o, false
			}
		}
		if len(l.Of) == 1 {
			l.SKU, l.Of = l.Of[0], nil
		}
		if _, _, there := goods.SKU(of(l)[0]); !there {
			return o, false
		}
		o.Lines[i] = l
	}
	if len(o.Lines) == 1 && o.Lines[0].N == 1 {
		before, after := called(was.Lines[0], now), called(o.Lines[0], goods)
		if o.Title == before {
			o.Title = after
		}
		if price, alike := alone(was.Lines[0], now); o.Pay == 0 && alike && price == o.Price {
			if o.Price, alike = alone(o.Lines[0], goods); !alike {
				o.Pay = 1
			}
		}
		if !o.Chooses() && o.Pay > 0 {
			o.Price, _ = alone(o.Lines[0], goods)
			o.Pay = 0
		}
	}
	if o.Pay > 0 {
		if o.Price = goods.Paying(o); o.Price > maxMinor {
			return o, false // as none of its things is any more
		}
	}
	return o, true
}

// choices are what of a line's there is still to choose from, and what came to its product since, if it had all of that.
func choices(had []string, now, goods *pipeline.Catalogue) (of []string) {
	product := ""
	for i, id := range had {
		sku, _, _ := now.SKU(id)
		if i > 0 && sku.Product != product || sku.Product == "" {
			product = ""
			break
		}
		product = sku.Product
	}
	whole := product != "" && !slices.ContainsFunc(now.SKUs, func(s pipeline.SKU) bool { return s.Product == product && !slices.Contains(had, s.SKU) })
	for _, s := range goods.SKUs {
		if slices.Contains(had, s.SKU) {
			of = append(of, s.SKU)
			if whole {
				product = s.Product // it may have another name
			}
		}
	}
	if !whole || len(of) == 0 {
		return of
	}
	of = of[:0]
	for _, s := range goods.SKUs {
		if (s.Product == product || slices.Contains(had, s.SKU)) && len(of) < maxOptions {
			of = append(of, s.SKU)
		}
	}
	return of
}

// called is what a single piece of a line is called: the product, where the buyer chooses.
func called(l pipeline.Line, c *pipeline.Catalogue) string {
	sku, _, _ := c.SKU(of(l)[0])
	if len(l.Of) > 0 {
		return sku.Product
	}
	return sku.Title
}

// alone is what a single piece of a line costs alone; alike is false where that goes by what is chosen.
func alone(l pipeline.Line, c *pipeline.Catalogue) (price int64, alike bool) {
	for i, id := range of(l) {
		sku, _, _ := c.SKU(id)
		if i > 0 && sku.Price != price {
			return 0, false
		}
		price = sku.Price
	}
	return price, true
}

// own are offers of goods that have none: one each, or one for a product's variants.
func own(goods *pipeline.Catalogue, sold map[string]bool) (offers []pipeline.Offer) {
	variants, labels := map[string][]string{}, map[string]bool{}
	for _, s := range goods.SKUs {
		if s.Product != "" && !sold[s.SKU] && !labels[s.Product+"\x00"+s.Variant] {
			labels[s.Product+"\x00"+s.Variant] = true
			variants[s.Product] = append(variants[s.Product], s.SKU)
		}
	}
	for _, s := range goods.SKUs {
		if sold[s.SKU] {
			continue
		}
		o := pipeline.Offer{ID: s.SKU, Title: s.Title, Lines: []pipeline.Line{{SKU: s.SKU, N: 1}}, Price: s.Price, State: pipeline.OfferHidden}
		if all := variants[s.Product]; len(all) > 1 && len(all) <= maxOptions && slices.Contains(all, s.SKU) {
			if s.SKU != all[0] {
				continue
			}
			o.Title, o.Lines = s.Product, []pipeline.Line{{N: 1, Of: all}}
			if id := idOf(s.Product); id != "" {
				o.ID = id
			}
			if price, alike := alone(o.Lines[0], goods); alike {
				o.Price = price
			} else {
				o.Pay, o.Price = 1, goods.Paying(pipeline.Offer{Lines: o.Lines, Pay: 1})
			}
		}
		offers = append(offers, o)
	}
	return offers
}
