package catalog

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"unicode"

	"edgekit.internal/pipeline"
)

// minor reads an amount of money as people and programs write it, such as 12.50, 12,5, "1.234,00 €" or $1,234, in minor units of a currency
// that has so many digits after the point. What could be two amounts, such as 1,234, is none, and neither is a fraction of a minor unit.
func minor(s string, digits int) (int64, error) {
	number := strings.TrimFunc(s, func(c rune) bool { return unicode.Is(unicode.Sc, c) || unicode.IsSpace(c) || unicode.IsLetter(c) })
	number = strings.Map(func(c rune) rune {
		if unicode.IsSpace(c) || c == '\'' || c == '’' { // between thousands
			return -1
		}
		return c
	}, number)
	if strings.HasPrefix(number, "-") || strings.HasPrefix(number, "−") {
		return 0, fmt.Errorf("%q is less than nothing: expected a price from 0", s)
	}
	whole, part, err := halves(number, digits)
	if err != nil || !digitsOnly(whole) || part != "" && !digitsOnly(part) {
		if err == nil {
			err = fmt.Errorf("expected a price, such as %s", example(digits))
		}
		return 0, fmt.Errorf("%q: %w", s, err)
	}
	for len(part) > digits {
		if part[len(part)-1] != '0' {
			return 0, fmt.Errorf("%q: expected at most %d digits after the point", s, digits)
		}
		part = part[:len(part)-1]
	}
	part += strings.Repeat("0", digits-len(part))
	n, err := strconv.ParseInt(whole+part, 10, 64)
	if err != nil || n > maxMinor {
		return 0, fmt.Errorf("%q: expected at most %s", s, pipeline.Amount(maxMinor, digits))
	}
	return n, nil
}

// halves parts a number at its decimal point, if it has one, and takes away what stands between thousands.
func halves(number string, digits int) (whole, part string, err error) {
	point, comma := strings.Count(number, "."), strings.Count(number, ",")
	mark, other := ".", ","
	switch {
	case point == 0 && comma == 0:
		return number, "", nil
	case point > 0 && comma > 0: // the last one is the point
		if strings.LastIndex(number, ",") > strings.LastIndex(number, ".") {
			mark, other = ",", "."
		}
	case point > 1: // thousands only
		return grouped(number, ".")
	case comma > 1:
		return grouped(number, ",")
	case comma == 1:
		mark, other = ",", "."
	}
	whole, part, _ = strings.Cut(number, mark)
	switch {
	case part == "" || strings.Contains(part, mark) || strings.Contains(part, other):
		return "", "", fmt.Errorf("expected a price, such as %s", example(digits))
	case point+comma == 1 && len(part) == 3 && digits != 3 && strings.Trim(whole, "0") != "":
		return "", "", fmt.Errorf("it may be thousands or thousandths: expected such as %s", example(digits))
	}
	whole, _, err = grouped(whole, other)
	return whole, part, err
}

// grouped takes away what stands between groups of three digits.
func grouped(number, mark string) (whole, part string, err error) {
	groups := strings.Split(number, mark)
	for i, g := range groups {
		if i > 0 && len(g) != 3 || len(groups) > 1 && (i == 0 && (len(g) == 0 || len(g) > 3)) {
			return "", "", fmt.Errorf("expected three digits between each two %q", mark)
		}
	}
	return strings.Join(groups, ""), "", nil
}

func digitsOnly(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

func example(digits int) string { return pipeline.Amount(123450, digits) }

// pieces reads a count, which some shops write as 10.0. Less than none, of which more were promised than there are, is none.
func pieces(s string) (int, error) {
	number, zeros, _ := strings.Cut(strings.ReplaceAll(s, ",", "."), ".")
	below := strings.HasPrefix(number, "-")
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || strings.Trim(zeros, "0") != "" || n > maxStock {
		return 0, fmt.Errorf("%q: expected a whole number of pieces, at most %d", s, maxStock)
	}
	if below {
		return 0, nil
	}
	return int(n), nil
}

// percent reads a tax rate exactly, to the thousandth of a percent.
func percent(s string) (pipeline.TaxRate, bool) {
	s = strings.ReplaceAll(strings.TrimSpace(s), ",", ".")
	if s == "" || len(s) > 12 || strings.Trim(s, "0123456789.") != "" {
		return 0, false
	}
	r, ok := new(big.Rat).SetString(s)
	if !ok {
		return 0, false
	}
	r.Mul(r, big.NewRat(1000, 1))
	if !r.IsInt() || r.Cmp(big.NewRat(100_000, 1)) > 0 {
		return 0, false
	}
	return pipeline.TaxRate(r.Num().Int64()), true
}

// percentIn finds the one percentage in a text, such as "VAT 19 %" or "Sales Tax (8.25%)".
func percentIn(s string) (rate pipeline.TaxRate, ok bool) {
	before, after, found := strings.Cut(s, "%")
	if !found || strings.Contains(after, "%") {
		return 0, false
	}
	before = strings.TrimRight(before, " \u00a0\u202f")
	at := len(before)
	for at > 0 && strings.IndexByte("0123456789.,", before[at-1]) >= 0 {
		at--
	}
	return percent(strings.TrimLeft(before[at:], ".,"))
}
