package record

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/Eyevinn/mp4ff/avc"
	"github.com/Eyevinn/mp4ff/mp4"

	"edgekit.internal/capture"
	"edgekit.internal/capture/h264"
)

// A file is ftyp, moov, a place for an index, and from headSize on fragments, each a moof and an mdat (ISO/IEC 14496-12
// section 8.8). The place is a free box for as long as the file grows, and is made a sidx when it is closed: in place, as
// its fragments never move.
const (
	headSize = 32 << 10

	videoTrack = 1
	soundTrack = 2
)

// preSkip is how many samples an Opus decoder is behind, which players leave out at the beginning (libopus: 6.5 ms).
const preSkip = 312

// format is what a file is of from its beginning to its end. Another one is another file.
type format struct {
	sps, pps []byte
	size     h264.Parameters
	channels int // of the sound; 0: it has none
}

// formatOf reads a key picture's.
func formatOf(key []byte, channels int) (format, error) {
	f := format{sps: h264.Find(key, h264.SPS), pps: h264.Find(key, h264.PPS), channels: channels}
	if f.sps == nil || f.pps == nil || len(f.pps) > 1<<12 {
		return f, fmt.Errorf("record: a key picture without its parameter sets")
	}
	var err error
	f.size, err = h264.ParseSPS(f.sps)
	f.sps, f.pps = bytes.Clone(f.sps), bytes.Clone(f.pps)
	return f, err
}

// other tells whether what comes needs another file than one of this format. Sound that ends does not, nor do more channels: a decoder
// mixes them. Nor do parameter sets that say the same by other ids, as openh264 gives each key picture its own: they are in the file
// beside it.
func (f format) other(g format) bool {
	return f.size != g.size || f.channels == 0 && g.channels > 0
}

// head is the file's first headSize bytes.
func (f format) head() ([]byte, error) {
	moov := mp4.NewMoovBox()
	mvhd := mp4.CreateMvhd()
	mvhd.Timescale = capture.ClockRate
	moov.AddChild(mvhd)
	moov.AddChild(mp4.NewMvexBox())
	init := mp4.NewMP4Init()
	init.AddChild(mp4.NewFtyp("iso6", 0, []string{"iso6", "iso5", "mp41"}))
	init.AddChild(moov)

	init.AddEmptyTrack(capture.ClockRate, "video", "und")
	video := moov.Traks[0]
	video.Tkhd.Width, video.Tkhd.Height = mp4.Fixed32(f.size.Width<<16), mp4.Fixed32(f.size.Height<<16)
	// Written from our own reading of the SPS: the library's would be a second parser for the same bytes.
	avcC := &mp4.AvcCBox{DecConfRec: avc.DecConfRec{AVCProfileIndication: f.size.Profile, ProfileCompatibility: f.size.Constraints, AVCLevelIndication: f.size.Level,
		SPSnalus: [][]byte{f.sps}, PPSnalus: [][]byte{f.pps}, ChromaFormat: 1}}
	video.Mdia.Minf.Stbl.Stsd.AddChild(mp4.CreateVisualSampleEntryBox("avc3", uint16(f.size.Width), uint16(f.size.Height), avcC))
	if f.channels > 0 {
		init.AddEmptyTrack(capture.SoundRate, "audio", "und")
		opus := &mp4.DopsBox{OutputChannelCount: byte(f.channels), PreSkip: preSkip, InputSampleRate: capture.SoundRate}
		moov.Traks[1].Mdia.Minf.Stbl.Stsd.AddChild(mp4.CreateAudioSampleEntryBox("Opus", uint16(f.channels), 16, capture.SoundRate, opus))
	}
	var b bytes.Buffer
	if err := init.Encode(&b); err != nil {
		return nil, fmt.Errorf("record: %w", err)
	}
	pad := free(8 + (8-b.Len()%8)%8) // so that the header of what follows lies within one sector of the disk
	b.Write(pad)
	if b.Len()+minPlace > headSize {
		return nil, fmt.Errorf("record: a head of %d bytes", b.Len())
	}
	b.Write(free(headSize - b.Len()))
	return b.Bytes(), nil
}

// minPlace is room for an index of a few hundred entries.
const minPlace = 8 << 10

// free is an empty box of a size of at least 8.
func free(size int) []byte {
	b := make([]byte, size)
	binary.BigEndian.PutUint32(b, uint32(size))
	copy(b[4:], "free")
	return b
}

// sample is a picture or a packet of sound as it lies in the file.
type sample struct {
	data []byte
	key  bool
	at   int64  // in ticks of its track, from the file's beginning
	long uint32 // the same
}

// picture makes an access unit a sample of an avc3 track: each NAL unit behind its length in four bytes, parameter sets among them
// (ISO/IEC 14496-15 section 5.3.2).
func picture(annexB []byte) []byte {
	out := make([]byte, 0, len(annexB)+16)
	for nal := range h264.NALs(annexB) {
		if h264.TypeOf(nal) == h264.AUD {
			continue
		}
		out = append(binary.BigEndian.AppendUint32(out, uint32(len(nal))), nal...)
	}
	return out
}

// fragment encodes samples of both tracks. There is a picture or a packet at least.
func fragment(number uint32, pictures, sounds []sample) ([]byte, error) {
	var tracks []uint32
	if len(pictures) > 0 {
		tracks = append(tracks, videoTrack)
	}
	if len(sounds) > 0 {
		tracks = append(tracks, soundTrack)
	}
	f, err := mp4.CreateMultiTrackFragment(number, tracks)
	if err != nil {
		return nil, fmt.Errorf("record: %w", err)
	}
	add := func(track uint32, all []sample) {
		for _, s := range all {
			flags := mp4.SyncSampleFlags
			if !s.key {
				flags = mp4.NonSyncSampleFlags
			}
			err := f.AddFullSampleToTrack(mp4.FullSample{Sample: mp4.Sample{Flags: flags, Dur: s.long, Size: uint32(len(s.data))}, DecodeTime: uint64(s.at), Data: s.data}, track)
			if err != nil {
				panic("record: " + err.Error()) // there is no such track: there is, see above
			}
		}
	}
	add(videoTrack, pictures)
	add(soundTrack, sounds)
	for _, t := range f.Moof.Trafs {
		if err := t.OptimizeTfhdTrun(); err != nil {
			return nil, fmt.Errorf("record: %w", err)
		}
	}
	b := bytes.NewBuffer(make([]byte, 0, f.Size()))
	if err := f.Encode(b); err != nil {
		return nil, fmt.Errorf("record: %w", err)
	}
	return b.Bytes(), nil
}
