package update

import (
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// Installer puts updates into the slot that does not run.
type Installer struct {
	Card  *Card
	Dir   string // the folder of updates on the data partition
	Now   Release
	Keys  []ed25519.PublicKey
	Board []string

	one       sync.Mutex
	installed bool // one is, and the restart into it is on its way; one must be held
}

// Ask is what an operator allows beyond the usual.
type Ask struct {
	Anyway   bool                    // an older release, the same again, one that failed before
	Progress func(done, total int64) // bytes; may be nil
}

// Install reads a bundle, writes it into the other slot, reads it back from the card, and makes the next start its
// trial. It returns the release, and what Restart must be called with. Until then the running system is what starts, and
// after an error it stays so. A Refusal says why an update is not taken. One update at a time.
func (i *Installer) Install(r io.Reader, ask Ask) (next Release, restart string, err error) {
	if !i.one.TryLock() {
		return next, "", refuse("busy", "Another update is being installed. Wait until it is done.")
	}
	defer i.one.Unlock()
	if i.installed {
		return next, "", refuse("busy", "An update is installed already, and the kit is about to restart into it. Wait until it is back.")
	}
	b, err := Open(r, i.Keys)
	if err != nil {
		return next, "", err
	}
	next = b.Release
	if err := i.admit(b, ask.Anyway); err != nil {
		return next, "", err
	}
	usual, err := i.Card.Usual()
	if err != nil {
		return next, "", refuse("card", "The card's boot partition is not as an update needs it: %v. Nothing was changed.", err)
	}
	if usual != i.Card.Running {
		return next, "", refuse("busy", "This system is itself an update on trial. Try again in two minutes, when that is decided.")
	}
	w := &writing{card: i.Card, slot: usual.Other(), bundle: b, total: 2 * b.Size(), progress: ask.Progress}
	if err := w.all(); err != nil {
		return next, "", err
	}
	if restart, err = i.arm(b, w.slot); err != nil {
		return next, "", refuse("card", "The update is written, and could not be made ready to start (%v). The kit goes on with what it has. Make room on the card if it is full, and send the update again.", err)
	}
	i.installed = true
	return next, restart, nil
}

// admit refuses what this kit should not run.
func (i *Installer) admit(b *Bundle, anyway bool) error {
	if !b.fits(i.Board) {
		return refuse("board", "This update is for another board (%s); this kit is a %s. Nothing was changed. Get the one for this kit.", strings.Join(b.Boards, ", "), strings.Join(i.Board, " "))
	}
	if anyway {
		return nil
	}
	switch {
	case b.Serial < i.Now.Serial:
		return refuse("downgrade", "This update (%s) is older than what runs (%s). Nothing was changed. If you do want to go back, allow it: edgectl kit update --allow.", b.Version, i.Now.Version)
	case b.Serial == i.Now.Serial:
		return refuse("same", "This kit runs %s already. Nothing was changed.", b.Version)
	}
	list, err := History(i.Dir)
	if err != nil {
		list = nil // what cannot be read holds nothing against an update, which may be what the kit needs
	}
	if failed, interrupted := before(list, digestOf(b.text)); failed > 0 || interrupted > 1 {
		why := ""
		for _, v := range list {
			if v.Version == b.Version {
				why = v.Why
			}
		}
		return refuse("failed-before", "This update (%s) was tried on this kit before and given up: %s Nothing was changed. Wait for a newer one, or allow it: edgectl kit update --allow.", b.Version, why)
	}
	return nil
}

// arm notes what is on trial, and lets the next start be its. The order matters: what is tried is always noted. After an
// error nothing is tried, and nothing is held against the update.
func (i *Installer) arm(b *Bundle, s Slot) (restart string, err error) {
	if err := os.MkdirAll(i.Dir, 0o700); err != nil {
		return "", fmt.Errorf("update: %w", err)
	}
	t := trial{Release: b.Release, ID: rand.Text(), Digest: digestOf(b.text), From: i.Now.Version, Slot: s, Phase: phaseReady}
	err = errors.Join(replace(filepath.Join(i.Dir, manifestName), b.text), replace(filepath.Join(i.Dir, signatureName), b.sig))
	if err == nil {
		err = t.write(i.Dir)
	}
	if err != nil {
		return "", err
	}
	err = i.Card.boot(true, func(dir string) (err error) {
		restart, err = i.Card.loader.try(dir, s)
		return err
	})
	if err == nil {
		t.Phase = phaseRestart
		err = t.write(i.Dir)
	}
	if err != nil {
		return "", errors.Join(err, i.Card.forget(), removeFile(filepath.Join(i.Dir, trialFile)))
	}
	return restart, nil
}

// writing is one update's way onto the card.
type writing struct {
	card     *Card
	slot     Slot
	bundle   *Bundle
	progress func(done, total int64)
	done     int64
	total    int64
}

// chunk is how much is written before it is made sure of. It bounds how long a sale, which is on the same card, waits.
const chunk = 1 << 20

func (w *writing) Write(p []byte) (int, error) {
	w.done += int64(len(p))
	if w.progress != nil {
		w.progress(w.done, w.total)
	}
	return len(p), nil
}

func (w *writing) all() error {
	device, err := w.card.root(w.slot)
	if err != nil {
		return err
	}
	// Nothing may start what is being written, whatever an earlier try left.
	if err := w.card.forget(); err != nil {
		return err
	}
	head, err := w.root(device)
	if err != nil {
		return err
	}
	if err := w.card.boot(true, w.bootFiles); err != nil {
		return err
	}
	if err := w.card.boot(false, w.bootFilesBack); err != nil {
		return err
	}
	if err := w.rootBack(device, head); err != nil {
		return err
	}
	return w.bless(device, head)
}

// root writes the root file system, but for its first block, which it returns: a partition without it is no file system.
func (w *writing) root(device string) (head []byte, err error) {
	f, err := os.OpenFile(device, os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("update: %w", err)
	}
	defer f.Close()
	if _, err := f.WriteAt(make([]byte, headSize), 0); err != nil {
		return nil, cardError(err)
	}
	out := &rootWriter{f: f}
	if _, err := w.bundle.Next(io.MultiWriter(out, w)); err != nil {
		return nil, err
	}
	if err := f.Sync(); err != nil {
		return nil, cardError(err)
	}
	return out.head, nil
}

const headSize = 4096

// rootWriter keeps the first block back, and syncs each chunk.
type rootWriter struct {
	f        *os.File
	head     []byte
	at, safe int64
}

func (w *rootWriter) Write(p []byte) (int, error) {
	n := len(p)
	if keep := min(headSize-len(w.head), n); keep > 0 {
		w.head = append(w.head, p[:keep]...)
		w.at += int64(keep)
		p = p[keep:]
	}
	if _, err := w.f.WriteAt(p, w.at); err != nil {
		return 0, cardError(err)
	}
	if w.at += int64(len(p)); w.at-w.safe >= chunk {
		w.safe = w.at
		if err := unix.Fdatasync(int(w.f.Fd())); err != nil {
			return 0, cardError(err)
		}
	}
	return n, nil
}

// bootFiles writes the slot's folder anew.
func (w *writing) bootFiles(dir string) error {
	slot := filepath.Join(dir, w.slot.String())
	if err := os.RemoveAll(slot); err != nil {
		return cardError(err)
	}
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return fmt.Errorf("update: %w", err)
	}
	need := int64(0)
	for _, p := range w.bundle.Parts[1:] {
		need += p.Size + bootSlack
	}
	if free := int64(st.Bavail) * int64(st.Bsize); free < need {
		return refuse("card", "The card's boot partition has %d MB free; this update needs %d. Nothing was changed. Take away files that were put there.", free>>20, need>>20)
	}
	if err := os.MkdirAll(filepath.Join(slot, "overlays"), 0o755); err != nil {
		return cardError(err)
	}
	for range w.bundle.Parts[1:] {
		if err := w.bootFile(slot); err != nil {
			return err
		}
	}
	if _, err := w.bundle.Next(io.Discard); !errors.Is(err, io.EOF) {
		return fmt.Errorf("update: parts are left over: %w", err)
	}
	return cardError(errors.Join(syncDir(filepath.Join(slot, "overlays")), syncDir(slot), syncDir(dir)))
}

// bootSlack is what a file takes beyond its size: a cluster, and its entry in a folder.
const bootSlack = 16 << 10

func (w *writing) bootFile(slot string) error {
	name := w.bundle.Parts[w.bundle.next].Name
	f, err := os.Create(filepath.Join(slot, strings.TrimPrefix(name, "boot/")))
	if err != nil {
		return cardError(err)
	}
	defer f.Close()
	if name == "boot/cmdline.txt" {
		var line strings.Builder
		if _, err := w.bundle.Next(&line); err != nil {
			return err
		}
		own, err := Cmdline(line.String(), w.slot)
		if err != nil {
			return err
		}
		if _, err := io.WriteString(f, own); err != nil {
			return cardError(err)
		}
		return cardError(f.Sync())
	}
	if _, err := w.bundle.Next(io.MultiWriter(&synced{f: f}, w)); err != nil {
		return err
	}
	return cardError(f.Sync())
}

// synced syncs each chunk of a large file.
type synced struct {
	f *os.File
	n int64
}

func (s *synced) Write(p []byte) (int, error) {
	n, err := s.f.Write(p)
	if s.n += int64(n); err == nil && s.n >= chunk {
		s.n, err = 0, unix.Fdatasync(int(s.f.Fd()))
	}
	return n, cardError(err)
}

// bootFilesBack reads the slot's folder from the card again. It was unmounted in between: nothing of it is in memory.
func (w *writing) bootFilesBack(dir string) error {
	for _, p := range w.bundle.Parts[1:] {
		if p.Name == "boot/cmdline.txt" {
			continue // not as in the bundle: it names the slot
		}
		f, err := os.Open(filepath.Join(dir, w.slot.String(), strings.TrimPrefix(p.Name, "boot/")))
		if err != nil {
			return cardError(err)
		}
		err = w.same(f, p)
		f.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

// rootBack reads the root file system from the card again, after the kernel has let go of what it remembers of it.
func (w *writing) rootBack(device string, head []byte) error {
	f, err := os.Open(device)
	if err != nil {
		return fmt.Errorf("update: %w", err)
	}
	defer f.Close()
	if err := unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED); err != nil {
		return fmt.Errorf("update: drop what is remembered of %s: %w", device, err)
	}
	p := w.bundle.Parts[0]
	rest := io.NewSectionReader(f, headSize, max(0, p.Size-headSize))
	return w.same(io.MultiReader(strings.NewReader(string(head)), rest), p)
}

func (w *writing) same(from io.Reader, p Part) error {
	s := newSum(w)
	n, err := io.Copy(s, from)
	if err != nil {
		return cardError(err)
	}
	if n != p.Size || s.hex() != p.SHA256 {
		return refuse("card", "The card did not keep what was written to it (%s reads back wrong): it is worn out or a fake. Nothing was changed. Put this kit on a new card soon.", p.Name)
	}
	return nil
}

// bless makes the partition a file system, by its first block.
func (w *writing) bless(device string, head []byte) error {
	f, err := os.OpenFile(device, os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("update: %w", err)
	}
	_, err = f.WriteAt(head, 0)
	return cardError(errors.Join(err, f.Sync(), f.Close()))
}

// cardError is an error of the card itself.
func cardError(err error) error {
	if err == nil {
		return nil
	}
	return refuse("card", "The card could not be written or read (%v). Nothing was changed. If this happens again, put the kit on a new card.", err)
}

// Cmdline is a kernel command line for a slot. The line of either slot may be given: it names the root by
// root=PARTUUID=…/PARTNROFF=1 or 2, counted from partition 1.
func Cmdline(line string, s Slot) (string, error) {
	at := strings.Index(line, "/PARTNROFF=")
	if at < 0 || len(line) <= at+len("/PARTNROFF=") {
		return "", errors.New("update: the command line names no root=PARTUUID=…/PARTNROFF=n")
	}
	at += len("/PARTNROFF=")
	return line[:at] + fmt.Sprint(s.Partition()-1) + line[at+1:], nil
}
