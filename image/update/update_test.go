package update

import (
	"archive/tar"
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// board is what the tests' card is in.
var board = []string{"raspberrypi,4-model-b", "brcm,bcm2711"}

func release(serial int64) Release {
	return Release{Version: fmt.Sprintf("v%d", serial), Serial: serial, Boards: []string{"raspberrypi,4-model-b"}}
}

func newKey(t testing.TB) ed25519.PrivateKey {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// files are a system's, whose root and kernel say which it is.
func files(serial int64) []Source {
	root := bytes.Repeat(fmt.Appendf(nil, "root %d ", serial), 1<<14)
	return []Source{{Name: rootPart, Text: root}, {Name: "boot/vmlinuz", Text: bytes.Repeat(fmt.Appendf(nil, "kernel %d ", serial), 1<<12), Gzip: true},
		{Name: "boot/cmdline.txt", Text: []byte("root=PARTUUID=1234/PARTNROFF=1 init=/gokrazy/init\n")}, {Name: "boot/overlays/README", Text: []byte("overlays\n")}}
}

func bundle(t testing.TB, serial int64, key ed25519.PrivateKey) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := Write(&out, release(serial), key, files(serial)); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// bench is a card of folders and files, with an installer and a firmware.
type bench struct {
	t    *testing.T
	dir  string
	card *Card
	inst *Installer
	key  ed25519.PrivateKey
	ops  int // pieces of work on the boot partition since the last start
	cut  int // the piece that fails; 0: none
}

var errCut = errors.New("the power went")

func newBench(t *testing.T, l loader) *bench {
	t.Helper()
	b := &bench{t: t, dir: t.TempDir(), key: newKey(t)}
	card, err := InFolder(b.dir)
	if err != nil {
		t.Fatal(err)
	}
	entries := filepath.Join(b.dir, "boot", uefiEntries)
	if err := errors.Join(os.MkdirAll(entries, 0o755), writeFile(filepath.Join(entries, "edgekit-1.conf"), UEFIEntry(SlotA, "root=PARTUUID=1234/PARTNROFF=1", false))); err != nil {
		t.Fatal(err)
	}
	boot := card.boot
	card.loader, card.boot = l, func(write bool, work func(string) error) error {
		if b.ops++; b.ops == b.cut {
			return errCut
		}
		return boot(write, work)
	}
	b.card = card
	b.inst = &Installer{Card: b.card, Dir: filepath.Join(b.dir, "update"), Now: release(1), Keys: []ed25519.PublicKey{b.key.Public().(ed25519.PublicKey)}, Board: board}
	return b
}

// start is what the firmware does: the slot it starts, by the files alone.
func (b *bench) start(restart string) Slot {
	b.t.Helper()
	boot := filepath.Join(b.dir, "boot")
	if _, ok := b.card.loader.(piLoader); ok {
		text, err := os.ReadFile(filepath.Join(boot, "tryboot.txt"))
		if restart != "0 tryboot" || err != nil {
			if text, err = os.ReadFile(filepath.Join(boot, "config.txt")); err != nil {
				b.t.Fatal(err)
			}
		}
		m := osPrefix.FindSubmatch(text)
		if m == nil {
			b.t.Fatalf("the firmware finds no slot in %q", text)
		}
		return Slot(m[1][0])
	}
	// systemd-boot: the highest number that has a try left or is not counted; a counted one is then counted down.
	list, err := uefiLoader{}.entries(boot)
	if err != nil {
		b.t.Fatal(err)
	}
	best := entry{}
	for _, e := range list {
		if !strings.Contains(e.name, "+0") && e.nth > best.nth {
			best = e
		}
	}
	if best.trial {
		from := filepath.Join(boot, uefiEntries, best.name)
		if err := os.Rename(from, strings.Replace(from, "+1.conf", "+0-1.conf", 1)); err != nil {
			b.t.Fatal(err)
		}
	}
	return best.slot
}

// boots starts the machine, and lets the guard of what starts decide. sick is what that system says of itself.
func (b *bench) boots(restart string, sick ...string) (started Slot, restarted bool) {
	b.t.Helper()
	b.ops = 0
	b.card.Running = b.start(restart)
	b.inst = &Installer{Card: b.card, Dir: b.inst.Dir, Now: b.inst.Now, Keys: b.inst.Keys, Board: board}
	started = b.card.Running
	g := b.guard(sick, func() error { restarted = true; return nil })
	if err := g.Run(b.t.Context()); err != nil && !errors.Is(err, errCut) {
		b.t.Fatal(err)
	}
	return started, restarted
}

var loaders = map[string]loader{"Pi": piLoader{}, "UEFI": uefiLoader{}}

func (b *bench) history() []Verdict {
	b.t.Helper()
	list, err := History(b.inst.Dir)
	if err != nil {
		b.t.Fatal(err)
	}
	return list
}

func (b *bench) root(s Slot) string {
	b.t.Helper()
	path, _ := b.card.root(s)
	text, err := os.ReadFile(path)
	if err != nil {
		b.t.Fatal(err)
	}
	return string(text[:min(6, len(text))])
}

// TestAHealthyUpdateStays, kernel, command line and all, and the next one goes into the other slot.
func TestAHealthyUpdateStays(t *testing.T) {
	for name, l := range loaders {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, l)
			for serial, want := int64(2), SlotB; serial < 5; serial, want = serial+1, want.Other() {
				next, restart, err := b.inst.Install(bytes.NewReader(bundle(t, serial, b.key)), Ask{})
				if err != nil {
					t.Fatal(err)
				}
				if started, restarted := b.boots(restart); started != want || restarted {
					t.Fatalf("slot %s started, restarted %v; want slot %s", started, restarted, want)
				}
				b.inst.Now = next
				if got := b.root(want); got != fmt.Sprintf("root %d", serial) {
					t.Errorf("root is %q", got)
				}
				line, err := os.ReadFile(filepath.Join(b.dir, "boot", want.String(), "cmdline.txt"))
				if err != nil || !strings.Contains(string(line), fmt.Sprintf("PARTNROFF=%d", want.Partition()-1)) {
					t.Errorf("slot %s is started with %q, %v", want, line, err)
				}
				if started, _ := b.boots(""); started != want {
					t.Errorf("the next start is slot %s", started)
				}
			}
			for i, v := range b.history() {
				if v.Outcome != Kept {
					t.Errorf("update %d: %+v", i, v)
				}
			}
		})
	}
}

// TestASickUpdateGoesBack and is not taken again, unless that is allowed.
func TestASickUpdateGoesBack(t *testing.T) {
	for name, l := range loaders {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, l)
			text := bundle(t, 2, b.key)
			_, restart, err := b.inst.Install(bytes.NewReader(text), Ask{})
			if err != nil {
				t.Fatal(err)
			}
			if started, restarted := b.boots(restart, "The camera program does not run."); started != SlotB || !restarted {
				t.Fatalf("slot %s started, restarted %v", started, restarted)
			}
			if started, _ := b.boots(""); started != SlotA {
				t.Fatalf("slot %s came back", started)
			}
			list := b.history()
			if len(list) != 1 || list[0].Outcome != Failed || !strings.Contains(list[0].Why, "camera program") {
				t.Errorf("%+v", list)
			}
			if _, _, err := b.inst.Install(bytes.NewReader(text), Ask{}); Reason(err) != "failed-before" {
				t.Errorf("again: %v", err)
			}
			if _, _, err := b.inst.Install(bytes.NewReader(text), Ask{Anyway: true}); err != nil {
				t.Errorf("again, and allowed: %v", err)
			}
		})
	}
}

// TestASilentEndIsForgivenOnce: it may have been the power.
func TestASilentEndIsForgivenOnce(t *testing.T) {
	b := newBench(t, piLoader{})
	text := bundle(t, 2, b.key)
	for i, want := range []string{Interrupted, Failed} {
		if _, _, err := b.inst.Install(bytes.NewReader(text), Ask{}); err != nil {
			t.Fatal(err)
		}
		b.boots("") // the trial never got anywhere
		if list := b.history(); len(list) != i+1 || list[i].Outcome != want {
			t.Fatalf("%+v, want %s", list, want)
		}
	}
	if _, _, err := b.inst.Install(bytes.NewReader(text), Ask{}); Reason(err) != "failed-before" {
		t.Errorf("a third time: %v", err)
	}
}

// TestNothingIsChangedByWhatIsRefused, and each refusal says why.
func TestNothingIsChangedByWhatIsRefused(t *testing.T) {
	b := newBench(t, piLoader{})
	b.inst.Now = release(5)
	good := bundle(t, 6, b.key)
	make := func(change func(*Manifest), key ed25519.PrivateKey) []byte {
		var out bytes.Buffer
		r := release(6)
		m := Manifest{Release: r}
		change(&m)
		if err := Write(&out, m.Release, key, files(6)); err != nil {
			t.Fatal(err)
		}
		return out.Bytes()
	}
	flip := func(at int) []byte {
		text := bytes.Clone(good)
		text[at] ^= 0x40
		return text
	}
	for _, c := range []struct {
		name, reason string
		bundle       []byte
	}{
		{"another's signature", "signature", make(func(*Manifest) {}, newKey(t))},
		{"another board", "board", make(func(m *Manifest) { m.Boards = []string{"linux,dummy-virt"} }, b.key)},
		{"older", "downgrade", bundle(t, 4, b.key)},
		{"the same", "same", bundle(t, 5, b.key)},
		{"a changed manifest", "signature", bytes.Replace(good, []byte(`"v6"`), []byte(`"v7"`), 1)},
		{"a changed root", "damaged", bytes.Replace(good, []byte("root 6 root 6"), []byte("root 6 root 9"), 1)},
		{"cut in the root", "damaged", good[:8000]},
		{"cut behind the root", "damaged", good[:len(good)-3000]},
		{"a changed name", "damaged", bytes.Replace(good, []byte("boot/vmlinuz\x00"), []byte("boot/vmlinux\x00"), 1)},
		{"not a tar", "not-a-bundle", flip(0)},
		{"empty", "not-a-bundle", nil},
	} {
		_, _, err := b.inst.Install(bytes.NewReader(c.bundle), Ask{})
		if Reason(err) != c.reason || !strings.Contains(err.Error(), "Nothing was changed") {
			t.Errorf("%s: %v, want reason %s", c.name, err, c.reason)
		}
		if got := b.start("0 tryboot"); got != SlotA {
			t.Errorf("%s: slot %s starts", c.name, got)
		}
	}
}

// TestACutAnywhereLeavesOneWholeSystem cuts each piece of an update's work on the card, and the bundle at many bytes.
// Whatever the next start is, it is a whole system; and the update can be installed afterwards.
func TestACutAnywhereLeavesOneWholeSystem(t *testing.T) {
	for name, l := range loaders {
		t.Run(name, func(t *testing.T) {
			whole := func(b *bench) {
				t.Helper()
				restart := ""
				for range 2 {
					s, _ := b.boots(restart)
					want := map[Slot]string{SlotA: "root 1", SlotB: "root 2"}[s]
					kernel, err := os.ReadFile(filepath.Join(b.dir, "boot", s.String(), "vmlinuz"))
					if b.root(s) != want || err != nil || !strings.HasPrefix(string(kernel), strings.Replace(want, "root", "kernel", 1)) {
						t.Fatalf("slot %s starts with root %q and kernel %.8q, %v", s, b.root(s), kernel, err)
					}
				}
				if b.card.Running == SlotA {
					if _, _, err := b.inst.Install(bytes.NewReader(bundle(t, 3, b.key)), Ask{}); err != nil {
						t.Fatalf("after the cut: %v", err)
					}
				}
			}
			for cut := 1; ; cut++ {
				b := newBench(t, l)
				b.cut = cut
				_, _, err := b.inst.Install(bytes.NewReader(bundle(t, 2, b.key)), Ask{})
				b.cut = 0
				whole(b)
				if err == nil {
					break
				}
			}
			b := newBench(t, l)
			text := bundle(t, 2, b.key)
			for at := 0; at < len(text)-1024; at += len(text) / 24 {
				b := newBench(t, l)
				if _, _, err := b.inst.Install(bytes.NewReader(bundle(t, 2, b.key)[:at]), Ask{}); err == nil {
					t.Fatalf("%d of %d bytes were enough", at, len(text))
				}
				whole(b)
			}
		})
	}
}

// TestTheGuardMayBeCutToo: the power goes at each piece of the guard's own work in a trial, and in what follows.
func TestTheGuardMayBeCutToo(t *testing.T) {
	for name, l := range loaders {
		t.Run(name, func(t *testing.T) {
			for cut := 1; cut < 5; cut++ {
				b := newBench(t, l)
				_, restart, err := b.inst.Install(bytes.NewReader(bundle(t, 2, b.key)), Ask{})
				if err != nil {
					t.Fatal(err)
				}
				b.cut = cut
				b.boots(restart)
				b.cut = 0
				b.boots("")
				s, _ := b.boots("")
				usual, err := b.card.Usual()
				if err != nil || usual != s {
					t.Errorf("cut %d: slot %s runs, %s starts usually, %v", cut, s, usual, err)
				}
				if list := b.history(); len(list) != 1 || (list[0].Outcome == Kept) != (s == SlotB) {
					t.Errorf("cut %d: slot %s runs, and history is %+v", cut, s, list)
				}
			}
		})
	}
}

// TestASystemThatTrustsOthersIsNotKept: it would refuse every update that follows.
func TestASystemThatTrustsOthersIsNotKept(t *testing.T) {
	b := newBench(t, piLoader{})
	_, restart, err := b.inst.Install(bytes.NewReader(bundle(t, 2, b.key)), Ask{})
	if err != nil {
		t.Fatal(err)
	}
	b.inst.Keys = []ed25519.PublicKey{newKey(t).Public().(ed25519.PublicKey)} // those of the new system
	if _, restarted := b.boots(restart); !restarted {
		t.Error("it was kept")
	}
	b.boots("")
	if list := b.history(); len(list) != 1 || list[0].Outcome != Failed || !strings.Contains(list[0].Why, "other keys") {
		t.Errorf("%+v", list)
	}
}

// TestAConfigThatSomebodyEdited is left alone, and said.
func TestAConfigThatSomebodyEdited(t *testing.T) {
	for _, text := range []string{"kernel=vmlinuz\n", "os_prefix=a/\nos_prefix=b/\n", "os_prefix=c/\n"} {
		b := newBench(t, piLoader{})
		path := filepath.Join(b.dir, "boot", "config.txt")
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, _, err := b.inst.Install(bytes.NewReader(bundle(t, 2, b.key)), Ask{}); Reason(err) != "card" || !strings.Contains(err.Error(), "os_prefix") {
			t.Errorf("%q: %v", text, err)
		}
	}
	// Lines of one's own, and Notepad's line ends, are kept.
	b := newBench(t, piLoader{})
	path := filepath.Join(b.dir, "boot", "config.txt")
	const mine = "dtparam=audio=on\r\nos_prefix=a/\r\nkernel=vmlinuz\r\n"
	if err := os.WriteFile(path, []byte(mine), 0o644); err != nil {
		t.Fatal(err)
	}
	_, restart, err := b.inst.Install(bytes.NewReader(bundle(t, 2, b.key)), Ask{})
	if err != nil {
		t.Fatal(err)
	}
	b.boots(restart)
	got, err := os.ReadFile(path)
	if d := cmp.Diff(strings.Replace(mine, "a/", "b/", 1), string(got)); d != "" || err != nil {
		t.Error(d, err)
	}
}

// TestASlotsInitramfsIsStarted: where a system has one, systemd-boot's entry names it, and the Pi's config.txt must.
func TestASlotsInitramfsIsStarted(t *testing.T) {
	dir := t.TempDir()
	for path, text := range map[string]string{"config.txt": "os_prefix=a/\n", "b/cmdline.txt": "panic=10", "b/initrd": "it", "a/cmdline.txt": "panic=10", uefiEntries + "/edgekit-1.conf": "linux /a/vmlinuz\n"} {
		if err := errors.Join(os.MkdirAll(filepath.Dir(filepath.Join(dir, path)), 0o755), os.WriteFile(filepath.Join(dir, path), []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	const entry = "title edgekit b\nlinux /b/vmlinuz\ninitrd /b/initrd\noptions panic=10\n"
	if _, err := (uefiLoader{}).try(dir, SlotB); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(filepath.Join(dir, uefiEntries, "edgekit-2+1.conf")); err != nil || string(got) != entry {
		t.Errorf("on trial: %q, %v", got, err)
	}
	if err := (uefiLoader{}).keep(dir, SlotB); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(filepath.Join(dir, uefiEntries, "edgekit-3.conf")); err != nil || string(got) != entry {
		t.Errorf("kept: %q, %v", got, err)
	}
	if got, err := uefiText(dir, SlotA); err != nil || strings.Contains(string(got), "initrd") {
		t.Errorf("a system without one: %q, %v", got, err)
	}
	if _, err := (piLoader{}).try(dir, SlotB); err == nil || !strings.Contains(err.Error(), "initramfs initrd followkernel") {
		t.Errorf("a card that does not load one: %v", err)
	}
	if _, err := (piLoader{}).try(dir, SlotA); err != nil {
		t.Errorf("a system without one: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "config.txt"), []byte("os_prefix=a/\ninitramfs initrd followkernel\r\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := (piLoader{}).try(dir, SlotB); err != nil {
		t.Errorf("a card that loads one: %v", err)
	}
}

func TestTheSameFilesMakeTheSameBundle(t *testing.T) {
	key := newKey(t)
	if !bytes.Equal(bundle(t, 2, key), bundle(t, 2, key)) {
		t.Error("they differ")
	}
}

func TestKeysAreReadOrTheLineIsNamed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys")
	one := base64.StdEncoding.EncodeToString(newKey(t).Public().(ed25519.PublicKey))
	for text, want := range map[string]int{one + "\n": 1, one + "\n" + one: 2, "": 0, one + "\nhello\n": 0, one[:20]: 0} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		keys, err := ReadKeys(path)
		if len(keys) != want || (err == nil) != (want > 0) {
			t.Errorf("%q: %d keys, %v", text, len(keys), err)
		}
	}
}

// FuzzOpen: whatever comes is refused, unless it was signed; and signed or not, nothing panics or is unbounded.
func FuzzOpen(f *testing.F) {
	key := newKey(f)
	good := bundle(f, 2, key)
	f.Add(good)
	f.Add(good[:600])
	f.Fuzz(func(t *testing.T, text []byte) {
		b, err := Open(bytes.NewReader(text), []ed25519.PublicKey{key.Public().(ed25519.PublicKey)})
		if err != nil {
			return
		}
		for {
			if _, err := b.Next(io.Discard); err != nil {
				return
			}
		}
	})
}

// FuzzManifest checks manifests that are signed, and made by mistake.
func FuzzManifest(f *testing.F) {
	key := newKey(f)
	t := tar.NewReader(bytes.NewReader(bundle(f, 2, key)))
	if _, err := t.Next(); err != nil {
		f.Fatal(err)
	}
	text, err := io.ReadAll(t)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte(`{"format":1,"parts":[{"name":"boot/../x"}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		sig, err := key.Sign(nil, text, signed)
		if err != nil {
			t.Fatal(err)
		}
		m, err := Verify(text, sig, []ed25519.PublicKey{key.Public().(ed25519.PublicKey)})
		if err != nil {
			return
		}
		for _, p := range m.Parts {
			if strings.Contains(p.Name, "..") || strings.HasPrefix(p.Name, "/") || p.Size <= 0 || p.Size > maxRoot {
				t.Errorf("%+v", p)
			}
		}
	})
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }
