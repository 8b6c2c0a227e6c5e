package main

import (
	"bytes"
	"math/rand/v2"
	"net"
	"regexp"
	"sync"
	"testing"
	"time"

	"edgekit.internal/cmd/internal/kittest"
)

// roll is a network printer's paper: the slips as they came, whole or torn off.
type roll struct {
	mu    sync.Mutex
	slips []string
}

func (r *roll) serve(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go r.take(c)
	}
}

// take takes one connection's bytes, and cuts them into slips.
func (r *roll) take(c net.Conn) {
	defer c.Close()
	var b []byte
	buf := make([]byte, 4096)
	cut := []byte("\x1dVB\x00")
	for {
		n, err := c.Read(buf)
		b = append(b, statusAnswered(c, buf[:n])...)
		for at := bytes.Index(b, cut); at >= 0; at = bytes.Index(b, cut) {
			r.add(b[:at+len(cut)])
			b = b[at+len(cut):]
		}
		if err != nil {
			r.add(b)
			return
		}
	}
}

func (r *roll) add(slip []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.slips = append(r.slips, string(slip))
}

var (
	numberOnSlip = regexp.MustCompile(`[A-Z]{1,2}-\d{3}`)
	wholeSlip    = regexp.MustCompile(`(?s)edgekit:[A-Z]+-\d{3}:.*\x1dVB\x00$`)
)

// TestPaperAfterKills kills the daemon with SIGKILL while slips come out, again and again. In the end every ticket is on
// paper whole, and whatever of it there is a second time is marked as a possible copy.
func TestPaperAfterKills(t *testing.T) {
	seed := *crashSeed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 7))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	paper := &roll{}
	go paper.serve(l)
	data, catalogue := t.TempDir(), kittest.File(t, "catalogue.json", kittest.Catalogue)
	tickets := map[string]bool{}
	start := func() *kittest.Kit {
		return kittest.StartIn(t, data, "-catalog", catalogue, "-picture", "160x90@2", "-printer", "tcp:"+l.Addr().String())
	}
	for range max(10, *crashRounds/10) {
		k := start()
		kill := time.AfterFunc(time.Duration(20+rnd.IntN(250))*time.Millisecond, k.Kill) // the moment of the kill is the input here
		for range 8 {                                                                    // more than come out before the kill, and few enough to come out in the end
			v, err := kittest.NewVisitor(k.Viewer)
			if err != nil {
				break
			}
			a, err := v.Buy("pen")
			if err != nil {
				break
			}
			tickets[a.Ticket] = true
		}
		<-k.Gone()
		kill.Stop()
	}
	k := start()
	op := k.Pair(t)
	kittest.UntilWithin(t, "every slip", 2*kittest.Limit, func() bool {
		_, b, err := op.Get("/api/operator/state")
		return err == nil && !bytes.Contains(b, []byte(`"state":"queued"`)) && !bytes.Contains(b, []byte(`"state":"printing"`))
	})
	k.Stop()
	paper.mu.Lock()
	defer paper.mu.Unlock()
	whole, first, marked := map[string]bool{}, map[string]bool{}, 0
	for _, slip := range paper.slips {
		number := numberOnSlip.FindString(slip)
		if number == "" {
			continue // torn before its number
		}
		if wholeSlip.MatchString(slip) {
			whole[number] = true
		}
		switch {
		case bytes.Contains([]byte(slip), []byte("POSSIBLE COPY")):
			marked++
		case first[number] && len(slip) > 200: // so torn that the mark may be missing from it
			t.Errorf("%s came out twice, without a mark", number)
		default:
			first[number] = true
		}
	}
	delete(tickets, "")
	for number := range tickets {
		if !whole[number] {
			t.Errorf("%s never came out whole", number)
		}
	}
	t.Logf("%d tickets acknowledged, %d slips, %d marked as possible copies", len(tickets), len(paper.slips), marked)
	if len(tickets) < 10 {
		t.Error("this was no load")
	}
}
