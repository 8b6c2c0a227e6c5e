package catalog

import (
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/language"

	"edgekit.internal/pipeline"
)

// form is a way to write goods into a table.
type form struct {
	name  string     // as people know it
	signs [][]string // columns, of which it has all in one of these lists
	read  func(*reading)
}

// reading is a table on its way to goods.
type reading struct {
	*sheet
	opt    Options
	goods  []item
	passed map[string]int // what is not for sale, by why
}

func (r *reading) pass(why string) { r.passed[why]++ }

// forms are those that are known, the more particular first. Each has its columns from the program or page that says them.
var forms = []form{
	// Shopify Help Center, "Using CSV files to import and export products": the columns of old, and since 2025 those with other names.
	{"Shopify", [][]string{{"Handle", "Variant Price"}, {"URL handle", "Price", "Title"}}, shopify},
	// WooCommerce, includes/export/class-wc-product-csv-exporter.php, get_default_column_names.
	{"WooCommerce", [][]string{{"Type", "SKU", "Name", "Regular price"}}, woo},
	// Square's item library: a row for each variation, with the places' names in the columns of their stock.
	{"Square", [][]string{{"Item Name", "Variation Name", "Price"}}, square},
	// Odoo's products, exported with names as the screen has them, or for import, as the database has them.
	{"Odoo", [][]string{{"Name", "Internal Reference", "Sales Price"}, {"Name", "Internal Reference", "Sale Price"}, {"name", "default_code", "list_price"},
		{"name", "default_code", "lst_price"}}, odoo},
	{"edgekit", [][]string{{"sku", "title", "price"}}, columns},
}

// formOf finds the form that a table is in; nil: it is none that is known.
func formOf(s *sheet) *form {
	for i, f := range forms {
		if slices.ContainsFunc(f.signs, func(columns []string) bool { return s.has(columns...) }) {
			return &forms[i]
		}
	}
	return nil
}

// columns reads the kit's own: sku, title and price; tax as a percentage or the name of a class, stock, which is not counted where
// there is none, barcode, and variant, which tells things of one title apart, may be left out. Titles and variants in other languages are in columns such as
// title:de and variant:de.
func columns(r *reading) {
	for _, row := range r.rows {
		g := item{row: row, sku: row.get("sku"), product: row.get("title"), variant: row.get("variant"), price: row.get("price"),
			tax: tax{class: row.get("tax")}, stock: row.get("stock"), barcode: row.get("barcode"),
			skuIn: "sku", titleIn: "title", priceIn: "price", taxIn: "tax", stockIn: "stock", barcodeIn: "barcode"}
		g.tax.rate, g.tax.known = percent(strings.TrimSuffix(g.tax.class, "%"))
		g.titles, g.variants = row.inLanguages("title:"), row.inLanguages("variant:")
		r.goods = append(r.goods, g)
	}
}

// inLanguages are the texts of columns whose names begin so, and end in a language's tag.
func (row row) inLanguages(prefix string) (all map[string]string) {
	for _, name := range row.sheet.names {
		tag, ok := strings.CutPrefix(folded(name), prefix)
		if text := one(row.get(name)); ok && text != "" {
			if tag = languageOf(tag); tag == "" {
				row.problem("%q is no column of another language: expected one such as %sde", []any{strings.TrimSpace(name), prefix}, name)
				continue
			}
			if all == nil {
				all = map[string]string{}
			}
			all[tag] = text
			if utf8.RuneCountInString(text) > maxText || strings.ContainsFunc(text, unseen) || pipeline.HasCard(text) {
				row.problem("expected 1 to %d characters, without control characters, and no number of a payment card", []any{maxText}, name)
			}
		}
	}
	return all
}

// languageOf is a tag as it is written; "": it names no language.
func languageOf(tag string) string {
	t, err := language.Parse(strings.TrimSpace(tag))
	if err != nil || t == language.Und {
		return ""
	}
	return t.String()
}

// shopify has a row for each variant, in which the product's name is only in the first, and rows for further pictures, without a price.
func shopify(r *reading) {
	var product row
	const handle = "Handle"
	for _, row := range r.rows {
		id := row.get(handle, "URL handle")
		if product.sheet == nil || id != product.get(handle, "URL handle") {
			product = row
		}
		price := row.get("Variant Price", "Price")
		switch state := strings.ToLower(product.get("Status")); {
		case price == "":
			continue // a picture
		case state != "" && state != "active":
			r.pass(state)
			continue
		}
		g := item{row: row, sku: row.get("Variant SKU", "SKU"), product: product.get("Title"), price: price, barcode: row.get("Variant Barcode", "Barcode"),
			skuIn: "Variant SKU", titleIn: "Title", priceIn: "Variant Price", taxIn: "Variant Taxable", stockIn: "Variant Inventory Qty", barcodeIn: "Variant Barcode"}
		if !r.has(handle) {
			g.skuIn, g.priceIn, g.taxIn, g.stockIn, g.barcodeIn = "SKU", "Price", "Charge tax", "Inventory quantity", "Barcode"
		}
		var of []string
		for _, n := range []string{"1", "2", "3"} {
			v := row.get("Option" + n + " Value")
			if v != "" && !(v == "Default Title" && product.get("Option"+n+" Name") == "Title") {
				of = append(of, v)
			}
		}
		g.variant = strings.Join(of, ", ")
		g.stead = strings.TrimSuffix(id+"-"+strings.Join(of, "-"), "-")
		if row.get("Variant Inventory Tracker", "Inventory tracker") != "" {
			g.stock = row.get(g.stockIn)
			if g.stock == "" {
				row.problem("stock: it is counted, and there is no number: expected one, as in an export of one place's stock", nil, g.stockIn)
			}
		}
		if strings.EqualFold(row.get(g.taxIn), "false") {
			g.tax.known = true
		}
		r.goods = append(r.goods, g)
	}
}

// woo has a row for each product, and for each variation, whose parent is named by SKU or as id:NUMBER. Where a cell would begin as a
// formula does, it has a ' before it.
func woo(r *reading) {
	unescaped := func(s string) string {
		if len(s) > 1 && s[0] == '\'' && strings.IndexByte("=+-@", s[1]) >= 0 {
			return s[1:]
		}
		return s
	}
	parents := map[string]row{}
	for _, row := range r.rows {
		if slices.Contains(wooTypes(row), "variable") {
			parents["id:"+row.get("ID")] = row
			parents[row.get("SKU")] = row
		}
	}
	for _, row := range r.rows {
		types := wooTypes(row)
		has := func(t string) bool { return slices.Contains(types, t) }
		switch {
		case has("variable"):
			continue // its variations are for sale
		case has("grouped") || has("external"):
			r.pass(strings.Join(types, ", "))
			continue
		case row.get("Published") != "" && row.get("Published") != "1":
			r.pass("not published")
			continue
		}
		g := item{row: row, sku: unescaped(row.get("SKU")), stead: "woo-" + row.get("ID"), product: unescaped(row.get("Name")), price: row.get("Regular price"),
			barcode: row.get("GTIN, UPC, EAN, or ISBN"), stock: row.get("Stock"), tax: tax{class: row.get("Tax class")},
			skuIn: "SKU", titleIn: "Name", priceIn: "Regular price", taxIn: "Tax class", stockIn: "Stock", barcodeIn: "GTIN, UPC, EAN, or ISBN"}
		if row.get("Date sale price starts") == "" && row.get("Date sale price ends") == "" && row.get("Sale price") != "" {
			g.price, g.priceIn = row.get("Sale price"), "Sale price"
		}
		if parent, ok := parents[row.get("Parent")]; has("variation") && ok {
			if rest, of := strings.CutPrefix(g.product, unescaped(parent.get("Name"))+" - "); of && rest != "" {
				g.product, g.variant = unescaped(parent.get("Name")), rest
			}
			if g.tax.class == "parent" {
				g.tax.class = parent.get("Tax class")
			}
			if g.stock == "parent" {
				row.problem("stock: it is shared with others of %q: expected a number of its own", []any{parent.get("Name")}, "Stock")
				g.stock = ""
			}
		}
		if row.get("Tax status") == "none" {
			g.tax.known = true
		}
		r.goods = append(r.goods, g)
	}
}

func wooTypes(row row) (types []string) {
	for t := range strings.SplitSeq(row.get("Type"), ",") {
		types = append(types, strings.TrimSpace(t))
	}
	return types
}

var (
	squareStock = regexp.MustCompile(`(?i)^current quantity (.+)$`)
	squareTax   = regexp.MustCompile(`(?i)^tax - .+$`)
)

// square has columns of stock and price for each place, and a column for each tax, with its rate in the column's name. Taxes of a thing add up.
func square(r *reading) {
	place, stockIn := r.squarePlace()
	for _, row := range r.rows {
		switch {
		case strings.EqualFold(row.get("Archived"), "y"):
			r.pass("archived")
			continue
		case strings.EqualFold(row.get("Sellable"), "n"):
			r.pass("not sellable")
			continue
		case place != "" && strings.EqualFold(row.get("Enabled "+place), "n"):
			r.pass("not sold at " + place)
			continue
		}
		g := item{row: row, sku: row.get("SKU"), stead: row.get("Token"), product: row.get("Item Name"), variant: row.get("Variation Name"), price: row.get("Price"),
			barcode: row.get("GTIN"), skuIn: "SKU", titleIn: "Item Name", priceIn: "Price", stockIn: stockIn, barcodeIn: "GTIN"}
		if g.variant == "Regular" { // what it is called where there is only one
			g.variant = ""
		}
		if there := row.get("Price " + place); there != "" {
			g.price, g.priceIn = there, "Price "+place
		}
		if stockIn != "" {
			g.stock = row.get(stockIn)
		}
		g.tax = row.squareTaxes(&g)
		r.goods = append(r.goods, g)
	}
}

// squarePlace is the place whose stock counts, and the column of it.
func (r *reading) squarePlace() (place, column string) {
	var all, columns []string
	for _, name := range r.names {
		if m := squareStock.FindStringSubmatch(strings.TrimSpace(name)); m != nil {
			all, columns = append(all, m[1]), append(columns, name)
		}
	}
	if len(all) == 1 && r.opt.Location == "" {
		return all[0], columns[0]
	}
	for i, p := range all {
		if strings.EqualFold(p, r.opt.Location) {
			return p, columns[i]
		}
	}
	if len(all) > 0 {
		r.problem(r.headOf(columns[0]), "there is stock of several places: expected one of %q to be chosen", all)
	}
	return "", ""
}

func (row row) squareTaxes(g *item) (t tax) {
	t.known = true
	for _, name := range row.sheet.names {
		if !squareTax.MatchString(strings.TrimSpace(name)) || !strings.EqualFold(row.get(name), "y") {
			continue
		}
		rate, ok := percentIn(name)
		if !ok {
			return tax{class: strings.TrimSpace(name)}
		}
		t.rate += rate
		g.taxIn = name
	}
	if t.rate > 100_000 {
		row.problem("its taxes add up to %v: expected at most 100 %%", []any{t.rate}, g.taxIn)
	}
	return t
}

// odoo has a row for each product, or for each variant, and below it rows with nothing but more of a list, such as taxes.
func odoo(r *reading) {
	const ref, ref2 = "Internal Reference", "default_code"
	skuIn, priceIn, stockIn := r.first(ref, ref2), r.first("Sales Price", "Sale Price", "lst_price", "list_price"), r.first("Quantity On Hand", "qty_available")
	taxIn := r.first("Customer Taxes", "Sales Taxes", "Customer Taxes/Tax Name", "taxes_id", "taxes_id/name")
	for _, row := range r.rows {
		if row.get("Name") == "" && row.get(priceIn) == "" {
			continue
		}
		if sold := row.get("Can be Sold", "Sales", "sale_ok"); sold != "" && !truth(sold) {
			r.pass("not for sale")
			continue
		}
		if active := row.get("Active"); active != "" && !truth(active) {
			r.pass("archived")
			continue
		}
		g := item{row: row, sku: row.get(skuIn), stead: strings.TrimPrefix(row.get("External ID", "ID"), "__export__."), product: row.get("Name"), price: row.get(priceIn),
			variant: row.get("Variant Values", "Product Values", "product_template_variant_value_ids"), barcode: row.get("Barcode"), stock: row.get(stockIn),
			skuIn: skuIn, titleIn: "Name", priceIn: priceIn, taxIn: taxIn, stockIn: stockIn, barcodeIn: "Barcode"}
		if kind := strings.ToLower(row.get("Product Type", "type", "detailed_type")); kind == "service" || kind == "consumable" || kind == "consu" && !truth(row.get("is_storable", "Track Inventory")) {
			g.stock = "" // a service, and goods that are not counted
		}
		g.tax = odooTaxes(row.get(taxIn))
		r.goods = append(r.goods, g)
	}
}

// odooTaxes adds up the taxes of a list, each of which has its rate in its name. None are none.
func odooTaxes(list string) (t tax) {
	t.known = true
	for name := range strings.SplitSeq(list, ",") {
		if name = strings.TrimSpace(name); name == "" {
			continue
		}
		rate, ok := percentIn(name)
		if !ok {
			return tax{class: list}
		}
		t.rate += rate
	}
	return t
}

func truth(s string) bool {
	return slices.Contains([]string{"true", "1", "yes", "y", "x"}, strings.ToLower(s))
}

// first is the first of these columns that is there, else the first of them.
func (s *sheet) first(names ...string) string {
	for _, n := range names {
		if s.has(n) {
			return n
		}
	}
	return names[0]
}
