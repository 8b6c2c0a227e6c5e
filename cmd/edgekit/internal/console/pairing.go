package console

import (
	"crypto/rand"
	"crypto/subtle"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"edgekit.internal/pipeline"
)

const (
	cookie = "edgekit-operator"
	// sessionLife is a long market day, in kit time.
	sessionLife = 14 * time.Hour
	// wrongCodes is how many wrong ones a code survives.
	wrongCodes = 10
	// Tries come one a second, and half as often after each code that was lost to wrong ones, down to one in slowest: who
	// guesses through a market day of 14 hours finds the one in a million with a chance of one in 500.
	slowest = 30 * time.Second
	// One address has so many tries at once and then one a minute, which is less than the kit takes at its slowest: who
	// guesses keeps nobody else from pairing.
	triesAtOnce   = 5
	triesASecond  = 1.0 / 60
	guessersKnown = 1024 // addresses; the latest
)

// Codes keeps the code that the next operator's device pairs with.
type Codes interface {
	Code() string
	Next(used bool) string // a new one; used tells that a device has paired with the one before
}

// pairing guards that code. It is good once.
type pairing struct {
	mu    sync.Mutex
	codes Codes
	wrong int
	lost  int               // codes to wrong ones, since the last good one
	tries *rate.Limiter     // of the kit
	each  *pipeline.Limiter // of an address
	tell  func(code string)
}

func newPairing(codes Codes, tell func(string)) *pairing {
	return &pairing{tries: rate.NewLimiter(1, 5), each: pipeline.NewLimiter(triesASecond, triesAtOnce, guessersKnown), codes: codes, tell: tell}
}

func (p *pairing) renew(used bool) {
	code := p.codes.Next(used)
	p.wrong = 0
	if p.tell != nil {
		p.tell(code)
	}
}

// take uses up the code if it is the one given. An address is what tries are counted by; empty: this machine's own, which
// only the kit's limit holds for. wait above zero: too many tries, none was looked at.
func (p *pairing) take(code, address string) (ok bool, wait time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if address != "" {
		if ok, wait := p.each.Allow(address, time.Now()); !ok {
			return false, wait.Truncate(time.Second) + time.Second
		}
	}
	if !p.tries.Allow() {
		return false, p.pause()
	}
	digits := strings.NewReplacer("-", "", " ", "")
	ok = subtle.ConstantTimeCompare([]byte(digits.Replace(code)), []byte(digits.Replace(p.codes.Code()))) == 1
	p.wrong++
	switch {
	case ok:
		p.lost = 0
	case p.wrong >= wrongCodes:
		p.lost++
	default:
		return false, 0
	}
	p.tries.SetLimit(rate.Every(p.pause()))
	p.renew(ok)
	return ok, 0
}

// pause is the time between tries.
func (p *pairing) pause() time.Duration { return min(time.Second<<min(p.lost, 10), slowest) }

// NewCode makes a new code for the next device, in place of the one before. Tries are counted anew for it, and not made faster.
func (c *Console) NewCode() {
	c.pairing.mu.Lock()
	defer c.pairing.mu.Unlock()
	c.pairing.renew(false)
}

// Code is the code that pairs the next device.
func (c *Console) Code() string { return c.Setup.Code() }

func (c *Console) postPair(rw http.ResponseWriter, r *http.Request) {
	var in struct {
		Code string `json:"code"`
		Now  int64  `json:"now"` // the device's clock, Unix milliseconds; 0: it does not say
	}
	if !read(rw, r, &in, `{"code":"123-456"}`) {
		return
	}
	from := ""
	if !isLocal(r) {
		from = binding(r)
	}
	ok, wait := c.pairing.take(in.Code, from)
	switch {
	case wait > 0:
		rw.Header().Set("Retry-After", strconv.Itoa(int(wait/time.Second)))
		refuse(rw, http.StatusTooManyRequests, "rate-limited", fmt.Sprintf("Too many codes were tried. Please wait %v.", wait))
	case !ok:
		refuse(rw, http.StatusForbidden, "refused", "That is not the pairing code. It is on the set-up slip, and in the kit's own output; it changes when it was used.")
	default:
		ends := strconv.FormatInt(int64((c.Now()+sessionLife)/time.Second), 10)
		value := c.Key.Sign(ends + "~" + binding(r) + "~" + rand.Text())
		http.SetCookie(rw, &http.Cookie{Name: cookie, Value: value, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: r.TLS != nil, MaxAge: int(sessionLife / time.Second)})
		c.Log.Info("operator paired")
		if c.Time != nil && in.Now > 0 {
			c.Time(time.UnixMilli(in.Now))
		}
		rw.WriteHeader(http.StatusNoContent)
	}
}

// binding ties a session to the address it was made at: a cookie carried elsewhere does not open the console there.
func binding(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return strings.ReplaceAll(host, ".", "_") // the seal's values have no dots
}

func (c *Console) paired(next http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if !c.isPaired(r) {
			refuse(rw, http.StatusUnauthorized, "not-paired", "Pair this device first: open /console and enter the pairing code.")
			return
		}
		c.seen.Store(true)
		c.from.told(r, time.Now(), c.Staff)
		next.ServeHTTP(rw, r)
	})
}

// tellAgain is how long it takes until an address is told of anew that did not become known.
const tellAgain = 5 * time.Second

// addresses are those that paired devices have asked from. Safe for concurrent use.
type addresses struct {
	mu  sync.Mutex
	are map[string]time.Time // when each is told of anew; the zero time: it is known
}

// told tells of a request's address until it is known: who could tell may be away. Sessions are bound to theirs, so there are no more
// than were paired; a kit that forgets some tells of them again.
func (a *addresses) told(r *http.Request, now time.Time, tell func(string) bool) {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil || tell == nil || !a.due(host, now) {
		return
	}
	if tell(host) {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.are[host] = time.Time{}
	}
}

// due tells whether an address is to be told of now, and has it be due again later.
func (a *addresses) due(host string, now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	again, ok := a.are[host]
	if ok && (again.IsZero() || now.Before(again)) {
		return false
	}
	if a.are == nil || len(a.are) >= 64 {
		a.are = map[string]time.Time{}
	}
	a.are[host] = now.Add(tellAgain)
	return true
}

// Seen tells whether a paired device has asked for anything since New.
func (c *Console) Seen() bool { return c.seen.Load() }

func (c *Console) isPaired(r *http.Request) bool {
	_, _, ok := c.session(r)
	return ok
}

// session is the request's session, if it has one that holds: its name, and the kit time at which it ends.
func (c *Console) session(r *http.Request) (id string, ends time.Duration, ok bool) {
	k, err := r.Cookie(cookie)
	if err != nil {
		return "", 0, false
	}
	value, ok := c.Key.Open(k.Value)
	parts := strings.Split(value, "~")
	if !ok || len(parts) != 3 {
		return "", 0, false
	}
	seconds, err := strconv.ParseInt(parts[0], 10, 64)
	id, ends = parts[2], time.Duration(seconds)*time.Second
	return id, ends, err == nil && parts[1] == binding(r) && c.Now() < ends && !c.over.has(id)
}

// over are the sessions that were logged out of before their end. It is kept in memory: a restart of the kit forgets
// it, as the browsers that logged out have forgotten their cookies. Its bound is that of pairing: each session took a
// code, and is dropped once its time is up.
type over struct {
	mu   sync.Mutex
	ends map[string]time.Duration // by session, kit time
}

func (o *over) has(id string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	_, ok := o.ends[id]
	return ok
}

func (o *over) add(id string, ends, now time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	maps.DeleteFunc(o.ends, func(_ string, ends time.Duration) bool { return ends <= now })
	o.ends[id] = ends
}

// local lets a request through that comes from this machine, or from a paired browser: a monitor on the kit needs no
// code.
func (c *Console) local(next http.Handler) http.Handler {
	gate := c.paired(next)
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if isLocal(r) {
			next.ServeHTTP(rw, r)
			return
		}
		gate.ServeHTTP(rw, r)
	})
}

func isLocal(r *http.Request) bool {
	a, err := netip.ParseAddrPort(r.RemoteAddr)
	return err == nil && a.Addr().Unmap().IsLoopback()
}

func (c *Console) postUnpair(rw http.ResponseWriter, r *http.Request) {
	if id, ends, ok := c.session(r); ok {
		c.over.add(id, ends, c.Now())
	}
	http.SetCookie(rw, &http.Cookie{Name: cookie, Path: "/", MaxAge: -1, HttpOnly: true, SameSite: http.SameSiteStrictMode})
	rw.WriteHeader(http.StatusNoContent)
}
