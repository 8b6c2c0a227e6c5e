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
	"time"

	"edgekit.internal/hardware/whole"
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
	w := &writing{card: i.Card, slot: usual.Other(), bundle: b, total: 2 * b.Size(), progress: ask.Progress, since: time.Now()}
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
	err = errors.Join(whole.Replace(filepath.Join(i.Dir, manifestName), b.text), whole.Replace(filepath.Join(i.Dir, signatureName), b.sig))
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
