// Package wifiap keeps a Wi-Fi access point up: it finds a radio that can be one, sets the country, writes hostapd's
// configuration, starts hostapd or takes over one that runs, watches over it by its control socket, and gives the interface its
// address. hostapd lives on when this process does not, so that phones stay on; what starts next takes it over if it would start
// the same, and replaces it otherwise. DHCP, names and the way to the page are others' matter.
package wifiap

import (
	"errors"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"edgekit.internal/drivers"
	"edgekit.internal/drivers/wifiap/internal/hostap"
	"edgekit.internal/drivers/wifiap/internal/hostapd"
	"edgekit.internal/drivers/wifiap/internal/nl80211"
)

// Network is what the access point is to offer.
type Network struct {
	SSID     string // 1 to 32 bytes
	Password string // 8 to 63 characters of ASCII; not asked for when it is open
	Security Security
	Band     string // "2.4" or "5" (GHz); anything else: what every phone has, 2.4, if the radio has it
	Country  string // ISO 3166-1, two letters; "": the rules that hold everywhere
	Channel  int    // 0: this package chooses, by listening
	Phones   int    // the most that are let in; 0: as many as the radio is known to carry
}

// Security is how phones are let in.
type Security string

// The kinds of security. In a mixed network the phone chooses between WPA2 and WPA3.
const (
	WPA2  Security = "wpa2"
	WPA3  Security = "wpa3"
	Mixed Security = "mixed"
	Open  Security = "open"
)

// Address is the access point's own, in the network of its stations. It is out of the way of the networks that home routers, phones
// that share their connection, and cloud services give out.
var Address = netip.MustParsePrefix("10.66.0.1/24")

// State is how the access point does. Nothing in it is secret.
type State struct {
	drivers.Status
	Radio    string // the interface's name; "": there is no radio that can be an access point
	SSID     string
	Security Security // as it is offered: less than was asked for where the radio can do no more
	Channel  int
	MHz      int
	Why      string // it is on this channel, in sentences for people
	Country  string // whose rules hold; "": those that hold everywhere
	Capacity Capacity
	Address  netip.Prefix
	PID      int // hostapd's
	Starts   int // how often hostapd was started
	Adopted  bool
}

// Station is a phone that is on.
type Station = nl80211.Station

// ErrDown says that the access point is not up.
var ErrDown = errors.New("the access point is not up")

// ErrUnknown says that no such station is on.
var ErrUnknown = errors.New("no such station is on the access point")

// Config is what an AP needs. The zero value is the kit's.
type Config struct {
	Dir     string // run folder, in memory; made if there is none. Default: /run/edgeap
	Hostapd string // the program. Default: /usr/sbin/hostapd
	Log     *slog.Logger

	// Guard is called before there is an access point on an interface, whenever there is to be one, and with "" when there is to be
	// none any more, once it is down. An error is why there is none, and it is tried again. Default: nothing is done.
	Guard func(interfaceName string) error

	// Quiet is for how long nobody must have been on until a channel that was chosen is looked at again. Default: 10 minutes.
	Quiet time.Duration

	system system // in tests: not the kernel
	timing timing
}

// timing is how long things take.
type timing struct {
	scan      time.Duration // between looks for a radio that is not there
	beat      time.Duration // between questions to hostapd
	pulse     time.Duration // between questions to the radio's driver
	missing   time.Duration // in which a driver that starts its radio anew has it back
	start     time.Duration // in which hostapd has the access point up
	retry     time.Duration // after the first failure in a row; doubled for each further one
	retryMost time.Duration
	settled   time.Duration // an access point that was up for longer did not fail in a row

	refused     time.Duration // until what a radio cannot do is tried again; doubled when hostapd was started in vain
	refusedMost time.Duration
}

func standard() timing {
	return timing{scan: time.Second, beat: time.Second, pulse: 3 * time.Second, missing: 15 * time.Second, start: 15 * time.Second, retry: 250 * time.Millisecond, retryMost: 30 * time.Second,
		settled: 20 * time.Second, refused: 10 * time.Second, refusedMost: time.Minute}
}

// AP is an access point. Its methods are safe for concurrent use.
type AP struct {
	config Config
	watch  drivers.Watch
	state  atomic.Pointer[State]
	starts int     // Run's
	next   *choice // Run's: the channel to go to; nil: see choose
	left   left    // Run's

	pulse    pulse     // Run's: of the radio in use
	revivals revivals  // Run's: when its chip was started anew
	chip     chip      // Run's: that it is on
	unknown  error     // Run's: why that is not known
	missing  time.Time // Run's: since when there is no radio; zero: there is

	mu     sync.Mutex
	wanted wanted
	up     *reach               // nil: it is not
	sae    map[string]bool      // whether a station that is on joined by WPA3, as far as it was asked
	wrong  map[string]time.Time // when a station tried a wrong password last, see Wrong

	out     sync.Mutex           // of who is kept out, in the file and in hostapd
	resting map[string]time.Time // until when a station is kept out, see Rest
}

// wanted is what the access point is to be.
type wanted = hostap.Wish[Network]

// New makes an access point that is off; it starts nothing.
func New(c Config) *AP {
	if c.Dir == "" {
		c.Dir = "/run/edgeap"
	}
	if c.Hostapd == "" {
		c.Hostapd = "/usr/sbin/hostapd"
	}
	if c.Log == nil {
		c.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	if c.Guard == nil {
		c.Guard = func(string) error { return nil }
	}
	if c.Quiet == 0 {
		c.Quiet = 10 * time.Minute
	}
	if c.system == nil {
		c.system = kernel{}
	}
	if c.timing == (timing{}) {
		c.timing = standard()
	}
	a := &AP{config: c, resting: map[string]time.Time{}, wrong: map[string]time.Time{}, sae: map[string]bool{}, left: left{}, wanted: hostap.NewWish[Network]("The settings are being read.")}
	a.show(State{Status: drivers.Status{State: drivers.Absent, Reason: a.wanted.Why}})
	return a
}

// Want says what the access point is to offer from now on.
func (a *AP) Want(n Network) { a.want(&n, "") }

// Off says that there is to be no access point, and why, in words for people.
func (a *AP) Off(why string) { a.want(nil, why) }

func (a *AP) want(n *Network, why string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.wanted.Say(n, why)
}

// Watch is the access point's life.
func (a *AP) Watch() *drivers.Watch { return &a.watch }

// State is how it does now.
func (a *AP) State() State { return *a.state.Load() }

func (a *AP) show(s State) {
	s.Device = "wifi"
	s.Starts = a.starts
	a.state.Store(&s)
	a.watch.Set(s.Status)
}

// reach is the way to an access point that is up.
type reach struct {
	*hostapd.Control
	index    int // of its interface
	security Security
}

// ask is the way to hostapd; an ErrDown when there is none.
func (a *AP) ask() (*reach, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.up == nil {
		return nil, ErrDown
	}
	return a.up, nil
}

func (a *AP) setUp(r *reach) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.up = r
	clear(a.sae)
}

func (a *AP) makeDir() error { return os.MkdirAll(a.config.Dir, 0o700) }
