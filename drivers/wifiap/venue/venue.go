// Package venue joins a Wi-Fi network that is there already, such as a market hall's: it finds a radio, starts wpa_supplicant or takes
// over one that runs, watches over it by its control socket, asks for an address (DHCP, RFC 2131) and for renewals, and says in words
// for a stall holder what is in the way. wpa_supplicant and the address live on when this process does not, so that visitors who come
// by that network notice nothing of a restart.
package venue

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"edgekit.internal/drivers"
	"edgekit.internal/drivers/wifiap/internal/hostap"
)

// Network is the one to join.
type Network struct {
	SSID     string // 1 to 32 bytes; it may be hidden
	Password string // 8 to 63 characters of ASCII, or 64 hex digits; "": an open network. WPA2 or WPA3 is the network's choice
	Country  string // ISO 3166-1, two letters; "": the rules that hold everywhere

	// Second has it joined by a radio besides the access point's only (see Client.Yield), while there is one.
	Second bool
	// Apart are addresses that are the kit's own to give: a venue that uses them too is not gone into.
	Apart netip.Prefix
}

// State is how it goes. Nothing in it is secret.
type State struct {
	drivers.Status
	Radio     string // the interface; "": there is none for it
	SSID      string
	Security  string // as it was joined: "open", "wpa2", "wpa3"; "": it was not
	MHz       int
	SignalDBm int          // 0: not known
	Address   netip.Prefix // not valid: none
	Router    netip.Addr   // not valid: none, so there is no way on
	Servers   []netip.Addr // for names, at most 3
	Internet  Internet
	PID       int // wpa_supplicant's
	Starts    int // how often it was started
	Adopted   bool
}

// Internet is whether the world can be reached by the network.
type Internet string

// What is known of it.
const (
	Unknown Internet = ""
	Online  Internet = "yes"
	Offline Internet = "no"
)

// Config is what a Client needs. The zero value is the kit's.
type Config struct {
	Dir        string // run folder, in memory; made if there is none. Default: /run/edgeap
	Supplicant string // the program. Default: /usr/sbin/wpa_supplicant
	Host       string // the name that the network's router is told. Default: edgekit
	Log        *slog.Logger

	system system // in tests: not the kernel
	timing timing
}

// timing is how long things take.
type timing struct {
	scan      time.Duration // between looks for a radio that is not there
	beat      time.Duration // between questions to wpa_supplicant
	start     time.Duration // in which wpa_supplicant answers
	retry     time.Duration // after the first failure in a row; doubled for each further one
	retryMost time.Duration
	settled   time.Duration // a session that lasted longer did not fail in a row
	address   time.Duration // in which somebody gives an address
	again     time.Duration // until it is asked for again; doubled for each further time, up to retryMost
	grace     time.Duration // in which a connection that was lost may come back with the address that it had
	stubborn  time.Duration // for which a refusal is told, whatever less comes after it
	online    time.Duration // between looks whether the internet is still there; a fifth of it where it is not
}

func standard() timing {
	return timing{scan: time.Second, beat: 2 * time.Second, start: 15 * time.Second, retry: 250 * time.Millisecond, retryMost: 30 * time.Second, settled: 20 * time.Second,
		address: 20 * time.Second, again: 2 * time.Second, grace: 20 * time.Second, stubborn: 2 * time.Minute, online: 5 * time.Minute}
}

// Client joins a network. Its methods are safe for concurrent use.
type Client struct {
	config Config
	watch  drivers.Watch
	state  atomic.Pointer[State]
	starts int // Run's

	mu     sync.Mutex
	wanted wanted
	told   bool          // which interface the access point has: by Yield
	taken  string        // that one; "": none
	uses   string        // the interface that a session is on; "": none
	idle   chan struct{} // closed when uses changes
}

// wanted is what is to be joined.
type wanted = hostap.Wish[Network]

// New makes a client that joins nothing; it starts nothing.
func New(c Config) *Client {
	if c.Dir == "" {
		c.Dir = "/run/edgeap"
	}
	if c.Supplicant == "" {
		c.Supplicant = "/usr/sbin/wpa_supplicant"
	}
	if c.Host == "" {
		c.Host = "edgekit"
	}
	if c.Log == nil {
		c.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	if c.system == nil {
		c.system = kernel{}
	}
	if c.timing == (timing{}) {
		c.timing = standard()
	}
	v := &Client{config: c, idle: make(chan struct{}), wanted: hostap.NewWish[Network]("The settings are being read.")}
	v.show(State{Status: drivers.Status{State: drivers.Absent, Reason: v.wanted.Why}})
	return v
}

// Join says which network is to be joined from now on.
func (v *Client) Join(n Network) { v.want(&n, "") }

// Off says that none is to be joined, and why, in words for people.
func (v *Client) Off(why string) { v.want(nil, why) }

func (v *Client) want(n *Network, why string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.wanted.Say(n, why)
}

// Yield gives an interface to the access point, and returns once it is free; "": the access point has none, and a network that is
// to be joined by a second radio has to wait. Nothing is joined before the first call.
func (v *Client) Yield(ctx context.Context, interfaceName string) error {
	v.mu.Lock()
	if !v.told || v.taken != interfaceName {
		v.told, v.taken = true, interfaceName
		v.wanted.Again()
	}
	for interfaceName != "" && v.uses == interfaceName {
		idle := v.idle
		v.mu.Unlock()
		select {
		case <-idle:
		case <-ctx.Done():
			return fmt.Errorf("venue: %s is still in use: %w", interfaceName, ctx.Err())
		}
		v.mu.Lock()
	}
	v.mu.Unlock()
	return nil
}

// use notes the interface that a session is on. ok is false if the access point has it.
func (v *Client) use(interfaceName string) (ok bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if interfaceName != "" && interfaceName == v.taken {
		return false
	}
	if v.uses != interfaceName {
		v.uses = interfaceName
		close(v.idle)
		v.idle = make(chan struct{})
	}
	return true
}

// Watch is the client's life: ready when the kit has an address in the network.
func (v *Client) Watch() *drivers.Watch { return &v.watch }

// State is how it goes now.
func (v *Client) State() State { return *v.state.Load() }

func (v *Client) show(s State) {
	s.Device = "wifi"
	s.Starts = v.starts
	v.state.Store(&s)
	v.watch.Set(s.Status)
}

func (v *Client) makeDir() error { return os.MkdirAll(v.config.Dir, 0o700) }
