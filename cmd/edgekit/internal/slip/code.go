package slip

import (
	"strings"

	"edgekit.internal/pipeline"
)

// Code is the text of a slip's code: the ticket's number, and the tap's id, which nobody guesses who has not seen the slip.
func Code(t pipeline.Ticket) string { return codePrefix + t.Number + ":" + t.Tap }

const codePrefix = "edgekit:"

// ParseCode is the way back; ok is false for what is no slip's code. Whether there is such a ticket is another matter.
func ParseCode(text string) (number, tap string, ok bool) {
	rest, ours := strings.CutPrefix(text, codePrefix)
	number, tap, parted := strings.Cut(rest, ":")
	_, isNumber := pipeline.ParseTicketNumber(number)
	return number, tap, ours && parted && isNumber && pipeline.ValidTapID(tap)
}
