package vision

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"rsc.io/qr"
	"rsc.io/qr/coding"
)

// TestTheBarsOfCode128AreThoseOfTheStandard in what it says of them all: six runs of 1 to 4, eleven modules, an even number of them
// dark, and no two alike.
func TestTheBarsOfCode128AreThoseOfTheStandard(t *testing.T) {
	if len(bars128) != 107 {
		t.Fatalf("%d symbols", len(bars128))
	}
	seen := map[string]bool{}
	for i, p := range bars128 {
		all, dark := 0, 0
		for j, w := range p {
			if w < '1' || w > '4' {
				t.Errorf("symbol %d: %s", i, p)
			}
			all += int(w - '0')
			if j%2 == 0 {
				dark += int(w - '0')
			}
		}
		if len(p) != 6 || all != 11 || dark%2 != 0 || seen[p] {
			t.Errorf("symbol %d: %s", i, p)
		}
		seen[p] = true
	}
}

// TestSetsOfCode128: letters, digits in pairs, shifts, GS1's mark in front; and what no product's code has is not read.
func TestSetsOfCode128(t *testing.T) {
	for _, c := range []struct {
		symbols []int
		want    string
	}{
		{[]int{startB, 45, 53, 39}, "MUG"},
		{[]int{startC, 12, 34, 5}, "123405"},
		{[]int{startC, 12, 34, toB, 33}, "1234A"},
		{[]int{startB, 33, toC, 1, 99}, "A0199"},
		{[]int{startA, 33, 34, toB, 66}, "ABb"},
		{[]int{startA, 33, shift, 66, 34}, "AbB"},
		{[]int{startB, 66, shift, 34, 66}, "bBb"},
		{[]int{startC, fnc1, 1, 4}, "0104"},
		{[]int{startC, 1, fnc1, 4}, ""},
		{[]int{startA, 70, 70, 70}, ""}, // control characters
		{[]int{startB, 33}, ""},         // too short
	} {
		sum := c.symbols[0]
		for i, s := range c.symbols[1:] {
			sum += (i + 1) * s
		}
		got, ok := text128(append(c.symbols, sum%103))
		if ok != (c.want != "") || ok && got != c.want {
			t.Errorf("%v: %q, %v", c.symbols, got, ok)
		}
		if _, ok := text128(append(c.symbols, (sum+1)%103)); ok {
			t.Errorf("%v: read with a wrong check symbol", c.symbols)
		}
	}
}

// TestADigitThatIsNotCheckedIsNotRead: each digit of a code changed to each other.
func TestADigitThatIsNotCheckedIsNotRead(t *testing.T) {
	for _, text := range []string{"4006381333931", "96385074", "036000291452"} {
		if !checked([]byte(text)) {
			t.Errorf("%s is good", text)
		}
		for i := range text {
			for d := byte('0'); d <= '9'; d++ {
				if b := []byte(text); d != b[i] {
					b[i] = d
					if checked(b) {
						t.Errorf("%s is taken for good", b)
					}
				}
			}
		}
	}
}

// TestQRCodesOfAllSizesAndLevels, with as many wrong bytes as they can mend.
func TestQRCodesOfAllSizesAndLevels(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 1))
	for _, alphabet := range []string{"0123456789", "ABC123 $%*+-./:", "aµ€3-\"x"} {
		letters := []rune(alphabet)
		for length := 1; length <= MaxText/3; length += 5 {
			for level := qr.L; level <= qr.H; level++ {
				var want strings.Builder
				for range length {
					want.WriteRune(letters[rnd.IntN(len(letters))])
				}
				c, err := qr.Encode(want.String(), level)
				if err != nil {
					t.Fatal(err)
				}
				light := make([]byte, c.Size*c.Size)
				for i := range light {
					if light[i] = 205; c.Black(i%c.Size, i/c.Size) {
						light[i] = 38
					}
				}
				if got, ok := decodeQR(light, c.Size); !ok || got != want.String() {
					t.Errorf("%q at level %v: %q, %v", want.String(), level, got, ok)
				}
				row := (9 + rnd.IntN(c.Size-17)) * c.Size
				for i := 9; i < 14; i++ { // a scratch, which hits a byte or two
					light[row+i] = 243 - light[row+i]
				}
				if got, ok := decodeQR(light, c.Size); level > qr.L && (!ok || got != want.String()) {
					t.Errorf("%q at level %v with a scratch: %q, %v", want.String(), level, got, ok)
				}
			}
		}
	}
}

// TestMend: up to half as many wrong bytes as there are check bytes are mended, wherever they are. With more it says no, or, which the
// code cannot rule out, makes another word that is right in itself.
func TestMend(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 1))
	for range 2000 {
		check, n := 4+rnd.IntN(27), 10+rnd.IntN(100)
		block := make([]byte, n+check)
		for i := range n {
			block[i] = byte(rnd.IntN(256))
		}
		copy(block[n:], checkBytes(block[:n], check))
		want := string(block)
		wrong := rnd.IntN(check)
		for _, at := range rnd.Perm(len(block))[:wrong] {
			block[at] ^= byte(1 + rnd.IntN(255))
		}
		ok := mendBlock(block, check)
		if wrong <= check/2 && (!ok || string(block) != want) {
			t.Fatalf("%d wrong of %d with %d check bytes: not mended", wrong, n, check)
		}
		if _, clean := syndromesOf(block, check); ok && !clean {
			t.Fatal("mended to what is not right")
		}
	}
}

// checkBytes are those of data, by long division.
func checkBytes(data []byte, n int) []byte {
	generator := []byte{1} // highest term first
	for i := range n {
		next := make([]byte, len(generator)+1)
		for j, g := range generator {
			next[j] ^= g
			next[j+1] ^= field.Mul(g, field.Exp(i))
		}
		generator = next
	}
	rest := append(append([]byte{}, data...), make([]byte, n)...)
	for i := range data {
		if k := rest[i]; k != 0 {
			for j, g := range generator {
				rest[i+j] ^= field.Mul(k, g)
			}
		}
	}
	return rest[len(data):]
}

// TestWhatAQRCodeMayNotSay: texts that are none, and segments that lie about their length.
func TestWhatAQRCodeMayNotSay(t *testing.T) {
	for name, c := range map[string]struct {
		bits string
		want string
	}{
		"digits":             {"0001 0000000100 0001111011 0100 0000", "1234"},
		"letters":            {"0010 000000010 00111001110 0000", "AC"},
		"bytes":              {"0100 00000010 01001101 01010101 0000", "MU"},
		"letters' table":     {"0111 00011010 0100 00000001 01001101 0000", "M"},
		"GS1":                {"0101 0100 00000001 01001101 0000", "M"},
		"no end":             {"0100 00000001 01001101", "M"},
		"longer than it is":  {"0100 11111111 01001101 0000", ""},
		"three digits of 11": {"0001 0000000011 1111111111 0000", ""},
		"no such letter":     {"0010 000000001 111111 0000", ""},
		"no such letters":    {"0010 000000010 11111111111 0000", ""},
		"Kanji":              {"1000 00000001 0000000000000 0000", ""},
		"control character":  {"0100 00000001 00011011 0000", ""},
		"no UTF-8":           {"0100 00000001 11111111 0000", ""},
		"nothing":            {"0000", ""},
	} {
		bits := strings.ReplaceAll(c.bits, " ", "")
		data := make([]byte, (len(bits)+7)/8)
		for i, b := range bits {
			data[i/8] |= byte(b-'0') << (7 - i%8)
		}
		got, ok := textQR(data, 1)
		if ok != (c.want != "") || got != c.want {
			t.Errorf("%s: %q, %v", name, got, ok)
		}
	}
}

// sane holds for every text that is read, whatever the picture.
func sane(t *testing.T, text string) {
	if text == "" || len(text) > MaxText || !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl) {
		t.Errorf("%q is no text", text)
	}
}

// FuzzLine: no line of light makes the reader fall, or read what is no text.
func FuzzLine(f *testing.F) {
	for _, l := range []label{printEAN(EAN13, "4006381333931"), printEAN(EAN8, "96385074"), print128("MUG-03")} {
		line := make([]byte, 0, 600)
		for u := -20.0; u < l.w+20; u += 0.5 {
			if line = append(line, 205); u >= 0 && u < l.w && l.ink(u, 0) {
				line[len(line)-1] = 38
			}
		}
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		var r Reader
		r.line(line)
		for _, c := range r.tally {
			sane(t, c.Text)
		}
	})
}

// FuzzSquare: the light of a QR code's modules is whatever the picture has there.
func FuzzSquare(f *testing.F) {
	c, err := qr.Encode("MUG-03", qr.M)
	if err != nil {
		f.Fatal(err)
	}
	light := make([]byte, c.Size*c.Size)
	for i := range light {
		if !c.Black(i%c.Size, i/c.Size) {
			light[i] = 200
		}
	}
	f.Add(uint8(1), light)
	f.Fuzz(func(t *testing.T, version uint8, light []byte) {
		n := 17 + 4*(1+int(version)%20)
		all := make([]byte, n*n)
		copy(all, light)
		if text, ok := decodeQR(all, n); ok {
			sane(t, text)
		}
		if text, ok := textQR(light, coding.Version(1+version%20)); ok {
			sane(t, text)
		}
	})
}

func ExampleReader() {
	var r Reader
	fmt.Println(r.Read(hold(printEAN(EAN13, "4006381333931"), usual, 1)))
	// Output: [{ean-13 4006381333931}]
}
