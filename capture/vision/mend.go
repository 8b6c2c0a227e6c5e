package vision

import "rsc.io/qr/coding"

// mend corrects the blocks of a QR code in place (ISO/IEC 18004 section 7.5): data first, then the check bytes of each. False: more
// of one is wrong than its check bytes can tell.
func mend(raw []byte, plan *coding.Plan) bool {
	check := plan.CheckBytes / plan.Blocks
	short, longer := plan.DataBytes/plan.Blocks, plan.DataBytes%plan.Blocks
	data, at := 0, plan.DataBytes
	for i := range plan.Blocks {
		n := short
		if i >= plan.Blocks-longer {
			n++
		}
		block := append(append([]byte{}, raw[data:data+n]...), raw[at:at+check]...)
		if !mendBlock(block, check) {
			return false
		}
		copy(raw[data:], block[:n])
		data, at = data+n, at+check
	}
	return true
}

var field = coding.Field

// mendBlock corrects one block whose last bytes are check bytes of Reed and Solomon's code: where the errors are by Berlekamp's and
// Massey's algorithm, how large by Forney's.
func mendBlock(block []byte, check int) bool {
	syndromes, clean := syndromesOf(block, check)
	if clean {
		return true
	}
	locator := []byte{1}
	previous, shift, last := []byte{1}, 1, byte(1)
	errors := 0
	for n, s := range syndromes {
		d := s
		for i := 1; i < len(locator) && i <= errors; i++ {
			d ^= field.Mul(locator[i], syndromes[n-i])
		}
		if d == 0 {
			shift++
			continue
		}
		next := addShifted(locator, previous, field.Mul(d, field.Inv(last)), shift)
		if 2*errors <= n {
			previous, last, errors, shift = locator, d, n+1-errors, 0
		}
		locator = next
		shift++
	}
	if 2*errors > check {
		return false
	}
	// omega = syndromes × locator, without what is above the check bytes.
	omega := make([]byte, check)
	for i := range omega {
		for j := 0; j <= i && j < len(locator); j++ {
			omega[i] ^= field.Mul(locator[j], syndromes[i-j])
		}
	}
	found := 0
	for i := range block {
		power := len(block) - 1 - i
		x := field.Inv(field.Exp(power))
		if value(locator, x) != 0 {
			continue
		}
		var slope byte // of the locator: its odd terms
		for k := 1; k < len(locator); k += 2 {
			slope ^= field.Mul(locator[k], powerOf(x, k-1))
		}
		if slope == 0 {
			return false
		}
		block[i] ^= field.Mul(field.Exp(power), field.Mul(value(omega, x), field.Inv(slope)))
		found++
	}
	if found != errors {
		return false
	}
	_, clean = syndromesOf(block, check)
	return clean
}

// syndromesOf are what a block is at the roots that a correct one has; clean: all are 0.
func syndromesOf(block []byte, check int) (s []byte, clean bool) {
	s, clean = make([]byte, check), true
	for i := range s {
		root, v := field.Exp(i), byte(0)
		for _, b := range block {
			v = field.Mul(v, root) ^ b
		}
		s[i] = v
		clean = clean && v == 0
	}
	return s, clean
}

// addShifted is a + k·x^shift·b.
func addShifted(a, b []byte, k byte, shift int) []byte {
	sum := make([]byte, max(len(a), len(b)+shift))
	copy(sum, a)
	for i, v := range b {
		sum[i+shift] ^= field.Mul(k, v)
	}
	return sum
}

// value is a polynomial's, lowest term first.
func value(p []byte, x byte) (v byte) {
	for i := len(p) - 1; i >= 0; i-- {
		v = field.Mul(v, x) ^ p[i]
	}
	return v
}

func powerOf(x byte, n int) byte {
	v := byte(1)
	for range n {
		v = field.Mul(v, x)
	}
	return v
}
