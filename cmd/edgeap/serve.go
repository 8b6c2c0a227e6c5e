package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"edgekit.internal/cmd/internal/wire"
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
	Kick(ctx context.Context, mac string) error
	Block(ctx context.Context, mac string) error
	Unblock(ctx context.Context, mac string) error
}

// handler routes what wire.WifiSocket describes.
func handler(ap radio, mode func() string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /status", func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Content-Type", "application/json")
		json.NewEncoder(rw).Encode(status(r.Context(), ap, mode()))
	})
	for verb, do := range map[string]func(context.Context, string) error{"kick": ap.Kick, "block": ap.Block, "unblock": ap.Unblock} {
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

func refuse(rw http.ResponseWriter, code int, reason, detail string) {
	rw.Header().Set("Content-Type", "application/problem+json")
	rw.WriteHeader(code)
	json.NewEncoder(rw).Encode(wire.Problem{Type: "about:blank", Title: http.StatusText(code), Status: code, Reason: reason, Detail: detail})
}

func status(ctx context.Context, ap radio, mode string) wire.Wifi {
	s := ap.State()
	w := wire.Wifi{Mode: mode, Device: wire.Device{Device: s.Device, Name: s.Name, State: string(s.Status.State), Reason: s.Reason}, Retry: s.Retry,
		Radio: s.Radio, SSID: s.SSID, Security: string(s.Security), Channel: s.Channel, MHz: s.MHz, Country: s.Country,
		Most: s.Capacity.Stations, MostWhy: s.Capacity.Source, PID: s.PID, Starts: s.Starts, Adopted: s.Adopted, Stations: []wire.WifiStation{}, Blocked: []string{}}
	if s.Address.IsValid() {
		w.Address = s.Address.String()
	}
	if blocked, err := ap.Blocked(); err == nil && len(blocked) > 0 { // what cannot be read is told to who blocks another
		w.Blocked = blocked
	}
	list, err := ap.Stations(ctx)
	if err != nil {
		return w // it is down, or goes down just now: then nobody is on
	}
	for _, s := range list {
		w.Stations = append(w.Stations, wire.WifiStation{MAC: s.MAC, Authorized: s.Authorized, WPA3: s.SAE, SignalDBm: s.SignalDBm, RxKbps: s.RxKbps, TxKbps: s.TxKbps,
			RxBytes: s.RxBytes, TxBytes: s.TxBytes, IdleMS: s.Idle.Milliseconds(), ConnectedMS: s.Connected.Milliseconds()})
	}
	return w
}
