package pipeline

import "strings"

// The number of a payment card has 13 to 19 digits, of which the first says what kind it is and the last is a check digit (ISO/IEC 7812-1, sections 4 and
// 5, annex B). People part them by spaces or dashes.
const (
	fewestCardDigits = 13
	mostCardDigits   = 19
)

// Masked is a text in which numbers of payment cards are no more than their last four digits, which is what may be kept of one (PCI DSS 4.0, 3.4.1): a kit
// takes no cards, and what somebody types or scans by mistake is not to lie on its card. Other long numbers stay, but for one in ten that might be one.
func Masked(s string) string {
	var out strings.Builder
	done := 0
	for at := 0; at < len(s); {
		if n, last := cardAt(s, at); n > 0 {
			out.WriteString(s[done:at] + "…" + last)
			at += n
			done = at
			continue
		}
		for at < len(s) && isDigit(s[at]) { // to the end of these digits
			at++
		}
		for at < len(s) && !isDigit(s[at]) {
			at++
		}
	}
	if done == 0 {
		return s
	}
	return out.String() + s[done:]
}

// HasCard tells whether a text has the number of a payment card in it.
func HasCard(s string) bool { return Masked(s) != s }

// cardAt is how long the longest number of a card is that begins at a place of a text, with what parts its digits, and its last four; 0: none does.
func cardAt(s string, at int) (n int, last string) {
	var digits []byte
	for i := at; i < len(s) && len(digits) <= mostCardDigits; i++ {
		switch c := s[i]; {
		case isDigit(c):
			digits = append(digits, c)
			if ends := i+1 == len(s) || !isDigit(s[i+1]); ends && isCard(string(digits)) {
				n, last = i+1-at, string(digits[len(digits)-4:])
			}
		case i > at && (c == ' ' || c == '-') && isDigit(s[i-1]):
		default:
			return n, last
		}
	}
	return n, last
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// isCard tells whether digits are those of a card: of a kind that pays, with the right check digit. One of 13 digits that is an EAN is that.
func isCard(d string) bool {
	if len(d) < fewestCardDigits || len(d) > mostCardDigits || d[0] < '2' || d[0] > '6' {
		return false
	}
	luhn, ean := 0, 0
	for i := range len(d) {
		n := int(d[len(d)-1-i] - '0')
		ean += n * (1 + i%2*2)
		if i%2 == 1 {
			if n *= 2; n > 9 {
				n -= 9
			}
		}
		luhn += n
	}
	return luhn%10 == 0 && (len(d) != 13 || ean%10 != 0)
}

// Plain is a text that no spreadsheet computes: one that it would take for a formula begins with an apostrophe (OWASP, CSV injection).
func Plain(text string) string {
	if text != "" && strings.ContainsRune("=+-@\t\r\n＝＋－＠", []rune(text)[0]) {
		return "'" + text
	}
	return text
}
