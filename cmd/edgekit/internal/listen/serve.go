package listen

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"
)

// AtHome lets only those through who asked for this machine by number, or as localhost. Any site's page can have its own
// name lead to a loopback address (DNS rebinding), and would be of the same origin then; a browser says which name it
// asked for.
func AtHome(next http.Handler) http.Handler {
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

// shaky is how long a phone at the edge of the network may take for a TLS handshake or a request's head, on a board that has much
// to do; half of what it may for all of a request. How many wait so at a time is bounded by the listener.
const shaky = 15 * time.Second

// Serve answers HTTP until ctx ends, then gives what is under way a second. It returns when that has its answers.
func Serve(ctx context.Context, l net.Listener, h http.Handler, log *slog.Logger) error {
	s := &http.Server{Handler: h, ReadHeaderTimeout: shaky, ReadTimeout: 2 * shaky, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 16 << 10,
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
