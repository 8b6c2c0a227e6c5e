package thermal

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"edgekit.internal/drivers"
	"edgekit.internal/drivers/thermal/internal/codepage"
)

// testCuts pulls the plug after some bytes of a job, for as many numbers as step leaves of them all. No job that was cut counts as out,
// one of which nothing came out may count as unsent only then, and one that came out whole is printed.
func testCuts(t *testing.T, r *rig, step int) {
	r.set(func() { r.echoes = true })
	p, err := New(Config{Spec: r.spec, Profile: Paper58, Model: "epson", Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	p.timing.scan, p.timing.look, p.timing.retry, p.timing.retryMost, p.timing.echo = 10*time.Millisecond, 50*time.Millisecond, 10*time.Millisecond, 10*time.Millisecond, time.Hour
	if r.answer > 0 {
		p.timing.answer = r.answer
	}
	run(t, p)
	ready := func() {
		await(t, p, "it is ready", func(s drivers.Status) bool { return s.State == drivers.Ready })
	}
	data := []byte("\x1b@\x1bt\x13Blue Door Pottery\nA-042\n1 x Mug   10.00\n\x1dVB\x00")
	whole := len(data) + len(wantsEcho) + 4
	cuts, tries := 0, 0
	for n := 1; n < whole; n += step {
		ready()
		tries++
		r.set(func() { r.got, r.cut = nil, n })
		done := make(chan result, 1)
		go func() {
			fate, err := p.Print(t.Context(), Job{Name: "A-042", Data: data})
			done <- result{fate, err}
			r.set(func() {})
		}()
		r.mu.Lock()
		for !r.held && len(done) == 0 { // it may fail before, too: a plug that has just been put in is not always a good one
			r.cond.Wait()
		}
		early := !r.held
		r.mu.Unlock()
		r.unplug()
		res := <-done
		if res.err == nil || res.fate >= Sent || res.fate == Unsent && !early {
			t.Errorf("%d of %d bytes came out: %+v", n, whole, res)
		}
		if early {
			t.Logf("before byte %d: %v", n, res.err)
		} else {
			cuts++
		}
		r.set(func() { r.cut, r.held, r.got, r.asked = 0, false, nil, nil })
		r.plug()
	}
	ready()
	if fate, err := p.Print(t.Context(), Job{Name: "A-043", Data: data}); err != nil || fate != Printed {
		t.Errorf("after all that: %v, %v", fate, err)
	}
	r.await(data)
	if t.Logf("cut %d times of %d in a job of %d bytes", cuts, tries, whole); 2*cuts < tries {
		t.Errorf("only %d of %d cuts were in the job: the others prove nothing", cuts, tries)
	}
}

func TestAJobCutAtAnyByteIsNotTakenForPrinted(t *testing.T) {
	for name, rig := range map[string]func(*testing.T) *rig{
		"serial": func(t *testing.T) *rig { return ptyRig(t, "serial:", "") },
		"tcp":    tcpRig,
	} {
		t.Run(name, func(t *testing.T) { testCuts(t, rig(t), 1) })
	}
}

// speaker is a deaf one that says jobs' IDs back, in time that the test makes.
type speaker struct {
	deaf
	after time.Duration // a job's end
	mutes int           // jobs of which it says nothing
	noise []byte        // that it says before

	heard []byte
	say   []byte
	at    time.Time
}

func (s *speaker) Write(b []byte, by time.Time) (int, error) {
	n, err := s.deaf.Write(b, by)
	if len(b) == 3 && b[0] == 0x10 {
		if s.answers != 0 {
			s.say = append(s.say, s.answers)
		}
		return n, err
	}
	s.heard = append(s.heard, b[:n]...)
	if i := bytes.Index(s.heard, wantsEcho); i >= 0 && len(s.heard) >= i+len(wantsEcho)+4 {
		if s.mutes > 0 {
			s.mutes--
		} else {
			s.at = time.Now().Add(s.after)
			s.say = append(append(append(append(s.say, s.noise...), 0x37, 0x22), s.heard[i+len(wantsEcho):][:4]...), 0)
		}
		s.heard = nil
	}
	return n, err
}

func (s *speaker) Read(b []byte, by time.Time) (int, error) {
	if len(s.say) == 0 || s.say[0] != s.answers && time.Now().Before(s.at) {
		if wait := min(time.Until(by), time.Until(s.at)); len(s.say) > 0 && wait > 0 {
			drivers.Pause(context.Background(), wait)
		} else {
			drivers.Pause(context.Background(), time.Until(by))
		}
		if len(s.say) == 0 || time.Now().Before(s.at) {
			return 0, os.ErrDeadlineExceeded
		}
	}
	b[0], s.say = s.say[0], s.say[1:]
	return 1, nil
}

// TestAnEchoIsWaitedFor, for as long as the printer says why it takes its time; without one from a printer that is known to give it, the job
// is not out; and a printer that never gives one is not asked again.
func TestAnEchoIsWaitedFor(t *testing.T) {
	for _, c := range []struct {
		name  string
		s     *speaker
		model string
		want  []Fate
		asked int // of the printer, to say IDs back
	}{
		{"at once", &speaker{deaf: deaf{takes: 1 << 20, answers: 0x12}}, "epson", []Fate{Printed, Printed}, 2},
		{"slow", &speaker{deaf: deaf{takes: 1 << 20, answers: 0x12}, after: 9 * time.Second}, "epson", []Fate{Printed, Printed}, 2},
		{"behind rubbish", &speaker{deaf: deaf{takes: 1 << 20, answers: 0x12}, noise: bytes.Repeat([]byte{0x14, 0, 0x37, 0x22, 'A', 0xff}, 40)}, "epson", []Fate{Printed}, 1},
		{"never", &speaker{deaf: deaf{takes: 1 << 20, answers: 0x12}, mutes: 99}, "epson", []Fate{Sent, Sent, Sent}, 1},
		{"not any more", &speaker{deaf: deaf{takes: 1 << 20, answers: 0x12}}, "epson", []Fate{Printed, Begun}, 2},
		{"not asked for", &speaker{deaf: deaf{takes: 1 << 20, answers: 0x12}}, "common", []Fate{Sent}, 0},
	} {
		overAs(t, c.s, Config{Model: c.model}, func(t *testing.T, p *Printer) {
			for i, want := range c.want {
				if c.name == "not any more" && i == 1 {
					c.s.mutes = 99
				}
				fate, err := p.Print(t.Context(), job(100))
				if fate != want || (err == nil) != (want >= Sent) {
					t.Errorf("%s, job %d: %v, %v; want %v", c.name, i, fate, err, want)
				}
			}
			if n := bytes.Count(c.s.got, wantsEcho); n != c.asked {
				t.Errorf("%s: asked %d times, want %d", c.name, n, c.asked)
			}
		})
	}
}

// TestWhoAPrinterSaysItIs decides what it is trusted with.
func TestWhoAPrinterSaysItIs(t *testing.T) {
	for id, want := range map[string]Profile{
		"MFG:EPSON;CMD:ESC/POS;MDL:TM-T20II;CLS:PRINTER;DES:EPSON TM-T20II;": {Echo: true, Tones: true, Letters: codepage.Epson},
		"MANUFACTURER:Seiko Epson; MODEL:TM-m30III":                          {Echo: true, Tones: true, Letters: codepage.Epson},
		"MFG:CITIZEN;MDL:CT-S310II;CMD:ESC/POS;":                             {Letters: codepage.Citizen},
		"MFG:EPSON;MDL:Stylus C84;CMD:ESCPL2;":                               {},
		"MFG:STMicroelectronics;MDL:POS58 Printer USB;CLS:PRINTER;":          {DrawCodes: true, Uncut: true},
		"MFG:Netum;MDL:NT-5890K;":                                            {DrawCodes: true, Uncut: true},
		"MFG:Lab;MDL:Thermal;CMD:ESC/POS;CLS:PRINTER;":                       {},
		"": {}, ";;;:::": {}, "MFG": {}, "\xff\x00MDL:": {}, strings.Repeat("MFG:A;", 1000): {},
	} {
		if got := (Profile{}).of("auto", id); got != want {
			t.Errorf("%.60q: %+v, want %+v", id, got, want)
		}
	}
	if got := Paper58.of("simple", "MFG:EPSON;MDL:TM-T20II"); got.Echo || !got.Uncut {
		t.Errorf("settings do not count: %+v", got)
	}
	if _, err := New(Config{Spec: "none", Model: "star"}); err == nil || !strings.Contains(err.Error(), "expected auto, epson") {
		t.Error(err)
	}
}

// FuzzIdentity: whatever a device says it is, it is read or not, and grants no more than a family has.
func FuzzIdentity(f *testing.F) {
	f.Add("MFG:EPSON;CMD:ESC/POS;MDL:TM-T20II;CLS:PRINTER;")
	f.Add(";;MDL;:x")
	f.Fuzz(func(t *testing.T, id string) {
		if p := Paper58.of("auto", id); p.Dots != Paper58.Dots || p.Echo && p.Uncut {
			t.Errorf("%+v", p)
		}
		prints(id)
	})
}

// TestASlipIsWrittenForThePrinterThatTakesIt, and one that cannot be has sent nothing.
func TestASlipIsWrittenForThePrinterThatTakesIt(t *testing.T) {
	d := &deaf{takes: 1 << 20}
	overAs(t, d, Config{Model: "simple", Profile: Paper58}, func(t *testing.T, p *Printer) {
		fate, err := p.Print(t.Context(), Job{Name: "A-1", Compose: func(p Profile) []byte { return fmt.Appendf(nil, "%s %v\n", p.Name, p.DrawCodes) }})
		if err != nil || fate != Sent || !bytes.Contains(d.got, []byte("58 true\n")) {
			t.Errorf("%v, %v, %q", fate, err, d.got)
		}
		for _, bad := range [][]byte{nil, make([]byte, maxData+1)} {
			if fate, err := p.Print(t.Context(), Job{Name: "A-2", Compose: func(Profile) []byte { return bad }}); err == nil || fate != Unsent {
				t.Errorf("%d bytes: %v, %v", len(bad), fate, err)
			}
		}
	})
}
