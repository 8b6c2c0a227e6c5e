package catalog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/text/encoding/charmap"

	"edgekit.internal/pipeline"
)

var shop = Options{Currency: "EUR", Taxes: map[string]pipeline.TaxRate{StandardTax: 19000, "reduced-rate": 7000}}

// exports are tables with the columns that each shop writes, and what is for sale in them.
var exports = map[string]struct {
	text   string
	passed []string
	want   []pipeline.SKU
}{
	"Shopify": {
		`Handle,Title,Body (HTML),Vendor,Product Category,Type,Tags,Published,Option1 Name,Option1 Value,Option1 Linked To,Option2 Name,Option2 Value,Option2 Linked To,Option3 Name,Option3 Value,Option3 Linked To,Variant SKU,Variant Grams,Variant Inventory Tracker,Variant Inventory Qty,Variant Inventory Policy,Variant Fulfillment Service,Variant Price,Variant Compare At Price,Variant Requires Shipping,Variant Taxable,Unit Price Total Measure,Unit Price Total Measure Unit,Unit Price Base Measure,Unit Price Base Measure Unit,Variant Barcode,Image Src,Image Position,Image Alt Text,Gift Card,SEO Title,SEO Description,Variant Image,Variant Weight Unit,Variant Tax Code,Cost per item,Status
mug,Blue Door Mug,"<p>Thrown, glazed.
""Dishwasher safe""</p>",Blue Door,,Mug,"mug, blue",true,Title,Default Title,,,,,,,,MUG,420.0,shopify,10,deny,manual,12.50,,true,true,,,,,4006381333931,https://cdn.example/mug.jpg,1,,false,,,,g,,4.00,active
mug,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,https://cdn.example/mug-2.jpg,2,,,,,,,,,
shirt,Stall shirt,,Blue Door,,,,true,Size,S,,Colour,Blue,,,,,TS-S-B,180.0,shopify,3,deny,manual,25.00,30.00,true,true,,,,,,,,,false,,,,g,,,active
shirt,,,,,,,,,M,,,Blue,,,,,,180.0,shopify,-1,deny,manual,25.00,,true,true,,,,,'4006381333948,,,,,,,,g,,,
talk,A talk,,Blue Door,,,,true,Title,Default Title,,,,,,,,TALK,0.0,,,deny,manual,40.00,,false,false,,,,,,,,,false,,,,g,,,active
old,Last year's,,Blue Door,,,,false,Title,Default Title,,,,,,,,OLD,0.0,,,deny,manual,1.00,,false,true,,,,,,,,,false,,,,g,,,archived
`, []string{"1 archived"}, []pipeline.SKU{
			{SKU: "MUG", Title: "Blue Door Mug", Price: 1250, Tax: 19000, Stock: 10, Barcode: "4006381333931"},
			{SKU: "TS-S-B", Title: "Stall shirt, S, Blue", Price: 2500, Tax: 19000, Stock: 3, Product: "Stall shirt", Variant: "S, Blue"},
			{SKU: "shirt-M-Blue", Title: "Stall shirt, M, Blue", Price: 2500, Tax: 19000, Barcode: "4006381333948", Product: "Stall shirt", Variant: "M, Blue"},
			{SKU: "TALK", Title: "A talk", Price: 4000, Uncounted: true},
		},
	},
	"Shopify since 2025": {
		`Title,URL handle,Description,Vendor,Product category,Type,Tags,Published on online store,Status,SKU,Barcode,Option1 name,Option1 value,Option1 Linked To,Option2 name,Option2 value,Option2 Linked To,Option3 name,Option3 value,Option3 Linked To,Price,Compare-at price,Cost per item,Charge tax,Tax code,Unit price total measure,Unit price total measure unit,Unit price base measure,Unit price base measure unit,Inventory tracker,Inventory quantity,Continue selling when out of stock,Weight value (grams),Weight unit for display,Requires shipping,Fulfillment service,Product image URL,Image position,Image alt text,Variant image URL,Gift card,SEO title,SEO description
Candle,candle,,Blue Door,,,,TRUE,Active,CNDL-R,,Scent,Rose,,,,,,,,9.90,,,TRUE,,,,,,shopify,4,DENY,200,g,TRUE,manual,https://cdn.example/c.jpg,1,,,FALSE,,
,candle,,,,,,,,CNDL-T,,,Thyme,,,,,,,,8.90,,,TRUE,,,,,,shopify,6,DENY,200,g,TRUE,manual,,,,,,,
`, nil, []pipeline.SKU{
			{SKU: "CNDL-R", Title: "Candle, Rose", Price: 990, Tax: 19000, Stock: 4, Product: "Candle", Variant: "Rose"},
			{SKU: "CNDL-T", Title: "Candle, Thyme", Price: 890, Tax: 19000, Stock: 6, Product: "Candle", Variant: "Thyme"},
		},
	},
	"WooCommerce": {
		`ID,Type,SKU,"GTIN, UPC, EAN, or ISBN",Name,Published,"Is featured?","Visibility in catalog","Short description",Description,"Date sale price starts","Date sale price ends","Tax status","Tax class","In stock?",Stock,"Low stock amount","Backorders allowed?","Sold individually?","Weight (kg)","Length (cm)","Width (cm)","Height (cm)","Allow customer reviews?","Purchase note","Sale price","Regular price",Categories,Tags,"Shipping class",Images,"Download limit","Download expiry days",Parent,"Grouped products",Upsells,Cross-sells,"External URL","Button text",Position,"Attribute 1 name","Attribute 1 value(s)","Attribute 1 visible","Attribute 1 global"
10,simple,MUG,4006381333931,Mug,1,0,visible,,,,,taxable,,1,10,,0,0,,,,,1,,"10,90","12,50",Pottery,,,,,,,,,,,,0,,,,
11,simple,HONEY 250,,"Honey 250 g",1,0,visible,,,2026-11-01,2026-11-08,taxable,reduced-rate,1,24,,0,0,,,,,1,,"5,00","6,00",Food,,,,,,,,,,,,0,,,,
12,variable,SHIRT,,Shirt,1,0,visible,,,,,taxable,reduced-rate,1,,,0,0,,,,,1,,,,Clothes,,,,,,,,,,,,0,Size,"S, M",1,1
13,variation,,,"Shirt - S",1,0,visible,,,,,taxable,parent,1,2,,0,0,,,,,0,,,"25,00",,,,,,,SHIRT,,,,,,1,Size,S,,1
14,variation,SHIRT-M,,"Shirt - M",1,0,visible,,,,,none,parent,1,,,0,0,,,,,0,,,"25,00",,,,,,,id:12,,,,,,2,Size,M,,1
15,"simple, virtual",TOUR,,"'+1 for the tour",1,0,visible,,,,,none,,1,,,0,1,,,,,1,,,8,,,,,,,,,,,,,0,,,,
16,simple,DRAFT,,Draft,-1,0,visible,,,,,taxable,,1,,,0,0,,,,,1,,,1,,,,,,,,,,,,,0,,,,
17,external,ELSE,,Elsewhere,1,0,visible,,,,,taxable,,1,,,0,0,,,,,1,,,1,,,,,,,,,,,,,0,,,,
`, []string{"1 external", "1 not published"}, []pipeline.SKU{
			{SKU: "MUG", Title: "Mug", Price: 1090, Tax: 19000, Stock: 10, Barcode: "4006381333931"},
			{SKU: "HONEY-250", Title: "Honey 250 g", Price: 600, Tax: 7000, Stock: 24},
			{SKU: "woo-13", Title: "Shirt, S", Price: 2500, Tax: 7000, Stock: 2, Product: "Shirt", Variant: "S"},
			{SKU: "SHIRT-M", Title: "Shirt, M", Price: 2500, Uncounted: true, Product: "Shirt", Variant: "M"},
			{SKU: "TOUR", Title: "+1 for the tour", Price: 800, Uncounted: true},
		},
	},
	"Square": {
		`Token,Item Name,Variation Name,SKU,Description,Categories,Reporting Category,SEO Title,SEO Description,Permalink,GTIN,Square Online Item Visibility,Item Type,Weight (kg),Social Media Link Title,Social Media Link Description,Shipping Enabled,Self-serve Ordering Enabled,Delivery Enabled,Pickup Enabled,Price,Online Sale Price,Archived,Sellable,Contains Alcohol,Stockable,Skip Detail Screen in POS,Option Name 1,Option Value 1,Default Unit Cost,Default Vendor Name,Default Vendor Code,Enabled Blue Door,Current Quantity Blue Door,New Quantity Blue Door,Stock Alert Enabled Blue Door,Stock Alert Count Blue Door,Price Blue Door,Tax - GST (5%),Tax - PST (7%)
5XYCCJMKAXEVXO3FITUU3WBR,Mug,Regular,MUG,,Pottery,Pottery,,,,4006381333931,visible,Physical good,,,,N,N,N,Y,12.50,,N,Y,N,Y,N,,,,,,Y,10,,N,,,Y,Y
6XYCCJMKAXEVXO3FITUU3WBR,Honey,250 g,,,,,,,,,visible,Physical good,,,,N,N,N,Y,6.00,,N,Y,N,Y,N,,,,,,Y,24,,N,,5.50,Y,N
7XYCCJMKAXEVXO3FITUU3WBR,Honey,500 g,H500,,,,,,,,visible,Physical good,,,,N,N,N,Y,"1,011.00",,N,Y,N,Y,N,,,,,,Y,,,N,,,N,N
8XYCCJMKAXEVXO3FITUU3WBR,Jam,Regular,JAM,,,,,,,,visible,Physical good,,,,N,N,N,Y,4,,Y,Y,N,Y,N,,,,,,Y,,,N,,,N,N
9XYCCJMKAXEVXO3FITUU3WBR,Elsewhere,Regular,ELSE,,,,,,,,visible,Physical good,,,,N,N,N,Y,4,,N,Y,N,Y,N,,,,,,N,,,N,,,N,N
`, []string{"1 archived", "1 not sold at Blue Door"}, []pipeline.SKU{
			{SKU: "MUG", Title: "Mug", Price: 1250, Tax: 12000, Stock: 10, Barcode: "4006381333931"},
			{SKU: "6XYCCJMKAXEVXO3FITUU3WBR", Title: "Honey, 250 g", Price: 550, Tax: 5000, Stock: 24, Product: "Honey", Variant: "250 g"},
			{SKU: "H500", Title: "Honey, 500 g", Price: 101100, Uncounted: true, Product: "Honey", Variant: "500 g"},
		},
	},
	"Odoo": {
		`External ID,Name,Product Type,Internal Reference,Barcode,Sales Price,Customer Taxes,Quantity On Hand,Variant Values,Can be Sold
__export__.product_product_1,Mug,Goods,MUG,4006381333931,12.5,19% USt,10.0,,True
__export__.product_product_2,Shirt,Goods,SHIRT/S,,25.0,"19% USt","3.0","Size: S, Colour: Blue",True
__export__.product_product_3,Mending,Service,,,40.0,,0.0,,True
,,,,,,VAT,,,
__export__.product_product_4,Clay,Goods,CLAY,,4.0,19% USt,50.0,,False
`, []string{"1 not for sale"}, []pipeline.SKU{
			{SKU: "MUG", Title: "Mug", Price: 1250, Tax: 19000, Stock: 10, Barcode: "4006381333931"},
			{SKU: "SHIRT/S", Title: "Shirt, Size: S, Colour: Blue", Price: 2500, Tax: 19000, Stock: 3, Product: "Shirt", Variant: "Size: S, Colour: Blue"},
			{SKU: "product_product_3", Title: "Mending", Price: 4000, Uncounted: true},
		},
	},
	"Odoo, for import": {
		"id,name,default_code,barcode,list_price,taxes_id/name,qty_available,sale_ok\nx.p1,Mug,MUG,,12.50,19% USt,10,1\n", nil,
		[]pipeline.SKU{{SKU: "MUG", Title: "Mug", Price: 1250, Tax: 19000, Stock: 10}},
	},
	"edgekit": {
		"SKU;Title;Price;Tax;Stock;Barcode\r\nMUG;Mug;12,50;19;10;4006381333931\r\nHONEY;Honey;6,00 €;7 %;;\r\nBOOK;Book;1.234,50;reduced-rate;1;\r\n;;;;;\r\n", nil, []pipeline.SKU{
			{SKU: "MUG", Title: "Mug", Price: 1250, Tax: 19000, Stock: 10, Barcode: "4006381333931"},
			{SKU: "HONEY", Title: "Honey", Price: 600, Tax: 7000, Uncounted: true},
			{SKU: "BOOK", Title: "Book", Price: 123450, Tax: 7000, Stock: 1},
		},
	},
}

func TestExportsOfShops(t *testing.T) {
	for name, e := range exports {
		t.Run(name, func(t *testing.T) {
			in, err := Read("export.csv", []byte(e.text), nil, shop)
			if err != nil {
				t.Fatal(err)
			}
			if form, _, _ := strings.Cut(name, " since"); !strings.HasPrefix(form, in.Form) {
				t.Errorf("it was taken for %s", in.Form)
			}
			if d := cmp.Diff(e.want, in.Catalogue.SKUs); d != "" {
				t.Error(d)
			}
			if d := cmp.Diff(e.passed, in.Passed); d != "" {
				t.Error(d)
			}
			offers := map[string]int{} // of each SKU
			for _, o := range in.Catalogue.Offers {
				for _, id := range of(o.Lines[0]) {
					offers[id]++
					s, _, _ := in.Catalogue.SKU(id)
					title := s.Title
					if len(o.Lines[0].Of) > 0 {
						title = s.Product
					}
					if o.State != pipeline.OfferHidden || o.Price > s.Price || !o.Chooses() && o.Price != s.Price || o.Title != title || len(o.Lines) != 1 || o.Lines[0].N != 1 {
						t.Errorf("%+v for %+v", o, s)
					}
				}
			}
			for _, s := range e.want {
				if offers[s.SKU] != 1 {
					t.Errorf("%s is in %d offers", s.SKU, offers[s.SKU])
				}
			}
		})
	}
}

// TestLettersOfAnySpreadsheet: the same table in every encoding that spreadsheets write.
func TestLettersOfAnySpreadsheet(t *testing.T) {
	const table = "sku,title,price,stock\nTÜR,Blaue Tür – groß,\"12,50 €\",1\n"
	old, err := charmap.Windows1252.NewEncoder().String(table)
	if err != nil {
		t.Fatal(err)
	}
	wide := func(order binary.AppendByteOrder) (s string) {
		var b []byte
		for _, u := range utf16.Encode([]rune(table)) {
			b = order.AppendUint16(b, u)
		}
		return string(b)
	}
	want := []pipeline.SKU{{SKU: "TUR", Title: "Blaue Tür – groß", Price: 1250, Tax: 19000, Stock: 1}}
	for encoding, doc := range map[string]string{
		"UTF-8": table, "UTF-8, marked": "\ufeff" + table, "Windows-1252": old,
		"UTF-16LE": wide(binary.LittleEndian), "UTF-16LE, marked": "\xff\xfe" + wide(binary.LittleEndian), "UTF-16BE": wide(binary.BigEndian), "UTF-16BE, marked": "\xfe\xff" + wide(binary.BigEndian),
	} {
		in, err := Read("t.csv", []byte(doc), nil, shop)
		if err != nil {
			t.Errorf("%s: %v", encoding, err)
			continue
		}
		if is, _, _ := strings.Cut(encoding, ","); in.Encoding != is {
			t.Errorf("%s was taken for %s", encoding, in.Encoding)
		}
		if d := cmp.Diff(want, in.Catalogue.SKUs); d != "" {
			t.Errorf("%s: %s", encoding, d)
		}
	}
}

// TestProblemsOfATable: one table a row, and all that it is answered.
func TestProblemsOfATable(t *testing.T) {
	const head = "sku,title,price,tax,stock,barcode\n"
	for _, c := range []struct{ name, doc, want string }{
		{"a workbook", "PK\x03\x04\x14", "t:1:1: this is a workbook, or an archive: expected text. Save the sheet as CSV, and import that"},
		{"half a letter", "\xff\xfea\x00b", "t:1:1: it is UTF-16LE, of which each character has two bytes, and has an odd number of them: its end is missing"},
		{"one bad byte", "sku,title,price\nA,Tür\xff Türen Tür,1\n", "t:1:1: it is UTF-8 but for byte 23: save it once more as UTF-8"},
		{"names that nobody knows", "Artikel;Preis\nMug;1\n", "t:1:1: the columns are not those of a catalogue: expected, in English, those of Shopify (Handle, Variant Price); WooCommerce (Type, SKU, Name, Regular price); Square (Item Name, Variation Name, Price); Odoo (Name, Internal Reference, Sales Price); edgekit (sku, title, price)"},
		{"a column twice", "sku,title,price,Price\n", `t:1:17: the column "Price" is there twice`},
		{"nothing", "sku,title,price\n", "t:1:1: there is nothing for sale in it"},
		{"a field too few", head + "A,Mug,1\n", "t:2:1: 3 fields: expected 6, one for each column"},
		{"a quote", head + "A,3\" pipe,1,19,1,\n", `t:2:4: a quote where none may be: expected the field in quotes, and two for each one in it, as in "3"" pipe"`},
		{"a quote that does not end", head + "A,\"Mug,1,19,1,\nB,Cup,1,19,1,\n", `t:3:15: the quotes of a field on line 2 are not closed, or there is one of them in it: expected two for it`},
		{"prices", head + "A,A,-1,19,1,\nB,B,\"1,234\",19,1,\nC,C,1.005,19,1,\nD,D,99999999999999999999,19,1,\nE,E,free,19,1,\nF,F,,19,1,\nG,G,1.2.3,19,1,\n",
			`t:2:5: price: "-1" is less than nothing: expected a price from 0
t:3:5: price: "1,234": it may be thousands or thousandths: expected such as 1234.50
t:4:5: price: "1.005": it may be thousands or thousandths: expected such as 1234.50
t:5:5: price: "99999999999999999999": expected at most 1000000.00
t:6:5: price: "free": expected a price, such as 1234.50
t:7:5: price: "": expected a price, such as 1234.50
t:8:5: price: "1.2.3": expected three digits between each two "."`},
		{"all in one line", head + ",,x,no-such,1.5,4006381333932\n", `t:2:1: there is no SKU, and nothing else to tell it from others by
t:2:2: the name "": expected 1 to 200 characters, without control characters
t:2:3: price: "x": expected a price, such as 1234.50
t:2:5: the kit knows no rate for the tax "no-such": expected one in the settings, such as taxes = "no-such=19"
t:2:13: stock: "1.5": expected a whole number of pieces, at most 1000000000
t:2:17: barcode: "4006381333932" ends in 2, and by its other digits should end in 1: one of them is wrong`},
		{"twice", head + "A,A,1,19,1,4006381333931\nA,B,1,19,1,4006381333931\n", `t:3:1: sku "A" is that of line 2 too: expected one of its own
t:3:12: barcode: "4006381333931" is that of sku "A": expected one of its own, or none`},
		{"a place in characters", head + "A,Tür,1,19,1,\nB,Tür,x,19,1,\n", `t:3:7: price: "x": expected a price, such as 1234.50`},
		{"stock of a parent", "Type,SKU,Name,Regular price,Stock,Parent\nvariable,P,Shirt,,5,\nvariation,S,Shirt S,1,parent,P\n", `t:3:23: stock: it is shared with others of "Shirt": expected a number of its own`},
		{"several places", "SKU,Item Name,Variation Name,Price,Current Quantity A,Current Quantity B\nM,Mug,Regular,1,1,2\n", `t:1:36: there is stock of several places: expected one of ["A" "B"] to be chosen`},
		{"counted and no number", "Handle,Title,Variant Inventory Tracker,Variant Price\nmug,Mug,shopify,1\n", `t:2:1: stock: it is counted, and there is no number: expected one, as in an export of one place's stock`},
	} {
		in, err := Read("t", []byte(c.doc), nil, shop)
		var all Problems
		if in.Catalogue != nil || !errors.As(err, &all) || err.Error() != c.want {
			t.Errorf("%s:\n%v\nexpected\n%s", c.name, err, c.want)
		}
	}
	if _, err := Read("t", []byte(head+"A,A,1,19,1,\n"), nil, Options{}); err == nil || !strings.Contains(err.Error(), "does not say its currency") {
		t.Error(err)
	}
}

// TestATableLeavesOffersAsTheyAre, but for those that follow a thing's own price and name, and those whose things are gone.
func TestATableLeavesOffersAsTheyAre(t *testing.T) {
	in, err := Read("now.json", []byte(`{"currency":"EUR","skus":[
		{"sku":"MUG","title":"Mug","price":1250,"tax":19,"stock":10},{"sku":"CUP","title":"Cup","price":800,"tax":19,"stock":5},{"sku":"OLD","title":"Old","price":100,"tax":19,"stock":null}],
		"offers":[{"id":"m","title":"Mug","lines":[{"sku":"MUG","n":1}],"price":1250},{"id":"drop","title":"Mug of the day","lines":[{"sku":"MUG","n":1}],"price":900,"limit":3},
		{"id":"pair","title":"Two","lines":[{"sku":"MUG","n":1},{"sku":"CUP","n":1}],"price":1900},{"id":"gone","title":"Old","lines":[{"sku":"OLD","n":1}],"price":100}]}`), nil, Options{})
	if err != nil {
		t.Fatal(err)
	}
	next, err := Read("next.csv", []byte("sku,title,price,tax,stock\nMUG,Blue mug,13.00,19,12\nCUP,Cup,8.00,19,5\nJAR,Jar,20,19,1\nM,Medal,1,19,\n"), in.Catalogue, Options{})
	if err != nil {
		t.Fatal(err)
	}
	one := func(sku string) []pipeline.Line { return []pipeline.Line{{SKU: sku, N: 1}} }
	want := []pipeline.Offer{
		{ID: "m", Title: "Blue mug", Lines: one("MUG"), Price: 1300, State: pipeline.OfferLive},
		{ID: "drop", Title: "Mug of the day", Lines: one("MUG"), Price: 900, Limit: 3, State: pipeline.OfferLive},
		{ID: "pair", Title: "Two", Lines: append(one("MUG"), one("CUP")...), Price: 1900, State: pipeline.OfferLive},
		{ID: "cup", Title: "Cup", Lines: one("CUP"), Price: 800, State: pipeline.OfferHidden},
		{ID: "jar", Title: "Jar", Lines: one("JAR"), Price: 2000, State: pipeline.OfferHidden},
		{ID: "M", Title: "Medal", Lines: one("M"), Price: 100, State: pipeline.OfferHidden},
	}
	if d := cmp.Diff(want, next.Catalogue.Offers); d != "" {
		t.Error(d)
	}
	again, err := Read("next.csv", []byte("sku,title,price,tax,stock\nMUG,Blue mug,13.00,19,12\nCUP,Cup,8.00,19,5\nJAR,Jar,20,19,1\nM,Medal,1,19,\n"), next.Catalogue, Options{})
	if d := cmp.Diff(next.Catalogue, again.Catalogue, cmpopts.IgnoreUnexported(pipeline.Catalogue{})); err != nil || d != "" {
		t.Errorf("the same once more: %v %s", err, d)
	}
}

// TestVariantsAreOneOffer, from which the buyer chooses, also of those that come later, and for the price of what is chosen where they differ.
func TestVariantsAreOneOffer(t *testing.T) {
	var now *pipeline.Catalogue
	read := func(rows string) pipeline.Offer {
		t.Helper()
		in, err := Read("t.csv", []byte("sku,title,variant,price,tax,stock\n"+rows), now, shop)
		if err != nil {
			t.Fatal(err)
		}
		now = in.Catalogue
		if len(now.Offers) != 2 || now.Offers[1].ID != "mug" {
			t.Fatalf("%+v", now.Offers)
		}
		return now.Offers[0]
	}
	const mug = "MUG,Mug,,12.50,19,3\n"
	choose := func(price int64, pay int, title string, of ...string) pipeline.Offer {
		return pipeline.Offer{ID: "stall-shirt", Title: title, Lines: []pipeline.Line{{N: 1, Of: of}}, Price: price, Pay: pay, State: pipeline.OfferHidden}
	}
	for _, c := range []struct {
		rows string
		want pipeline.Offer
	}{
		{"S,Stall shirt,S,25,19,3\nM,Stall shirt,M,25,19,3\n" + mug, choose(2500, 0, "Stall shirt", "S", "M")},
		{"S,Stall shirt,S,26,19,3\nM,Stall shirt,M,26,19,3\nL,Stall shirt,L,26,19,1\n" + mug, choose(2600, 0, "Stall shirt", "S", "M", "L")},
		{"S,Stall tee,S,26,19,3\nM,Stall tee,M,26,19,3\nL,Stall tee,L,28,19,1\n" + mug, choose(2600, 1, "Stall tee", "S", "M", "L")},
		{"M,Stall tee,M,27,19,3\nL,Stall tee,L,28,19,1\n" + mug, choose(2700, 1, "Stall tee", "M", "L")},
		{"L,Stall tee,L,29,19,1\n" + mug, pipeline.Offer{ID: "stall-shirt", Title: "Stall tee, L", Lines: []pipeline.Line{{SKU: "L", N: 1}}, Price: 2900, State: pipeline.OfferHidden}},
	} {
		if d := cmp.Diff(c.want, read(c.rows)); d != "" {
			t.Errorf("%s%s", c.rows, d)
		}
	}
}

func TestChanges(t *testing.T) {
	read := func(doc string, now *pipeline.Catalogue) *pipeline.Catalogue {
		in, err := Read("f", []byte(doc), now, shop)
		if err != nil {
			t.Fatal(err)
		}
		return in.Catalogue
	}
	now := read("sku,title,price,stock\nMUG,Mug,12.50,10\nCUP,Cup,8,5\nOLD,Old,1,\n", nil)
	next := read("sku,title,price,stock,barcode\nMUG,Blue mug,13.00,,4006381333931\nCUP,Cup,8,5,\nJAR,Jar,20,1,\n", now)
	want := []Change{
		{"sku", "MUG", "Blue mug", "changed", []string{`title "Mug" → "Blue mug"`, "price € 12.50 → € 13.00", "stock 10 → not counted", "barcode none → 4006381333931"}},
		{"sku", "JAR", "Jar", "new", []string{`title "Jar"`, "price € 20.00", "tax 19 %", "stock 1", "barcode none", "variant none", "per visitor none", "in other languages none"}},
		{"sku", "OLD", "Old", "gone", nil},
		{"offer", "mug", "Blue mug", "changed", []string{`title "Mug" → "Blue mug"`, "price € 12.50 → € 13.00"}},
		{"offer", "jar", "Jar", "new", []string{`title "Jar"`, "price € 20.00", "of 1 × JAR", "limit none", "per visitor none", "state hidden", "lasts until it is ended", "steps none", "pieces paid for all", "in other languages none"}},
		{"offer", "old", "Old", "gone", nil},
	}
	got := Changes(now, next)
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if got := Changes(now, now.Under(pipeline.TaxRules{Added: true, Rounding: pipeline.HalfEven})); len(got) != 1 || got[0].How[0] != "in the prices → added to the prices, rounded half-even" {
		t.Error(got)
	}
	if s := Count(got); s != "2 new, 2 changed, 2 gone" {
		t.Error(s)
	}
	if s := Count(Changes(next, next)); s != "no change" {
		t.Error(s)
	}
}

func TestTaxesOfTheSettings(t *testing.T) {
	got, err := ParseTaxes("standard=19, reduced-rate = 7.5 %,a=b=0")
	if d := cmp.Diff(map[string]pipeline.TaxRate{"standard": 19000, "reduced-rate": 7500, "a=b": 0}, got); err != nil || d != "" {
		t.Error(err, d)
	}
	for _, s := range []string{"19", "=19", "a=", "a=101", "a=-1", "a=1,a=2", "a=1,", "a=1.2345"} {
		if got, err := ParseTaxes(s); err == nil {
			t.Errorf("%q: %v", s, got)
		}
	}
}

func TestAmounts(t *testing.T) {
	for s, want := range map[string]int64{"12.50": 1250, "12,5": 1250, "12": 1200, "€ 12,50": 1250, "1.234,56 €": 123456, "1,234.56": 123456, "1'234.50 CHF": 123450, "1 234,5": 123450,
		"1.234.567": 0, "1.000.000": 100_000_000, "0.5": 50, ".5": 0, "12.": 0, "12.500": 0, "12.5000": 1250, "0.125": 0, "1e3": 0, "١٢": 0, "12.50.": 0, "--1": 0, "1,2,3": 0, "1,234,5": 0} {
		got, err := minor(s, 2)
		if (err == nil) != (want != 0) || got != want {
			t.Errorf("%q: %d, %v, expected %d", s, got, err, want)
		}
	}
	if n, err := minor("1,234", 3); err != nil || n != 1234 {
		t.Error("dinars:", n, err)
	}
	if n, err := minor("¥1,200", 0); err == nil {
		t.Error("yen:", n)
	}
}

func TestIDs(t *testing.T) {
	long := strings.Repeat("x", 80)
	for s, want := range map[string]string{"MUG": "MUG", "a/b": "a/b", "Mug blue #3": "Mug-blue-3", "Tür": "Tur", "../etc": "", "マグ": "", long: "", "": "", "  ": "", "#": "", "-x": "-x"} {
		got := idOf(s)
		if want != "" && got != want || got != "" && !validID(got) || strings.TrimFunc(s, func(c rune) bool { return c == '#' || c == ' ' }) != "" && got == "" {
			t.Errorf("%q: %q, expected %q", s, got, want)
		}
	}
	if idOf("マグ") == idOf("カップ") {
		t.Error("two things have one id")
	}
}

// FuzzRead: whatever the bytes, what is accepted is sane, could be written down, and is the same once more.
func FuzzRead(f *testing.F) {
	for _, e := range exports {
		f.Add([]byte(e.text))
	}
	f.Add([]byte(good))
	f.Fuzz(func(t *testing.T, doc []byte) {
		in, err := Read("f", doc, nil, shop)
		if (in.Catalogue == nil) == (err == nil) {
			t.Fatal(in, err)
		}
		var all Problems
		if err != nil && (!errors.As(err, &all) || len(all) == 0 || len(all) > maxProblems) {
			t.Fatal(err)
		}
		if err != nil {
			return
		}
		for _, s := range in.Catalogue.SKUs {
			if !validID(s.SKU) || s.Price < 0 || s.Price > maxMinor || s.Stock < 0 || s.Tax < 0 || s.Tax > 100_000 || s.Title == "" || s.Uncounted && s.Stock != 0 {
				t.Errorf("%+v", s)
			}
		}
		for _, o := range in.Catalogue.Offers {
			if _, _, ok := in.Catalogue.Offer(o.ID); !ok || !validID(o.ID) {
				t.Errorf("%+v", o)
			}
		}
		again, err := Read("f", doc, in.Catalogue, shop)
		if err != nil || in.Form != "edgekit JSON" && !cmp.Equal(in.Catalogue.Offers, again.Catalogue.Offers, cmpopts.EquateEmpty()) {
			t.Errorf("once more: %v %s", err, cmp.Diff(in.Catalogue.Offers, again.Catalogue.Offers))
		}
	})
}

// BenchmarkTable reads 10,000 things for sale.
func BenchmarkTable(b *testing.B) {
	var doc strings.Builder
	doc.WriteString("sku,title,price,tax,stock,barcode\n")
	for i := range 10_000 {
		fmt.Fprintf(&doc, "SKU-%05d,\"Thing number %d, blue\",%d.50,19,%d,\n", i, i, i%100, i%50)
	}
	text := []byte(doc.String())
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, err := Read("b", text, nil, shop); err != nil {
			b.Fatal(err)
		}
	}
}
