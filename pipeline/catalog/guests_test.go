package catalog

import (
	"bytes"
	"strings"
	"testing"

	"edgekit.internal/pipeline"
)

// TestListsOfGuests in the kit's own columns, in any spreadsheet's letters, and as pretix exports them.
func TestListsOfGuests(t *testing.T) {
	for name, doc := range map[string]string{
		"edgekit": "code,name,kind\nA1,Ada  Lovelace,Day\nB2,Özgür,\n\n",
		"pretix":  "\ufeff\"Order code\";\"Attendee name\";\"Product\";\"Price\";\"Paid\";\"Secret\"\r\n\"XYZ12\";\"Ada Lovelace\";\"Day\";\"10.00\";\"Yes\";\"A1\"\r\n\"XYZ13\";\"Özgür\";\"\";\"0.00\";\"Yes\";\"B2\"\r\n",
	} {
		list, form, err := Guests("guests.csv", []byte(doc))
		if err != nil || form != name || len(list) != 2 || list[0] != (pipeline.Guest{Code: pipeline.GuestCode("A1"), Name: "Ada Lovelace", Kind: "Day"}) || list[1].Name != "Özgür" {
			t.Errorf("%s: %+v, taken for %s, %v", name, list, form, err)
		}
	}
	for _, c := range []struct{ doc, want string }{
		{"", "g.csv:1:1: the file is empty"},
		{"name,kind\nAda,Day\n", "g.csv:1:1: the columns are not those of a list of guests"},
		{"code,name\n", "g.csv:1:1: there is nobody on it"},
		{"code,name\n,Ada\n", "g.csv:2:1: code: expected 1 to 256 characters"},
		{"code,name\nA1,Ada\nA1,Bob\n", "g.csv:3:1: code: it is that of line 2 too"},
		{"code,name\n1.23457E+18,Ada\n", "g.csv:2:1: code: a spreadsheet has made 1.23457E+18 of it"},
		{"code,name\nA1,\"A\x00\"\n", "g.csv:2:4: name: expected at most 200 characters, without control characters"},
		{"code,name\nA1,4111 1111 1111 1111\n", "g.csv:2:4: name: that is the number of a payment card"},
		{"code,name\n" + strings.Repeat("x", 300) + ",Ada\n", "g.csv:2:1: code: expected 1 to 256 characters"},
	} {
		if list, _, err := Guests("g.csv", []byte(c.doc)); err == nil || list != nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%.40q: %v, %v, want %s", c.doc, list, err, c.want)
		}
	}
	var b bytes.Buffer
	if err := WriteGuests(&b, []pipeline.Guest{{Name: "=HYPERLINK(1)", Kind: "+1"}, {Walk: true}}); err != nil || b.String() != "name,kind,walk-in,in since\r\n'=HYPERLINK(1),'+1,,\r\n,,yes,\r\n" {
		t.Errorf("%q, %v", b.String(), err)
	}
}

// FuzzGuests: no list is taken that the door could not bear.
func FuzzGuests(f *testing.F) {
	f.Add([]byte("code,name,kind\nA1,Ada,Day\n"))
	f.Add([]byte("\"Secret\";\"Attendee name\"\r\n\"A1\";\"\"\"\"\r\n"))
	f.Fuzz(func(t *testing.T, doc []byte) {
		list, _, err := Guests("g", doc)
		codes := map[[16]byte]bool{}
		for _, g := range list {
			if err != nil || codes[g.Code] || !(pipeline.DoorAct{ID: "01J00000000000000000000000", Do: pipeline.WalkIn, Name: g.Name, Kind: g.Kind}).Valid() {
				t.Fatalf("%+v, %v", g, err)
			}
			codes[g.Code] = true
		}
	})
}
