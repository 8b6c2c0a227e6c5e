package h264

// bits reads the fields of a raw byte sequence payload (RBSP, section 7.2). Reading past the end gives zeros and sets
// short, so that a parser checks once, at its end.
type bits struct {
	data  []byte
	at    int // in bits
	short bool
}

// unescape removes the emulation prevention bytes of a NAL unit's payload: in 00 00 03, the 03 (section 7.4.1).
func unescape(payload []byte) []byte {
	out := make([]byte, 0, len(payload))
	zeros := 0
	for _, b := range payload {
		if zeros >= 2 && b == 3 {
			zeros = 0
			continue
		}
		if b == 0 {
			zeros++
		} else {
			zeros = 0
		}
		out = append(out, b)
	}
	return out
}

func (b *bits) bit() uint32 {
	if b.at >= 8*len(b.data) {
		b.short = true
		return 0
	}
	v := b.data[b.at/8] >> (7 - b.at%8) & 1
	b.at++
	return uint32(v)
}

func (b *bits) flag() bool { return b.bit() == 1 }

// u reads n ≤ 32 bits, most significant first.
func (b *bits) u(n int) uint32 {
	var v uint32
	for range n {
		v = v<<1 | b.bit()
	}
	return v
}

// ue reads an unsigned Exp-Golomb code (section 9.1): n zeros, a one, n bits. More than 31 zeros is no legal code.
func (b *bits) ue() uint32 {
	n := 0
	for b.bit() == 0 {
		if n++; n > 31 || b.short {
			b.short = true
			return 0
		}
	}
	return 1<<n - 1 + b.u(n)
}

// se reads a signed Exp-Golomb code (section 9.1.1): 1, -1, 2, -2, …
func (b *bits) se() int32 {
	k := b.ue()
	if k%2 == 1 {
		return int32(k/2) + 1
	}
	return -int32(k / 2)
}
