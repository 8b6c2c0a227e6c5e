package fanout

import (
	"slices"
	"testing"
	"time"

	"github.com/pion/rtcp"
)

func reports(t testing.TB, packets ...rtcp.Packet) []byte {
	t.Helper()
	b, err := rtcp.Marshal(packets)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// What another implementation writes is read as it was meant.
func TestReportsAreRead(t *testing.T) {
	v := &Viewer{}
	v.track.ssrc = 77
	now := 5 * time.Minute
	f, err := v.report(reports(t,
		&rtcp.ReceiverReport{SSRC: 1, Reports: []rtcp.ReceptionReport{{SSRC: 5, FractionLost: 9}, {SSRC: 77, FractionLost: 64, Jitter: 900,
			LastSenderReport: ntpMiddle(now - 300*time.Millisecond), Delay: 65536 / 5}}},
		&rtcp.SourceDescription{Chunks: []rtcp.SourceDescriptionChunk{{Source: 1, Items: []rtcp.SourceDescriptionItem{{Type: rtcp.SDESCNAME, Text: "x"}}}}},
		&rtcp.TransportLayerNack{SenderSSRC: 1, MediaSSRC: 77, Nacks: []rtcp.NackPair{{PacketID: 65535, LostPackets: 0b1000000000000101}, {PacketID: 3}}},
		&rtcp.TransportLayerNack{SenderSSRC: 1, MediaSSRC: 78, Nacks: []rtcp.NackPair{{PacketID: 9}}},
		&rtcp.ReceiverEstimatedMaximumBitrate{SenderSSRC: 1, Bitrate: 1.5e6, SSRCs: []uint32{77}},
		&rtcp.TransportLayerCC{Header: rtcp.Header{Type: rtcp.TypeTransportSpecificFeedback, Count: rtcp.FormatTCC, Length: 8, Padding: true}, BaseSequenceNumber: 100, PacketStatusCount: 20,
			PacketChunks: []rtcp.PacketStatusChunk{
				&rtcp.RunLengthChunk{Type: rtcp.TypeTCCRunLengthChunk, PacketStatusSymbol: rtcp.TypeTCCPacketNotReceived, RunLength: 9},
				&rtcp.StatusVectorChunk{Type: rtcp.TypeTCCStatusVectorChunk, SymbolSize: rtcp.TypeTCCSymbolSizeTwoBit, SymbolList: []uint16{0, 1, 0, 1, 0, 2, 0}},
				&rtcp.StatusVectorChunk{Type: rtcp.TypeTCCStatusVectorChunk, SymbolSize: rtcp.TypeTCCSymbolSizeOneBit, SymbolList: []uint16{1, 1, 1, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}},
			},
			RecvDeltas: []*rtcp.RecvDelta{{Type: 1, Delta: 250}, {Type: 1, Delta: 250}, {Type: 2, Delta: 250 * 300}, {Type: 1, Delta: 250}, {Type: 1, Delta: 250}, {Type: 1, Delta: 250}}},
	), now)
	if err != nil || f.picture {
		t.Fatalf("%+v %v", f, err)
	}
	if want := []uint16{65535, 0, 2, 15, 3}; !slices.Equal(f.nacks, want) {
		t.Errorf("asked for %v, expected %v", f.nacks, want)
	}
	st := &v.count
	if st.loss.Load() != 64 || st.jitter.Load() != 900 || st.estimate.Load() < 1.49e6 || st.estimate.Load() > 1.5e6 {
		t.Errorf("loss %d jitter %d estimate %d", st.loss.Load(), st.jitter.Load(), st.estimate.Load())
	}
	if rtt := time.Duration(st.rtt.Load()); rtt < 99*time.Millisecond || rtt > 101*time.Millisecond {
		t.Errorf("round trip %v, expected 100 ms", rtt)
	}
	if got := v.path.Totals(); got.Arrived != 6 || got.Missing != 14 {
		t.Errorf("%+v; expected 6 and 14", got)
	}
	for _, p := range []rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: 77}, &rtcp.FullIntraRequest{MediaSSRC: 77, FIR: []rtcp.FIREntry{{SSRC: 3}, {SSRC: 77}}}} {
		if f, err := v.report(reports(t, p), now); err != nil || !f.picture {
			t.Errorf("%T: %+v %v", p, f, err)
		}
	}
	if f, _ := v.report(reports(t, &rtcp.PictureLossIndication{MediaSSRC: 78}), now); f.picture {
		t.Error("a picture was asked for on another's behalf")
	}
}

// The sender report is one that another implementation reads.
func TestSenderReportIsRead(t *testing.T) {
	packets, err := rtcp.Unmarshal(senderReport(nil, 90*time.Second+500*time.Millisecond, 77, 12345, 5, 6000))
	if err != nil || len(packets) != 2 {
		t.Fatalf("%v %v", packets, err)
	}
	sr, ok := packets[0].(*rtcp.SenderReport)
	if !ok || sr.SSRC != 77 || sr.RTPTime != 12345 || sr.PacketCount != 5 || sr.OctetCount != 6000 || sr.NTPTime != 90<<32|1<<31 {
		t.Errorf("%+v", packets[0])
	}
	if sdes, ok := packets[1].(*rtcp.SourceDescription); !ok || sdes.Chunks[0].Source != 77 || sdes.Chunks[0].Items[0].Text != cname {
		t.Errorf("%+v", packets[1])
	}
}

func FuzzReport(f *testing.F) {
	f.Add(reports(f, &rtcp.PictureLossIndication{MediaSSRC: 77}, &rtcp.TransportLayerNack{MediaSSRC: 77, Nacks: []rtcp.NackPair{{PacketID: 1, LostPackets: 65535}}}))
	f.Add([]byte{0x8F, 205, 0, 5, 0, 0, 0, 1, 0, 0, 0, 77, 0, 0, 0xFF, 0xFF, 0, 0, 0, 0, 0x3F, 0xFF, 0, 0})
	v := &Viewer{}
	v.track.ssrc = 77
	f.Fuzz(func(t *testing.T, b []byte) {
		fb, _ := v.report(b, time.Hour)
		if len(fb.nacks) > maxNacks {
			t.Fatalf("%d packets asked for", len(fb.nacks))
		}
		theirs, err := rtcp.Unmarshal(b)
		if err != nil {
			return
		}
		// Where another implementation reads the whole of it, both find the same requests.
		picture := false
		for _, p := range theirs {
			switch p := p.(type) {
			case *rtcp.PictureLossIndication:
				picture = picture || p.MediaSSRC == 77
			case *rtcp.FullIntraRequest:
				picture = picture || slices.ContainsFunc(p.FIR, func(e rtcp.FIREntry) bool { return e.SSRC == 77 })
			}
		}
		if picture && !fb.picture {
			t.Fatalf("a request for a picture was missed in % x", b)
		}
	})
}
