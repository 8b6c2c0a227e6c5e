package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"edgekit.internal/cmd/internal/wire"
	"edgekit.internal/drivers/portal"
	"edgekit.internal/drivers/portal/firewall"
	"edgekit.internal/drivers/wifiap"
)

// maxPath is the longest a socket's path may be (unix(7): sun_path and its closing zero).
const maxPath = 107

// listen makes the socket in the data folder.
func listen(data string) (net.Listener, error) {
	path := filepath.Join(data, wire.WifiSocket)
	if len(path) > maxPath {
		return nil, fmt.Errorf("%s has %d bytes: expected at most %d; name the folder by a shorter path", path, len(path), maxPath)
	}
	if c, err := net.Dial("unix", path); err == nil {
		c.Close()
		return nil, fmt.Errorf("%s answers already: another edgeap runs on this folder", path)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o600); err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

// serve answers until ctx ends.
func serve(ctx context.Context, l net.Listener, h http.Handler, log *slog.Logger) error {
	s := &http.Server{Handler: http.MaxBytesHandler(h, 1<<10), ReadTimeout: 5 * time.Second, WriteTimeout: 20 * time.Second, IdleTimeout: 30 * time.Second,
		MaxHeaderBytes: 8 << 10, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug)}
	stop := context.AfterFunc(ctx, func() { s.Close() })
	defer stop()
	if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// radio is what is asked for and about.
type radio interface {
	State() wifiap.State
	Stations(context.Context) ([]wifiap.Station, error)
	Blocked() ([]string, error)
	Wrong() (stations int, ago time.Duration)
	Kick(ctx context.Context, mac string) error
	Block(ctx context.Context, mac string) error
	Unblock(ctx context.Context, mac string) error
	Rest(ctx context.Context, mac string, d time.Duration) error
}

// lobby is who came, and what became of it.
type lobby interface {
	guest(netip.Addr) (wire.WifiGuest, bool)
	accept(ip netip.Addr, accepted bool) bool
	count() wire.WifiPortal
	addresses() map[string]wire.WifiGuest
	admit(firewall.Staff) error
	outside() *wire.WifiVenue
}

// handler routes what wire.WifiSocket describes.
func handler(ap radio, in lobby, mode func() string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /status", func(rw http.ResponseWriter, r *http.Request) {
		wire.Reply(rw, http.StatusOK, status(r.Context(), ap, in, mode()))
	})
	mux.HandleFunc("GET /guests/{ip}", func(rw http.ResponseWriter, r *http.Request) {
		if ip, ok := guestOf(rw, r); ok {
			if g, ok := in.guest(ip); ok {
				wire.Reply(rw, http.StatusOK, g)
				return
			}
			refuse(rw, http.StatusNotFound, "unknown", "No phone has that address in the kit's Wi-Fi now.")
		}
	})
	for verb, accepted := range map[string]bool{"PUT": true, "DELETE": false} {
		mux.HandleFunc(verb+" /guests/{ip}/accepted", func(rw http.ResponseWriter, r *http.Request) {
			if ip, ok := guestOf(rw, r); ok {
				if in.accept(ip, accepted) {
					rw.WriteHeader(http.StatusNoContent)
					return
				}
				refuse(rw, http.StatusNotFound, "unknown", "No phone has that address in the kit's Wi-Fi now.")
			}
		})
	}
	mux.HandleFunc("PUT /staff", func(rw http.ResponseWriter, r *http.Request) {
		var s wire.WifiStaff
		d := json.NewDecoder(r.Body)
		d.DisallowUnknownFields()
		staff, err := firewall.Staff{}, d.Decode(&s)
		if err == nil {
			staff, err = staffOf(s)
		}
		if err != nil {
			refuse(rw, http.StatusBadRequest, "malformed", "Expected a WifiStaff: "+err.Error())
			return
		}
		if err := in.admit(staff); err != nil {
			refuse(rw, http.StatusInternalServerError, "failed", strings.ReplaceAll(err.Error(), "\n", "; "))
			return
		}
		rw.WriteHeader(http.StatusNoContent)
	})
	verbs := map[string]func(context.Context, string) error{"kick": ap.Kick, "block": ap.Block, "unblock": ap.Unblock,
		"rest": func(ctx context.Context, mac string) error { return ap.Rest(ctx, mac, wire.WifiRest) }}
	for verb, do := range verbs {
		mux.HandleFunc("POST /stations/{mac}/"+verb, func(rw http.ResponseWriter, r *http.Request) {
			mac, err := net.ParseMAC(r.PathValue("mac"))
			if err != nil || len(mac) != 6 {
				refuse(rw, http.StatusBadRequest, "malformed", "Expected a phone's address, such as 02:00:00:00:01:00.")
				return
			}
			switch err := do(r.Context(), mac.String()); {
			case errors.Is(err, wifiap.ErrUnknown):
				refuse(rw, http.StatusNotFound, "unknown", "No such phone is on the kit's Wi-Fi now.")
			case errors.Is(err, wifiap.ErrDown):
				refuse(rw, http.StatusConflict, "down", "The kit's Wi-Fi is not up now.")
			case err != nil:
				refuse(rw, http.StatusInternalServerError, "failed", strings.ReplaceAll(err.Error(), "\n", "; "))
			default:
				rw.WriteHeader(http.StatusNoContent)
			}
		})
	}
	return mux
}

func staffOf(s wire.WifiStaff) (firewall.Staff, error) {
	staff := firewall.Staff{Port: s.Port, Anybody: s.Anybody}
	for _, text := range s.Stations {
		m, err := portal.ParseMAC(text)
		if err != nil {
			return staff, err
		}
		staff.Stations = append(staff.Stations, m)
	}
	return staff, nil
}

// guestOf is the address that is asked about; ok is false if it is none, which has been said then.
func guestOf(rw http.ResponseWriter, r *http.Request) (ip netip.Addr, ok bool) {
	ip, err := netip.ParseAddr(r.PathValue("ip"))
	if ip = ip.Unmap(); err != nil || !ip.Is4() {
		refuse(rw, http.StatusBadRequest, "malformed", "Expected a phone's address in the kit's Wi-Fi, such as 10.66.0.20.")
		return ip, false
	}
	return ip, true
}

func refuse(rw http.ResponseWriter, code int, reason, detail string) {
	wire.Refuse(rw, wire.Problem{Status: code, Reason: reason, Detail: detail})
}

func status(ctx context.Context, ap radio, in lobby, mode string) wire.Wifi {
	s := ap.State()
	w := wire.Wifi{Mode: mode, Device: wire.Device{Device: s.Device, Name: s.Name, State: string(s.Status.State), Reason: s.Reason}, Retry: s.Retry,
		Radio: s.Radio, SSID: s.SSID, Security: string(s.Security), Channel: s.Channel, MHz: s.MHz, Why: s.Why, Country: s.Country,
		Most: s.Capacity.Stations, MostWhy: s.Capacity.Source, PID: s.PID, Starts: s.Starts, Adopted: s.Adopted, Portal: in.count(), Stations: []wire.WifiStation{}, Blocked: []string{}}
	if n, ago := ap.Wrong(); n > 0 {
		w.Wrong = wire.WifiWrong{Phones: n, AgoMS: ago.Milliseconds()}
	}
	if s.Address.IsValid() {
		w.Address = s.Address.String()
	}
	if blocked, err := ap.Blocked(); err == nil && len(blocked) > 0 { // what cannot be read is told to who blocks another
		w.Blocked = blocked
	}
	if v := in.outside(); mode == "venue" || v.SSID != "" {
		w.Venue = v
	}
	list, err := ap.Stations(ctx)
	if err != nil {
		return w // it is down, or goes down just now: then nobody is on
	}
	guests := in.addresses()
	for _, s := range list {
		g := guests[s.MAC]
		w.Stations = append(w.Stations, wire.WifiStation{MAC: s.MAC, Authorized: s.Authorized, WPA3: s.SAE, SignalDBm: s.SignalDBm, RxKbps: s.RxKbps, TxKbps: s.TxKbps,
			RxBytes: s.RxBytes, TxBytes: s.TxBytes, IdleMS: s.Idle.Milliseconds(), ConnectedMS: s.Connected.Milliseconds(), IP: g.IP, Accepted: g.Accepted})
	}
	return w
}
