package thermal

import (
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"edgekit.internal/drivers"
)

// announce answers mDNS questions for printers: an office's, and one of receipts at an address.
func announce(t *testing.T, port uint16) netip.AddrPort {
	t.Helper()
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		b := make([]byte, 9000)
		for {
			n, from, err := conn.ReadFromUDP(b)
			if err != nil {
				return
			}
			var q dnsmessage.Message
			if q.Unpack(b[:n]) != nil {
				continue
			}
			m := dnsmessage.Message{Header: dnsmessage.Header{ID: q.ID, Response: true}}
			for name, texts := range map[string][]string{"Office": {"ty=HP LaserJet 4", "usb_MFG=HP", "usb_MDL=LaserJet 4", "usb_CMD=PCL"}, "Receipts": {"ty=EPSON TM-m30II", "usb_MFG=EPSON", "usb_MDL=TM-m30II"}} {
				full := dnsmessage.MustNewName(name + "." + pageStream + ".local.")
				head := dnsmessage.ResourceHeader{Name: full, Class: dnsmessage.ClassINET}
				m.Answers = append(m.Answers, dnsmessage.Resource{Header: dnsmessage.ResourceHeader{Name: dnsmessage.MustNewName(pageStream + ".local."), Class: dnsmessage.ClassINET}, Body: &dnsmessage.PTRResource{PTR: full}})
				at := port
				if name == "Office" {
					at = 1
				}
				m.Additionals = append(m.Additionals, dnsmessage.Resource{Header: head, Body: &dnsmessage.SRVResource{Port: at, Target: full}}, dnsmessage.Resource{Header: head, Body: &dnsmessage.TXTResource{TXT: texts}})
			}
			answer, err := m.Pack()
			if err != nil {
				t.Error(err)
				return
			}
			conn.WriteToUDP(answer, from)
		}
	}()
	t.Cleanup(func() { conn.Close(); <-done })
	return conn.LocalAddr().(*net.UDPAddr).AddrPort()
}

// TestAReceiptPrinterInTheNetworkIsFound, and the office's is left alone; what it says it is counts.
func TestAReceiptPrinterInTheNetworkIsFound(t *testing.T) {
	r := tcpRig(t)
	r.set(func() { r.echoes = true })
	at, err := netip.ParseAddrPort(strings.TrimPrefix(r.spec, "tcp:"))
	if err != nil {
		t.Fatal(err)
	}
	ps, err := NewPrinters(Config{Spec: "tcp:auto", Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	p := ps.all[0]
	p.place = p.network("tcp:auto", announce(t, at.Port()))
	p.timing.answer = 20 * time.Second
	runAll(t, ps)
	s := await(t, p, "it is found", func(s drivers.Status) bool { return s.State == drivers.Ready })
	if s.Name != r.spec {
		t.Errorf("found %s, want %s", s.Name, r.spec)
	}
	if fate, err := ps.Print(t.Context(), Job{Name: "A-1", Data: []byte("over the air\n")}); fate != Printed || err != nil {
		t.Errorf("%v, %v", fate, err)
	}
}
