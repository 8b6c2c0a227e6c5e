package catalog

import (
	"encoding/csv"
	"io"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"edgekit.internal/pipeline"
)

// guestForms are the columns in which a list of guests has a ticket's code, a name, in one column or two, and the kind of ticket: the kit's own, and pretix' check-in
// list (pretix/plugins/checkinlists/exporters.py).
var guestForms = []struct {
	name string
	code string
	who  []string
	kind string
}{
	{"edgekit", "code", []string{"name"}, "kind"},
	{"pretix", "Secret", []string{"Attendee name"}, "Product"},
}

// powers are long numbers as spreadsheets write them, such as 1.23457E+18.
var powers = regexp.MustCompile(`^\d([.,]\d+)?[Ee]\+\d+$`)

// Guests reads the list of a ticketed event's guests: a table with the columns code, the text of the code on each ticket, and if need be name and kind; or a check-in list
// that pretix exports in English. It is CSV, with the letters and separators of any spreadsheet, as a catalogue's. file is only for messages. The error is of type Problems.
func Guests(file string, doc []byte) (list []pipeline.Guest, form string, err error) {
	if len(doc) > MaxBytes {
		return nil, "", Problems{{file, 1, 1, "the file is too large: expected at most 8 MiB"}}
	}
	s, _, err := text(doc)
	if err != nil {
		return nil, "", Problems{{file, 1, 1, err.Error()}}
	}
	t := readSheet(file, s)
	if len(t.problems) > 0 {
		return nil, "", t.problems
	}
	for _, f := range guestForms {
		if !t.has(f.code) {
			continue
		}
		lines := map[[16]byte]int{}
		for _, row := range t.rows {
			g := pipeline.Guest{Name: one(row.get(f.who...)), Kind: one(row.get(f.kind))}
			code := row.get(f.code)
			if powers.MatchString(code) {
				row.problem("code: a spreadsheet has made %s of it, and its last digits are lost: expected it as text, in a column that is formatted so", []any{code}, f.code)
			}
			if code == "" || len(code) > pipeline.MaxGuestCode {
				row.problem("code: expected 1 to %d characters, what the code on the ticket says", []any{pipeline.MaxGuestCode}, f.code)
			}
			for i, v := range []string{g.Name, g.Kind} {
				column := []string{f.who[0], f.kind}[i]
				switch {
				case utf8.RuneCountInString(v) > pipeline.MaxGuestName || strings.ContainsFunc(v, unseen):
					row.problem("%s: expected at most %d characters, without control characters", []any{column, pipeline.MaxGuestName}, column)
				case pipeline.HasCard(v):
					row.problem("%s: that is the number of a payment card, of which the kit keeps none: expected a text without it", []any{column}, column)
				}
			}
			g.Code = pipeline.GuestCode(code)
			if line, twice := lines[g.Code]; twice {
				row.problem("code: it is that of line %d too: expected one for each ticket", []any{line}, f.code)
			}
			lines[g.Code] = row.places[0].line
			list = append(list, g)
		}
		if len(list) > pipeline.MaxGuests {
			t.problem(place{1, 1}, "%d guests: expected at most %d", len(list), pipeline.MaxGuests)
		}
		if len(list) == 0 {
			t.problem(place{1, 1}, "there is nobody on it")
		}
		if len(t.problems) > 0 {
			return nil, f.name, t.problems
		}
		return list, f.name, nil
	}
	t.problem(place{1, 1}, "the columns are not those of a list of guests: expected code, and if need be name and kind; or, in English, those of a check-in list of pretix")
	return nil, "", t.problems
}

// one is a text with single spaces, and none around it.
func one(s string) string { return strings.Join(strings.Fields(s), " ") }

// WriteGuests writes who is on a list and who came, as a table (RFC 4180, UTF-8) that no spreadsheet computes.
func WriteGuests(to io.Writer, list []pipeline.Guest) error {
	w := csv.NewWriter(to)
	w.UseCRLF = true
	rows := [][]string{{"name", "kind", "walk-in", "in since"}}
	for _, g := range list {
		walk, since := "", ""
		if g.Walk {
			walk = "yes"
		}
		if g.In > 0 {
			since = g.Wall.UTC().Format(time.RFC3339)
		}
		rows = append(rows, []string{pipeline.Plain(g.Name), pipeline.Plain(g.Kind), walk, since})
	}
	if err := w.WriteAll(rows); err != nil {
		return err
	}
	return w.Error()
}
