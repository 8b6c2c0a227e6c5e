package catalog

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"edgekit.internal/pipeline"
)

const good = `{"currency":"EUR","skus":[{"sku":"MUG","title":"Mug","price":1250,"tax":19.0,"stock":10}],
"offers":[{"id":"mug","title":"Mug","lines":[{"sku":"MUG","n":1}],"price":1000,"limit":5,"state":"live"},
 {"id":"two","title":"Two mugs","lines":[{"sku":"MUG","n":2}],"price":1900,"per_visitor":1,"lasts":90}]}`

func TestTheLeastForm(t *testing.T) {
	c, err := JSON("good.json", []byte(good))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]pipeline.SKU{{SKU: "MUG", Title: "Mug", Price: 1250, Tax: 19000, Stock: 10}}, c.SKUs); d != "" {
		t.Error(d)
	}
	want := []pipeline.Offer{
		{ID: "mug", Title: "Mug", Lines: []pipeline.Line{{SKU: "MUG", N: 1}}, Price: 1000, Limit: 5, State: pipeline.OfferLive},
		{ID: "two", Title: "Two mugs", Lines: []pipeline.Line{{SKU: "MUG", N: 2}}, Price: 1900, PerVisitor: 1, State: pipeline.OfferLive, Lasts: 90 * time.Second},
	}
	if d := cmp.Diff(want, c.Offers); d != "" {
		t.Error(d)
	}
}

func TestStepsAreKept(t *testing.T) {
	c, err := JSON("f.json", []byte(strings.Replace(good, `"limit":5`, `"limit":5,"steps":[{"sold":1,"price":1100},{"sold":1,"after":60,"price":1200},{"after":90,"sold":4,"price":0}]`, 1)))
	if err != nil {
		t.Fatal(err)
	}
	want := []pipeline.Step{{Sold: 1, Price: 1100}, {Sold: 1, After: time.Minute, Price: 1200}, {Sold: 4, After: 90 * time.Second, Price: 0}}
	if d := cmp.Diff(want, c.Offers[0].Steps); d != "" {
		t.Error(d)
	}
}

// TestSomePiecesAreFree: of three things the two dearest are paid for, also when their prices change with a table.
func TestSomePiecesAreFree(t *testing.T) {
	const doc = `{"currency":"EUR","taxes":"added","rounding":"half-even","skus":[{"sku":"MUG","title":"Mug","price":1250,"tax":19,"stock":9},{"sku":"PEN","title":"Pen","price":300,"tax":7,"stock":9}],
		"offers":[{"id":"three","title":"Three","lines":[{"sku":"PEN","n":2},{"sku":"MUG","n":1}],"pay":2},{"id":"mugs","title":"3 for 2","lines":[{"sku":"MUG","n":3}],"pay":2}]}`
	in, err := Read("f.json", []byte(doc), nil, Options{})
	if err != nil {
		t.Fatal(err)
	}
	c := in.Catalogue
	if c.Offers[0].Price != 1550 || c.Offers[1].Price != 2500 || c.Taxes != (pipeline.TaxRules{Added: true, Rounding: pipeline.HalfEven}) {
		t.Errorf("%+v, %+v", c.Offers, c.Taxes)
	}
	next, err := Read("f.csv", []byte("sku,title,price,tax,stock\nMUG,Mug,14,19,9\nPEN,Pen,20,7,9\n"), c, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if o := next.Catalogue.Offers; o[0].Price != 4000 || o[1].Price != 2800 {
		t.Errorf("%+v", o)
	}
	for _, c := range []struct{ old, bad, want string }{
		{`"pay":2},{`, `"price":1,"pay":2},{`, `f.json:2:101: price: the offer has pay, and goes by the prices of its pieces: expected one or the other`},
		{`"taxes":"added"`, `"taxes":"more"`, `f.json:1:27: taxes: expected one of ["included" "added"]`},
		{`"rounding":"half-even"`, `"rounding":5`, `f.json:1:46: rounding: expected one of ["half-up" "half-even" "up" "down"]`},
		{`"n":3}],"pay":2`, `"n":3}],"pay":3`, `f.json:2:169: pay: expected a whole number from 1 to 2`},
		{`"n":3}],"pay":2`, `"n":3}],"pay":0`, `f.json:2:169: pay: expected a whole number from 1 to 2`},
		{`"price":1250`, `"price":100000000`, `f.json:2:169: pay: that costs 200000000: expected at most 100000000`},
	} {
		_, err := Read("f.json", []byte(strings.Replace(doc, c.old, c.bad, 1)), nil, Options{})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", c.bad, err, c.want)
		}
	}
}

// TestWhatMayBeChosen: at one price, at that of what is chosen, and so many for the price of fewer.
func TestWhatMayBeChosen(t *testing.T) {
	const doc = `{"currency":"EUR","skus":[{"sku":"S","title":"Tee, S","product":"Tee","variant":"S","price":1900,"tax":19,"stock":3},{"sku":"L","title":"Tee, L","variant":"L","price":2100,"tax":19,"stock":2,"per_visitor":1},{"sku":"PEN","title":"Pen","price":300,"tax":7,"stock":null}],
		"offers":[{"id":"tee","title":"Tee","lines":[{"of":["S","L"],"n":1}]},{"id":"one","title":"Any tee and a pen","lines":[{"of":["S","L"],"n":1},{"sku":"PEN","n":1}],"price":2000},{"id":"three","title":"3 for 2","lines":[{"n":3,"of":["S","L"]}],"pay":2}]}`
	c, err := JSON("f.json", []byte(doc))
	if err != nil {
		t.Fatal(err)
	}
	if s := c.SKUs[1]; s.Variant != "L" || s.PerVisitor != 1 || c.SKUs[0].Product != "Tee" || c.Offers[0].Price != 1900 || c.Offers[0].Pay != 1 || c.Offers[1].Price != 2000 || c.Offers[1].Pay != 0 || c.Offers[2].Price != 3800 {
		t.Errorf("%+v", c)
	}
	for _, c := range []struct{ old, bad, want string }{
		{`"of":["S","L"],"n":1}]}`, `"of":["S","XL"],"n":1}]}`, `f.json:2:59: sku "XL" is not in skus`},
		{`"of":["S","L"],"n":1}]}`, `"of":["S",5],"n":1}]}`, `f.json:2:59: of: expected the SKU of one of skus`},
		{`"of":["S","L"],"n":1}]}`, `"of":["S"],"n":1}]}`, `f.json:2:54: of: expected at least two SKUs to choose from`},
		{`"of":["S","L"],"n":1}]}`, `"of":"S","n":1}]}`, `f.json:2:54: of: expected a list`},
		{`"of":["S","L"],"n":1}]}`, `"of":["S","L"],"sku":"S","n":1}]}`, `f.json:2:70: sku: the line has of, to choose from: expected one or the other`},
		{`"of":["S","L"],"n":1}]}`, `"of":["S","L"],"n":1},{"sku":"L","n":1}]}`, `f.json:2:47: lines: "L" can be chosen, and is there more than once: expected it in one place`},
		{`{"n":3,`, `{"n":21,`, `lines: 21 pieces to choose: expected at most 20`},
		{`"pay":2`, `"pay":4`, `pay: expected a whole number from 1 to 3`},
		{`"pay":2`, `"pay":2,"steps":[{"sold":1,"price":1}]`, `steps: the offer goes by the prices of what is chosen: expected a price, or no steps`},
		{`"price":1900`, `"price":90000000`, `pay: that costs 270000000: expected at most 100000000`},
		{`"variant":"S"`, `"variant":""`, `variant: expected a text of 1 to 200 characters`},
	} {
		if _, err := JSON("f.json", []byte(strings.Replace(doc, c.old, c.bad, 1))); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", c.bad, err, c.want)
		}
	}
}

// TestTitlesInOtherLanguages, from JSON and from a table's columns, suit who asks for them; others see the catalogue's own.
func TestTitlesInOtherLanguages(t *testing.T) {
	const doc = `{"currency":"EUR","language":"de","skus":[{"sku":"MUG","title":"Becher","titles":{"en":"Mug","fr":"Tasse"},"price":1250,"tax":19,"stock":1},
		{"sku":"S","title":"Hemd, rot","variant":"rot","variants":{"en":"red"},"price":1,"tax":19,"stock":1},{"sku":"M","title":"Hemd, blau","variant":"blau","price":1,"tax":19,"stock":1}],
		"offers":[{"id":"mug","title":"Becher","lines":[{"sku":"MUG","n":1}],"price":1000},{"id":"shirt","title":"Hemd","titles":{"en":"Shirt"},"lines":[{"of":["S","M"],"n":1}]}]}`
	c, err := JSON("f.json", []byte(doc))
	if err != nil {
		t.Fatal(err)
	}
	in, err := Read("t.csv", []byte("sku,title,title:en,title:fr,price,tax,stock\nMUG,Becher,Mug,Tasse,12.50,19,1\n"), nil, Options{Currency: "EUR", Language: "de"})
	if err != nil {
		t.Fatal(err)
	}
	for accept, want := range map[string]string{"": "Becher", "de-AT,en;q=0.5": "Becher", "en-GB, fr;q=0.1": "Mug", "fr-CH, de;q=0.9": "Tasse", "ja": "Becher", "xx;;;q=9": "Becher", "*": "Becher"} {
		for _, c := range []*pipeline.Catalogue{c, in.Catalogue} {
			if got := c.TitleIn(c.Offers[0], c.In(accept)); got != want {
				t.Errorf("%q: %s, want %s", accept, got, want)
			}
		}
	}
	if en := c.In("en"); c.TitleIn(c.Offers[1], en) != "Shirt" || c.SKUs[1].LabelIn(en) != "red" || c.SKUs[2].LabelIn(en) != "blau" || c.SKUs[0].LabelIn(en) != "Mug" {
		t.Errorf("%+v", c.Offers[1])
	}
	for _, bad := range []struct{ old, bad, want string }{
		{`"language":"de"`, `"language":"German"`, `f.json:1:30: language: expected a language's tag`},
		{`{"en":"Mug","fr":"Tasse"}`, `{"e n":"Mug"}`, `titles: "e n" is no language's tag`},
		{`{"en":"Mug","fr":"Tasse"}`, `{"en":""}`, `en: expected a text of 1 to 200 characters`},
		{`{"en":"Mug","fr":"Tasse"}`, `["Mug"]`, `titles: expected an object of at most 40 texts by language`},
	} {
		if _, err := JSON("f.json", []byte(strings.Replace(doc, bad.old, bad.bad, 1))); err == nil || !strings.Contains(err.Error(), bad.want) {
			t.Errorf("%s: %v, want %s", bad.bad, err, bad.want)
		}
	}
	if _, err := Read("t.csv", []byte("sku,title,title:klingonian,price,tax,stock\nMUG,Becher,x,12.50,19,1\n"), nil, Options{Currency: "EUR"}); err == nil || !strings.Contains(err.Error(), "t.csv:2:12:") {
		t.Error(err)
	}
}

func TestABarcodeIsKept(t *testing.T) {
	for _, code := range []string{"4006381333931", "036000291452", "96385074", "12345678", "MUG-blau/3", "https://example.org/m?1"} {
		c, err := JSON("f.json", []byte(strings.Replace(good, `"stock":10`, `"stock":10,"barcode":"`+code+`"`, 1)))
		if err != nil {
			t.Errorf("%s: %v", code, err)
		} else if s, ok := c.Scanned(code); !ok || s.SKU != "MUG" || s.Barcode != code {
			t.Errorf("%s: %+v", code, s)
		}
	}
}

// TestProblemsAreAllListedWithTheirPlace: one document a row, and what it is answered.
func TestProblemsAreAllListedWithTheirPlace(t *testing.T) {
	change := func(old, new string) string {
		if !strings.Contains(good, old) {
			t.Fatal("not in the document: ", old)
		}
		return strings.Replace(good, old, new, 1)
	}
	for _, c := range []struct{ name, doc, want string }{
		{"empty", "", "f.json:1:1: the file ends too early: expected more JSON"},
		{"cut off", good[:120], "f.json:2:30: the file ends too early: expected more JSON"},
		{"not JSON", "{\n  currency: 1}", "f.json:2:3: not JSON: invalid character 'c'"},
		{"a list", "[]", `f.json:1:1: expected an object {"currency", "skus", "offers"}`},
		{"more after it", good + "{}", "f.json:3:105: expected the end of the file after the catalogue"},
		{"not UTF-8", change(`"Mug"`, "\"\xff\""), "f.json:1:49: expected UTF-8 text"},
		{"currency", change("EUR", "eur"), `f.json:1:13: currency: expected three capital letters of ISO 4217, such as "EUR"`},
		{"negative price", change("1250", "-1"), "f.json:1:62: price: expected a whole number from 0 to 100000000"},
		{"price with a comma's part", change("1250", "12.50"), "f.json:1:62: price: expected a whole number from 0 to 100000000"},
		{"price as text", change("1250", `"12"`), "f.json:1:62: price: expected a whole number from 0 to 100000000"},
		{"tax", change("19.0", "119"), "f.json:1:73: tax: expected a percentage from 0 to 100 with at most three decimals, such as 19.0"},
		{"tax, huge exponent", change("19.0", "1e999999999"), "f.json:1:73: tax: expected a percentage"},
		{"misspelt key", change(`"limit"`, `"limt"`), `f.json:2:80: unknown key "limt": expected one of`},
		{"unknown SKU", change(`{"sku":"MUG","n":1}`, `{"sku":"CUP","n":1}`), `f.json:2:53: sku "CUP" is not in skus`},
		{"no lines", change(`[{"sku":"MUG","n":1}]`, `[]`), `f.json:2:45: lines: expected at least one {"sku", "n"}`},
		{"offer twice", change(`"two"`, `"mug"`), `f.json:3:8: offer "mug" is there twice`},
		{"key twice", change(`"price":1000`, `"price":1000,"price":1`), `f.json:2:80: "price" is there twice`},
		{"state", change(`"live"`, `"open"`), `f.json:2:98: state: expected one of ["hidden" "soon" "live" "over" "withdrawn" "sold-out"]`},
		{"id for an address", change(`"id":"mug"`, `"id":"m ug"`), "f.json:2:17: id: expected 1 to 64 of the characters"},
		{"a printer's command in a title", change(`"title":"Mug"`, `"title":"M\u001b@ug"`), "f.json:1:48: title: expected a text on one line without control characters"},
		{"two lines", change(`"title":"Mug"`, `"title":"Mug\nfree"`), "f.json:1:48: title: expected a text on one line"},
		{"steps that are no list", change(`"limit":5`, `"limit":5,"steps":1`), "f.json:2:98: steps: expected a list"},
		{"a step at once", change(`"limit":5`, `"limit":5,"steps":[{"price":1}]`), "f.json:2:99: a step that begins no later than the one before it"},
		{"a step before the last", change(`"limit":5`, `"limit":5,"steps":[{"sold":3,"price":1},{"sold":2,"after":9,"price":2}]`), "f.json:2:120: a step that begins no later than the one before it"},
		{"a step without a price", change(`"limit":5`, `"limit":5,"steps":[{"sold":3}]`), "f.json:2:99: price: expected a whole number from 0 to 100000000"},
		{"a step beyond the limit", change(`"limit":5`, `"limit":5,"steps":[{"sold":5,"price":1}]`), "f.json:2:107: sold: no more than that are sold at all: expected fewer than its limit of 5"},
		{"a step when it is over", change(`"lasts":90`, `"lasts":90,"steps":[{"after":90,"price":1}]`), "f.json:3:121: after: the offer is over by then: expected fewer than its 90 s"},
		{"letters turned around", change(`"title":"Mug"`, `"title":"guM\u202e"`), "f.json:1:48: title: expected a text on one line"},
		{"id that leads elsewhere", change(`"id":"mug"`, `"id":"mug/../pen"`), `f.json:2:17: id: expected something other than ".." between slashes`},
		{"id that ends in the middle", change(`"id":"mug"`, `"id":"mug/"`), `f.json:2:17: id: expected something other than "" between slashes`},
		{"barcode as a number", change(`"stock":10`, `"stock":10,"barcode":4006381333931`), `f.json:1:99: barcode: expected what the code says, in quotes`},
		{"barcode with a space", change(`"stock":10`, `"stock":10,"barcode":"4 0"`), `f.json:1:99: barcode: expected what the code says: 1 to 256 characters without spaces`},
		{"barcode mistyped", change(`"stock":10`, `"stock":10,"barcode":"4006381333932"`), `f.json:1:99: barcode: "4006381333932" ends in 2, and by its other digits should end in 1`},
		{"UPC-A mistyped", change(`"stock":10`, `"stock":10,"barcode":"036000291453"`), `f.json:1:99: barcode: "036000291453" ends in 3, and by its other digits should end in 2`},
		{"barcode twice", change(`"stock":10}`, `"stock":10,"barcode":"036000291452"},{"sku":"CUP","title":"Cup","price":1,"tax":0,"stock":1,"barcode":"0036000291452"}`),
			`f.json:1:180: barcode: "0036000291452" is that of sku "MUG": expected one of its own, or none`},
		{"too deep", strings.Repeat("[", 50), "f.json:1:10: not JSON: nested more than 8 deep"},
	} {
		got, err := JSON("f.json", []byte(c.doc))
		if err == nil || got != nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s:\n got %v\nwant %s", c.name, err, c.want)
		}
	}
	two := strings.Replace(change("EUR", "eur"), "1250", "-1", 1)
	var ps Problems
	if _, err := JSON("f.json", []byte(two)); !errors.As(err, &ps) || len(ps) != 2 {
		t.Errorf("two problems: %v", err)
	}
}

// TestALargeBadFileIsAnsweredToo: with the first problems only, and not after minutes.
func TestALargeBadFileIsAnsweredToo(t *testing.T) {
	doc := `{"currency":"EUR","offers":[],"skus":[` + strings.Repeat(`{"sku":"","title":"","price":-1,"tax":-1,"stock":-1},`, maxSKUs-1) + `{}]}`
	var ps Problems
	if _, err := JSON("f.json", []byte(doc)); !errors.As(err, &ps) || len(ps) != maxProblems {
		t.Errorf("%d problems", len(ps))
	}
}

// FuzzJSON: what is accepted is sane, whatever the bytes.
func FuzzJSON(f *testing.F) {
	f.Add([]byte(good))
	f.Add([]byte(`{"currency":"EUR","skus":[],"offers":[]}`))
	f.Add([]byte(strings.Replace(good, `"EUR"`, `"EUR","taxes":"added","rounding":"up"`, 1)))
	f.Add([]byte(`{"currency":"EUR","taxes":"added","skus":[],"offers":[{"id":"o","title":"O","lines":[],"price":1}]}`))
	f.Fuzz(func(t *testing.T, doc []byte) {
		c, err := JSON("f", doc)
		if (c == nil) == (err == nil) {
			t.Fatal(c, err)
		}
		if err != nil {
			if !strings.HasPrefix(err.Error(), "f:") {
				t.Error(err)
			}
			return
		}
		for i := range c.Offers {
			o := (&pipeline.Levels{Catalogue: c, Offers: make([]pipeline.Level, len(c.Offers))}).At(i, 0)
			var sum int64
			for _, l := range pipeline.Price(c, o) {
				sum += l.Amount
			}
			if sum != o.Price {
				t.Errorf("%+v adds up to %d", o, sum)
			}
		}
	})
}
