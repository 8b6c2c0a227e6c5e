//go:build boot

package main

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/json"
	"flag"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"edgekit.internal/cmd/internal/kittest"
	"edgekit.internal/image/boottest"
	"edgekit.internal/pipeline/journal"
)

var (
	bootImage   = flag.String("boot.image", "../../.cache/image/instances/edgekit-vm/disk.img", "the image to boot, as image/pack leaves it")
	bootShipped = flag.String("boot.shipped", "../../.cache/image/instances/edgekit/disk.img", "the image for a Pi, likewise")
	bootUEFI    = flag.String("boot.uefi", "../../.cache/image/QEMU_EFI.fd", "the firmware to boot it with")
	bootCuts    = flag.Int("boot.cuts", inCI(20, 3), "power cuts under load")
	bootKeep    = flag.String("boot.keep", "", "a folder in which the cards of tests that fail are left")
	bootSeed    = flag.Uint64("boot.seed", 0, "seed of cuts and taps; 0: a new one, which is printed")
)

// TestBootSellsThroughPowerCuts boots the image, sells, and pulls its plug: once at rest, then under load at random
// moments. After each cut it boots by itself, and in the end every acknowledged tap is on the card, once.
func TestBootSellsThroughPowerCuts(t *testing.T) {
	t.Parallel()
	rnd := seeded(t)
	m := newMachine(t)
	boot := func() { t.Helper(); powerOn(t, m) }

	boot()
	first := newBuyer(t, m.Viewer, rnd)
	o, err := first.Offer("set")
	if err != nil {
		t.Fatal(err)
	}
	tap := &tapped{id: kittest.NewTap(), offer: "set", token: o.Token}
	first.taps = append(first.taps, tap)
	if a, err := first.Tap(tap.id, tap.offer, tap.token); err != nil || a.Status != http.StatusOK || a.Ticket != "A-001" {
		t.Fatalf("first sale: %+v, %v", a, err)
	}
	tap.ticket = "A-001"
	m.PowerCut()

	boot()
	if a, err := first.Tap(tap.id, tap.offer, tap.token); err != nil || a.Status != http.StatusOK || a.Ticket != "A-001" {
		t.Errorf("the same tap after a power cut: %+v, %v", a, err)
	}
	buyers := []*buyer{first}
	for range 23 {
		buyers = append(buyers, newBuyer(t, m.Viewer, rnd))
	}
	for range *bootCuts {
		stop := make(chan struct{})
		var all sync.WaitGroup
		for _, b := range buyers {
			all.Go(func() { b.shop(t, stop) })
		}
		time.Sleep(time.Duration(500+rnd.IntN(4000)) * time.Millisecond) // the moment of the cut is the input here, not a wait
		m.PowerCut()
		close(stop)
		all.Wait()
		boot()
	}
	for _, b := range buyers {
		b.settle(t)
	}
	m.PowerCut()

	data := t.TempDir()
	if err := m.Data(data, "edgekit/kit.db", "edgekit/kit.db-wal"); err != nil {
		t.Fatal(err)
	}
	acked, sales := held(t, buyers, audit(t, data))
	var kit int64
	var nth uint32
	for _, e := range journalOf(t, filepath.Join(data, "kit.db")) {
		if e.Kind == journal.Fix { // is of when the date was learned, and comes when the store has time for it
			continue
		}
		if e.Boot < nth || e.Kit < kit || e.Boot == 0 || e.Boot > uint32(*bootCuts+2) {
			t.Errorf("kit time %d in boot %d comes after %d in boot %d", e.Kit, e.Boot, kit, nth)
		}
		kit, nth = e.Kit, e.Boot
	}
	if nth != uint32(*bootCuts+2) && nth != uint32(*bootCuts+1) { // in the last boot there may have been nothing left to say
		t.Errorf("%d boots, and the journal ends in boot %d", *bootCuts+2, nth)
	}
	t.Logf("%d power cuts, which took %d writes from the card's cache; %d sales acknowledged, %d on the card", *bootCuts+2, m.Lost, acked, sales)
	if acked < 5**bootCuts {
		t.Errorf("only %d sales: this was no load", acked)
	}
}

// TestBootReadsSettings drops settings on the card as a laptop does: good ones are used and kept, bad ones are refused and
// the kit serves with those it kept, and says on the card what was wrong with the others.
func TestBootReadsSettings(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	const good = "stall = \"Blue Door\"\n"
	for _, step := range []struct{ text, report string }{{good, ""}, {"stall = \"Red Door\"\npapr = \"58\"\n", "line 2, column 1: unknown key \"papr\""}, {good, ""}} {
		if err := m.Drop("edgekit.toml", step.text); err != nil {
			t.Fatal(err)
		}
		powerOn(t, m)
		m.PowerCut()
		data := t.TempDir()
		if err := m.Data(data, "edgekit/edgekit.toml"); err != nil {
			t.Fatal(err)
		}
		if kept, err := os.ReadFile(filepath.Join(data, "edgekit.toml")); err != nil || string(kept) != good {
			t.Errorf("after %q the kit keeps %q, %v", step.text, kept, err)
		}
		report, there := m.Dropped("edgekit-error.txt")
		if there != (step.report != "") || !strings.Contains(report, step.report) || strings.Count(report, "\n") != strings.Count(report, "\r\n") {
			t.Errorf("after %q the card says %q", step.text, report)
		}
	}
}

// TestBootTheShippedImage starts the very bytes that are flashed onto cards. It has no catalogue yet; its pages are there.
func TestBootTheShippedImage(t *testing.T) {
	t.Parallel()
	m, err := boottest.New(*bootShipped, *bootUEFI, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.PowerCut)
	powerOn(t, m)
	certificate(t, m.Console)
}

// inCI is how much of something is done in CI, and elsewhere.
func inCI(there, here int) int {
	if os.Getenv("CI") != "" {
		return there
	}
	return here
}

func seeded(t *testing.T) *rand.Rand {
	seed := *bootSeed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 1))
}

// TestBootSetsUp: the first boot prints one set-up slip, the console's certificate is the same at the next, and the log has
// what the kit and the system's other programs said before the power was cut.
func TestBootSetsUp(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	until := func(what, text string) {
		t.Helper()
		kittest.UntilWithin(t, what+" to be on the card", boottest.Limit, func() bool {
			there, err := m.Holds(text)
			if err != nil {
				t.Fatal(err)
			}
			return there
		})
	}
	powerOn(t, m)
	first := certificate(t, m.Console)
	until("the set-up slip, and the log of it", `"msg":"slip printed"`)
	until("another program's log", `"from":"dhcp"`)
	m.PowerCut()
	powerOn(t, m)
	if certificate(t, m.Console) != first {
		t.Error("the console has another certificate: the one on the slip is of no use")
	}
	until("how the last run ended", "power cut or reset")
	m.PowerCut()
	data := t.TempDir()
	if err := m.Data(data, "edgekit/tickets/setup.png", "edgekit/setup.json", "edgekit/logs/00000001.log"); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(data, "setup.png")); err != nil { // its content need not have come to the card: paper would have it
		t.Errorf("the slip: %v", err)
	}
	state, err := os.ReadFile(filepath.Join(data, "setup.json"))
	if err != nil || !strings.Contains(string(state), `"tries":1`) {
		t.Errorf("%s, %v: expected one slip", state, err)
	}
	log, err := os.ReadFile(filepath.Join(data, "00000001.log"))
	var is struct{ Code string }
	if err != nil || json.Unmarshal(state, &is) != nil || len(is.Code) != 7 || strings.Contains(string(log), is.Code) {
		t.Errorf("the log has the pairing code %q, %v", is.Code, err)
	}
}

// certificate is the SHA-256 of the certificate that a console shows.
func certificate(t *testing.T, console string) (sum [sha256.Size]byte) {
	t.Helper()
	d := &tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}} // it is looked at, not trusted
	kittest.UntilWithin(t, "the console", boottest.Limit, func() bool {
		c, err := d.DialContext(t.Context(), "tcp", strings.TrimPrefix(console, "https://"))
		if err != nil {
			return false
		}
		defer c.Close()
		sum = sha256.Sum256(c.(*tls.Conn).ConnectionState().PeerCertificates[0].Raw)
		return true
	})
	return sum
}

func newMachine(t *testing.T) *boottest.Machine { return newMachineOf(t, *bootImage) }

func newMachineOf(t *testing.T, image string) *boottest.Machine {
	t.Helper()
	m, err := boottest.New(image, *bootUEFI, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		m.PowerCut()
		if !t.Failed() {
			return
		}
		t.Logf("the kit's last words:\n%s\nand the end of its log:\n%s", m.LastWords(), m.Log(t.TempDir()))
		if *bootKeep != "" {
			if err := os.Rename(filepath.Dir(m.Disk), filepath.Join(*bootKeep, t.Name())); err != nil {
				t.Log(err)
			}
		}
	})
	return m
}

func powerOn(t *testing.T, m *boottest.Machine) {
	t.Helper()
	if err := m.PowerOn(); err != nil {
		t.Fatal(err)
	}
	took, err := m.Serving(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%.1f s from power-on to the viewer's page", took.Seconds())
}

// pairAt pairs with the code on the machine's own screen, which is another one where a try got through and its answer did not.
func pairAt(t *testing.T, m *boottest.Machine) (op *kittest.Operator) {
	t.Helper()
	var why error
	kittest.UntilWithin(t, "a paired console", boottest.Limit, func() bool {
		code, err := m.Code(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if op, err = kittest.PairWith(m.Console, code); err != nil && (why == nil || why.Error() != err.Error()) {
			why = err
			t.Log(err)
		}
		return err == nil
	})
	return op
}

func newBuyer(t *testing.T, base string, rnd *rand.Rand) *buyer {
	t.Helper()
	v, err := kittest.NewVisitor(base)
	if err != nil {
		t.Fatal(err)
	}
	return &buyer{Visitor: v, rand: rand.New(rand.NewPCG(rnd.Uint64(), 2))}
}
