// Package upkeep takes updates of the kit's system from operators, and says how healthy the kit is, by which an update is
// judged.
package upkeep

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"edgekit.internal/cmd/internal/wire"
	"edgekit.internal/drivers"
	"edgekit.internal/image/update"
)

// Folder is the folder of updates in the data folder.
const Folder = "update"

// Upkeep is a kit's own system and what may replace it. Safe for concurrent use.
type Upkeep struct {
	installer *update.Installer // nil: this is no appliance
	why       error             // then, why not
	dir       string
	log       *slog.Logger
	done      atomic.Int64     // bytes of the update that is being installed
	total     atomic.Int64     // 0: none is
	card      []drivers.Status // what was done for the data partition before this start
	restart   chan string
	decided   atomic.Bool // this system is the one that starts usually
}

// New finds out what system this is. It never fails: a kit that is not started from an SD card takes no updates.
func New(data string, log *slog.Logger) *Upkeep {
	u := &Upkeep{dir: filepath.Join(data, Folder), log: log, restart: make(chan string, 1)}
	u.installer, u.why = open(u.dir)
	if d, ok := card(data, bootID(), log); ok {
		u.card = append(u.card, d)
	}
	return u
}

func open(dir string) (*update.Installer, error) {
	now, err := update.ReadRelease(update.ReleaseFile)
	if err != nil {
		return nil, err
	}
	keys, err := update.ReadKeys(update.KeysFile)
	if err != nil {
		return nil, err
	}
	board, err := update.Board()
	if err != nil {
		return nil, err
	}
	card, err := update.ThisCard()
	if err != nil {
		return nil, err
	}
	return &update.Installer{Card: card, Dir: dir, Now: now, Keys: keys, Board: board}, nil
}

// Devices are the card, if there is something to say of it.
func (u *Upkeep) Devices() []drivers.Status { return u.card }

// Restart is told, when an update is installed, what update.Restart must be called with once all is closed.
func (u *Upkeep) Restart() <-chan string { return u.restart }

// Status says what runs and what became of the last updates.
func (u *Upkeep) Status() wire.System {
	s := wire.System{Installing: u.total.Load() > 0, Done: u.done.Load(), Total: u.total.Load()}
	if u.installer == nil {
		return s
	}
	s.Appliance, s.Version, s.Slot, s.Trial = true, u.installer.Now.Version, u.installer.Card.Running.String(), u.onTrial()
	list, err := update.History(u.dir)
	if err != nil {
		u.log.Warn("what became of updates cannot be read", "err", err)
	}
	for _, v := range list {
		s.Updates = append(s.Updates, wire.Verdict{Version: v.Version, From: v.From, Outcome: v.Outcome, Why: v.Why, At: v.At})
	}
	return s
}

// onTrial says whether this system is an update that is not decided. The card is asked until it is, and not after that; while it does not
// say, because somebody else has it or it cannot be read, nothing counts as decided.
func (u *Upkeep) onTrial() bool {
	if u.decided.Load() {
		return false
	}
	usual, err := u.installer.Card.Usual()
	if err != nil {
		u.log.Warn("the card does not say which system it starts", "err", err)
		return true
	}
	u.decided.Store(usual == u.installer.Card.Running)
	return usual != u.installer.Card.Running
}

// maxBundle bounds what is read; silence is how long a sender may send nothing.
const (
	maxBundle = 1 << 30
	silence   = 30 * time.Second
)

// ServeHTTP installs the update in a request's body, PUT, and answers when the kit is about to restart into it: 202 and
// a wire.Installed, or a wire.Problem. With ?allow it takes what it would refuse as old or as failed before.
func (u *Upkeep) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	control := http.NewResponseController(rw)
	patient := func() { // an upload takes minutes; that nobody sends for long ends it all the same
		control.SetReadDeadline(time.Now().Add(silence)) // an error here means that the shorter limit stays
		control.SetWriteDeadline(time.Time{})
	}
	patient()
	limited := http.MaxBytesReader(rw, r.Body, maxBundle)
	body := read(func(p []byte) (int, error) { patient(); return limited.Read(p) })
	if u.installer == nil {
		io.Copy(io.Discard, body) // a browser that is still sending does not look at the answer
		refuse(rw, "not-an-appliance", "This edgekit does not run from an edgekit SD card ("+u.why.Error()+"), and takes no updates. Install a newer program instead.")
		return
	}
	next, restart, err := u.installer.Install(body, update.Ask{
		Anyway:   r.URL.Query().Has("allow"),
		Progress: func(done, total int64) { u.done.Store(done); u.total.Store(total) },
	})
	if update.Reason(err) != "busy" { // with another one, whose progress this is
		u.total.Store(0)
	}
	if err != nil {
		io.Copy(io.Discard, body) // as above
		u.log.Warn("an update was refused", "reason", update.Reason(err), "err", err)
		refuse(rw, update.Reason(err), err.Error())
		return
	}
	u.log.Info("an update is installed, the kit restarts", "version", next.Version)
	wire.Reply(rw, http.StatusAccepted, wire.Installed{Version: next.Version})
	control.Flush()
	u.restart <- restart
}

type read func([]byte) (int, error)

func (r read) Read(p []byte) (int, error) { return r(p) }

// statuses of refusals; others are 409.
var statuses = map[string]int{"not-a-bundle": http.StatusBadRequest, "damaged": http.StatusBadRequest, "signature": http.StatusForbidden,
	"unavailable": http.StatusServiceUnavailable, "card": http.StatusInsufficientStorage}

func refuse(rw http.ResponseWriter, reason, detail string) {
	status, ok := statuses[reason]
	if !ok {
		status = http.StatusConflict
	}
	wire.Refuse(rw, wire.Problem{Status: status, Reason: reason, Detail: detail})
}

// Writable says whether a folder takes a file and keeps it.
func Writable(dir string) error {
	path := filepath.Join(dir, ".writable")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.WriteString(f, "ok\n")
	return errors.Join(err, f.Sync(), f.Close(), os.Remove(path))
}
