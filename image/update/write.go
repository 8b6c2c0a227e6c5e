package update

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// writing is one update's way onto the card.
type writing struct {
	card     *Card
	slot     Slot
	bundle   *Bundle
	progress func(done, total int64)
	done     int64
	total    int64
	rested   int64     // done, when it last rested
	since    time.Time // and when that was
}

// Sales are on the same card and the same processors. chunk is how much is written before it is made sure of, and bounds how long a sale
// waits for it. After as much as rests is written or read, it rests for as long as that took, so that an update takes no more
// than half of either; but no longer than longestRest, since most of that was spent on a slow network.
const (
	chunk       = 256 << 10
	rests       = 256 << 10
	longestRest = 50 * time.Millisecond
)

func (w *writing) Write(p []byte) (int, error) {
	w.done += int64(len(p))
	if w.progress != nil {
		w.progress(w.done, w.total)
	}
	if w.done-w.rested >= rests {
		time.Sleep(min(time.Since(w.since), longestRest))
		w.rested, w.since = w.done, time.Now()
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
	if err := w.card.boot(true, w.clear); err != nil {
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
	if err := hasRoom(f, w.bundle.Parts[0].Size); err != nil {
		return nil, err
	}
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

// hasRoom says whether a partition is large enough: one of a card that was flashed with an older image may not be.
func hasRoom(device *os.File, size int64) error {
	st, err := device.Stat()
	if err != nil {
		return cardError(err)
	}
	if st.Mode()&os.ModeDevice == 0 {
		return nil // a file, which grows
	}
	room, err := device.Seek(0, io.SeekEnd)
	if err == nil && room < size {
		return refuse("card", "This update needs %d MB where this card has %d: it was flashed with an older image. Nothing was changed. Flash a card with the new image; what was sold is on this one.", size>>20, room>>20)
	}
	return cardError(err)
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

// clear empties the slot's folder, and makes sure that the new one will fit, before anything is written.
func (w *writing) clear(dir string) error {
	if err := os.RemoveAll(filepath.Join(dir, w.slot.String())); err != nil {
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
	return nil
}

// bootFiles writes the slot's folder.
func (w *writing) bootFiles(dir string) error {
	slot := filepath.Join(dir, w.slot.String())
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
