package reply

import "encoding/binary"

// ID names a job to a printer, which says it back when the job is on paper (ESC/POS, GS ( H, function 48). Its letters, A to P, are
// never taken for an answer to DLE EOT.
type ID [4]byte

// NewID writes a number as letters.
func NewID(n uint16) (id ID) {
	for i := range id {
		id[i] = 'A' + byte(n>>(12-4*i)&15)
	}
	return id
}

// Request asks for the ID to be said back. A printer that does not know GS ( H may print it.
func (id ID) Request() []byte { return append([]byte{0x1d, '(', 'H', 6, 0, '0', '0'}, id[:]...) }

// process is how a printer says an ID back: header, identifier, the ID, NUL.
const process = 7

// Ear hears a printer byte by byte, of which all but what it is made for is passed over. The zero value is ready. Not safe for
// concurrent use.
type Ear struct {
	last uint64 // the last bytes that were no answers to DLE EOT, which may come in the middle of others
	id   ID
	done bool
}

// Expect makes it forget what it heard, and wait for an ID.
func (e *Ear) Expect(id ID) { *e = Ear{id: id} }

// Hear takes a byte. status tells whether it is an answer to DLE EOT.
func (e *Ear) Hear(b byte) (status bool) {
	if Said(b) {
		return true
	}
	e.last = e.last<<8 | uint64(b)
	want := uint64(0x37)<<48 | uint64(0x22)<<40 | uint64(binary.BigEndian.Uint32(e.id[:]))<<8
	e.done = e.done || e.id != ID{} && e.last&(1<<(8*process)-1) == want
	return false
}

// Done tells whether the ID that was expected has been said.
func (e *Ear) Done() bool { return e.done }
