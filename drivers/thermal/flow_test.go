package thermal

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"edgekit.internal/drivers"
	"edgekit.internal/drivers/thermal/internal/cable"
	"edgekit.internal/drivers/thermal/internal/reply"
)

const xon, xoff = 0x11, 0x13

// ahead is what may have been on its way to whoever reads when the printer stopped the line: what its end of the kernel holds (64 KiB of a
// tty, linux/tty_buffer.c), and a little.
const ahead = 80 << 10

// still is for how long nothing must come until the line is taken for stopped, and longer than a job that is held up is left alone.
const still = 700 * time.Millisecond

// testFlow is a printer that stops the line with XOFF: in the middle of a job and goes on, and never does, and with the plug pulled meanwhile.
func testFlow(t *testing.T, r *rig) {
	data, next := bytes.Repeat([]byte("0123456789abcde\n"), 8192), []byte("after that\n")
	failed := make(logged, 16)
	start := func(t *testing.T, stall time.Duration) (says func(string), ready, gone func(), print func([]byte) <-chan result) {
		p, err := New(Config{Spec: r.spec, Profile: Paper58, Log: slog.New(failed)})
		if err != nil {
			t.Fatal(err)
		}
		if r.place != nil {
			p.place = r.place(p)
		}
		p.timing.scan, p.timing.look, p.timing.retry, p.timing.retryMost, p.timing.answer, p.timing.stall = 10*time.Millisecond, 10*time.Millisecond, 10*time.Millisecond, 10*time.Millisecond, 5*time.Second, stall
		run(t, p)
		ready = func() {
			t.Helper()
			await(t, p, "it is ready", func(s drivers.Status) bool { return s.State == drivers.Ready })
		}
		gone = func() {
			t.Helper()
			await(t, p, "it is gone", func(s drivers.Status) bool { return s.State != drivers.Ready })
		}
		says = func(words string) {
			t.Helper()
			await(t, p, "it says so", func(s drivers.Status) bool { return s.Reason == words })
		}
		ready()
		return says, ready, gone, func(data []byte) <-chan result {
			done := make(chan result, 1)
			go func() {
				fate, err := p.Print(t.Context(), Job{Name: "A-1", Data: data})
				done <- result{fate, err}
			}()
			return done
		}
	}
	// stopsAt has the printer stop the line when it has so much of a job, and tells when it has.
	stopsAt := func(n int) <-chan struct{} {
		stopped := make(chan struct{})
		r.set(func() {
			r.got = nil
			r.stop = func(got int) []byte {
				if got != n {
					return nil
				}
				close(stopped)
				return []byte{xoff}
			}
		})
		return stopped
	}
	came := func() (n int) { r.set(func() { n = len(r.got) }); return n }
	prints := func(t *testing.T, done <-chan result) {
		t.Helper()
		if res := <-done; res.fate != Sent || res.err != nil {
			t.Errorf("%+v", res)
		}
		r.await(next)
	}

	t.Run("it goes on", func(t *testing.T) {
		says, ready, _, print := start(t, time.Hour)
		if r.says != "" { // it is who writes that stops, and may ask all the same
			r.say(xoff)
			r.be(condition{cover: true})
			says(reply.Open.Words)
			r.be(condition{})
			ready()
			r.say(xon)
		}
		for _, at := range []int{1000, 20_000, len(data) - 1} {
			stopped, done := stopsAt(at), print(data)
			<-stopped
			n := came()
			for was := -1; was != n; n = came() {
				was = n
				drivers.Pause(context.Background(), still)
			}
			if t.Logf("stopped after %d bytes, of which %d more came", at, n-at); n > at+ahead {
				t.Errorf("the line was not stopped after %d bytes: %d came, expected at most %d more", at, n, ahead)
			}
			r.say(xon)
			if res := <-done; res.fate != Sent || res.err != nil {
				t.Fatalf("stopped after %d bytes: %+v", at, res)
			}
			r.mu.Lock()
			for len(r.got) < len(data) {
				r.cond.Wait()
			}
			if !bytes.Equal(r.got, data) {
				t.Errorf("stopped after %d bytes: %d of %d came, or others", at, len(r.got), len(data))
			}
			r.mu.Unlock()
		}
	})
	t.Run("it never goes on", func(t *testing.T) {
		_, ready, gone, print := start(t, time.Second)
		stopped, done := stopsAt(1000), print(data)
		<-stopped
		if res := <-done; res.fate != Begun || res.err == nil || !strings.Contains(res.err.Error(), "the printer took nothing for 1s: see that it has paper") || !strings.Contains(res.err.Error(), r.says) {
			t.Errorf("%+v, want %q", res, r.says)
		}
		if said := <-failed; !strings.Contains(said, "printer failed") || !strings.Contains(said, "took nothing for 1s") {
			t.Error(said)
		}
		r.set(func() { r.stop = nil })
		r.say(xon)
		ready()
		prints(t, print(next))

		stopped, done = stopsAt(1000), print(data)
		<-stopped
		r.unplug()
		if res := <-done; res.fate != Begun || res.err == nil {
			t.Errorf("the plug was pulled while the line was stopped: %+v", res)
		}
		gone()
		r.set(func() { r.stop, r.got, r.asked = nil, nil, nil })
		r.plug()
		ready()
		prints(t, print(next))
	})
}

// TestASerialPrinterStopsTheLine whose driver stops by itself, as a pseudo terminal's does, and where it does not.
func TestASerialPrinterStopsTheLine(t *testing.T) {
	for name, patient := range map[string]bool{"in the kernel": false, "by whoever writes": true} {
		t.Run(name, func(t *testing.T) {
			r := ptyRig(t, "serial:", "")
			if patient {
				r.says = "it has stopped the line with XOFF"
				r.place = func(p *Printer) place {
					return place{name: r.spec, find: func(context.Context) (string, error) { return existing(strings.TrimPrefix(r.spec, "serial:")) }, open: func(_ context.Context, path string) (port, error) {
						c, err := cable.PatientSerial(path, 115_200)
						return p.wired(c, err, new(knows), "")
					}}
				}
			}
			testFlow(t, r)
		})
	}
}

// TestAPseudoTerminalIsNotDeaf, nor what is no line at all.
func TestAPseudoTerminalIsNotDeaf(t *testing.T) {
	_, slave, path := pty(t)
	defer slave.Close()
	for _, p := range []string{path, t.TempDir(), "/nowhere", os.DevNull} {
		if cable.Deaf(p) {
			t.Error(p)
		}
	}
}
