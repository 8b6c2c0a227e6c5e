package update

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Guard judges a system on trial, and says afterwards what became of it.
type Guard struct {
	Card *Card
	Dir  string // the folder of updates on the data partition
	Keys []ed25519.PublicKey
	// Sick asks the kit what is not as it should be: nothing, when it is healthy. The venue's network is no matter of it.
	Sick     func(context.Context) ([]string, error)
	Restart  func() error  // ends this run of the machine; the usual slot starts
	Patience time.Duration // in which a system on trial must become healthy; 0: 2 minutes
	Log      *slog.Logger

	every time.Duration // between two questions: a second, but in tests
}

// inRow is how often in a row a system must be healthy, a second apart.
const inRow = 5

// Run decides what there is to decide, and returns. In a trial that failed it restarts the machine and does not return,
// unless that fails. It restarts once: a machine that starts the same system again, by a config.txt that does not do what it
// seems to, keeps it, since a kit that sells is better than one that restarts for ever.
func (g *Guard) Run(ctx context.Context) error {
	usual, err := g.Card.Usual()
	if err != nil {
		return err
	}
	t, err := readTrial(g.Dir)
	if err != nil {
		g.Log.Warn("the note of a trial cannot be read", "err", err)
	}
	if usual == g.Card.Running {
		return g.conclude(t)
	}
	why := ""
	if t == nil || t.Slot != g.Card.Running {
		why = "Nobody asked for it."
		t = &trial{Release: Release{Version: "unknown"}, Slot: g.Card.Running}
	} else if t.Phase == phaseFailed {
		g.Log.Error("this system was given up, and is started all the same: write the boot partition's config.txt back as it was in the image", "why", t.Why)
		return nil
	} else {
		t.Phase = phaseRuns
		if err := t.write(g.Dir); err != nil {
			why = fmt.Sprintf("The data partition cannot be written: %v.", err)
		}
	}
	if why == "" {
		why = g.judge(ctx)
	}
	if why == "" {
		return g.keep(t)
	}
	g.Log.Error("this system is given up, the old one comes back", "why", why)
	t.Phase, t.Why = phaseFailed, why
	if err := errors.Join(os.MkdirAll(g.Dir, 0o700), t.write(g.Dir)); err != nil { // the folder: a kit that took no update yet has none
		g.Log.Warn("the reason could not be noted", "err", err)
	}
	return g.Restart()
}

// judge says why a system on trial must go, or nothing.
func (g *Guard) judge(ctx context.Context) string {
	if why := g.ownSignature(); why != "" {
		return why
	}
	return g.healthy(ctx)
}

// healthy waits for health, and says what was missing when patience ends.
func (g *Guard) healthy(ctx context.Context) string {
	patience := cmp.Or(g.Patience, 2*time.Minute)
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick := time.NewTicker(cmp.Or(g.every, time.Second))
	defer tick.Stop()
	mute, ill := "", ""
	for good := 0; good < inRow; {
		sick, err := g.Sick(ctx)
		switch {
		case err != nil && ctx.Err() == nil:
			good, mute = 0, fmt.Sprintf("The kit's program did not answer: %v.", err)
		case len(sick) > 0:
			good, ill = 0, strings.Join(sick, " ")
		case err == nil:
			good++
		}
		if good == inRow {
			break
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Sprintf("It was not healthy within %v. %s", patience, cmp.Or(ill, mute, "It did not answer.")) // what it said of itself says most
		}
	}
	return ""
}

// ownSignature: a system that does not trust whoever signed it would refuse every update that follows.
func (g *Guard) ownSignature() string {
	text, err1 := os.ReadFile(filepath.Join(g.Dir, manifestName))
	sig, err2 := os.ReadFile(filepath.Join(g.Dir, signatureName))
	if err := errors.Join(err1, err2); err != nil {
		return fmt.Sprintf("Its manifest cannot be read: %v.", err)
	}
	if _, err := Verify(text, sig, g.Keys); err != nil {
		return "It has other keys than the one it was signed with, and would refuse every update that follows."
	}
	return ""
}

func (g *Guard) keep(t *trial) error {
	if err := g.Card.keep(); err != nil {
		return err
	}
	g.Log.Info("this system is healthy and kept", "version", t.Version)
	return g.decide(t, Kept, "It became healthy.")
}

// conclude notes what became of a trial, in the system that starts usually.
func (g *Guard) conclude(t *trial) error {
	if t == nil {
		return nil
	}
	if list, err := History(g.Dir); err == nil && decided(list, t) {
		return errors.Join(g.Card.forget(), removeFile(filepath.Join(g.Dir, trialFile)))
	}
	if t.Slot == g.Card.Running { // kept, and the power went before that was noted
		return g.decide(t, Kept, "It became healthy.")
	}
	if err := g.Card.forget(); err != nil {
		return err
	}
	switch t.Phase {
	case phaseFailed:
		return g.decide(t, Failed, t.Why)
	case phaseReady:
		return g.decide(t, Interrupted, "The kit went off before it was tried. Install it again.")
	case phaseRuns:
		return g.silent(t, "It started, and ended without a word before it was found healthy.")
	}
	return g.silent(t, "It did not come as far as to say anything.")
}

// silent decides a trial that ended without a verdict. Once may have been the power; twice was not.
func (g *Guard) silent(t *trial, how string) error {
	list, err := History(g.Dir)
	if err != nil {
		list = nil
	}
	if _, interrupted := before(list, t.Digest); interrupted > 0 {
		return g.decide(t, Failed, how+" That was the second time.")
	}
	return g.decide(t, Interrupted, how+" Perhaps the power went: it may be installed once more.")
}

func (g *Guard) decide(t *trial, outcome, why string) error {
	if outcome != Kept {
		g.Log.Warn("an update was not kept", "version", t.Version, "outcome", outcome, "why", why)
	}
	err := remember(g.Dir, Verdict{Version: t.Version, Digest: t.Digest, From: t.From, Outcome: outcome, Why: why, At: time.Now().UTC(), Trial: t.ID})
	if err != nil {
		return err
	}
	return removeFile(filepath.Join(g.Dir, trialFile))
}
