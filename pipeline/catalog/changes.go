package catalog

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"edgekit.internal/pipeline"
)

// Change is what an import makes of one thing.
type Change struct {
	Of    string   `json:"of"`    // "taxes", "sku" or "offer"
	ID    string   `json:"id"`    // its
	Title string   `json:"title"` // as it will be, or was
	What  string   `json:"what"`  // "new", "changed" or "gone"
	How   []string `json:"how"`   // for people: what it is, or what becomes what
}

// Changes lists what is different in next, SKUs first, in its order and then in that of what is gone.
func Changes(now, next *pipeline.Catalogue) (list []Change) {
	if now == nil {
		now = pipeline.NewCatalogue(next.Currency, nil, nil)
	}
	if was, is := taxes(now.Taxes), taxes(next.Taxes); was != is {
		list = append(list, Change{Of: "taxes", Title: "Taxes", What: "changed", How: []string{was + " → " + is}})
	}
	list = append(list, changes("sku", now.SKUs, next.SKUs, func(s pipeline.SKU) (string, string) { return s.SKU, s.Title }, skuFacts(now.Currency), skuFacts(next.Currency))...)
	return append(list, changes("offer", now.Offers, next.Offers, func(o pipeline.Offer) (string, string) { return o.ID, o.Title }, offerFacts(now.Currency), offerFacts(next.Currency))...)
}

// taxes says how they go with prices.
func taxes(t pipeline.TaxRules) string {
	how := "in the prices"
	if t.Added {
		how = "added to the prices"
	}
	if t.Rounding == "" || t.Rounding == pipeline.HalfUp {
		return how
	}
	return how + ", rounded " + string(t.Rounding)
}

// fact is one thing that can be said of a SKU or an offer.
type fact struct{ name, value string }

func changes[T any](of string, now, next []T, names func(T) (id, title string), was, is func(T) []fact) (list []Change) {
	before := map[string]T{}
	for _, v := range now {
		id, _ := names(v)
		before[id] = v
	}
	stays := map[string]bool{}
	for _, v := range next {
		id, title := names(v)
		stays[id] = true
		old, there := before[id]
		c := Change{Of: of, ID: id, Title: title, What: "changed"}
		if !there {
			c.What = "new"
			for _, f := range is(v) {
				c.How = append(c.How, f.name+" "+f.value)
			}
			list = append(list, c)
			continue
		}
		olds := was(old)
		for i, f := range is(v) {
			if f != olds[i] {
				c.How = append(c.How, fmt.Sprintf("%s %s → %s", f.name, olds[i].value, f.value))
			}
		}
		if len(c.How) > 0 {
			list = append(list, c)
		}
	}
	for _, v := range now {
		if id, title := names(v); !stays[id] {
			list = append(list, Change{Of: of, ID: id, Title: title, What: "gone"})
		}
	}
	return list
}

func skuFacts(currency string) func(pipeline.SKU) []fact {
	return func(s pipeline.SKU) []fact {
		stock := "not counted"
		if !s.Uncounted {
			stock = strconv.Itoa(s.Stock)
		}
		return []fact{{"title", strconv.Quote(s.Title)}, {"price", money(s.Price, currency)}, {"tax", s.Tax.String()}, {"stock", stock}, {"barcode", or(s.Barcode, "none")},
			{"variant", or(strings.TrimPrefix(s.Product+": "+s.Variant, ": "), "none")}, {"per visitor", most(s.PerVisitor)}, {"in other languages", languages(s.Titles, s.Variants)}}
	}
}

func offerFacts(currency string) func(pipeline.Offer) []fact {
	return func(o pipeline.Offer) []fact {
		var lines []string
		for _, l := range o.Lines {
			lines = append(lines, fmt.Sprintf("%d × %s", l.N, strings.Join(of(l), " or ")))
		}
		return []fact{{"title", strconv.Quote(o.Title)}, {"price", price(o, currency)}, {"of", strings.Join(lines, " + ")}, {"limit", most(o.Limit)},
			{"per visitor", most(o.PerVisitor)}, {"state", string(o.State)}, {"lasts", lasts(o.Lasts)}, {"steps", steps(o.Steps, currency)}, {"pieces paid for", paid(o.Pay)}, {"in other languages", languages(o.Titles)}}
	}
}

// price is what an offer costs: by what is chosen in it, if that makes a difference.
func price(o pipeline.Offer, currency string) string {
	if o.Chooses() && o.Pay > 0 {
		return "from " + money(o.Price, currency)
	}
	return money(o.Price, currency)
}

func money(minor int64, currency string) string {
	return pipeline.Money{Minor: minor, Currency: currency}.String()
}

func steps(all []pipeline.Step, currency string) string {
	if len(all) == 0 {
		return "none"
	}
	texts := make([]string, len(all))
	for i, s := range all {
		from := ""
		if s.Sold > 0 {
			from = fmt.Sprintf(" when %d are sold", s.Sold)
		}
		if s.After > 0 {
			from += " after " + s.After.String()
		}
		texts[i] = money(s.Price, currency) + from
	}
	return strings.Join(texts, ", ")
}

// languages says what somebody is told who speaks another one.
func languages(all ...map[string]string) string {
	var said []string
	for _, in := range all {
		for tag, text := range in {
			said = append(said, tag+" "+strconv.Quote(text))
		}
	}
	if len(said) == 0 {
		return "none"
	}
	slices.Sort(said)
	return strings.Join(said, ", ")
}

func paid(n int) string {
	if n == 0 {
		return "all"
	}
	return strconv.Itoa(n)
}

func most(n int) string {
	if n == 0 {
		return "none"
	}
	return strconv.Itoa(n)
}

func lasts(d time.Duration) string {
	if d == 0 {
		return "until it is ended"
	}
	return d.String()
}

func or(s, instead string) string {
	if s == "" {
		return instead
	}
	return s
}

// ParseTaxes reads rates of tax classes as the settings have them: NAME=PERCENT, with commas between.
func ParseTaxes(s string) (map[string]pipeline.TaxRate, error) {
	rates := map[string]pipeline.TaxRate{}
	if strings.TrimSpace(s) == "" {
		return rates, nil
	}
	for part := range strings.SplitSeq(s, ",") {
		at := strings.LastIndexByte(part, '=')
		name := strings.TrimSpace(part[:max(0, at)])
		rate, ok := percent(strings.TrimSuffix(strings.TrimSpace(part[at+1:]), "%"))
		if at < 0 || name == "" || !ok {
			return nil, fmt.Errorf("%q: expected NAME=PERCENT with a percentage from 0 to 100 and at most three decimals, such as %s=19", strings.TrimSpace(part), StandardTax)
		}
		if _, twice := rates[name]; twice {
			return nil, fmt.Errorf("the tax %q is there twice", name)
		}
		rates[name] = rate
	}
	return rates, nil
}

// Count says in a few words how many changes there are, such as "3 new, 1 gone".
func Count(list []Change) string {
	n := map[string]int{}
	for _, c := range list {
		n[c.What]++
	}
	var words []string
	for _, what := range []string{"new", "changed", "gone"} {
		if n[what] > 0 {
			words = append(words, fmt.Sprintf("%d %s", n[what], what))
		}
	}
	if len(words) == 0 {
		return "no change"
	}
	return strings.Join(words, ", ")
}
