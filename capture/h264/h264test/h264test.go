// Package h264test makes H.264 for tests, without an encoder.
package h264test

import (
	"encoding/binary"
	"math/rand/v2"

	"edgekit.internal/capture"
)

// bitWriter writes the syntax elements of ISO/IEC 14496-10 section 7.2.
type bitWriter struct {
	b    []byte
	free int // bits left in the last byte
}

func (w *bitWriter) u(n int, v uint32) {
	for i := n - 1; i >= 0; i-- {
		if w.free == 0 {
			w.b, w.free = append(w.b, 0), 8
		}
		w.free--
		w.b[len(w.b)-1] |= byte(v>>i&1) << w.free
	}
}

// ue is Exp-Golomb (section 9.1).
func (w *bitWriter) ue(v uint32) {
	n := 0
	for x := v + 1; x > 1; x >>= 1 {
		n++
	}
	w.u(n, 0)
	w.u(n+1, v+1)
}

// nal ends a unit and puts it behind a start code, with emulation prevention (section 7.4.1).
func (w *bitWriter) nal(head byte) []byte {
	w.u(1, 1)
	out, zeros := []byte{0, 0, 0, 1, head}, 0
	for _, b := range w.b {
		if zeros >= 2 && b <= 3 {
			out, zeros = append(out, 3), 0
		}
		if out = append(out, b); b == 0 {
			zeros++
		} else {
			zeros = 0
		}
	}
	return out
}

// Playable makes a picture that any H.264 decoder shows: a key picture of one colour in raw macroblocks, or one that
// repeats the last. It is 160 by 96.
func Playable(ts uint32, key bool, frame int) capture.AccessUnit {
	const wide, high = 10, 6
	if !key {
		var p bitWriter
		p.ue(0)                  // first_mb_in_slice
		p.ue(5)                  // P
		p.ue(0)                  // pic_parameter_set_id
		p.u(4, uint32(frame)%16) // frame_num
		p.u(1, 0)                // num_ref_idx_active_override_flag
		p.u(1, 0)                // ref_pic_list_modification_flag_l0
		p.u(1, 0)                // adaptive_ref_pic_marking_mode_flag
		p.ue(0)                  // slice_qp_delta
		p.ue(1)                  // disable_deblocking_filter_idc
		p.ue(wide * high)        // mb_skip_run
		return capture.AccessUnit{RTP: ts, Data: p.nal(0x41)}
	}
	var s, p, i bitWriter
	s.u(24, 0x42C01F) // constrained baseline, level 3.1
	s.ue(0)           // seq_parameter_set_id
	s.ue(0)           // log2_max_frame_num_minus4
	s.ue(2)           // pic_order_cnt_type
	s.ue(1)           // max_num_ref_frames
	s.u(1, 0)
	s.ue(wide - 1)
	s.ue(high - 1)
	s.u(4, 0b1100) // frame_mbs_only, direct_8x8, no cropping, no VUI
	p.ue(0)
	p.ue(0)
	p.u(2, 0)
	p.ue(0)
	p.ue(0)
	p.ue(0)
	p.u(3, 0)
	p.ue(0)
	p.ue(0)
	p.ue(0)
	p.u(3, 0b100) // deblocking_filter_control_present
	i.ue(0)
	i.ue(7)   // I
	i.ue(0)   // pic_parameter_set_id
	i.u(4, 0) // frame_num
	i.ue(uint32(ts/3000) % 2)
	i.u(2, 0)
	i.ue(0)
	i.ue(1)
	for range wide * high {
		i.ue(25) // I_PCM
		i.u(i.free, 0)
		for k := range 384 {
			v := uint32(200) // Y
			if k >= 256 {
				v = 90
			}
			i.u(8, v)
		}
	}
	return capture.AccessUnit{RTP: ts, Key: true, Data: append(append(s.nal(0x67), p.nal(0x68)...), i.nal(0x65)...)}
}

// Unit makes an access unit of about n bytes that no decoder shows; no two are alike, and none has a start code inside.
func Unit(layer uint8, ts uint32, key bool, n int) capture.AccessUnit {
	r := rand.New(rand.NewPCG(uint64(ts), uint64(layer)))
	nal := func(head byte, n int) []byte {
		b := append(make([]byte, 0, n+13), 0, 0, 0, 1, head)
		for len(b) < n+5 {
			b = binary.LittleEndian.AppendUint64(b, r.Uint64()|0x0101010101010101) // no byte is zero
		}
		return b[:n+5]
	}
	var data []byte
	if key {
		data = append(data, 0, 0, 0, 1, 0x67, 0x42, 0xC0, 0x1F, 0x8C, 0x8D, 0x40+layer)
		data = append(data, 0, 0, 0, 1, 0x68, 0xCE, 0x3C, 0x80+1)
		data = append(data, nal(0x65, n)...)
	} else {
		data = append(data, nal(0x41, n)...)
	}
	return capture.AccessUnit{Layer: layer, Key: key, RTP: ts, Data: data}
}
