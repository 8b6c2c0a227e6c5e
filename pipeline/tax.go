package pipeline

import "fmt"

// TaxRate is in thousandths of a percent: 19 % is 19000.
type TaxRate int32

// String writes a rate as people do, such as "19 %" or "8.875 %".
func (r TaxRate) String() string {
	if r%1000 == 0 {
		return fmt.Sprintf("%d %%", r/1000)
	}
	s := fmt.Sprintf("%d.%03d", r/1000, r%1000)
	for s[len(s)-1] == '0' {
		s = s[:len(s)-1]
	}
	return s + " %"
}

// Rounding is what becomes of less than a minor unit of a line's tax.
type Rounding string

// The ways to round. Empty is HalfUp.
const (
	HalfUp   Rounding = "half-up"
	HalfEven Rounding = "half-even" // of two that are as near, the even one
	Up       Rounding = "up"
	Down     Rounding = "down"
)

// Roundings lists the ways to round.
var Roundings = []Rounding{HalfUp, HalfEven, Up, Down}

// of is a/b; a is not below 0, b is above.
func (r Rounding) of(a, b int64) int64 {
	n, rest := a/b, a%b
	switch r {
	case Up:
		if rest > 0 {
			n++
		}
	case Down:
	case HalfEven:
		if 2*rest > b || 2*rest == b && n%2 == 1 {
			n++
		}
	default:
		if 2*rest >= b {
			n++
		}
	}
	return n
}

// TaxRules are how a catalogue's prices and taxes go together: each line's tax is rounded by itself, and they add up.
type TaxRules struct {
	Added    bool // prices are without taxes, which come on top; else they are in the prices
	Rounding Rounding
}

// Of is the tax of an amount: on top of it where taxes are added, else contained in it.
func (t TaxRules) Of(amount int64, rate TaxRate) int64 {
	whole := int64(100_000)
	if !t.Added {
		whole += int64(rate)
	}
	return t.Rounding.of(amount*int64(rate), whole)
}
