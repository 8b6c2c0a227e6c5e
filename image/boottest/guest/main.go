// Guest makes the virtual devices of the instance edgekit-lab, in the machine that boots its image: a camera (vivid), a
// printer at the end of a USB cable (dummy_hcd and the printer gadget), and a phone in the kit's Wi-Fi (mac80211_hwsim,
// Debian's wpa_supplicant). The kit finds its side of each as it finds any device; a test outside reaches the far ends by TCP, see
// the ports in package boottest.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"edgekit.internal/image/boottest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGTERM)
	defer stop()
	if len(os.Args) > 1 && os.Args[1] == stationArg {
		if err := station(ctx); err != nil {
			fmt.Fprintln(os.Stderr, "guest: station:", err)
			os.Exit(1)
		}
		return
	}
	s, p := &states{is: map[string]string{}}, &phone{}
	for name, up := range map[string]func(context.Context) error{"camera": camera, "printer": printer, "wifi": p.wifi} {
		s.set(name, "coming")
		go func() {
			if err := up(ctx); err != nil {
				s.set(name, err.Error())
				fmt.Fprintf(os.Stderr, "guest: %s: %v\n", name, err)
				return
			}
			s.set(name, boottest.LabReady)
		}()
	}
	doors := http.NewServeMux()
	doors.Handle("GET /", s)
	doors.Handle("POST /join", p)
	server := &http.Server{Addr: fmt.Sprintf(":%d", boottest.LabPort), Handler: doors, ReadHeaderTimeout: 10 * time.Second}
	if err := server.ListenAndServe(); err != nil {
		fmt.Fprintln(os.Stderr, "guest:", err)
		os.Exit(1)
	}
}

// states says how far each device is, as JSON.
type states struct {
	sync.Mutex
	is map[string]string
}

func (s *states) set(name, state string) {
	s.Lock()
	defer s.Unlock()
	s.is[name] = state
}

func (s *states) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	s.Lock()
	defer s.Unlock()
	json.NewEncoder(w).Encode(s.is) // who asked has gone, if it fails
}

// until waits until ok, for at most a minute: the processor is emulated.
func until(ctx context.Context, what string, ok func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s did not come", what)
		case <-tick.C:
		}
	}
	return nil
}
