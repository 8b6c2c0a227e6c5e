// Package push sends the stream to a server that more people can reach than the kit: WHIP (RFC 9725) out, for viewers
// elsewhere.
//
//	Picture, Sound ▶ feed (bounded, of one layer) ▶ pacer ▶ pion: SRTP, NACK, transport-wide feedback ──▶ WHIP server
//	                                                  └◀── what the way carries ▶ judge: which layer
//
// It asks nothing of the viewers at the stall: it takes one of the layers there are, by what its own way carries, and asks
// for key pictures no more often than KeyEvery. It connects, and connects again, for as long as it is on.
package push

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"edgekit.internal/capture"
)

// Config says where to send, and what it may ask of the kit. URL is required, the zero value of the rest is usable.
type Config struct {
	URL   string // of the WHIP endpoint, http or https; it may hold a key, and is never told
	Token string // sent as a bearer token (RFC 6750), to that server's own domain alone; "": none

	Log *slog.Logger // it is told the server's name, never URL and token

	// WantKeyframe is called when a key picture of a layer is needed, at most once in KeyEvery. It must not block.
	WantKeyframe func(layer uint8)

	KeyEvery time.Duration // 0: 1 s. The viewers at the stall get these key pictures too, and pay for them
	Start    int           // kbit/s that the first layer may have at most, before the way is known; 0: 1000
	Off      bool          // it waits for Set
	Dated    func() bool   // whether the kit knows the date, without which certificates cannot be judged; nil: it does

	// Client makes the HTTP requests; nil: one whose bounds are those of this package. Tests bring their server's certificate by it.
	Client *http.Client
}

// Times within which a peer has to answer.
const (
	answerWithin  = 10 * time.Second // the WHIP server, with its answer
	connectWithin = 10 * time.Second // ICE and DTLS
	goodbyeWithin = time.Second      // the DELETE at the end
	firstWait     = 500 * time.Millisecond
	longestWait   = 30 * time.Second
	goodStretch   = 30 * time.Second // live for so long, the next wait is the first again
)

// Push is an outlet of the kit's stream. Its methods are safe for concurrent use, except as they say.
type Push struct {
	config  Config
	log     *slog.Logger
	server  *endpoint
	changed chan struct{} // capacity 1: on was, or sound came
	on      atomic.Bool
	sounds  atomic.Bool // the kit has sound

	feed *feed

	mu sync.Mutex
	is told
}

// New checks a Config. Run does all else.
func New(c Config) (*Push, error) {
	at, err := endpointAt(c.URL)
	if err != nil {
		return nil, err
	}
	c.Log = cmp.Or(c.Log, slog.New(slog.DiscardHandler))
	c.KeyEvery = cmp.Or(c.KeyEvery, time.Second)
	c.Start = cmp.Or(c.Start, 1000)
	if c.WantKeyframe == nil {
		c.WantKeyframe = func(uint8) {}
	}
	if c.Dated == nil {
		c.Dated = func() bool { return true }
	}
	if c.Client == nil {
		c.Client = client()
	}
	p := &Push{config: c, log: c.Log.With("server", at.Host), server: &endpoint{at: at, token: c.Token, client: c.Client}, changed: make(chan struct{}, 1)}
	p.feed = newFeed(c.WantKeyframe, c.KeyEvery, c.Start)
	p.is = told{Status{State: Off, Server: at.Host}, time.Now(), time.Time{}}
	p.on.Store(!c.Off)
	return p, nil
}

// Set switches it on or off. Off, the server is told at once.
func (p *Push) Set(on bool) {
	if p.on.Swap(on) != on {
		p.wake()
	}
}

func (p *Push) wake() {
	select {
	case p.changed <- struct{}{}:
	default:
	}
}

// SetLayers tells which layers there are, when the camera program starts. It never blocks.
func (p *Push) SetLayers(layers []capture.Layer) { p.feed.setLayers(slices.Clone(layers)) }

// Picture takes the next picture of any layer. It never blocks: what does not fit is dropped and counted, and the stream
// goes on with the next key picture. The picture's Data must not be changed afterwards.
func (p *Push) Picture(au capture.AccessUnit) { p.feed.picture(au) }

// Sound takes the next packet of sound. It never blocks: the oldest that waits is dropped and counted. With the first one
// the connection is made anew, with sound in it.
func (p *Push) Sound(s capture.Sound) {
	if !p.sounds.Swap(true) {
		p.wake()
	}
	p.feed.sound(s)
}

// Run sends while it is on, until ctx ends. It returns nil: a server that cannot be reached is tried again.
func (p *Push) Run(ctx context.Context) error {
	defer p.server.client.CloseIdleConnections()
	defer p.say(Status{State: Off}, time.Time{})
	for tries := 0; ctx.Err() == nil; {
		if !p.on.Load() {
			tries = 0
			p.say(Status{State: Off}, time.Time{})
			select {
			case <-p.changed:
			case <-ctx.Done():
			}
			continue
		}
		live, err := p.attempt(ctx)
		if ctx.Err() != nil || !p.on.Load() || errors.Is(err, errAnew) {
			tries = 0
			continue
		}
		if live >= goodStretch {
			tries = 0
		}
		wait := waitFor(tries, err)
		tries++
		p.log.Info("the stream is not at the server", "reason", reason(err, p.config.Dated()), "again", wait.Round(time.Millisecond))
		p.say(Status{State: Waiting, Reason: reason(err, p.config.Dated())}, time.Now().Add(wait))
		p.pause(ctx, wait)
	}
	return nil
}

// attempt is one connection from its offer to its end; live is for how long the server had the stream.
func (p *Push) attempt(ctx context.Context) (live time.Duration, err error) {
	p.say(Status{State: Connecting}, time.Time{})
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	done := make(chan struct{})
	defer func() { stop(nil); <-done }()
	withSound := p.sounds.Load()
	go func() {
		defer close(done)
		for {
			select {
			case <-ctx.Done():
				return
			case <-p.changed:
				if !p.on.Load() || p.sounds.Load() != withSound {
					stop(errAnew)
				}
			}
		}
	}()
	live, err = p.session(ctx, withSound)
	if cause := context.Cause(ctx); errors.Is(cause, errAnew) {
		err = errAnew
	}
	return live, err
}

// errAnew ends a connection that is no longer what is wanted.
var errAnew = errors.New("push: wanted otherwise")

// pause waits for a time, or until somebody wants it otherwise.
func (p *Push) pause(ctx context.Context, wait time.Duration) {
	t := time.NewTimer(wait)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			return
		case <-ctx.Done():
			return
		case <-p.changed:
			if !p.on.Load() {
				return
			}
		}
	}
}

// waitFor is how long to wait after so many attempts in a row: twice as long each time, up to longestWait, and somewhere
// between half of it and all, so that many kits do not come back at once. A server that says when to come is asked no
// sooner, and one that will not have this kit at the longest interval.
func waitFor(tries int, err error) time.Duration {
	wait := longestWait
	var r *refusal
	refused := errors.As(err, &r)
	if !refused || !r.lasting() {
		wait = min(firstWait<<min(tries, 16), longestWait)
	}
	wait = wait/2 + rand.N(wait/2)
	if refused {
		wait = max(wait, r.after)
	}
	return wait
}

// endpointAt reads the address of a WHIP endpoint. Errors do not repeat it: there may be a key in it.
func endpointAt(text string) (*url.URL, error) {
	at, err := url.Parse(text)
	switch {
	case err != nil || at.Host == "" || at.Scheme != "http" && at.Scheme != "https":
		return nil, errors.New("push: expected the address of a WHIP server, such as https://example.org/whip/stall")
	case at.User != nil:
		return nil, errors.New("push: expected no name or password in the server's address, but a token")
	}
	at.Fragment = ""
	return at, nil
}

// client is what requests are made with: bounded in time and size, and without a proxy, cookies and redirects of its own.
func client() *http.Client {
	dial := &net.Dialer{Timeout: 5 * time.Second}
	return &http.Client{Transport: &http.Transport{
		DialContext: dial.DialContext, TLSHandshakeTimeout: 5 * time.Second, ResponseHeaderTimeout: answerWithin,
		MaxResponseHeaderBytes: maxHeader, MaxConnsPerHost: 4, MaxIdleConns: 2, IdleConnTimeout: 10 * time.Second, ForceAttemptHTTP2: true,
	}}
}
