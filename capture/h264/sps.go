package h264

import (
	"errors"
	"fmt"
)

// Parameters is what an SPS says (section 7.3.2.1.1).
type Parameters struct {
	Profile     uint8 // profile_idc: 66 baseline, 77 main, 100 high
	Constraints uint8 // the byte of constraint_set flags; 0x40 with profile 66: constrained baseline
	Level       uint8 // level_idc: ten times the level
	Width       int   // in pixels, after cropping
	Height      int
	Macroblocks int // of 16×16 pixels, before cropping: what a decoder has to hold

	// Reorder is how many pictures may come between a picture's decoding and its showing; -1 when the SPS leaves it
	// open. Decoders that are not told 0 may hold pictures back, which a live picture cannot afford (annex E.2.1,
	// max_num_reorder_frames; pic_order_cnt_type 2 also means 0, section 8.2.1).
	Reorder int
}

// errShort says that the SPS ended early or held a number of impossible length.
var errShort = errors.New("h264: SPS is cut short")

// maxSPS is far above any real SPS (some 10 to 60 bytes) and bounds the work done for one.
const maxSPS = 4096

// ProfileLevelID is the profile-level-id of SDP for a stream with this SPS: the three bytes after its header in hex,
// such as "42c01f" (RFC 6184 section 8.1). Players refuse, or show black for, a stream that differs from what SDP says.
func ProfileLevelID(sps []byte) (string, error) {
	if len(sps) < 4 || TypeOf(sps) != SPS {
		return "", fmt.Errorf("h264: %d bytes of NAL type %d, expected an SPS (type 7)", len(sps), TypeOf(sps))
	}
	return fmt.Sprintf("%02x%02x%02x", sps[1], sps[2], sps[3]), nil
}

// ParseSPS reads a sequence parameter set NAL unit, header byte included. Sizes beyond 16384 pixels a side are refused.
func ParseSPS(sps []byte) (Parameters, error) {
	if len(sps) < 4 || TypeOf(sps) != SPS {
		return Parameters{}, fmt.Errorf("h264: %d bytes of NAL type %d, expected an SPS (type 7)", len(sps), TypeOf(sps))
	}
	if len(sps) > maxSPS {
		return Parameters{}, fmt.Errorf("h264: SPS of %d bytes, expected at most %d", len(sps), maxSPS)
	}
	b := &bits{data: unescape(sps[1:])}
	p := Parameters{Profile: uint8(b.u(8)), Constraints: uint8(b.u(8)), Level: uint8(b.u(8)), Reorder: -1}
	b.ue() // seq_parameter_set_id
	chroma := uint32(1)
	if hasChromaFormat(p.Profile) {
		chroma = skipHigh(b)
	}
	b.ue() // log2_max_frame_num_minus4
	if skipOrder(b) == 2 {
		p.Reorder = 0
	}
	b.ue()   // max_num_ref_frames
	b.flag() // gaps_in_frame_num_value_allowed_flag
	wide, high := uint64(b.ue())+1, uint64(b.ue())+1
	frames := b.bit() // frame_mbs_only_flag
	if frames == 0 {
		b.flag() // mb_adaptive_frame_field_flag
	}
	b.flag() // direct_8x8_inference_flag
	var crop [4]uint64
	if b.flag() {
		for i := range crop {
			crop[i] = uint64(b.ue())
		}
	}
	if b.flag() {
		if n, ok := reorder(b); ok {
			p.Reorder = n
		}
	}
	if b.short {
		return Parameters{}, errShort
	}
	unitX, unitY := cropUnit(chroma, frames)
	cutX, cutY := unitX*(crop[0]+crop[1]), unitY*(crop[2]+crop[3])
	width, height := 16*wide, 16*high*uint64(2-frames)
	const most = 16384
	if width > most || height > most || cutX >= width || cutY >= height {
		return Parameters{}, fmt.Errorf("h264: SPS of a %d×%d picture cropped by %d×%d, expected 1 to %d a side",
			width, height, cutX, cutY, most)
	}
	p.Width, p.Height, p.Macroblocks = int(width-cutX), int(height-cutY), int(width*height/256)
	return p, nil
}

// hasChromaFormat names the profiles whose SPS has a part of its own (section 7.3.2.1.1).
func hasChromaFormat(profile uint8) bool {
	switch profile {
	case 100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135:
		return true
	}
	return false
}

// skipHigh reads the part that only the high profiles have and returns chroma_format_idc.
func skipHigh(b *bits) uint32 {
	chroma := b.ue()
	planes := 8
	if chroma == 3 {
		b.flag() // separate_colour_plane_flag
		planes = 12
	}
	b.ue()        // bit_depth_luma_minus8
	b.ue()        // bit_depth_chroma_minus8
	b.flag()      // qpprime_y_zero_transform_bypass_flag
	if b.flag() { // seq_scaling_matrix_present_flag
		for i := range planes {
			if !b.flag() {
				continue
			}
			size := 16
			if i >= 6 {
				size = 64
			}
			skipScaling(b, size)
		}
	}
	return chroma
}

// skipScaling reads one scaling_list (section 7.3.2.1.1.1).
func skipScaling(b *bits, size int) {
	last, next := int32(8), int32(8)
	for range size {
		if next != 0 {
			next = (last + b.se() + 256) % 256
		}
		if next != 0 {
			last = next
		}
		if b.short {
			return
		}
	}
}

// skipOrder reads the picture order count fields and returns pic_order_cnt_type.
func skipOrder(b *bits) uint32 {
	kind := b.ue()
	switch kind {
	case 0:
		b.ue() // log2_max_pic_order_cnt_lsb_minus4
	case 1:
		b.flag() // delta_pic_order_always_zero_flag
		b.se()   // offset_for_non_ref_pic
		b.se()   // offset_for_top_to_bottom_field
		for n := b.ue(); n > 0 && !b.short; n-- {
			b.se() // offset_for_ref_frame
		}
	}
	return kind
}

// cropUnit is CropUnitX and CropUnitY (equations 7-19 to 7-22): cropping counts in chroma samples, fields in pairs.
func cropUnit(chroma, framesOnly uint32) (x, y uint64) {
	field := uint64(2 - framesOnly)
	switch chroma {
	case 1:
		return 2, 2 * field
	case 2:
		return 2, field
	}
	return 1, field
}
