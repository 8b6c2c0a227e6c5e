package fanout

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"edgekit.internal/capture"
)

// A picture arrives as the bytes that were published, in order, from a key picture on, with both ciphers.
func TestPicturesArriveAsPublished(t *testing.T) {
	for _, cipher := range []Cipher{GCM, CMSHA1} {
		k := newKit(t, Config{Ciphers: []Cipher{cipher}})
		k.feed(t, 5*time.Millisecond, 5000, 0)
		c := newClient(t, k, clientConfig{})
		first := c.frame(t)
		if !first.key {
			t.Fatal("the first picture is not a key picture")
		}
		live, last := 0, first.ts
		for live < 50 {
			f := c.frame(t)
			if f.ts <= last {
				t.Fatalf("timestamp %d after %d", f.ts, last)
			}
			if last = f.ts; !bytes.Equal(f.data, k.published(f.ts)) {
				t.Fatalf("cipher %#x: picture %d: %d bytes differ from the %d published", cipher, f.ts, len(f.data), len(k.published(f.ts)))
			}
			live++
		}
		if st := k.Stats(); !st.Trains || st.SendErrors != 0 || st.Skipped != 0 {
			t.Errorf("%+v", st)
		}
	}
}

// A viewer that joins between key pictures is shown the last one at once, and a new one is asked for.
func TestLateJoinerSeesTheLastKeyPictureAtOnce(t *testing.T) {
	k := newKit(t, Config{})
	key := unit(0, 1000, true, 9000)
	k.publish(key)
	for i := range 5 {
		k.publish(unit(0, uint32(4000+3000*i), false, 500))
	}
	// Nothing is published from here on: what arrives is what was kept.
	c := newClient(t, k, clientConfig{})
	f := c.frame(t)
	if f.ts != 16000 || !bytes.Equal(f.data, key.Data) {
		t.Fatalf("timestamp %d, expected the latest, 16000; same bytes: %v", f.ts, bytes.Equal(f.data, key.Data))
	}
	until(t, "a key picture is asked for", func() bool { return k.asked.Load() == 1 })
	// The pictures that build on what it has not seen are kept from it.
	k.publish(unit(0, 19000, false, 500))
	k.publish(unit(0, 22000, true, 9000))
	k.publish(unit(0, 25000, false, 500))
	for _, want := range []uint32{22000, 25000} {
		if f := c.frame(t); f.ts != want || !bytes.Equal(f.data, k.published(want)) {
			t.Fatalf("then timestamp %d, expected %d as published", f.ts, want)
		}
	}
}

// Where the last key picture is the latest picture, a viewer goes on from it without another.
func TestJoinerOfAFreshKeyPictureGoesOnFromIt(t *testing.T) {
	k := newKit(t, Config{})
	k.publish(unit(0, 1000, true, 9000))
	c := newClient(t, k, clientConfig{})
	if f := c.frame(t); f.ts != 1000 {
		t.Fatalf("timestamp %d", f.ts)
	}
	k.publish(unit(0, 4000, false, 500))
	if f := c.frame(t); f.ts != 4000 || k.asked.Load() != 0 {
		t.Fatalf("timestamp %d, asked %d times", f.ts, k.asked.Load())
	}
}

// A layer is changed at a key picture of the new one; until then the old one goes on.
func TestLayerChangesAtAKeyPicture(t *testing.T) {
	k := newKit(t, Config{})
	k.feed(t, 5*time.Millisecond, 2000, 0, 1)
	c := newClient(t, k, clientConfig{options: Options{Layer: 1}})
	layerOf := func(f seen) uint8 { return uint8(f.ts % 1000) }
	follow := func(want uint8) {
		t.Helper()
		last := uint32(0)
		for n := 0; n < 20; {
			f := c.frame(t)
			if f.ts <= last {
				t.Fatalf("timestamp %d after %d", f.ts, last)
			}
			last = f.ts
			if n == 0 && layerOf(f) == want && !f.key {
				t.Fatalf("layer %d begins with a picture that is not key", want)
			}
			if layerOf(f) == want {
				n++
			} else if n > 0 {
				t.Fatalf("back to layer %d", layerOf(f))
			}
			if !bytes.Equal(f.data, k.published(f.ts)) {
				t.Fatalf("picture %d differs", f.ts)
			}
		}
	}
	c.frame(t) // a key picture that was kept
	follow(1)
	c.viewer.SetLayer(0)
	follow(0)
	c.viewer.SetLayer(7) // there is none
	c.viewer.SetLayer(1)
	follow(1)
	if got := c.viewer.Stats().Layer; got != 1 {
		t.Errorf("Stats say layer %d", got)
	}
}

// Packets that are lost on the way are asked for and sent again, the same bytes, with either cipher.
func TestLostPacketsAreSentAgain(t *testing.T) {
	for _, cipher := range []Cipher{GCM, CMSHA1} {
		k := newKit(t, Config{Ciphers: []Cipher{cipher}})
		k.feed(t, 10*time.Millisecond, 5000, 0)
		conn := newLossy(t, func(n int) bool { return n%9 == 5 })
		c := newClient(t, k, clientConfig{conn: conn})
		for range 60 {
			// assemble delivers nothing after a packet that never comes.
			select {
			case <-c.frames:
			case <-time.After(patience):
				t.Fatalf("no picture: dropped %d, %+v", conn.dropped.Load(), c.viewer.Stats())
			}
		}
		st := c.viewer.Stats()
		if conn.dropped.Load() == 0 || st.Resent == 0 || st.Nacks < st.Resent {
			t.Fatalf("dropped %d, %+v", conn.dropped.Load(), st)
		}
	}
}

// Fifty viewers get the same bytes.
func TestFiftyViewersSeeTheSame(t *testing.T) {
	k := newKit(t, Config{})
	k.feed(t, 33*time.Millisecond, 3000, 0)
	var clients []*client
	for range 50 {
		clients = append(clients, newClient(t, k, clientConfig{}))
	}
	for i, c := range clients {
		first := c.frame(t)
		for range 10 {
			if f := c.frame(t); !bytes.Equal(f.data, k.published(f.ts)) {
				t.Fatalf("viewer %d: picture %d differs", i, f.ts)
			}
		}
		if !first.key {
			t.Fatalf("viewer %d began with no key picture", i)
		}
	}
	if st := k.Stats(); st.Playing != 50 || st.SendErrors != 0 {
		t.Fatalf("%+v", st)
	}
	_, _, err := k.Accept(testOffer, Options{Hosts: loopbackHost})
	for err == nil { // up to MaxViewers
		_, _, err = k.Accept(testOffer, Options{Hosts: loopbackHost})
	}
	var r *Refusal
	if !errors.As(err, &r) || r.Reason != Full || k.Stats().Viewers != 64 {
		t.Fatalf("%v with %d viewers", err, k.Stats().Viewers)
	}
}

// A viewer whose path loses much gets the smaller layer, and the larger one again when the path has been good for a while.
// Others keep theirs.
func TestThePathChoosesTheLayer(t *testing.T) {
	k := newKit(t, Config{})
	k.SetLayers([]capture.Layer{{ID: 0, Kbps: 1800}, {ID: 1, Kbps: 600}})
	k.feed(t, 20*time.Millisecond, 4000, 0, 1)
	var bad atomic.Bool
	bad.Store(true)
	conn := newLossy(t, func(n int) bool { return bad.Load() && n%3 == 0 })
	far, near := newClient(t, k, clientConfig{conn: conn}), newClient(t, k, clientConfig{})
	go func() { // pictures are not looked at: they come broken
		for range far.frames {
		}
	}()
	until(t, "the smaller layer", func() bool { return far.viewer.Stats().Layer == 1 })
	if l := near.viewer.Stats().Layer; l != 0 {
		t.Errorf("the other viewer is on layer %d", l)
	}
	t.Logf("%+v", far.viewer.Stats())
	bad.Store(false)
	until(t, "the larger layer again", func() bool { return far.viewer.Stats().Layer == 0 })
	t.Logf("%+v", far.viewer.Stats())
	far.viewer.SetLayer(1)
	until(t, "the layer that was asked for", func() bool { return far.viewer.Stats().Layer == 1 })
}

// One owner's newest connection ends their oldest; players that nobody owns are refused beyond their places.
func TestNobodyTakesAllPlaces(t *testing.T) {
	k := newKit(t, Config{})
	ended := make(chan error, 8)
	mine := Options{Hosts: loopbackHost, Owner: "ann", Places: 2, OnClose: func(err error) { ended <- err }}
	var all []*Viewer
	for range 3 {
		v, _, err := k.Accept(testOffer, mine)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, v)
	}
	if err := wait(t, ended, "the oldest to end"); !errors.Is(err, ErrReplaced) || all[0].ctx.Err() == nil || all[1].ctx.Err() != nil {
		t.Errorf("%v", err)
	}
	for i := range 3 {
		_, _, err := k.Accept(testOffer, Options{Hosts: loopbackHost, Places: 2})
		if r := (*Refusal)(nil); i < 2 != (err == nil) || err != nil && (!errors.As(err, &r) || r.Reason != Full) {
			t.Errorf("player %d: %v", i, err)
		}
	}
	if _, _, err := k.Accept(testOffer, Options{Hosts: loopbackHost, Owner: "ben", Places: 2}); err != nil {
		t.Error(err)
	}
}

// When the house is full, whoever has the most connections makes room for those who have fewer, and for nobody else.
func TestAFullHouseIsShared(t *testing.T) {
	k := newKit(t, Config{MaxViewers: 6})
	join := func(from string) (*Viewer, error) {
		v, _, err := k.Accept(testOffer, Options{Hosts: loopbackHost, From: from})
		return v, err
	}
	var loud []*Viewer
	for range 6 {
		v, err := join("loud")
		if err != nil {
			t.Fatal(err)
		}
		loud = append(loud, v)
	}
	if _, err := join("loud"); err == nil {
		t.Error("a seventh of six")
	}
	for _, from := range []string{"ann", "ben", "cat"} {
		if _, err := join(from); err != nil {
			t.Errorf("%s: %v", from, err)
		}
	}
	for i, v := range loud {
		if gone := v.ctx.Err() != nil; gone != (i < 3) {
			t.Errorf("connection %d of the loud one: gone %v", i, gone)
		}
	}
	until(t, "those who were sent away have gone", func() bool { return k.Stats().Viewers == 6 })
	if _, err := join("loud"); err == nil {
		t.Error("the loud one took a place of others")
	}
}

// Who is out of reach keeps a place for as long as nobody else needs it.
func TestAFullHouseHasRoomForWhoeverIsThere(t *testing.T) {
	for _, c := range []struct {
		name  string
		most  int
		guest Options
		left  error
	}{{"the house is full", 2, Options{}, ErrSilent}, {"all places for players are taken", 8, Options{Places: 2}, nil}} {
		k := newKit(t, Config{MaxViewers: c.most, Consent: time.Minute})
		join := func(o Options) *Viewer {
			t.Helper()
			o.Hosts = loopbackHost
			v, _, err := k.Accept(testOffer, o)
			if err != nil {
				t.Fatalf("%s: %v", c.name, err)
			}
			return v
		}
		there, gone := join(Options{From: "ann"}), join(Options{From: "ben"})
		gone.playing.Store(true)
		gone.checked.Store(int64(k.clock()))
		gone.heard.Store(int64(k.clock() - away))
		if st := k.Stats(); st.Viewers != 2 || st.Away != 1 {
			t.Errorf("%s: %d of %d are away", c.name, st.Away, st.Viewers)
		}
		join(c.guest)
		if there.ctx.Err() != nil || !errors.Is(context.Cause(gone.ctx), c.left) {
			t.Errorf("%s: who is there has left: %v; who is not: %v", c.name, context.Cause(there.ctx), context.Cause(gone.ctx))
		}
	}
}

// Messages go both ways; those said before the channel opens are not lost, and too large ones end only that session.
func TestMessagesGoBothWays(t *testing.T) {
	k := newKit(t, Config{})
	got := make(chan string, 16)
	opened := make(chan struct{})
	bold := func(s string) string {
		return strings.ReplaceAll(s, "a=max-message-size:16384", "a=max-message-size:65536")
	}
	c := newClient(t, k, clientConfig{channel: true, answer: bold, options: Options{
		OnChannel: func(*Viewer) { close(opened) },
		OnMessage: func(_ *Viewer, b []byte) { got <- string(b) },
	}})
	if !c.viewer.Send([]byte(`{"early":1}`)) {
		t.Fatal("an early message was refused")
	}
	wait(t, opened, "OnChannel")
	wait(t, c.opened, "the channel to open")
	if m := wait(t, c.texts, "the early message"); m != `{"early":1}` {
		t.Fatal(m)
	}
	long := strings.Repeat("x", MaxMessage)
	for _, m := range []string{"tap", long, "tap again", ""} {
		if err := c.channel.SendText(m); err != nil {
			t.Fatal(err)
		}
		if g := wait(t, got, "a message"); g != m {
			t.Fatalf("%d bytes, expected %d", len(g), len(m))
		}
	}
	for range 500 { // more than is kept for a slow one: paced by the answers
		c.viewer.Send([]byte("outcome"))
		if m := wait(t, c.texts, "an outcome"); m != "outcome" {
			t.Fatal(m)
		}
	}
	if c.viewer.Send([]byte(long + "x")) {
		t.Error("a message over MaxMessage was taken")
	}
	if err := c.channel.SendText(long + "x"); err != nil {
		t.Fatal(err)
	}
	if err := wait(t, c.closed, "the session to end"); !errors.Is(err, ErrLeft) {
		t.Fatal(err)
	}
	if c.viewer.Send([]byte("late")) {
		t.Error("a message for a session that ended was taken")
	}
}

// Messages for a viewer that does not take them push out the oldest, and are counted.
func TestOldestMessageGivesWay(t *testing.T) {
	k := newKit(t, Config{})
	v, _, err := k.Accept(testOffer, Options{Hosts: loopbackHost})
	if err != nil {
		t.Fatal(err)
	}
	for i := range maxQueued + 3 {
		if !v.Send([]byte{byte(i)}) {
			t.Fatal("refused")
		}
	}
	if v.out.ring[0][0] != 3 || len(v.out.ring) != maxQueued || v.Stats().MessagesDropped != 3 {
		t.Fatalf("first %d of %d, dropped %d", v.out.ring[0][0], len(v.out.ring), v.Stats().MessagesDropped)
	}
}

// A viewer whose certificate is not the one of its offer gets nothing.
func TestWrongFingerprintIsRefused(t *testing.T) {
	k := newKit(t, Config{})
	k.feed(t, 5*time.Millisecond, 1000, 0)
	c := newClient(t, k, clientConfig{offer: func(s string) string {
		i := strings.Index(s, "a=fingerprint:sha-256 ") + len("a=fingerprint:sha-256 ")
		other := "00"
		if s[i:i+2] == other {
			other = "01"
		}
		return strings.ReplaceAll(s, s[i:i+95], other+s[i+2:i+95])
	}})
	if err := wait(t, c.closed, "the session to end"); !errors.Is(err, ErrHandshake) {
		t.Fatal(err)
	}
	if st := k.Stats(); st.Packets != 0 || st.Failed != 1 {
		t.Fatalf("%+v", st)
	}
}

// A viewer that leaves says so; one that vanishes is found out by the checks that do not come.
func TestThoseWhoLeaveAreForgotten(t *testing.T) {
	k := newKit(t, Config{})
	k.feed(t, 5*time.Millisecond, 1000, 0)
	leaves := newClient(t, k, clientConfig{channel: true})
	stays := newClient(t, k, clientConfig{})
	leaves.frame(t)
	stays.frame(t)
	leaves.pc.Close()
	if err := wait(t, leaves.closed, "the session to end"); !errors.Is(err, ErrLeft) {
		t.Fatal(err)
	}
	k.reap(k.clock() + 14*time.Second)
	stays.frame(t)
	k.reap(k.clock() + 16*time.Second)
	if err := wait(t, stays.closed, "the session to end"); !errors.Is(err, ErrSilent) {
		t.Fatal(err)
	}
	until(t, "nothing is kept of them", func() bool {
		k.mu.Lock()
		defer k.mu.Unlock()
		return len(k.viewers)+len(k.byAddr)+len(k.byUfrag) == 0
	})
}

// A viewer that never connects gives its place back.
func TestHalfOpenViewersAreForgotten(t *testing.T) {
	k := newKit(t, Config{})
	closed := make(chan error, 1)
	if _, _, err := k.Accept(testOffer, Options{Hosts: loopbackHost, OnClose: func(err error) { closed <- err }}); err != nil {
		t.Fatal(err)
	}
	k.reap(k.clock() + 14*time.Second)
	if n := k.Stats().Viewers; n != 1 {
		t.Fatalf("%d viewers", n)
	}
	k.reap(k.clock() + 16*time.Second)
	if err := wait(t, closed, "the session to end"); !errors.Is(err, ErrHandshake) {
		t.Fatal(err)
	}
}

// Closing a viewer ends it on both sides.
func TestCloseReachesTheViewer(t *testing.T) {
	k := newKit(t, Config{})
	k.feed(t, 5*time.Millisecond, 1000, 0)
	c := newClient(t, k, clientConfig{channel: true})
	c.frame(t)
	c.viewer.Close()
	if err := wait(t, c.closed, "OnClose"); !errors.Is(err, ErrClosed) {
		t.Fatal(err)
	}
	until(t, "the peer knows", func() bool {
		return c.pc.ConnectionState().String() == "closed" || c.pc.SCTP().State().String() == "closed" || c.pc.ConnectionState().String() == "failed"
	})
}
