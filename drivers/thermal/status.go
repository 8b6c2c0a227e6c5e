package thermal

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// trouble is what a printer says of itself, in words for who stands beside it.
type trouble struct {
	words string
	stops bool // it does not print until that is mended
}

var (
	fine     = trouble{}
	noPaper  = trouble{"The printer is out of paper. Slips wait: put in a new roll and close the cover, and printing goes on by itself.", true}
	open     = trouble{"The printer's cover is open. Slips wait: close it, and printing goes on by itself.", true}
	cutter   = trouble{"The printer's cutter is stuck. Slips wait: open the cover, free the paper, and switch the printer off and on.", true}
	faulty   = trouble{"The printer reports an error. Slips wait: switch it off and on; if that does not help, look for jammed paper.", true}
	hot      = trouble{"The printer is too hot or its power too weak. Slips wait: it goes on by itself when it has recovered.", true}
	lowPaper = trouble{"The paper roll is nearly used up. Have a new one ready.", false}
)

// answers are a printer's to DLE EOT n, by n. A missing one is 0.
type answers [5]byte

// said tells whether a byte is an answer to DLE EOT: its fixed bits are 0xx1xx10.
func said(b byte) bool { return b&0x93 == 0x12 }

// trouble reads the answers. Source: ESC/POS, DLE EOT n: 2 offline causes, 3 error causes, 4 roll paper sensors.
func (a answers) trouble() trouble {
	for n, b := range a {
		if !said(b) {
			a[n] = 0
		}
	}
	switch {
	case a[2]&0x04 != 0:
		return open
	case a[4]&0x60 != 0 || a[2]&0x20 != 0:
		return noPaper
	case a[3]&0x08 != 0:
		return cutter
	case a[3]&0x20 != 0: // no recovery
		return faulty
	case a[3]&0x40 != 0: // recovers by itself
		return hot
	case a[2]&0x40 != 0:
		return faulty
	case a[4]&0x0c != 0:
		return lowPaper
	}
	return fine
}

// portTrouble reads the byte of GET_PORT_STATUS (USB printer class 1.1, 4.2.2; linux/lp.h), which many printers answer with
// nonsense: then it says nothing.
func portTrouble(b byte) trouble {
	const paperEmpty, selected, notError = 0x20, 0x10, 0x08
	switch {
	case b&^(paperEmpty|selected|notError) != 0 || b == 0:
		return fine
	case b&paperEmpty != 0:
		return noPaper
	case b&(selected|notError) == selected:
		return faulty
	}
	return fine
}

// sentence makes an error one for people.
func sentence(err error) string {
	s := strings.TrimPrefix(err.Error(), "thermal: ")
	r, n := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(r)) + s[n:] + "."
}
