package portal

import (
	"container/list"
	"crypto/rand"
	"strings"
	"sync"
	"time"
)

// Bounds of what is remembered of sheets. It is in memory only: after a restart a sheet's page still knows its visitor, and a browser
// begins anew.
const (
	maxVisits = 512
	visitLife = 30 * time.Minute
	codeLife  = 10 * time.Minute
)

// visit is a visitor in a sheet.
type visit struct {
	viewer  string
	mac     string    // "": not in the kit's own Wi-Fi
	seen    time.Time // with it
	code    string    // "": used
	begun   time.Time
	until   time.Time // it is good
	carried bool      // a browser has it
}

// visits remembers the latest sheets. Safe for concurrent use.
type visits struct {
	mu     sync.Mutex
	order  *list.List // of *visit, the latest in front
	bySelf map[string]*list.Element
	byMAC  map[string]*list.Element
	byCode map[string]*list.Element
}

func newVisits() *visits {
	return &visits{order: list.New(), bySelf: map[string]*list.Element{}, byMAC: map[string]*list.Element{}, byCode: map[string]*list.Element{}}
}

// of is the visitor whom a station's sheet has had since it is on.
func (v *visits) of(mac string, since, now time.Time) (viewer string, ok bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if is := v.at(mac, since, now); is != nil {
		return is.viewer, true
	}
	return "", false
}

// at is the visit of a station that is on since then; nil: there is none. v.mu is held.
func (v *visits) at(mac string, since, now time.Time) *visit {
	e := v.byMAC[mac]
	if e == nil || mac == "" {
		return nil
	}
	is := e.Value.(*visit)
	if now.Sub(is.begun) > visitLife || is.seen.Before(since) {
		return nil
	}
	return is
}

// see remembers that a visitor is in a sheet, and is their code: the same one for as long as it is good.
func (v *visits) see(viewer, mac string, now time.Time) (code string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	e := v.visit(viewer, now)
	is := e.Value.(*visit)
	if mac != is.mac && mac != "" {
		delete(v.byMAC, is.mac)
		is.mac = mac
	}
	if mac != "" {
		v.byMAC[mac], is.seen = e, now
	}
	return v.code(e, codeLife, now)
}

// keep remembers a visitor, and is a code for when they have left.
func (v *visits) keep(viewer string, now time.Time) (code string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.code(v.visit(viewer, now), visitLife, now)
}

// visit is a visitor's, the latest now; v.mu is held.
func (v *visits) visit(viewer string, now time.Time) *list.Element {
	e := v.bySelf[viewer]
	if e == nil {
		if v.order.Len() >= maxVisits {
			v.forget(v.order.Back())
		}
		e = v.order.PushFront(&visit{viewer: viewer, begun: now})
		v.bySelf[viewer] = e
	}
	v.order.MoveToFront(e)
	return e
}

// code is a visit's, good for at least half of a life; v.mu is held.
func (v *visits) code(e *list.Element, life time.Duration, now time.Time) string {
	is := e.Value.(*visit)
	if is.code == "" || is.until.Sub(now) < life/2 {
		delete(v.byCode, is.code)
		is.code, is.until = newCode(), now.Add(life)
		v.byCode[is.code] = e
	}
	return is.code
}

// forget takes a visit out; v.mu is held.
func (v *visits) forget(e *list.Element) {
	is := v.order.Remove(e).(*visit)
	delete(v.bySelf, is.viewer)
	delete(v.byCode, is.code)
	if v.byMAC[is.mac] == e {
		delete(v.byMAC, is.mac)
	}
}

// carry gives a station's browser the visitor of its sheet, once.
func (v *visits) carry(mac string, since, now time.Time) (viewer string, ok bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	is := v.at(mac, since, now)
	if is == nil || is.carried {
		return "", false
	}
	is.carried = true
	return is.viewer, true
}

// knows tells whether a code is good.
func (v *visits) knows(code string, now time.Time) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	e := v.byCode[strings.ToLower(code)]
	return e != nil && code != "" && !now.After(e.Value.(*visit).until)
}

// redeem is whose code it is. It is good once.
func (v *visits) redeem(code string, now time.Time) (viewer string, ok bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	code = strings.ToLower(code)
	e := v.byCode[code]
	if e == nil || code == "" {
		return "", false
	}
	is := e.Value.(*visit)
	delete(v.byCode, code)
	is.code, is.carried = "", true
	return is.viewer, !now.After(is.until)
}

// newCode is six letters and digits that are not taken for one another: 30 bits, good for minutes.
func newCode() string {
	const letters = "abcdefghijkmnpqrstuvwxyz23456789"
	b := make([]byte, 6)
	rand.Read(b) // never fails
	for i := range b {
		b[i] = letters[b[i]%32]
	}
	return string(b)
}
