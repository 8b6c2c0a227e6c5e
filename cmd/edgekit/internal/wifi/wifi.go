// Package wifi follows how the access point does. That is a program of its own, edgeap, which runs before and after this one; it
// answers on a socket in the data folder (wire.WifiSocket).
package wifi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"edgekit.internal/cmd/internal/wire"
	"edgekit.internal/drivers"
)

const (
	// look is how often edgeap is asked how it does.
	look = 2 * time.Second
	// patience is how long it may take to answer: longer than it waits for hostapd.
	patience = 4 * time.Second
	// maxAnswer bounds its answer: 2007 stations.
	maxAnswer = 2 << 20
)

// Link is the daemon's side of the socket. Its methods are safe for concurrent use.
type Link struct {
	data   string
	wanted bool                  // the settings ask for an access point
	staff  func() wire.WifiStaff // who reaches the operators' door from there

	// Looked, if it is set before Run, gets the bit rate to each phone, in kbit/s, at every look.
	Looked func(links map[netip.Addr]int)

	to     *http.Transport
	guests guests
	stays  stays

	mu   sync.Mutex
	row  drivers.Status
	net  netip.Prefix         // the kit's own network; not valid: there is none
	last wire.Wifi            // as of the last look; zero: edgeap did not answer
	sent map[string]time.Time // see Rest: by MAC, when
}

// maxConns bounds the connections to edgeap: what visitors' requests ask may wait for one, and so may the next look.
const maxConns = 4

// New makes a link to the edgeap of a data folder. wanted tells whether the settings ask for an access point, staff who reaches the
// operators' door from there.
func New(data string, wanted bool, staff func() wire.WifiStaff) *Link {
	l := &Link{data: data, wanted: wanted, staff: staff, sent: map[string]time.Time{}}
	l.stays.of = map[string]stay{}
	l.guests.ask, l.guests.known = l.guest, map[netip.Addr]*guest{}
	l.to = &http.Transport{MaxConnsPerHost: maxConns, MaxIdleConnsPerHost: maxConns, IdleConnTimeout: 10 * time.Second, DisableCompression: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", filepath.Join(data, wire.WifiSocket))
		}}
	return l
}

// Run asks again and again until ctx ends.
func (l *Link) Run(ctx context.Context) error {
	defer l.to.CloseIdleConnections()
	tick := time.NewTicker(look)
	defer tick.Stop()
	for {
		w, err := l.ask(ctx)
		if ctx.Err() != nil {
			return nil
		}
		row := l.rowOf(w, err)
		l.mu.Lock()
		l.row, l.last = row, w
		if err == nil { // else what was holds on: the network outlives its program
			l.net, _ = netip.ParsePrefix(w.Address)
		}
		l.mu.Unlock()
		if err == nil {
			l.stays.see(w.Stations, time.Now())
			if l.Looked != nil {
				l.Looked(links(w.Stations))
			}
			l.admit(ctx) // also when it is what it was: edgeap may be another
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// links are the rates to phones by their addresses.
func links(all []wire.WifiStation) map[netip.Addr]int {
	of := map[netip.Addr]int{}
	for _, s := range all {
		if ip, err := netip.ParseAddr(s.IP); err == nil && s.TxKbps > 0 {
			of[ip] = s.TxKbps
		}
	}
	return of
}

// Device is what the operator sees of the access point, or, with mode venue, of the network that is joined; ok is false where there is none, and none is asked for.
func (l *Link) Device() (row drivers.Status, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.row, l.row.Device != ""
}

// Radio is the radio that makes the kit's own network, or would; "": none is known.
func (l *Link) Radio() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last.Radio
}

// Venue is how the kit does in the venue's network, as of the last look; the zero value: it is in none, or that is not known.
func (l *Link) Venue() (v wire.WifiVenue) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.last.Venue != nil {
		v = *l.last.Venue
	}
	return v
}

// Up asks now, and is the reason why there is no access point although there should be. It is about the system, not what is
// plugged in: a kit without a radio that can be one is well, and so is one that is to have none.
func (l *Link) Up(ctx context.Context) error {
	if !l.wanted {
		return nil
	}
	w, err := l.ask(ctx)
	switch {
	case err != nil:
		return err
	case w.Radio == "" || w.Device.State == string(drivers.Ready):
		return nil
	}
	return fmt.Errorf("%s: %s", w.Device.State, w.Device.Reason)
}

// ask is an os.ErrNotExist when edgeap never ran on this data folder.
func (l *Link) ask(ctx context.Context) (w wire.Wifi, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	_, err = l.call(ctx, http.MethodGet, "/status", nil, &w)
	return w, err
}

// admit tells who reaches the operators' door. It is told again at the next look.
func (l *Link) admit(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	body, err := json.Marshal(l.staff())
	if err == nil {
		_, err = l.call(ctx, http.MethodPut, "/staff", bytes.NewReader(body), nil)
	}
	if err != nil && ctx.Err() == nil {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.row.State == drivers.Ready && l.row.Reason == "" {
			l.row.Reason = "The console cannot be opened from the kit's Wi-Fi just now."
		}
	}
}

// call asks edgeap for something, which goes into answer unless that is nil. A status that it refused with is an error too.
func (l *Link) call(ctx context.Context, method, path string, body io.Reader, answer any) (status int, err error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://edgeap"+path, body)
	if err != nil {
		return 0, err
	}
	req.Header["Idempotency-Key"] = nil // all that is asked may be asked twice: a connection may just have been closed; none is sent
	client := http.Client{Transport: l.to}
	res, err := client.Do(req)
	if err != nil {
		return 0, fmt.Errorf("edgeap: %w", err)
	}
	defer func() { // what is left of a short answer is read, so that the connection is good for the next question
		io.CopyN(io.Discard, res.Body, 4<<10)
		res.Body.Close()
	}()
	if res.StatusCode >= http.StatusMultipleChoices {
		return res.StatusCode, fmt.Errorf("edgeap: it answered %s", res.Status)
	}
	if answer == nil {
		return res.StatusCode, nil
	}
	if err := json.NewDecoder(io.LimitReader(res.Body, maxAnswer)).Decode(answer); err != nil {
		return res.StatusCode, fmt.Errorf("edgeap: %w", err)
	}
	return res.StatusCode, nil
}

func (l *Link) rowOf(w wire.Wifi, err error) drivers.Status {
	never := errors.Is(err, os.ErrNotExist)
	s := drivers.Status{Device: "wifi", Name: "edgeap", State: drivers.Failed}
	switch {
	case err == nil && w.Mode == "venue" && w.Venue != nil: // visitors come by that
		d := w.Venue.Device
		return drivers.Status{Device: "wifi", Name: d.Name, State: drivers.State(d.State), Reason: d.Reason, Retry: w.Venue.Retry}
	case err == nil:
		return drivers.Status{Device: "wifi", Name: w.Device.Name, State: drivers.State(w.Device.State), Reason: strings.TrimSpace(w.Device.Reason + full(len(w.Stations), w.Most) + wrong(w.Wrong.Phones)), Retry: w.Retry}
	case never && !l.wanted:
		return drivers.Status{} // a laptop
	case never:
		s.Reason = "The settings ask for the kit's own Wi-Fi, and its program, edgeap, does not run. Phones come by the venue's network or cable."
	default:
		s.Reason = "The access point's program does not answer. Its network may be up all the same; switch the kit off and on if phones cannot join."
	}
	return s
}

// full is what is said of a network that takes no more phones. How many were turned away is not known: hostapd refuses them with a line
// for debugging (sta_info.c, ap_sta_add); its AP-REJECTED-MAX-STA is of drivers that count for themselves.
func full(phones, most int) string {
	if most == 0 || phones < most {
		return ""
	}
	return fmt.Sprintf(" It is full: %d of %d phones. Whoever cannot join can buy from you: press “Sell” at the offer.", phones, most)
}

// wrong is what is said of phones that could not join for a wrong password.
func wrong(phones int) string {
	switch phones {
	case 0:
		return ""
	case 1:
		return " A phone could not join: its password was wrong. The right one is on the set-up slip."
	}
	return fmt.Sprintf(" %d phones could not join: their password was wrong. The right one is on the set-up slip.", phones)
}
