// Package reply reads what thermal printers and their ports say of themselves.
package reply

// Trouble is what a printer says of itself, in words for who stands beside it. The zero value is none.
type Trouble struct {
	Words string
	Stops bool // it does not print until that is mended
}

// What printers have.
var (
	Fine     = Trouble{}
	NoPaper  = Trouble{"The printer is out of paper. Slips wait: put in a new roll and close the cover, and printing goes on by itself.", true}
	Open     = Trouble{"The printer's cover is open. Slips wait: close it, and printing goes on by itself.", true}
	Cutter   = Trouble{"The printer's cutter is stuck. Slips wait: open the cover, free the paper, and switch the printer off and on.", true}
	Faulty   = Trouble{"The printer reports an error. Slips wait: switch it off and on; if that does not help, look for jammed paper.", true}
	Hot      = Trouble{"The printer is too hot or its power too weak. Slips wait: it goes on by itself when it has recovered.", true}
	Offline  = Trouble{"The printer is off line. Slips wait: press its feed or on-line button, else switch it off and on, and printing goes on by itself.", true}
	LowPaper = Trouble{"The paper roll is nearly used up. Have a new one ready.", false}
)

// Answers are a printer's to DLE EOT n, by n. A missing one is 0.
type Answers [5]byte

// Said tells whether a byte is an answer to DLE EOT: its fixed bits are 0xx1xx10.
func Said(b byte) bool { return b&0x93 == 0x12 }

// Online tells whether an answer to DLE EOT 1 says that the printer is on line.
func Online(b byte) bool { return Said(b) && b&0x08 == 0 }

// Trouble reads the answers. Source: ESC/POS, DLE EOT n: 1 printer, 2 offline causes, 3 error causes, 4 roll paper sensors.
func (a Answers) Trouble() Trouble {
	for n, b := range a {
		if !Said(b) {
			a[n] = 0
		}
	}
	switch {
	case a[2]&0x04 != 0:
		return Open
	case a[4]&0x60 != 0 || a[2]&0x20 != 0:
		return NoPaper
	case a[3]&0x08 != 0:
		return Cutter
	case a[3]&0x20 != 0: // no recovery
		return Faulty
	case a[3]&0x40 != 0: // recovers by itself
		return Hot
	case a[2]&0x40 != 0:
		return Faulty
	case a[1]&0x08 != 0:
		return Offline
	case a[4]&0x0c != 0:
		return LowPaper
	}
	return Fine
}

// Port reads the byte of GET_PORT_STATUS (USB printer class 1.1, 4.2.2; linux/lp.h), which many printers answer with
// nonsense: then it says nothing.
func Port(b byte) Trouble {
	switch {
	case b&^(paperEmpty|selected|notError) != 0 || b == 0:
		return Fine
	case b&paperEmpty != 0:
		return NoPaper
	case b&notError == 0:
		return Faulty
	case b&selected == 0:
		return Offline
	}
	return Fine
}

// Selected tells whether a port says that its printer is on line.
func Selected(b byte) bool { return b&selected != 0 }

const paperEmpty, selected, notError = 0x20, 0x10, 0x08
