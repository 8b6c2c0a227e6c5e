package catalog

import (
	"fmt"
	"hash/fnv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"edgekit.internal/pipeline"
)

// Options are what a shop's export does not say.
type Options struct {
	Currency string                      // ISO 4217
	Taxes    map[string]pipeline.TaxRate // by the name of the tax class; StandardTax is for goods that name none
	Location string                      // whose stock counts, where the file has several places'
	Rules    pipeline.TaxRules
	Language string // of titles, as a BCP 47 tag; "": English
}

// StandardTax is the tax class of goods that name none.
const StandardTax = "standard"

// item is a row's thing for sale, in the words of its file.
type item struct {
	row row

	sku, stead       string // its SKU, and what it goes by where it has none
	product, variant string // its name, and what sets it apart from others of that name: "Red, L"
	price            string
	tax              tax
	stock            string // empty: it is not counted
	barcode          string

	titles, variants map[string]string // in other languages

	// the columns that each is from, to point at
	skuIn, titleIn, priceIn, taxIn, stockIn, barcodeIn string
}

// tax is how a file says which tax a thing has: a class, or the rate itself.
type tax struct {
	class string
	rate  pipeline.TaxRate
	known bool // rate is
}

// counter turns goods into SKUs.
type counter struct {
	opt     Options
	digits  int
	skus    []pipeline.SKU
	rows    map[string]int    // the line of each SKU
	codes   map[string]string // whose each barcode is
	untaxed map[string]bool   // classes without a rate that were told
}

func newCounter(opt Options) *counter {
	return &counter{opt: opt, digits: pipeline.Digits(opt.Currency), rows: map[string]int{}, codes: map[string]string{}, untaxed: map[string]bool{}}
}

// add takes a thing in, or says what is wrong with it.
func (c *counter) add(g item) {
	s := pipeline.SKU{SKU: idOf(g.sku), Title: g.product, Uncounted: g.stock == ""}
	if s.SKU == "" {
		s.SKU = idOf(g.stead)
	}
	if g.variant != "" {
		s.Title += ", " + g.variant
		s.Product, s.Variant = one(g.product), one(g.variant)
	}
	s.Title = one(s.Title)
	s.Titles, s.Variants = g.titles, g.variants
	for tag, title := range g.titles {
		if v := g.variants[tag]; v != "" {
			s.Titles[tag] = one(title + ", " + v)
		}
	}
	switch line, twice := c.rows[s.SKU]; {
	case s.SKU == "":
		g.row.problem("there is no SKU, and nothing else to tell it from others by", nil, g.skuIn)
	case twice:
		g.row.problem("sku %q is that of line %d too: expected one of its own", []any{s.SKU, line}, g.skuIn)
	}
	c.rows[s.SKU] = g.row.places[0].line
	if n := utf8.RuneCountInString(s.Title); g.product == "" || n > maxText || strings.ContainsFunc(s.Title, unseen) {
		g.row.problem("the name %.40q: expected 1 to %d characters, without control characters", []any{s.Title, maxText}, g.titleIn)
	}
	if pipeline.HasCard(s.Title) {
		g.row.problem("the name has the number of a payment card in it, of which the kit keeps none: expected one without it", nil, g.titleIn)
	}
	var err error
	if s.Price, err = minor(g.price, c.digits); err != nil {
		g.row.problem("price: %v", []any{err}, g.priceIn)
	}
	if g.stock != "" {
		if s.Stock, err = pieces(g.stock); err != nil {
			g.row.problem("stock: %v", []any{err}, g.stockIn)
		}
	}
	s.Tax = c.rate(g)
	s.Barcode = c.barcode(g, s.SKU)
	c.skus = append(c.skus, s)
}

// rate is a thing's tax. A class without a rate is told once.
func (c *counter) rate(g item) pipeline.TaxRate {
	if g.tax.known {
		return g.tax.rate
	}
	class := g.tax.class
	if class == "" {
		class = StandardTax
	}
	rate, ok := c.opt.Taxes[class]
	if !ok && !c.untaxed[class] {
		c.untaxed[class] = true
		g.row.problem("the kit knows no rate for the tax %q: expected one in the settings, such as taxes = \"%s=19\"", []any{class, class}, g.taxIn)
	}
	return rate
}

// barcode is what is printed on a thing. Spreadsheets and shops put a ' before it, or nothing but noughts for none.
func (c *counter) barcode(g item, sku string) string {
	code := strings.TrimLeft(g.barcode, "'’`")
	if strings.Trim(code, "0") == "" {
		return ""
	}
	if why := badBarcode(code); why != "" {
		g.row.problem("barcode: %s", []any{why}, g.barcodeIn)
		return ""
	}
	key := pipeline.CodeOf(code)
	if other, ok := c.codes[key]; ok {
		g.row.problem("barcode: %q is that of sku %q: expected one of its own, or none", []any{code, other}, g.barcodeIn)
	}
	c.codes[key] = sku
	return code
}

// idOf makes an id, whose letters are few, of what a shop calls a thing. Letters with accents lose them; what is left of other scripts
// is told apart by a number made of the text.
func idOf(s string) string {
	s = strings.TrimSpace(s)
	if validID(s) {
		return s
	}
	var b strings.Builder
	lost, gap := false, false
	for _, c := range norm.NFKD.String(s) {
		switch {
		case c < utf8.RuneSelf && (unicode.IsLetter(c) || unicode.IsDigit(c) || c == '_' || c == '.'):
			if gap && b.Len() > 0 {
				b.WriteByte('-')
			}
			gap = false
			b.WriteRune(c)
		case unicode.Is(unicode.Mn, c):
		default:
			gap = true
			lost = lost || unicode.IsLetter(c) || unicode.IsDigit(c)
		}
	}
	id := b.String()
	if lost || len(id) > maxID || id != "" && !validID(id) {
		h := fnv.New32a()
		h.Write([]byte(s))
		id = fmt.Sprintf("%s-%08x", strings.Trim(id[:min(len(id), maxID-9)], "-."), h.Sum32())
	}
	return strings.TrimPrefix(id, "-")
}
