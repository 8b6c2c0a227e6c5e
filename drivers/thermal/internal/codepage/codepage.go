// Package codepage says text with the letters that thermal printers have of their own: code pages, by the numbers that ESC t calls them
// by on printers of a family.
package codepage

// page is the upper half of a code page; \ufffd is where it has nothing.
type page struct {
	letters []rune
	bytes   map[rune]byte
}

func newPage(upper string) *page {
	p := &page{[]rune(upper), map[rune]byte{}}
	for i, r := range p.letters {
		if r != '\ufffd' {
			p.bytes[r] = byte(0x80 + i)
		}
	}
	return p
}

// The pages, as the Unicode Consortium's mapping tables have them (VENDORS/MICSFT/PC and WINDOWS); 858 is 850 with the euro sign.
var (
	cp437 = newPage("ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐" +
		"└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u00a0")
	cp852 = newPage("ÇüéâäůćçłëŐőîŹÄĆÉĹĺôöĽľŚśÖÜŤťŁ×čáíóúĄąŽžĘę¬źČş«»░▒▓│┤ÁÂĚŞ╣║╗╝Żż┐" +
		"└┴┬├─┼Ăă╚╔╩╦╠═╬¤đĐĎËďŇÍÎě┘┌█▄ŢŮ▀ÓßÔŃńňŠšŔÚŕŰýÝţ´\u00ad˝˛ˇ˘§÷¸°¨˙űŘř■\u00a0")
	cp858 = newPage("ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜø£Ø×ƒáíóúñÑªº¿®¬½¼¡«»░▒▓│┤ÁÂÀ©╣║╗╝¢¥┐" +
		"└┴┬├─┼ãÃ╚╔╩╦╠═╬¤ðÐÊËÈ€ÍÎÏ┘┌█▄¦Ì▀ÓßÔÒõÕµþÞÚÛÙýÝ¯´\u00ad±‗¾¶§÷¸°¨·¹³²■\u00a0")
	cp866 = newPage("АБВГДЕЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯабвгдежзийклмноп░▒▓│┤╡╢╖╕╣║╗╝╜╛┐" +
		"└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀рстуфхцчшщъыьэюяЁёЄєЇїЎў°∙·√№¤■\u00a0")
	cp1252 = newPage("€\ufffd‚ƒ„…†‡ˆ‰Š‹Œ\ufffdŽ\ufffd\ufffd‘’“”•–—˜™š›œ\ufffdžŸ\u00a0¡¢£¤¥¦§¨©ª«¬\u00ad®¯°±²³´µ¶·¸¹º»¼½¾¿" +
		"ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑÒÓÔÕÖ×ØÙÚÛÜÝÞßàáâãäåæçèéêëìíîïðñòóôõö÷øùúûüýþÿ")
)

// Set is the pages of a family of printers. The zero value is what nearly all have: 858 (Latin-1 and €) as table 19, and 437 as table 0.
type Set int

// The sets.
const (
	Western Set = iota // 858 as 19
	Epson              // and 852 (Central Europe) as 18, 866 (Cyrillic) as 17
	Citizen            // Windows-1252 as 16
)

// table is a page and its number for ESC t.
type table struct {
	number byte
	*page
}

// sets are in the order in which pages are tried. Sources: Epson's "ESC/POS Command Reference", ESC t, of which TM-T88II and later all have
// these; for Citizen, whose CT-S310II and CT-S651 differ in most others, the tables of receipt-printer-encoder 4 and of
// escpos-printer-db.
var sets = [...][]table{
	Western: {{19, cp858}, {0, cp437}},
	Epson:   {{19, cp858}, {18, cp852}, {17, cp866}, {0, cp437}},
	Citizen: {{16, cp1252}, {0, cp437}},
}

// First is the table that text is in where nothing else is selected.
func (s Set) First() byte { return sets[s][0].number }

// Encode says text where table at is selected, with an ESC t before each letter that another table has. now is the one that is
// selected then. What no table has is a question mark, and ok is false.
func (s Set) Encode(text string, at byte) (b []byte, now byte, ok bool) {
	ok = true
	for _, r := range text {
		if r >= ' ' && r <= '~' {
			b = append(b, byte(r))
			continue
		}
		t, has := s.having(r, at)
		if !has {
			b, ok = append(b, '?'), false
			continue
		}
		if t.number != at {
			at = t.number
			b = append(b, 0x1b, 't', at)
		}
		b = append(b, t.bytes[r])
	}
	return b, at, ok
}

// having is the table that has a letter: the one that is selected, or else the first.
func (s Set) having(r rune, at byte) (found table, ok bool) {
	for _, t := range sets[s] {
		if _, has := t.bytes[r]; has && (!ok || t.number == at) {
			found, ok = t, true
		}
	}
	return found, ok
}

// Has tells whether all of a text can be said.
func (s Set) Has(text string) bool {
	_, _, ok := s.Encode(text, s.First())
	return ok
}

// Decode is the letter of a byte where table at is selected; a question mark where the set has no such table.
func (s Set) Decode(b, at byte) rune {
	if b < 0x80 {
		return rune(b)
	}
	for _, t := range sets[s] {
		if t.number == at && t.letters[b-0x80] != '\ufffd' {
			return t.letters[b-0x80]
		}
	}
	return '?'
}
