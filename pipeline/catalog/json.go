// Package catalog reads catalogues. An import is all or nothing: a document with anything wrong in it is refused with
// every problem it has, each with its line, column and what was expected.
package catalog

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/language"

	"edgekit.internal/pipeline"
)

// Bounds of a catalogue.
const (
	MaxBytes    = 8 << 20
	maxProblems = 100
	maxSKUs     = 20_000
	maxOffers   = 5_000
	maxLines    = 50
	maxPieces   = 100         // of a SKU in one line
	maxOptions  = 50          // to choose from in one
	maxMinor    = 100_000_000 // a price: keeps every sum and split far inside 64 bits
	maxStock    = pipeline.MaxStock
	maxText     = 200 // characters
	maxID       = 64  // bytes
	maxBarcode  = 256 // bytes: what the camera reads
)

// Problem is one thing wrong with a document.
type Problem struct {
	File         string `json:"file"`
	Line, Column int
	Expected     string
}

// Error writes the problem as compilers do: file:line:column: what.
func (p Problem) Error() string {
	return fmt.Sprintf("%s:%d:%d: %s", p.File, p.Line, p.Column, p.Expected)
}

// Problems is all that is wrong with a document, in the order of the document's parts.
type Problems []Problem

// Error lists the problems, one a line.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.Error()
	}
	return strings.Join(lines, "\n")
}

// JSON reads a catalogue in the kit's own form:
//
//	{"currency": "EUR",
//	 "skus":   [{"sku": "MUG", "title": "Mug", "price": 1250, "tax": 19.0, "stock": 10, "barcode": "4006381333931", "per_visitor": 2},
//	            {"sku": "TEE-M", "title": "T-shirt, M", "product": "T-shirt", "variant": "M", "price": 1900, "tax": 19.0, "stock": 4}, …],
//	 "offers": [{"id": "mug", "title": "Mug", "lines": [{"sku": "MUG", "n": 1}], "price": 1000,
//	             "limit": 5, "per_visitor": 1, "state": "live", "lasts": 600,
//	             "steps": [{"sold": 3, "price": 1250}, {"after": 300, "sold": 3, "price": 1100}]},
//	            {"id": "tee", "title": "T-shirt", "lines": [{"of": ["TEE-M", "TEE-L"], "n": 1}]}]}
//
// A line with "of" in place of "sku" leaves n pieces of these to the buyer to choose, who sees their variants, or titles where there are none; none of them is in another
// line of the offer. The price of such an offer may be left out: then it costs what is chosen. A SKU's per_visitor is how many pieces of it one visitor may have, by
// whatever offers. Prices are in minor units, and include tax unless "taxes": "added" stands beside the currency; there too is "rounding", of each line's tax: "half-up" if
// absent, "half-even", "up" or "down". An offer of several pieces may have, in place of its price, how many of them are paid for, the dearest, as in "pay": 2
// of three. tax is in percent; limit, per_visitor, lasts (seconds that the offer is
// live), steps, state ("hidden", "soon", "live", "over", "withdrawn"; live if absent) and barcode may be left out. A stock of null is not counted:
// there is always one more. A step is the price from a point on: when so many of the offer are sold, and it has been live for after seconds. Of a barcode with 12 or 13
// digits, a UPC-A or EAN-13, the last must be that of the others. Titles are in the catalogue's "language" (a BCP 47 tag; "en" if absent); "titles" of a SKU or an offer, and
// "variants" of a SKU, have them in others, as in {"de": "Becher", "fr": "Tasse"}. file is only for messages. The
// error is of type Problems.
func JSON(file string, doc []byte) (*pipeline.Catalogue, error) {
	r := &reader{file: file, doc: doc}
	if len(doc) > MaxBytes {
		r.problem(0, "the file has %d bytes: expected at most %d", len(doc), MaxBytes)
		return nil, r.problems
	}
	if !utf8.Valid(doc) {
		at := 0
		for at < len(doc) {
			c, n := utf8.DecodeRune(doc[at:])
			if c == utf8.RuneError && n == 1 {
				break
			}
			at += n
		}
		r.problem(at, "expected UTF-8 text")
		return nil, r.problems
	}
	root, ok := r.parse()
	if !ok {
		return nil, r.problems
	}
	c := r.catalogue(root)
	if len(r.problems) > 0 {
		return nil, r.problems
	}
	return c, nil
}

func (r *reader) catalogue(root node) *pipeline.Catalogue {
	o, ok := root.value.(*object)
	if !ok {
		r.problem(root.at, `expected an object {"currency", "skus", "offers"}`)
		return nil
	}
	r.only(o, "currency", "skus", "offers", "taxes", "rounding", "language")
	rules := pipeline.TaxRules{Added: r.oneOf(o, "taxes", "included", "included", "added") == "added",
		Rounding: pipeline.Rounding(r.oneOf(o, "rounding", string(pipeline.HalfUp), texts(pipeline.Roundings)...))}
	currency := r.text(root, o, "currency", 3)
	if !validCurrency(currency) {
		r.problem(r.at(root, o, "currency"), `currency: expected three capital letters of ISO 4217, such as "EUR"`)
	}
	lang := ""
	if v, there := o.fields["language"]; there {
		if lang, _ = v.value.(string); !isLanguage(lang) {
			r.problem(v.at, `language: expected a language's tag (BCP 47), such as "de"`)
		}
	}
	skus := r.skus(root, o)
	offers := r.offers(root, o, pipeline.NewCatalogue(currency, skus, nil).Under(rules))
	if len(r.problems) > 0 {
		return nil // an offer without lines has no price with taxes
	}
	return pipeline.NewCatalogue(currency, skus, offers).Speaking(lang).Under(rules)
}

func (r *reader) skus(root node, o *object) (skus []pipeline.SKU) {
	known := map[string]bool{}
	codes := map[string]string{} // whose each barcode is
	for _, n := range r.list(root, o, "skus", maxSKUs) {
		s, ok := n.value.(*object)
		if !ok {
			r.problem(n.at, `expected an object {"sku", "title", "price", "tax", "stock"}`)
			continue
		}
		r.only(s, "sku", "title", "price", "tax", "stock", "barcode", "product", "variant", "per_visitor", "titles", "variants")
		sku := pipeline.SKU{SKU: r.id(n, s, "sku"), Title: r.text(n, s, "title", maxText), Price: r.whole(n, s, "price", 0, maxMinor, false),
			Tax: r.tax(n, s), Barcode: r.barcode(s), PerVisitor: int(r.whole(n, s, "per_visitor", 1, maxStock, true))}
		for key, to := range map[string]*string{"product": &sku.Product, "variant": &sku.Variant} {
			if _, there := s.fields[key]; there {
				*to = r.text(n, s, key, maxText)
			}
		}
		sku.Titles, sku.Variants = r.inLanguages(s, "titles"), r.inLanguages(s, "variants")
		if v, there := s.fields["stock"]; there && v.value == nil {
			sku.Uncounted = true
		} else {
			sku.Stock = int(r.whole(n, s, "stock", 0, maxStock, false))
		}
		if known[sku.SKU] {
			r.problem(r.at(n, s, "sku"), "sku %q is there twice", sku.SKU)
		}
		known[sku.SKU] = true
		if code := pipeline.CodeOf(sku.Barcode); code != "" {
			if other, ok := codes[code]; ok {
				r.problem(r.at(n, s, "barcode"), "barcode: %q is that of sku %q: expected one of its own, or none", sku.Barcode, other)
			}
			codes[code] = sku.SKU
		}
		skus = append(skus, sku)
	}
	return skus
}

// maxLanguages bounds the languages of one title.
const maxLanguages = 40

// inLanguages are texts by the tags of their languages.
func (r *reader) inLanguages(o *object, key string) map[string]string {
	v, there := o.fields[key]
	if !there {
		return nil
	}
	in, ok := v.value.(*object)
	if !ok || len(in.fields) > maxLanguages {
		r.problem(v.at, `%s: expected an object of at most %d texts by language, such as {"de": "Becher"}`, key, maxLanguages)
		return nil
	}
	all := map[string]string{}
	for tag := range in.fields {
		if !isLanguage(tag) {
			r.problem(in.fields[tag].at, `%s: %q is no language's tag (BCP 47), such as "de"`, key, tag)
			continue
		}
		all[tag] = r.text(v, in, tag, maxText)
	}
	return all
}

// isLanguage tells whether a tag names a language, in the form in which it is written.
func isLanguage(tag string) bool {
	t, err := language.Parse(tag)
	return err == nil && t.String() == tag && t != language.Und
}

// at is where to point for a key: its value, or the object that lacks it.
func (r *reader) at(n node, o *object, key string) int {
	if v, ok := o.fields[key]; ok {
		return v.at
	}
	return n.at
}

func (r *reader) list(n node, o *object, key string, most int) []node {
	l, ok := o.fields[key].value.([]node)
	switch {
	case !ok:
		r.problem(r.at(n, o, key), "%s: expected a list", key)
	case len(l) > most:
		r.problem(r.at(n, o, key), "%s: %d of them, expected at most %d", key, len(l), most)
		return nil
	}
	return l
}

func (r *reader) text(n node, o *object, key string, most int) string {
	s, ok := o.fields[key].value.(string)
	switch {
	case !ok || strings.TrimSpace(s) == "" || utf8.RuneCountInString(s) > most:
		r.problem(r.at(n, o, key), "%s: expected a text of 1 to %d characters", key, most)
	case strings.ContainsFunc(s, unseen):
		r.problem(r.at(n, o, key), "%s: expected a text on one line without control characters", key)
	case pipeline.HasCard(s):
		r.problem(r.at(n, o, key), "%s: that is the number of a payment card, of which the kit keeps none: expected a text without it", key)
	}
	return s
}

// unseen tells which characters are no part of a title, but of what might be done to those who read it: controls, line
// breaks, and those that turn the order of letters around (Unicode Standard Annex 9, section 2).
func unseen(c rune) bool {
	return unicode.IsControl(c) || c == '\u2028' || c == '\u2029' || c >= '\u202a' && c <= '\u202e' || c >= '\u2066' && c <= '\u2069'
}

// id is a text that also goes into addresses and messages, so its letters are few.
func (r *reader) id(n node, o *object, key string) string {
	s, ok := o.fields[key].value.(string)
	if !ok || !fewLetters(s) {
		r.problem(r.at(n, o, key), "%s: expected 1 to %d of the characters A-Z a-z 0-9 - _ . /", key, maxID)
		return s
	}
	for part := range strings.SplitSeq(s, "/") {
		if leadsElsewhere(part) {
			r.problem(r.at(n, o, key), `%s: expected something other than %q between slashes`, key, part)
			break
		}
	}
	return s
}

func fewLetters(s string) bool {
	good := s != "" && len(s) <= maxID
	for i := 0; good && i < len(s); i++ {
		c := s[i]
		good = c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-_./", c) >= 0
	}
	return good
}

// leadsElsewhere tells which parts of an id would, in an address.
func leadsElsewhere(part string) bool { return part == "" || part == "." || part == ".." }

func validID(s string) bool {
	return fewLetters(s) && !slices.ContainsFunc(strings.Split(s, "/"), leadsElsewhere)
}

func (r *reader) barcode(o *object) string {
	v, there := o.fields["barcode"]
	if !there {
		return ""
	}
	s, ok := v.value.(string)
	if !ok {
		r.problem(v.at, `barcode: expected what the code says, in quotes, such as "4006381333931"`)
	} else if why := badBarcode(s); why != "" {
		r.problem(v.at, "barcode: %s", why)
	}
	return s
}

// badBarcode says what is wrong with the text of a code that is printed on a product. A number as long as those of shops is one, and ends in
// their check digit (GS1 General Specifications, section 7.9).
func badBarcode(s string) string {
	if s == "" || len(s) > maxBarcode || strings.ContainsFunc(s, func(c rune) bool { return c <= ' ' || unseen(c) }) {
		return fmt.Sprintf("expected what the code says: 1 to %d characters without spaces, such as 4006381333931", maxBarcode)
	}
	code := pipeline.CodeOf(s)
	if len(code) != 13 || strings.Trim(code, "0123456789") != "" {
		return ""
	}
	sum := 0
	for i, c := range code[:12] {
		sum += int(c-'0') * (1 + i%2*2)
	}
	if want := byte('0' + (10-sum%10)%10); code[12] != want {
		return fmt.Sprintf("%q ends in %c, and by its other digits should end in %c: one of them is wrong", s, code[12], want)
	}
	return ""
}

func (r *reader) whole(n node, o *object, key string, least, most int64, optional bool) int64 {
	v, there := o.fields[key]
	if !there && optional {
		return 0
	}
	num, _ := v.value.(json.Number)
	i, err := num.Int64()
	if err != nil || i < least || i > most {
		r.problem(r.at(n, o, key), "%s: expected a whole number from %d to %d", key, least, most)
		return least
	}
	return i
}

func (r *reader) tax(n node, o *object) pipeline.TaxRate {
	num, _ := o.fields["tax"].value.(json.Number)
	rate, ok := percent(string(num))
	if !ok {
		r.problem(r.at(n, o, "tax"), "tax: expected a percentage from 0 to 100 with at most three decimals, such as 19.0")
	}
	return rate
}

// oneOf reads a text that is one of some, or absent.
func (r *reader) oneOf(o *object, key, absent string, all ...string) string {
	v, there := o.fields[key]
	if !there {
		return absent
	}
	s, _ := v.value.(string)
	if !slices.Contains(all, s) {
		r.problem(v.at, "%s: expected one of %q", key, all)
		return absent
	}
	return s
}

func texts[T ~string](all []T) (list []string) {
	for _, v := range all {
		list = append(list, string(v))
	}
	return list
}
