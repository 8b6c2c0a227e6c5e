package push

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/pion/webrtc/v4"
	"golang.org/x/sync/errgroup"
)

// How death is found: a check each second, and none answered for so long.
const (
	checkEvery = time.Second
	deadAfter  = 4 * time.Second
)

// session is one connection: offer, answer, pictures, goodbye. live is for how long the server had the stream.
func (p *Push) session(ctx context.Context, withSound bool) (live time.Duration, err error) {
	ip := net.ParseIP(p.server.at.Hostname())
	m, err := newPeer(p.config.Start, withSound, p.server.at.Hostname() == "localhost" || ip.IsLoopback())
	if err != nil {
		return 0, err
	}
	work, stop := context.WithCancel(ctx)
	var beside sync.WaitGroup
	var made *resource
	defer func() {
		stop()
		p.server.end(ctx, made)
		m.pc.Close() // it has nothing to say that matters now
		beside.Wait()
	}()
	up, over := watch(m.pc)
	if made, err = p.agree(ctx, m); err != nil {
		return 0, err
	}
	beside.Go(func() { p.trickle(work, m.pc, made) })
	select {
	case <-up:
	case err := <-over:
		return 0, errors.Join(errNoWay, err)
	case <-time.After(connectWithin):
		return 0, errNoWay
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	began := time.Now()
	err = p.play(work, m, withSound, over)
	return time.Since(began), err
}

// watch tells when a connection is up, once, and when it is over and why.
func watch(pc *webrtc.PeerConnection) (up <-chan struct{}, over <-chan error) {
	connected, ended := make(chan struct{}), make(chan error, 1)
	var once sync.Once
	pc.OnConnectionStateChange(func(s webrtc.PeerConnectionState) {
		var end error
		switch s {
		case webrtc.PeerConnectionStateConnected:
			once.Do(func() { close(connected) })
			return
		case webrtc.PeerConnectionStateFailed:
			end = errLost
		case webrtc.PeerConnectionStateClosed:
			end = errGone
		default:
			return
		}
		select {
		case ended <- end:
		default: // it is over once
		}
	})
	return connected, ended
}

// agree makes the offer and takes the answer. The offer has no candidates yet, since the answer says by which STUN and
// TURN servers to find some.
func (p *Push) agree(ctx context.Context, m *peer) (made *resource, err error) {
	offer, err := m.pc.CreateOffer(nil)
	if err != nil {
		return nil, fmt.Errorf("push: make offer: %w", err)
	}
	asking, stop := context.WithTimeout(ctx, answerWithin)
	defer stop()
	made, err = p.server.open(asking, offer.SDP)
	if err != nil {
		return made, err
	}
	if err := takes(made.answer, len(m.senders)); err != nil {
		return made, err
	}
	bad := func(err error) error {
		return errors.Join(&refusal{text: "the server's answer does not fit the offer", lasts: true}, err)
	}
	if servers := iceServers(made.links); len(servers) > 0 {
		if err := m.pc.SetConfiguration(webrtc.Configuration{ICEServers: servers}); err != nil {
			return made, bad(err)
		}
	}
	if err := m.pc.SetLocalDescription(offer); err != nil {
		return made, fmt.Errorf("push: begin: %w", err)
	}
	if err := m.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: made.answer}); err != nil {
		return made, bad(err)
	}
	return made, nil
}

// trickle tells the server the kit's own candidates, all at once. Most do not need them; one behind a NAT has to send first.
func (p *Push) trickle(ctx context.Context, pc *webrtc.PeerConnection, made *resource) {
	select {
	case <-webrtc.GatheringCompletePromise(pc):
	case <-ctx.Done():
		return
	}
	local := pc.LocalDescription()
	if local == nil {
		return
	}
	ctx, stop := context.WithTimeout(ctx, answerWithin)
	defer stop()
	if err := p.server.trickle(ctx, made, fragment(local.SDP)); err != nil && ctx.Err() == nil {
		p.log.Debug("the server was not told the kit's candidates", "reason", reason(err, true))
	}
}

// fragment is what of a description is sent as trickled candidates (RFC 8840 section 9): credentials, and the first
// section, which carries the transport of all.
func fragment(description string) string {
	var b strings.Builder
	sections, keep := 0, ""
	for line := range strings.Lines(description) {
		if strings.HasPrefix(line, "m=") {
			sections++
		}
		switch {
		case sections > 1:
		case strings.HasPrefix(line, "a=ice-ufrag:"), strings.HasPrefix(line, "a=ice-pwd:"):
			b.WriteString(line)
		case strings.HasPrefix(line, "m="), strings.HasPrefix(line, "a=mid:"), strings.HasPrefix(line, "a=candidate:"):
			keep += line
		}
	}
	return b.String() + keep + "a=end-of-candidates\r\n"
}

// play sends until the connection is over.
func (p *Push) play(ctx context.Context, m *peer, withSound bool, over <-chan error) error {
	p.say(Status{State: Live, Sound: withSound}, time.Time{})
	p.log.Info("the server has the stream")
	p.feed.start()
	defer p.feed.stop()
	g, ctx := errgroup.WithContext(ctx)
	out := newSender(m, p.feed)
	heard := &hearing{}
	for i, s := range m.senders {
		g.Go(func() error { heard.listen(s, i == 0, p.feed.key); return nil })
	}
	g.Go(func() error { return out.run(ctx) })
	g.Go(func() error {
		defer m.pc.Close() // ends the reading
		return p.follow(ctx, m, out, heard, withSound, over)
	})
	return g.Wait()
}

// follow looks at the way once a second, chooses the layer and says how it goes, until the connection is over.
func (p *Push) follow(ctx context.Context, m *peer, out *sender, heard *hearing, withSound bool, over <-chan error) error {
	var j judge
	began := time.Now()
	tick := time.NewTicker(judgeEvery)
	defer tick.Stop()
	for {
		select {
		case err := <-over:
			return err
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		layers, layer, settled, overflow := p.feed.state()
		w := heard.way(m)
		w.overflow, w.sent = overflow, out.kbps(judgeEvery)
		out.pace(w.usable, kbpsOf(layers, layer))
		p.say(Status{State: Live, Layer: layer, Kbps: w.sent, Usable: w.usable, RTT: w.rtt, Loss: w.loss, Sound: withSound}, time.Time{})
		if to := j.look(time.Since(began)+judgeEvery, layers, layer, w); to != layer && settled {
			p.log.Info("the stream goes on with another layer", "layer", to, "was", layer, "usable_kbps", w.usable, "loss", w.loss)
			p.feed.change(to)
		}
	}
}
