package catalog

import (
	"time"

	"edgekit.internal/pipeline"
)

func (r *reader) offers(root node, o *object, goods *pipeline.Catalogue) (offers []pipeline.Offer) {
	seen := map[string]bool{}
	for _, n := range r.list(root, o, "offers", maxOffers) {
		f, ok := n.value.(*object)
		if !ok {
			r.problem(n.at, `expected an object {"id", "title", "lines", "price"}`)
			continue
		}
		r.only(f, "id", "title", "lines", "price", "limit", "per_visitor", "state", "lasts", "steps", "pay", "titles")
		offer := pipeline.Offer{ID: r.id(n, f, "id"), Title: r.text(n, f, "title", maxText),
			Limit: int(r.whole(n, f, "limit", 1, maxStock, true)), PerVisitor: int(r.whole(n, f, "per_visitor", 1, maxStock, true)),
			State: pipeline.OfferState(r.oneOf(f, "state", string(pipeline.OfferLive), texts(pipeline.OfferStates)...)), Lasts: time.Duration(r.whole(n, f, "lasts", 1, 7*24*3600, true)) * time.Second}
		if seen[offer.ID] {
			r.problem(r.at(n, f, "id"), "offer %q is there twice", offer.ID)
		}
		seen[offer.ID] = true
		offer.Lines = r.lines(n, f, goods)
		r.price(n, f, &offer, goods)
		offer.Steps = r.steps(n, f, offer)
		offer.Titles = r.inLanguages(f, "titles")
		offers = append(offers, offer)
	}
	return offers
}

func (r *reader) lines(n node, f *object, goods *pipeline.Catalogue) (lines []pipeline.Line) {
	list := r.list(n, f, "lines", maxLines)
	if len(list) == 0 {
		r.problem(r.at(n, f, "lines"), `lines: expected at least one {"sku", "n"}, or {"of", "n"} to choose from`)
	}
	for _, ln := range list {
		l, ok := ln.value.(*object)
		if !ok {
			r.problem(ln.at, `expected an object {"sku", "n"}, or {"of", "n"}`)
			continue
		}
		r.only(l, "sku", "of", "n")
		line := pipeline.Line{N: int(r.whole(ln, l, "n", 1, maxPieces, false))}
		if _, choose := l.fields["of"]; choose {
			line.Of = r.of(ln, l, goods)
		} else {
			line.SKU = r.known(r.at(ln, l, "sku"), r.id(ln, l, "sku"), goods)
		}
		lines = append(lines, line)
	}
	r.apart(r.at(n, f, "lines"), lines)
	return lines
}

// of are the SKUs of a line to choose from.
func (r *reader) of(n node, l *object, goods *pipeline.Catalogue) (of []string) {
	if v, both := l.fields["sku"]; both {
		r.problem(v.at, "sku: the line has of, to choose from: expected one or the other")
	}
	list := r.list(n, l, "of", maxOptions)
	if len(list) < 2 {
		r.problem(r.at(n, l, "of"), "of: expected at least two SKUs to choose from")
	}
	for _, v := range list {
		id, _ := v.value.(string)
		if !validID(id) {
			r.problem(v.at, "of: expected the SKU of one of skus")
			continue
		}
		of = append(of, r.known(v.at, id, goods))
	}
	return of
}

func (r *reader) known(at int, sku string, goods *pipeline.Catalogue) string {
	if _, _, there := goods.SKU(sku); sku != "" && !there {
		r.problem(at, "sku %q is not in skus", sku)
	}
	return sku
}

// apart has what can be chosen be in one line only, so that a choice says which it is of; and there be no more of it than a page can ask for.
func (r *reader) apart(at int, lines []pipeline.Line) {
	times, pieces := map[string]int{}, 0
	for _, l := range lines {
		for _, id := range append([]string{l.SKU}, l.Of...) {
			times[id]++
		}
		if len(l.Of) > 0 {
			pieces += l.N
		}
	}
	for _, l := range lines {
		for _, id := range l.Of {
			if times[id] > 1 {
				r.problem(at, "lines: %q can be chosen, and is there more than once: expected it in one place", id)
				times[id] = 1
			}
		}
	}
	if pieces > pipeline.MaxChoice {
		r.problem(at, "lines: %d pieces to choose: expected at most %d", pieces, pipeline.MaxChoice)
	}
}

// price is what an offer costs: so much, or what some of its pieces do.
func (r *reader) price(n node, f *object, offer *pipeline.Offer, goods *pipeline.Catalogue) {
	_, there := f.fields["pay"]
	price, priced := f.fields["price"]
	switch {
	case !there && (priced || !offer.Chooses()):
		offer.Price = r.whole(n, f, "price", 0, maxMinor, false)
		return
	case priced:
		r.problem(price.at, "price: the offer has pay, and goes by the prices of its pieces: expected one or the other")
	}
	pieces := 0
	for _, l := range offer.Lines {
		pieces += l.N
	}
	if offer.Pay = pieces; there {
		most := pieces - 1
		if offer.Chooses() {
			most = pieces
		}
		offer.Pay = int(r.whole(n, f, "pay", 1, int64(max(1, most)), false))
	}
	offer.Price = goods.Paying(*offer)
	cost := offer.Price
	if offer.Chooses() {
		cost = dearest(*offer, goods)
	}
	if cost > maxMinor {
		r.problem(r.at(n, f, "pay"), "pay: that costs %d: expected at most %d", cost, maxMinor)
	}
	if v, both := f.fields["steps"]; both && offer.Chooses() {
		r.problem(v.at, "steps: the offer goes by the prices of what is chosen: expected a price, or no steps")
	}
}

// dearest is no less than an offer may ever cost that goes by its pieces' prices.
func dearest(o pipeline.Offer, goods *pipeline.Catalogue) (sum int64) {
	for _, l := range o.Lines {
		most := int64(0)
		for _, id := range append([]string{l.SKU}, l.Of...) {
			sku, _, _ := goods.SKU(id)
			most = max(most, sku.Price)
		}
		sum += most * int64(l.N)
	}
	return sum
}

// steps are an offer's other prices: each begins later than the one before it, and before the offer is over or sold out by its own bounds.
func (r *reader) steps(n node, f *object, offer pipeline.Offer) (steps []pipeline.Step) {
	if _, there := f.fields["steps"]; !there {
		return nil
	}
	var last pipeline.Step
	for _, sn := range r.list(n, f, "steps", pipeline.MaxSteps) {
		s, ok := sn.value.(*object)
		if !ok {
			r.problem(sn.at, `expected an object {"after", "sold", "price"}`)
			continue
		}
		r.only(s, "after", "sold", "price")
		step := pipeline.Step{After: time.Duration(r.whole(sn, s, "after", 0, 7*24*3600, true)) * time.Second, Sold: int(r.whole(sn, s, "sold", 0, maxStock, true)),
			Price: r.whole(sn, s, "price", 0, maxMinor, false)}
		switch {
		case step.After < last.After || step.Sold < last.Sold || step.After == last.After && step.Sold == last.Sold:
			r.problem(sn.at, "a step that begins no later than the one before it: expected more seconds in after, or more pieces in sold, and less of neither")
		case offer.Lasts > 0 && step.After >= offer.Lasts:
			r.problem(r.at(sn, s, "after"), "after: the offer is over by then: expected fewer than its %d s", offer.Lasts/time.Second)
		case offer.Limit > 0 && step.Sold >= offer.Limit:
			r.problem(r.at(sn, s, "sold"), "sold: no more than that are sold at all: expected fewer than its limit of %d", offer.Limit)
		}
		steps, last = append(steps, step), step
	}
	return steps
}
