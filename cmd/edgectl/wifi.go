package main

import (
	"cmp"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"edgekit.internal/cmd/internal/wire"
)

type (
	wifiVerb struct {
		List    phonesVerb  `cmd:"" default:"1" help:"The kit's own network and who is on, and the venue's, if it is in that."`
		Kick    kickVerb    `cmd:"" help:"Send a phone away; it may come back."`
		Block   blockVerb   `cmd:"" help:"Send a phone away, and let it in no more until the kit is switched off."`
		Unblock unblockVerb `cmd:"" help:"Let a phone in again that was blocked."`
	}
	phonesVerb struct{}
	phone      struct {
		MAC string `arg:"" help:"The phone's address, as the list has it."`
	}
	kickVerb    struct{ phone }
	blockVerb   struct{ phone }
	unblockVerb struct{ phone }
)

func (v kickVerb) Run(k *kit, p *printer) error    { return v.do(k, p, "kick", "sent away") }
func (v blockVerb) Run(k *kit, p *printer) error   { return v.do(k, p, "block", "kept out") }
func (v unblockVerb) Run(k *kit, p *printer) error { return v.do(k, p, "unblock", "let in again") }

func (v phone) do(k *kit, p *printer, verb, done string) error {
	if err := k.do("POST", "/wifi/stations/"+url.PathEscape(v.MAC)+"/"+verb, ulid.Make().String(), nil, patience, func(io.Reader) error { return nil }); err != nil {
		return err
	}
	return p.table(map[string]string{"mac": v.MAC, "is": done}, nil, [][]string{{v.MAC, done}})
}

func (phonesVerb) Run(k *kit, p *printer) error {
	var w wire.Wifi
	if err := k.ask("GET", "/wifi/status", nil, &w); err != nil {
		return err
	}
	rows := [][]string{{"network", w.SSID + " " + w.Device.State + "  " + w.Device.Reason}}
	if w.Radio != "" {
		rows = append(rows, []string{"radio", fmt.Sprintf("%s, %s, country %s", w.Radio, w.Security, w.Country)},
			[]string{"channel", fmt.Sprintf("%d (%d MHz). %s", w.Channel, w.MHz, w.Why)},
			[]string{"phones", fmt.Sprintf("%d of %d: %s", len(w.Stations), w.Most, w.MostWhy)})
	}
	if w.Wrong.Phones > 0 {
		rows = append(rows, []string{"wrong password", fmt.Sprintf("%d phones, the last one %s ago", w.Wrong.Phones, seconds(w.Wrong.AgoMS))})
	}
	if by := w.Portal.InternetVia; by != "" {
		is := map[string]string{"yes": "by " + by, "no": "the kit sees none by " + by + ", though it is allowed: look at the router there; phones stay and sell without it"}[w.Portal.Internet]
		rows = append(rows, []string{"visitors' internet", cmp.Or(is, "by "+by+", not known yet")})
	}
	if v := w.Venue; v != nil {
		rows = append(rows, []string{"venue", strings.TrimSpace(v.SSID + " " + v.Device.State + "  " + v.Device.Reason)})
		switch {
		case v.Address != "" && v.Radio == "":
			rows = append(rows, []string{"joined", fmt.Sprintf("by cable, %s, address %s", v.Device.Name, v.Address)})
		case v.Address != "":
			rows = append(rows, []string{"joined", fmt.Sprintf("%s, %s, %d MHz, %d dBm, address %s", v.Radio, v.Security, v.MHz, v.SignalDBm, v.Address)},
				[]string{"internet", cmp.Or(v.Internet, "not known")})
		}
		if v.Name != "" {
			rows = append(rows, []string{"found as", v.Name})
		}
	}
	for _, s := range w.Stations {
		rows = append(rows, []string{s.MAC, fmt.Sprintf("%d dBm, %s Mbit/s, %d kB to it and %d kB from it, idle %s, on for %s", s.SignalDBm, megabits(s.TxKbps), s.TxBytes>>10, s.RxBytes>>10,
			seconds(s.IdleMS), seconds(s.ConnectedMS))})
	}
	for _, mac := range w.Blocked {
		rows = append(rows, []string{mac, "kept out"})
	}
	return p.table(w, nil, rows)
}

func seconds(ms int64) string {
	return (time.Duration(ms) * time.Millisecond).Round(time.Second).String()
}

func megabits(kbps int) string { return strconv.FormatFloat(float64(kbps)/1000, 'f', 1, 64) }
