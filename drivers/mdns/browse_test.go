package mdns

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/dns/dnsmessage"
)

const kind = "_pdl-datastream._tcp"

func name(s string) dnsmessage.Name { return dnsmessage.MustNewName(s) }

func ptr(to string) dnsmessage.Resource {
	return dnsmessage.Resource{Header: dnsmessage.ResourceHeader{Name: name(kind + ".local."), Class: dnsmessage.ClassINET}, Body: &dnsmessage.PTRResource{PTR: name(to)}}
}

func srv(of string, port uint16) dnsmessage.Resource {
	return dnsmessage.Resource{Header: dnsmessage.ResourceHeader{Name: name(of), Class: dnsmessage.ClassINET}, Body: &dnsmessage.SRVResource{Port: port, Target: name("elsewhere.local.")}}
}

func txt(of string, texts ...string) dnsmessage.Resource {
	return dnsmessage.Resource{Header: dnsmessage.ResourceHeader{Name: name(of), Class: dnsmessage.ClassINET}, Body: &dnsmessage.TXTResource{TXT: texts}}
}

const kitchen, bar = "Kitchen printer." + kind + ".local.", "Bar." + kind + ".local."

// network answers each question as it is told to; and so does somebody there by another port, whom nobody believes.
func network(t *testing.T, answer func(q dnsmessage.Message) (packets [][]byte)) netip.AddrPort {
	t.Helper()
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer stranger.Close()
		b := make([]byte, 9000)
		for {
			n, from, err := conn.ReadFromUDP(b)
			if err != nil {
				return
			}
			var q dnsmessage.Message
			if err := q.Unpack(b[:n]); err != nil {
				t.Errorf("a question that is none: %v", err)
				continue
			}
			const forged = "Forged." + kind + ".local."
			stranger.WriteToUDP(packed(t, q.ID, []dnsmessage.Resource{ptr(forged), srv(forged, 9100)}), from)
			for _, p := range answer(q) {
				conn.WriteToUDP(p, from)
			}
		}
	}()
	t.Cleanup(func() { conn.Close(); <-done })
	return conn.LocalAddr().(*net.UDPAddr).AddrPort()
}

func packed(t *testing.T, id uint16, answers []dnsmessage.Resource, more ...dnsmessage.Resource) []byte {
	t.Helper()
	m := dnsmessage.Message{Header: dnsmessage.Header{ID: id, Response: true, Authoritative: true}, Answers: answers, Additionals: more}
	b, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestServicesAreFound: from one that tells all at once, and one that must be asked again; what belongs to another question, or to
// nothing, is passed over.
func TestServicesAreFound(t *testing.T) {
	at := network(t, func(q dnsmessage.Message) (ps [][]byte) {
		for _, one := range q.Questions {
			switch {
			case one.Type == dnsmessage.TypePTR && one.Name.String() == kind+".local.":
				ps = append(ps, []byte("rubbish"), packed(t, q.ID+1, []dnsmessage.Resource{ptr("Stale." + kind + ".local."), srv("Stale."+kind+".local.", 1)}),
					packed(t, q.ID, []dnsmessage.Resource{ptr(kitchen)}, srv(kitchen, 9100), txt(kitchen, "ty=EPSON TM-m30II", "usb_MFG=EPSON", "TY=another", "rubbish")),
					packed(t, q.ID, []dnsmessage.Resource{ptr(bar), ptr("Web._http._tcp.local."), srv("Web._http._tcp.local.", 80)}))
			case one.Type == dnsmessage.TypeSRV && one.Name.String() == bar:
				ps = append(ps, packed(t, q.ID, []dnsmessage.Resource{srv(bar, 9101)}))
			}
		}
		return ps
	})
	got, err := Browse(t.Context(), at, kind, 300*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	want := []Service{{"Bar", "127.0.0.1:9101", nil}, {"Kitchen printer", "127.0.0.1:9100", map[string]string{"ty": "EPSON TM-m30II", "usb_mfg": "EPSON", "rubbish": ""}}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// TestAFloodIsBounded, and does not keep it for longer.
func TestAFloodIsBounded(t *testing.T) {
	at := network(t, func(q dnsmessage.Message) (ps [][]byte) {
		for i := range 2 * mostPackets {
			of := fmt.Sprintf("%d.%s.local.", i, kind)
			ps = append(ps, packed(t, q.ID, []dnsmessage.Resource{ptr(of), srv(of, 9100)}, txt(of, slices.Repeat([]string{"k=v"}, 2*mostTexts)...)))
		}
		return ps
	})
	got, err := Browse(t.Context(), at, kind, 300*time.Millisecond)
	if err != nil || len(got) > mostServices {
		t.Errorf("%d services, %v", len(got), err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Browse(ctx, at, kind, time.Hour); err == nil {
		t.Error("no error from one that was ended")
	}
}

func FuzzHear(f *testing.F) {
	good := dnsmessage.Message{Header: dnsmessage.Header{ID: 7, Response: true}, Answers: []dnsmessage.Resource{ptr(kitchen), srv(kitchen, 9100), txt(kitchen, "ty=x")}}
	b, err := good.Pack()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, packet []byte) {
		b := &browser{kind: kind + ".local.", id: 7, found: map[string]*record{}}
		b.hear(packet, netip.MustParseAddr("10.0.0.9"))
		b.missing()
		for _, s := range b.services() {
			if !strings.HasPrefix(s.Address, "10.0.0.9:") || len(b.found) > mostServices {
				t.Errorf("%+v", s)
			}
		}
	})
}
