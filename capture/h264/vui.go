package h264

// reorder reads the video usability information (annex E.1.1) up to max_num_reorder_frames; false when it is not said.
func reorder(b *bits) (int, bool) {
	const extendedSAR = 255
	if b.flag() && b.u(8) == extendedSAR { // aspect_ratio_idc
		b.u(32) // sar_width, sar_height
	}
	if b.flag() { // overscan_info_present_flag
		b.flag()
	}
	if b.flag() { // video_signal_type_present_flag
		b.u(3)        // video_format
		b.flag()      // video_full_range_flag
		if b.flag() { // colour_description_present_flag
			b.u(24)
		}
	}
	if b.flag() { // chroma_loc_info_present_flag
		b.ue()
		b.ue()
	}
	if b.flag() { // timing_info_present_flag
		b.u(32) // num_units_in_tick
		b.u(32) // time_scale
		b.flag()
	}
	nal, vcl := skipHRD(b), skipHRD(b) // in that order
	if nal || vcl {
		b.flag() // low_delay_hrd_flag
	}
	b.flag()       // pic_struct_present_flag
	if !b.flag() { // bitstream_restriction_flag
		return 0, false
	}
	b.flag() // motion_vectors_over_pic_boundaries_flag
	b.ue()   // max_bytes_per_pic_denom
	b.ue()   // max_bits_per_mb_denom
	b.ue()   // log2_max_mv_length_horizontal
	b.ue()   // log2_max_mv_length_vertical
	n := b.ue()
	b.ue()                 // max_dec_frame_buffering
	return int(n), n <= 16 // MaxDpbFrames is never more (annex A.3.1)
}

// skipHRD reads a hypothetical reference decoder's parameters, if they are there (annex E.1.2).
func skipHRD(b *bits) bool {
	if !b.flag() {
		return false
	}
	n := b.ue()
	b.u(8)                                        // bit_rate_scale, cpb_size_scale
	for i := uint32(0); i <= n && !b.short; i++ { // cpb_cnt_minus1 + 1 schedules
		b.ue()
		b.ue()
		b.flag()
	}
	b.u(20) // four lengths of 5 bits
	return true
}
