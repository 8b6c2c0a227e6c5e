package main

import "io"

// statusAnswered takes the real-time status requests DLE EOT n out of a printer's stream, and answers them as a healthy
// printer does (ESC/POS, real-time commands).
func statusAnswered(printer io.Writer, b []byte) (rest []byte) {
	return statusAs(printer, b, func(byte) byte { return 0x12 })
}

// statusAs is statusAnswered for a printer that says of itself what status tells, by n.
func statusAs(printer io.Writer, b []byte, status func(n byte) byte) (rest []byte) {
	for len(b) > 0 {
		if len(b) >= 3 && b[0] == 0x10 && b[1] == 0x04 && b[2] >= 1 && b[2] <= 4 {
			printer.Write([]byte{status(b[2])})
			b = b[3:]
			continue
		}
		rest = append(rest, b[0])
		b = b[1:]
	}
	return rest
}
