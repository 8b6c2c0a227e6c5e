package catalog

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"

	"edgekit.internal/pipeline"
)

// Import is what a document makes of the catalogue in use.
type Import struct {
	Catalogue *pipeline.Catalogue
	Form      string   // that the document is in, such as "Shopify"
	Encoding  string   // of its letters
	Passed    []string // what in it is not for sale, and why
	Digest    []byte   // tells what was imported from other documents, and from the same one read by other options
}

// Read reads a catalogue: the kit's own JSON, or a table as CSV, in the kit's own columns or as a shop exports it (see forms). A table has
// goods and no offers, so what is in use stays: see withOffers. file is only for messages. The error is of type Problems, and the Import
// says what the document was taken for all the same.
func Read(file string, doc []byte, now *pipeline.Catalogue, opt Options) (Import, error) {
	if len(doc) > MaxBytes {
		return Import{}, Problems{{file, 1, 1, fmt.Sprintf("the file has %d bytes: expected at most %d", len(doc), MaxBytes)}}
	}
	if bytes.HasPrefix(doc, []byte("PK\x03\x04")) || bytes.HasPrefix(doc, []byte("\xd0\xcf\x11\xe0")) {
		return Import{}, Problems{{file, 1, 1, "this is a workbook, or an archive: expected text. Save the sheet as CSV, and import that"}}
	}
	s, encoding, err := text(doc)
	if err != nil {
		return Import{Encoding: encoding}, Problems{{file, 1, 1, err.Error()}}
	}
	if begin := strings.TrimLeft(s, " \t\r\n"); begin == "" || begin[0] == '{' || begin[0] == '[' {
		if encoding == "Windows-1252" { // which JSON never is (RFC 8259, section 8.1)
			s = string(doc)
		}
		c, err := JSON(file, []byte(s))
		sum := sha256.Sum256(doc)
		return Import{Catalogue: c, Form: "edgekit JSON", Encoding: encoding, Digest: sum[:]}, err
	}
	return table(file, s, encoding, now, opt)
}

func table(file, text, encoding string, now *pipeline.Catalogue, opt Options) (Import, error) {
	in := Import{Encoding: encoding}
	s := readSheet(file, text)
	if len(s.problems) > 0 && len(s.rows) == 0 {
		return in, s.problems
	}
	f := formOf(s)
	if f == nil {
		var known []string
		for _, f := range forms {
			known = append(known, fmt.Sprintf("%s (%s)", f.name, strings.Join(f.signs[0], ", ")))
		}
		s.problem(place{1, 1}, "the columns are not those of a catalogue: expected, in English, those of %s", strings.Join(known, "; "))
		return in, s.problems
	}
	in.Form = f.name
	if opt.Currency == "" && now != nil {
		opt.Currency = now.Currency
	}
	if !validCurrency(opt.Currency) {
		s.problem(place{1, 1}, "a table does not say its currency: expected one in the settings, as currency = \"EUR\"")
	}
	r := &reading{sheet: s, opt: opt, passed: map[string]int{}}
	f.read(r)
	c := newCounter(opt)
	for _, g := range r.goods {
		c.add(g)
	}
	for why, n := range r.passed {
		in.Passed = append(in.Passed, fmt.Sprintf("%d %s", n, why))
	}
	slices.Sort(in.Passed)
	if len(c.skus) == 0 && len(s.problems) == 0 {
		s.problem(place{1, 1}, "there is nothing for sale in it")
	}
	if len(c.skus) > maxSKUs {
		s.problem(r.goods[maxSKUs].row.places[0], "%d things for sale: expected at most %d", len(c.skus), maxSKUs)
	}
	if len(s.problems) > 0 {
		slices.SortStableFunc(s.problems, func(a, b Problem) int {
			if a.Line != b.Line {
				return a.Line - b.Line
			}
			return a.Column - b.Column
		})
		return in, s.problems
	}
	in.Catalogue = withOffers(pipeline.NewCatalogue(opt.Currency, c.skus, nil).Speaking(opt.Language).Under(opt.Rules), now)
	sum := sha256.Sum256(fmt.Append(nil, opt, "\n", text)) // a map's keys are written in order
	in.Digest = sum[:]
	return in, nil
}

func validCurrency(s string) bool {
	return len(s) == 3 && strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}
