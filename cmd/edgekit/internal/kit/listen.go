package kit

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"
)

// maxConns bounds the visitors' connections, maxOperators the operators'.
const (
	maxConns     = 4096
	maxOperators = 256
)

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
	return newCrowd(visitors, maxConns), media, newCrowd(operators, maxOperators), nil
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

// reachedAt are the addresses of this machine at which others reach a listener.
func reachedAt(l net.Listener) (ips []string) {
	at, ok := l.Addr().(*net.TCPAddr)
	if !ok {
		return nil
	}
	if !at.IP.IsUnspecified() {
		return []string{at.IP.String()}
	}
	all, err := net.InterfaceAddrs()
	if err != nil {
		return nil // a help, and no more
	}
	for _, a := range all {
		if n, ok := a.(*net.IPNet); ok && n.IP.To4() != nil && !n.IP.IsLoopback() && !n.IP.IsLinkLocalUnicast() {
			ips = append(ips, n.IP.String())
		}
	}
	return ips
}

// reached is how others on the network reach a listener that listens everywhere.
func reached(l net.Listener) (addresses []string) {
	at, ok := l.Addr().(*net.TCPAddr)
	if !ok || !at.IP.IsUnspecified() {
		return nil
	}
	for _, ip := range reachedAt(l) {
		addresses = append(addresses, "http://"+net.JoinHostPort(ip, strconv.Itoa(at.Port)))
	}
	return addresses
}

// consoles are the addresses of the console for other devices: by number, then by name.
func (k *Kit) consoles() (all []string) {
	if loopback(k.operators) {
		return nil
	}
	_, port, err := net.SplitHostPort(k.operators.Addr().String())
	if err != nil {
		return nil
	}
	for _, ip := range reachedAt(k.operators) {
		all = append(all, "https://"+net.JoinHostPort(ip, port)+"/console")
	}
	if name, err := os.Hostname(); err == nil && len(all) > 0 {
		all = append(all, "https://"+net.JoinHostPort(name, port)+"/console")
	}
	return all
}

func loopback(l net.Listener) bool {
	a, ok := l.Addr().(*net.TCPAddr)
	return ok && a.IP.IsLoopback()
}

// atHome lets only those through who asked for this machine by number, or as localhost. Any site's page can have its own
// name lead to a loopback address (DNS rebinding), and would be of the same origin then; a browser says which name it
// asked for.
func atHome(next http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		host := r.Host
		if h, _, err := net.SplitHostPort(host); err == nil {
			host = h
		}
		_, err := netip.ParseAddr(strings.Trim(host, "[]"))
		if name := strings.ToLower(host); err != nil && name != "localhost" && !strings.HasSuffix(name, ".localhost") {
			http.Error(rw, "The console on this machine is reached as localhost, or by address.", http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(rw, r)
	})
}

// serve answers HTTP until ctx ends, then gives what is under way a second. It returns when that has its answers.
func serve(ctx context.Context, l net.Listener, h http.Handler, log *slog.Logger) error {
	s := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 20 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 16 << 10,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug), BaseContext: func(net.Listener) context.Context { return ctx }}
	ended := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(ended)
		end, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if s.Shutdown(end) != nil {
			s.Close()
		}
	})
	err := s.Serve(l)
	if stop() {
		return err
	}
	<-ended
	return nil
}
