//go:build boot

package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"edgekit.internal/cmd/internal/kittest"
	"edgekit.internal/cmd/internal/wire"
	"edgekit.internal/image/boottest"
	"edgekit.internal/pipeline"
)

var (
	bootKey        = flag.String("boot.key", "../../.cache/image/test.key", "the key that the image was built with")
	bootUpdateCuts = flag.Int("boot.update-cuts", inCI(5, 2), "power cuts during updates")
)

// installLimit is how long an emulated machine may take for an update, and for its verdict, on a host that may be very
// busy.
const installLimit = 12 * time.Minute

// updates is a kit whose system is to be updated.
type updates struct {
	*boottest.Machine
	t    *testing.T
	key  ed25519.PrivateKey
	base *boottest.System
	op   *kittest.Operator
}

func newUpdates(t *testing.T) *updates { return newUpdatesOf(t, *bootImage) }

func newUpdatesOf(t *testing.T, image string) *updates {
	t.Helper()
	key, err := boottest.ReadKey(*bootKey)
	if err != nil {
		t.Fatal(err)
	}
	base, err := boottest.ReadSystem(filepath.Join(filepath.Dir(image), "system.update"), key.Public().(ed25519.PublicKey), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	u := &updates{Machine: newMachineOf(t, image), t: t, key: key, base: base}
	powerOn(t, u.Machine)
	u.pair()
	return u
}

// pair pairs with the code on the kit's own screen.
func (u *updates) pair() {
	u.t.Helper()
	u.op = pairAt(u.t, u.Machine)
}

// next is a newer system with these changes, signed.
func (u *updates) next(root, boot map[string][]byte) (bundle []byte, version string) {
	u.t.Helper()
	s, err := u.base.Next(root, boot)
	if err != nil {
		u.t.Fatal(err)
	}
	bundle, err = s.Bundle(u.key)
	if err != nil {
		u.t.Fatal(err)
	}
	return bundle, s.Version
}

// send gives the kit an update, as the console does.
func (u *updates) send(bundle []byte) (status int, reason string) {
	u.t.Helper()
	status, answer, err := u.op.Send(http.MethodPut, "/api/operator/update", bytes.NewReader(bundle), installLimit)
	if err != nil {
		u.t.Fatal(err)
	}
	var p wire.Problem
	if status >= 400 {
		if err := json.Unmarshal(answer, &p); err != nil {
			u.t.Fatalf("%d: %s", status, answer)
		}
		u.t.Logf("%s: %s", p.Reason, p.Detail)
	}
	return status, p.Reason
}

// system is what the kit says of itself, once it says it: a sick system says nothing until it is given up.
func (u *updates) system() (s wire.System) {
	u.t.Helper()
	for end := time.Now().Add(installLimit); ; {
		status, answer, err := u.op.Get("/api/operator/update")
		if err == nil && status == http.StatusOK {
			if err := json.Unmarshal(answer, &s); err != nil {
				u.t.Fatal(err)
			}
			return s
		}
		if time.Now().After(end) {
			u.t.Fatalf("the kit does not say what it runs: %d %s %v; its last words:\n%s", status, answer, err, u.LastWords())
		}
		time.Sleep(200 * time.Millisecond) // between two tries
	}
}

// decided waits until the n-th update is decided.
func (u *updates) decided(n int) wire.System {
	u.t.Helper()
	for end := time.Now().Add(installLimit); ; {
		if s := u.system(); len(s.Updates) >= n {
			return s
		}
		if time.Now().After(end) {
			u.t.Fatalf("update %d is not decided; the kit's last words:\n%s", n, u.LastWords())
		}
		time.Sleep(500 * time.Millisecond)
	}
}

// program builds a program for the kit.
func program(t *testing.T, text string) []byte {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "main.go"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c := exec.Command("go", "build", "-ldflags=-s -w", "-o", "out", "main.go")
	c.Dir, c.Env = dir, append(os.Environ(), "GOOS=linux", "GOARCH=arm64", "CGO_ENABLED=0", "GO111MODULE=off")
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	b, err := os.ReadFile(filepath.Join(dir, "out"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

const crashes = `package main; func main() { panic("a bug") }`

// TestBootRefusesUpdates: what is not for this kit changes nothing.
func TestBootRefusesUpdates(t *testing.T) {
	t.Parallel()
	u := newUpdates(t)
	newer, _ := u.next(nil, nil)
	_, other, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	bundle := func(change func(*boottest.System), key ed25519.PrivateKey) []byte {
		s := *u.base
		s.Serial++
		change(&s)
		b, err := s.Bundle(key)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	flipped := bytes.Clone(newer)
	flipped[len(flipped)/2] ^= 1
	for _, c := range []struct {
		name   string
		bundle []byte
		reason string
	}{
		{"signed by somebody else", bundle(func(*boottest.System) {}, other), "signature"},
		{"for another board", bundle(func(s *boottest.System) { s.Boards = []string{"raspberrypi,4-model-b"} }, u.key), "board"},
		{"older", bundle(func(s *boottest.System) { s.Serial -= 2 }, u.key), "downgrade"},
		{"the same", bundle(func(s *boottest.System) { s.Serial-- }, u.key), "same"},
		{"broken off", newer[:len(newer)*2/3], "damaged"},
		{"one bit is wrong", flipped, "damaged"},
		{"a picture", bytes.Repeat([]byte("JFIF"), 1<<18), "not-a-bundle"},
		{"nothing", nil, "not-a-bundle"},
	} {
		if status, reason := u.send(c.bundle); reason != c.reason || status < 400 {
			t.Errorf("%s: %d %q, want %q", c.name, status, reason, c.reason)
		}
	}
	was := u.system()
	u.PowerCut()
	powerOn(t, u.Machine)
	u.pair()
	if s := u.system(); s.Version != was.Version || s.Slot != "a" || len(s.Updates) != 0 {
		t.Errorf("after the next start %+v", s)
	}
}

// TestBootUpdates: a system that is sick in one way or another comes back to the old one by itself and says why, with
// every sale; a healthy one stays, kernel and all.
func TestBootUpdates(t *testing.T) {
	t.Parallel()
	u := newUpdates(t)
	was := u.system()
	till := newTill(t, u.Viewer)
	cmdline := ""
	for _, f := range u.base.Files {
		if f.Name == "boot/cmdline.txt" {
			cmdline = string(f.Text)
		}
	}
	for i, c := range []struct {
		name       string
		root, boot map[string][]byte
		outcome    string
		why        string // a part of it
	}{
		{"its daemon crashes", map[string][]byte{"user/edgekit": program(t, crashes)}, nil, "failed", "did not answer"},
		{"its camera program crashes", map[string][]byte{"user/edgecam": program(t, crashes)}, nil, "failed", "camera program"},
		{"its kernel finds no init", nil, map[string][]byte{"boot/cmdline.txt": []byte(strings.ReplaceAll(cmdline, "init=/", "init=/none/"))}, "interrupted", "did not come as far"},
		{"it is healthy", nil, nil, "kept", "healthy"},
	} {
		till.sell()
		bundle, version := u.next(c.root, c.boot)
		start := time.Now()
		if status, reason := u.send(bundle); status != http.StatusAccepted {
			t.Fatalf("%s: %d %s", c.name, status, reason)
		}
		sent := time.Since(start)
		s := u.decided(i + 1)
		t.Logf("%s: %d MB installed in %.1f s, decided %.1f s later: %s", c.name, len(bundle)>>20, sent.Seconds(), (time.Since(start) - sent).Seconds(), s.Updates[i].Why)
		if got := s.Updates[i]; got.Outcome != c.outcome || got.Version != version || !strings.Contains(got.Why, c.why) {
			t.Errorf("%s: %+v, want %s because it %s", c.name, got, c.outcome, c.why)
		}
		want, slot := was.Version, "a"
		if c.outcome == "kept" {
			want, slot = version, "b"
		}
		if s.Version != want || s.Slot != slot {
			t.Errorf("%s: the kit runs %s in slot %s, want %s in %s", c.name, s.Version, s.Slot, want, slot)
		}
	}
	till.sell()
	u.PowerCut()
	powerOn(t, u.Machine)
	u.pair()
	if s := u.system(); s.Slot != "b" {
		t.Errorf("after the next start slot %s", s.Slot)
	}
	till.sell()
}

// TestBootUpdateThroughPowerCuts cuts the power at random moments of updates, from the first byte to the verdict. What
// starts then is one system or the other, whole, with every sale; and it takes the next update.
func TestBootUpdateThroughPowerCuts(t *testing.T) {
	t.Parallel()
	u := newUpdates(t)
	rnd := seeded(t)
	till := newTill(t, u.Viewer)
	runs := u.system()
	for i := range *bootUpdateCuts {
		till.sell()
		bundle, version := u.next(nil, nil)
		// The moment of the cut is the input here, not a wait: while it is written, or, each second time, from the answer on,
		// in the restart and the trial, however long this machine takes for the writing.
		cut, sent := time.Duration(rnd.IntN(30_000))*time.Millisecond, make(chan struct{})
		go func() {
			defer close(sent)
			u.op.Send(http.MethodPut, "/api/operator/update", bytes.NewReader(bundle), installLimit) // cut off, each other time
		}()
		what := "after the update began"
		if i%2 == 1 {
			<-sent
			what = "after it was installed"
		}
		time.Sleep(cut)
		u.PowerCut()
		<-sent
		powerOn(t, u.Machine)
		u.pair()
		s := u.settled()
		t.Logf("cut %.1f s %s: runs %s, slot %s, %+v", cut.Seconds(), what, s.Version, s.Slot, s.Updates)
		if s.Version != runs.Version && s.Version != version {
			t.Fatalf("the kit runs %s: expected %s or %s", s.Version, runs.Version, version)
		}
		till.sell()
		runs = s
	}
	bundle, version := u.next(nil, nil)
	if status, reason := u.send(bundle); status != http.StatusAccepted {
		t.Fatalf("without a cut: %d %s", status, reason)
	}
	t.Logf("the cuts took %d writes from the card's cache", u.Lost)
	if s := u.decided(len(runs.Updates) + 1); s.Version != version {
		t.Errorf("without a cut the kit runs %s, want %s: %+v", s.Version, version, s.Updates)
	}
	till.sell()
}

// settled is what the kit runs once no update is on trial.
func (u *updates) settled() (s wire.System) {
	u.t.Helper()
	for end := time.Now().Add(installLimit); ; {
		if s = u.system(); !s.Trial {
			return s
		}
		if time.Now().After(end) {
			u.t.Fatalf("the trial does not end: %+v; the kit's last words:\n%s", s, u.LastWords())
		}
		time.Sleep(500 * time.Millisecond)
	}
}

// till sells, and knows by the tickets' numbers that no sale was lost or made twice.
type till struct {
	t    *testing.T
	v    *kittest.Visitor
	sold int
}

func newTill(t *testing.T, base string) *till {
	t.Helper()
	v, err := kittest.NewVisitor(base)
	if err != nil {
		t.Fatal(err)
	}
	return &till{t: t, v: v}
}

// sell sends its tap until it is decided, as the page does: an emulated machine on a busy host may take longer for a sale than
// anybody waits for an answer.
func (s *till) sell() {
	s.t.Helper()
	var o wire.Offer
	var err error
	kittest.UntilWithin(s.t, "an offer", boottest.Limit, func() bool {
		o, err = s.v.Offer("pen")
		return err == nil
	})
	id := kittest.NewTap()
	var a kittest.Answer
	kittest.UntilWithin(s.t, "the tap's outcome", boottest.Limit, func() bool {
		a, err = s.v.Tap(id, "pen", o.Token)
		return err == nil && a.Reason != string(pipeline.Unavailable)
	})
	if a.Status != http.StatusOK {
		s.t.Fatalf("sale %d: %+v", s.sold+1, a)
	}
	if s.sold++; a.Ticket != fmt.Sprintf("A-%03d", s.sold) {
		s.t.Fatalf("sale %d has ticket %s", s.sold, a.Ticket)
	}
}
