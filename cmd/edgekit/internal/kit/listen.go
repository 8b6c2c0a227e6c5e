package kit

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"time"

	"golang.org/x/net/netutil"
)

// maxConns bounds a listener's connections: files, and memory, are finite.
const maxConns = 4096

// listen opens the visitors' two sockets, TCP and UDP of the same number, and the operators'.
func listen(c Config) (visitors net.Listener, media *net.UDPConn, operators net.Listener, err error) {
	defer func() {
		if err != nil {
			for _, l := range []net.Listener{visitors, operators} {
				if l != nil {
					l.Close()
				}
			}
			if media != nil {
				media.Close()
			}
		}
	}()
	for try := 0; ; try++ {
		if visitors, err = net.Listen("tcp", c.Listen); err != nil {
			return nil, nil, nil, fault("edgekit: --listen %s: %v: is another edgekit running?", c.Listen, err)
		}
		at := visitors.Addr().(*net.TCPAddr)
		media, err = net.ListenUDP("udp", &net.UDPAddr{IP: at.IP, Port: at.Port, Zone: at.Zone})
		if err == nil {
			break
		}
		_, port, _ := net.SplitHostPort(c.Listen)
		visitors.Close()
		if port != "0" || try == 20 { // a free TCP port was taken, whose UDP twin need not be free
			return nil, nil, nil, fault("edgekit: --listen %s (UDP, for pictures): %v: is another program using it?", c.Listen, err)
		}
	}
	if operators, err = net.Listen("tcp", c.Operator); err != nil {
		return visitors, media, nil, fault("edgekit: --operator %s: %v: is another edgekit running?", c.Operator, err)
	}
	return netutil.LimitListener(visitors, maxConns), media, netutil.LimitListener(operators, 256), nil
}

// address is how a person reaches a listener from this machine.
func address(scheme string, l net.Listener) string {
	host, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		return scheme + "://" + l.Addr().String()
	}
	if ip := net.ParseIP(host); ip == nil || ip.IsUnspecified() {
		host = "localhost"
	}
	return scheme + "://" + net.JoinHostPort(host, port)
}

func loopback(l net.Listener) bool {
	a, ok := l.Addr().(*net.TCPAddr)
	return ok && a.IP.IsLoopback()
}

// serve answers HTTP until ctx ends, then gives what is under way a second.
func serve(ctx context.Context, l net.Listener, h http.Handler, log *slog.Logger) error {
	s := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 20 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 16 << 10,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug), BaseContext: func(net.Listener) context.Context { return ctx }}
	stop := context.AfterFunc(ctx, func() {
		end, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if s.Shutdown(end) != nil {
			s.Close()
		}
	})
	defer stop()
	if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) && ctx.Err() == nil {
		return err
	}
	return nil
}

// selfSigned makes the certificate of the operators' side: a kit has no name that anybody could certify.
func selfSigned() (*tls.Config, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, err
	}
	// The kit's clock may say 1970, the operator's phone does not: the certificate must be good for both.
	t := &x509.Certificate{SerialNumber: serial, Subject: pkix.Name{CommonName: "edgekit"}, NotBefore: time.Unix(0, 0), NotAfter: time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, DNSNames: []string{"edgekit", "edgekit.local"}}
	der, err := x509.CreateCertificate(rand.Reader, t, t, key.Public(), key)
	if err != nil {
		return nil, err
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, MinVersion: tls.VersionTLS12}, nil
}
