package fanout

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"math/big"
	"time"

	"github.com/pion/datachannel"
	"github.com/pion/dtls/v3"
	"github.com/pion/logging"
	"github.com/pion/sctp"
	"github.com/pion/srtp/v3"

	"edgekit.internal/capture/fanout/internal/pipe"
	"edgekit.internal/capture/fanout/internal/seal"
)

// The data channel that a page opens.
const (
	ChannelLabel    = "signals"
	ChannelProtocol = "edgekit.signals.v1"
)

// quiet discards what the protocol libraries would print: their errors are returned as well.
var quiet = &logging.DefaultLoggerFactory{Writer: io.Discard, DefaultLogLevel: logging.LogLevelDisabled}

// run is the viewer's session: it waits for ICE, shakes hands, joins the sender and serves the data channel.
func (v *Viewer) run() {
	err := v.serve()
	v.cancel(err) // the first cause stays
	v.server.command(func(x *sender) { x.leave(v) })
	v.server.dismiss(v)
	v.out.mu.Lock()
	v.out.close()
	v.out.mu.Unlock()
	v.pipe.Close()
	if v.playing.Load() {
		v.server.count.left.Add(1)
	} else {
		v.server.count.failed.Add(1)
	}
	if v.options.OnClose != nil {
		v.options.OnClose(context.Cause(v.ctx))
	}
}

func (v *Viewer) serve() error {
	select {
	case <-v.reached:
	case <-v.ctx.Done():
		return ErrClosed
	}
	conn, err := v.shake()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrHandshake, err)
	}
	// Ends every read below when the session is cancelled, and tells the viewer (close_notify).
	said := make(chan struct{})
	stop := context.AfterFunc(v.ctx, func() { defer close(said); conn.Close() })
	defer func() {
		if !stop() {
			<-said // the pipe must last until the viewer is told
		}
		conn.Close()
	}()

	if err := v.join(conn); err != nil {
		return fmt.Errorf("%w: %w", ErrHandshake, err)
	}
	if v.offer.Channel {
		v.serveChannels(conn)
		return ErrLeft
	}
	buf := make([]byte, 512)
	for {
		if _, err := conn.Read(buf); err != nil && !errors.Is(err, io.ErrShortBuffer) {
			return ErrLeft // an alert; anything else is ignored by DTLS itself
		}
	}
}

// shake runs the DTLS handshake as the server (RFC 5763 section 5) and checks that the peer is the one of the offer.
func (v *Viewer) shake() (*dtls.Conn, error) {
	profiles := make([]dtls.SRTPProtectionProfile, len(v.server.config.Ciphers))
	for i, c := range v.server.config.Ciphers {
		profiles[i] = dtls.SRTPProtectionProfile(c)
	}
	conn, err := dtls.ServerWithOptions(v.pipe, pipe.Peer,
		dtls.WithCertificates(v.server.cert),
		dtls.WithSRTPProtectionProfiles(profiles...),
		dtls.WithClientAuth(dtls.RequireAnyClientCert),
		dtls.WithVerifyPeerCertificate(func(chain [][]byte, _ [][]*x509.Certificate) error { return v.offer.Matches(chain) }),
		dtls.WithExtendedMasterSecret(dtls.RequireExtendedMasterSecret), // RFC 8827 section 6.5 by way of RFC 7627
		dtls.WithInsecureSkipVerifyHello(true),                          // ICE has proved the address already
		dtls.WithFlightInterval(200*time.Millisecond),
		dtls.WithLoggerFactory(quiet),
	)
	if err != nil {
		return nil, err
	}
	if err := conn.HandshakeContext(v.ctx); err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

// join makes the SRTP keys (RFC 5764 section 4.2) and puts the viewer under the sender's care.
func (v *Viewer) join(conn *dtls.Conn) error {
	chosen, ok := conn.SelectedSRTPProtectionProfile()
	if !ok {
		return errors.New("no protection profile in common: expected AEAD_AES_128_GCM or AES128_CM_HMAC_SHA1_80")
	}
	state, ok := conn.ConnectionState()
	if !ok {
		return errors.New("no connection state")
	}
	config := srtp.Config{Profile: srtp.ProtectionProfile(chosen)}
	if err := config.ExtractSessionKeysFromDTLS(&state, false); err != nil {
		return fmt.Errorf("export keys: %w", err)
	}
	keys := config.Keys
	media, err := seal.New(seal.Profile(chosen), keys.LocalMasterKey, keys.LocalMasterSalt)
	if err != nil {
		return err
	}
	control, err := srtp.CreateContext(keys.LocalMasterKey, keys.LocalMasterSalt, config.Profile)
	if err != nil {
		return err
	}
	in, err := srtp.CreateContext(keys.RemoteMasterKey, keys.RemoteMasterSalt, config.Profile, srtp.SRTCPReplayProtection(64))
	if err != nil {
		return err
	}
	v.rtcpIn.Store(in)
	v.heard.Store(int64(v.server.clock()))
	v.playing.Store(true)
	v.server.command(func(x *sender) { x.join(v, media, control) })
	return nil
}

// serveChannels runs SCTP (RFC 8261) until the connection ends, serving one channel called signals at a time
// and closing every other.
func (v *Viewer) serveChannels(conn *dtls.Conn) {
	assoc, err := sctp.ServerWithOptions(
		sctp.WithNetConn(conn),
		sctp.WithMaxReceiveBufferSize(4*MaxMessage), // what an unread viewer can make us keep
		sctp.WithMaxReassemblyQueueEntries(256),
		sctp.WithMaxMessageSize(uint32(min(MaxMessage, v.offer.MaxMessage))),
		sctp.WithRTOMax(1000),              // ms; who was out of reach for long is told what they missed soon after
		sctp.WithEnableInterleaving(false), // one channel: nothing to interleave
		// A message that was lost alone is said again before the other side would own up to it, which browsers do after 200 ms at most
		// (RFC 8985 section 7.2: WCDelAckT): an outcome is worth the second packet.
		sctp.WithRACKOptions(sctp.WithRackWCDelAck(30*time.Millisecond)),
		sctp.WithLoggerFactory(quiet),
	)
	if err != nil {
		return // the connection ended before the peer said anything
	}
	defer assoc.Close()
	reader := make(chan struct{}) // closed when nobody reads
	close(reader)
	for {
		stream, err := assoc.AcceptStream()
		if err != nil {
			break
		}
		channel, err := datachannel.Server(stream, &datachannel.Config{LoggerFactory: quiet})
		if err != nil || !closed(reader) || channel.Config.Label != ChannelLabel || channel.Config.Protocol != ChannelProtocol {
			stream.Close() // not ours; its error would be the association's, which AcceptStream tells
			continue
		}
		done := make(chan struct{})
		reader = done
		go func() {
			defer close(done)
			v.read(channel)
		}()
	}
	<-reader
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// read hands messages to the caller until the channel is closed.
func (v *Viewer) read(channel *datachannel.DataChannel) {
	v.out.open(channel)
	if v.options.OnChannel != nil {
		v.options.OnChannel(v)
	}
	buf := make([]byte, 2<<10)
	for {
		n, _, err := channel.ReadDataChannel(buf)
		switch {
		case errors.Is(err, io.ErrShortBuffer) && len(buf) < MaxMessage:
			buf = make([]byte, MaxMessage)
		case errors.Is(err, io.ErrShortBuffer):
			v.count.messagesDropped.Add(1)
			v.cancel(fmt.Errorf("%w: a message of more than %d bytes", ErrLeft, MaxMessage))
			return
		case err != nil:
			return
		case v.options.OnMessage != nil:
			v.options.OnMessage(v, buf[:n])
		}
	}
}

// selfSigned makes the kit's certificate for DTLS, ECDSA on P-256, which every browser must support (RFC 8827 section
// 6.5), and its SHA-256 fingerprint as SDP writes it. The dates are wide because the kit's clock may say 1970; peers
// look at the fingerprint alone.
func selfSigned() (tls.Certificate, string, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, "", err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return tls.Certificate{}, "", err
	}
	t := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "edgekit"},
		NotBefore: time.Unix(0, 0), NotAfter: time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC),
	}
	der, err := x509.CreateCertificate(rand.Reader, t, t, &key.PublicKey, key)
	if err != nil {
		return tls.Certificate{}, "", err
	}
	sum := sha256.Sum256(der)
	printed := fmt.Sprintf("% X", sum[:])
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, string(bytes.ReplaceAll([]byte(printed), []byte(" "), []byte(":"))), nil
}
