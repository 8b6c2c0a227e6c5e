package update

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestAnInstalledUpdateIsNotWrittenOver: from the answer to the restart there are seconds, in which another browser may send
// one too. It would be written over what the firmware is about to start.
func TestAnInstalledUpdateIsNotWrittenOver(t *testing.T) {
	b := newBench(t, piLoader{})
	_, restart, err := b.inst.Install(bytes.NewReader(bundle(t, 2, b.key)), Ask{})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := b.inst.Install(bytes.NewReader(bundle(t, 3, b.key)[:9000]), Ask{}); Reason(err) != "busy" {
		t.Errorf("%v, want busy", err)
	}
	if _, err := os.Stat(filepath.Join(b.dir, "boot", piTry)); err != nil {
		t.Errorf("the restart asks for a file that is gone: %v", err)
	}
	if s, _ := b.boots(restart); s != SlotB || b.root(SlotB) != "root 2" {
		t.Errorf("slot %s starts with %q", s, b.root(SlotB))
	}
}

// TestAFullDataPartitionArmsNothing, wherever in the notes it is that the room ends, and says so in words.
func TestAFullDataPartitionArmsNothing(t *testing.T) {
	for name, l := range loaders {
		for _, blocked := range []string{manifestName, trialFile} {
			t.Run(name+" "+blocked, func(t *testing.T) {
				b := newBench(t, l)
				if err := os.MkdirAll(filepath.Join(b.inst.Dir, blocked+".part"), 0o700); err != nil { // a file cannot be written there
					t.Fatal(err)
				}
				_, _, err := b.inst.Install(bytes.NewReader(bundle(t, 2, b.key)), Ask{})
				if Reason(err) != "card" || !strings.Contains(err.Error(), "goes on with what it has") {
					t.Errorf("%v", err)
				}
				if s := b.start("0 tryboot"); s != SlotA {
					t.Errorf("slot %s starts after an update that was refused", s)
				}
			})
		}
		t.Run(name+" after the boot partition was told", func(t *testing.T) {
			b := newBench(t, l)
			boot := b.card.boot
			b.card.boot = func(write bool, work func(string) error) error {
				err := boot(write, work)
				if armed(t, b) { // the room ends just then
					os.MkdirAll(filepath.Join(b.inst.Dir, trialFile+".part"), 0o700)
				}
				return err
			}
			if _, _, err := b.inst.Install(bytes.NewReader(bundle(t, 2, b.key)), Ask{}); Reason(err) != "card" {
				t.Errorf("%v", err)
			}
			b.card.boot = boot
			os.Remove(filepath.Join(b.inst.Dir, trialFile+".part"))
			if s, _ := b.boots(""); s != SlotA {
				t.Errorf("slot %s starts after an update that was refused", s)
			}
			if list := b.history(); len(list) != 0 {
				t.Errorf("what was never asked for is held against it: %+v", list)
			}
		})
	}
}

// armed tells whether the next start may be the other slot's.
func armed(t *testing.T, b *bench) bool {
	t.Helper()
	if _, err := os.Stat(filepath.Join(b.dir, "boot", piTry)); err == nil {
		return true
	}
	list, err := uefiLoader{}.entries(filepath.Join(b.dir, "boot"))
	if err != nil {
		t.Fatal(err)
	}
	return len(list) > 1
}

// TestATornHistoryRefusesNothing: an update may be what the kit needs.
func TestATornHistoryRefusesNothing(t *testing.T) {
	for _, text := range []string{"", "[{", `{"a":1}`, "\x00\x00\x00"} {
		b := newBench(t, piLoader{})
		if err := errors.Join(os.MkdirAll(b.inst.Dir, 0o700), os.WriteFile(filepath.Join(b.inst.Dir, historyFile), []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
		_, restart, err := b.inst.Install(bytes.NewReader(bundle(t, 2, b.key)), Ask{})
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if b.boots(restart); len(b.history()) != 1 {
			t.Errorf("%q: %+v", text, b.history())
		}
	}
}

// TestNamesThatAFATTakesForOne are refused before anything is written: the second would be written over the first.
func TestNamesThatAFATTakesForOne(t *testing.T) {
	for _, name := range []string{"boot/VMLINUZ", "boot/CMDLINE.TXT", "boot/cmdline.txt.", "boot/overlays", "boot/Overlays", "boot/overlays/readme", "boot/x."} {
		b := newBench(t, piLoader{})
		var out bytes.Buffer
		if err := Write(&out, release(2), b.key, append(files(2), Source{Name: name, Text: []byte("another")})); err == nil {
			t.Errorf("%s: a bundle was made", name)
		}
	}
}

// TestASystemThatNobodyAskedForDoesNotRestartForEver: the card's config.txt may start another slot than it seems to, by an
// include or a line that only the firmware understands. One restart is a try; the second would be a loop.
func TestASystemThatNobodyAskedForDoesNotRestartForEver(t *testing.T) {
	for _, noted := range []bool{false, true} {
		b := newBench(t, piLoader{})
		if noted { // a trial of it failed, and it starts again all the same
			if _, _, err := b.inst.Install(bytes.NewReader(bundle(t, 2, b.key)), Ask{}); err != nil {
				t.Fatal(err)
			}
		}
		restarts := 0
		for range 4 {
			b.card.Running = SlotB // whatever the files say
			g := b.guard([]string{"No offers."}, func() error { restarts++; return nil })
			if err := g.Run(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if restarts != 1 {
			t.Errorf("noted %v: %d restarts in 4 starts", noted, restarts)
		}
	}
}

// TestLinesThatOnlyTheFirmwareUnderstands are no ground to guess on.
func TestLinesThatOnlyTheFirmwareUnderstands(t *testing.T) {
	for text, good := range map[string]bool{
		"os_prefix=a/\n": true, "#os_prefix=b/\nos_prefix=a/\n": true, "\xef\xbb\xbf# hello\r\nos_prefix=a/\r\n": true,
		"os_prefix=a/\nos_prefix=b/ \n": false, "os_prefix=a/\n os_prefix=b/\n": false, "os_prefix=a/\nos_prefix=\n": false,
		"os_prefix=a/\n[pi4]\nos_prefix=old/\n": false, "\xef\xbb\xbfos_prefix=a/\n": false,
	} {
		if _, err := prefixIn([]byte(text)); (err == nil) != good {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// TestACutBetweenVerdictAndNoteJudgesOnce: the verdict is in the history, and the note of the trial is still there.
func TestACutBetweenVerdictAndNoteJudgesOnce(t *testing.T) {
	b := newBench(t, piLoader{})
	if _, _, err := b.inst.Install(bytes.NewReader(bundle(t, 2, b.key)), Ask{}); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(b.inst.Dir, trialFile)
	note, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b.boots("") // the power went before the trial
	if err := os.WriteFile(path, note, 0o600); err != nil {
		t.Fatal(err)
	}
	b.boots("")
	if list := b.history(); len(list) != 1 || list[0].Outcome != Interrupted {
		t.Errorf("%+v", list)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the note is still there: %v", err)
	}
}
