package pipeline

import (
	"strings"
	"testing"
)

// TestCardNumbersAreMasked: a text a row. The numbers are those that card companies publish for tests.
func TestCardNumbersAreMasked(t *testing.T) {
	for text, want := range map[string]string{
		"":                                       "",
		"4111111111111111":                       "…1111",
		"paid with 5555 5555 5555 4444, ok":      "paid with …4444, ok",
		"3782-822463-10005 and 6011000990139424": "…0005 and …9424",
		"x4222222222222y":                        "x…2222y", // 13 digits
		"2223003122003222\n":                     "…3222\n",
		"4111111111111112":                       "4111111111111112", // a digit is wrong
		"4006381333931":                          "4006381333931",    // a pen's EAN
		"12345678901234567890":                   "12345678901234567890",
		"41111111111111111111":                   "41111111111111111111", // longer than any
		"A-042, 3 mugs, 0170 1234567":            "A-042, 3 mugs, 0170 1234567",
		"4111  1111 1111 1111":                   "4111  1111 1111 1111", // parted by more than one: not read as one number
		"ticket 12 4111111111111111 5 pens":      "ticket 12 …1111 5 pens",
		"4111-1111-1111-1111-5555555555554444":   "…1111-…4444",
		"日本 4111111111111111 語":                  "日本 …1111 語",
	} {
		if got := Masked(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
		if HasCard(text) != (text != want) {
			t.Errorf("%q: HasCard is %v", text, HasCard(text))
		}
	}
}

func FuzzMasked(f *testing.F) {
	f.Add("paid with 5555 5555 5555 4444, ok")
	f.Add("4-4-4-4 ")
	f.Fuzz(func(t *testing.T, s string) {
		m := Masked(s)
		if Masked(m) != m && !strings.Contains(s, "…") {
			t.Errorf("%q: %q, and of that %q", s, m, Masked(m))
		}
		if len(m) > len(s) {
			t.Errorf("%q grew to %q", s, m)
		}
	})
}
