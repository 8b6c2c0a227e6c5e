package thermal

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"edgekit.internal/drivers/mdns"
	"edgekit.internal/drivers/thermal/internal/cable"
	"edgekit.internal/drivers/thermal/internal/reply"
)

// usbPrinters is where usblp's printers are, by the number that each gets when it is plugged in.
const usbPrinters = "/dev/usb/lp*"

// parse finds out where the printer is to be looked for.
func (p *Printer) parse(spec string) (place, error) {
	kind, at, _ := strings.Cut(spec, ":")
	switch {
	case spec == "auto":
		return p.usb(spec, func() (string, error) { return p.plugged(usbPrinters) }), nil
	case spec == "virtual":
		return place{name: "virtual", find: nowhere, open: func(context.Context, string) (port, error) { return openFolder(p.config.Dir, p.config.Profile) }}, nil
	case spec == "none":
		return place{name: "none", find: func(context.Context) (string, error) {
			return "", absentError("Printing is switched off. Slips wait, and are printed when it is on.")
		}}, nil
	case kind == "usb" && at != "":
		return p.usb(spec, func() (string, error) { return existing(at) }), nil
	case kind == "serial" && at != "":
		if path, baud, ok := serial(at); ok {
			return p.serial(spec, path, baud), nil
		}
	case spec == "tcp:auto":
		return p.network(spec, mdns.Group), nil
	case kind == "tcp":
		if host, number, err := net.SplitHostPort(at); err == nil && host != "" && isPort(number) {
			return p.tcp(spec, at), nil
		}
	}
	return place{}, fmt.Errorf("thermal: printer %q: expected auto, virtual, none, usb:PATH, serial:PATH, tcp:auto or tcp:HOST:PORT", spec)
}

func (p *Printer) usb(name string, find func() (string, error)) place {
	return place{name: name, find: func(context.Context) (string, error) { return find() }, open: func(_ context.Context, path string) (port, error) {
		c, err := cable.USB(path)
		return p.wired(c, err, new(knows), "")
	}}
}

func (p *Printer) serial(name, path string, baud int) place {
	return place{name: name, find: func(context.Context) (string, error) { return existing(path) }, open: func(context.Context, string) (port, error) {
		if cable.Deaf(path) {
			c, err := cable.PatientSerial(path, baud)
			return p.wired(c, err, new(knows), "")
		}
		c, err := cable.Serial(path, baud)
		return p.wired(c, err, new(knows), "")
	}}
}

func (p *Printer) tcp(name, address string) place {
	told := new(knows) // it is asked anew after a failure only: each job has its own connection
	return place{name: name, shared: true, find: nowhere, open: func(ctx context.Context, _ string) (port, error) {
		c, err := cable.TCP(ctx, address)
		if err != nil {
			*told = knows{}
		}
		return p.wired(c, err, told, "")
	}}
}

// network looks for a receipt printer that nobody else has, and keeps to it until it cannot be reached.
func (p *Printer) network(name string, group netip.AddrPort) place {
	told := new(knows)
	at, id := "", ""
	return place{name: name, shared: true, scan: again, find: func(ctx context.Context) (string, error) {
		if at != "" {
			return at, nil
		}
		found, err := mdns.Browse(ctx, group, pageStream, listening)
		if err != nil {
			return "", err
		}
		ids := map[string]string{}
		var addresses []string
		for _, s := range found {
			if who := networkID(s.Text); prints(who) {
				ids[s.Address] = who
				addresses = append(addresses, s.Address)
			}
		}
		if at = p.claims.first(addresses, p); at == "" {
			return "", absentError("No receipt printer was found in the network. Slips wait: switch one on in the same network, or name it in the settings (tcp:HOST:9100).")
		}
		id, p.name = ids[at], "tcp:"+at
		return at, nil
	}, open: func(ctx context.Context, path string) (port, error) {
		c, err := cable.TCP(ctx, path)
		if err != nil {
			at, *told = "", knows{}
		}
		return p.wired(c, err, told, id)
	}}
}

// pageStream is what printers call their port 9100 (RFC 6763; Apple, "Bonjour Printing Specification" 1.2.1, section 3), listening how
// long answers are waited for, twice, and again after how long one that found nothing asks again.
const (
	pageStream = "_pdl-datastream._tcp"
	listening  = time.Second
	again      = 10 * time.Second
)

// networkID writes what a printer in the network tells of itself as a device ID ("Bonjour Printing Specification", section 9.2).
func networkID(text map[string]string) string {
	plain := strings.NewReplacer(";", " ", "\n", " ")
	if text["usb_mfg"] == "" && text["usb_mdl"] == "" {
		return "MDL:" + plain.Replace(text["ty"]) + ";CMD:" + plain.Replace(text["usb_cmd"])
	}
	return "MFG:" + plain.Replace(text["usb_mfg"]) + ";MDL:" + plain.Replace(text["usb_mdl"]) + ";CMD:" + plain.Replace(text["usb_cmd"])
}

// wired is a port over a cable, if it could be opened. id is who the printer says it is, where its cable does not tell.
func (p *Printer) wired(c link, err error, told *knows, id string) (port, error) {
	if err != nil {
		return nil, err
	}
	id = cmp.Or(id, c.ID())
	return &wire{link: c, timing: p.timing, knows: told, profile: p.config.Profile.of(p.config.Model, id), next: func() reply.ID { return reply.NewID(uint16(p.count.Add(1))) }}, nil
}

func nowhere(context.Context) (string, error) { return "", nil }

// existing is the path of a device that is there.
func existing(path string) (string, error) {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return "", absentError(fmt.Sprintf("There is no printer at %s. Slips wait: plug it in and switch it on.", path))
	}
	return path, nil // what else is wrong, opening will say
}

// plugged is the first of the devices that match and no other printer has, and gives the printer its name.
func (p *Printer) plugged(pattern string) (string, error) {
	found, err := filepath.Glob(pattern)
	if err != nil {
		return "", err
	}
	path := p.claims.first(found, p)
	if path == "" {
		p.name = "auto"
		return "", absentError("There is no USB printer. Slips wait: plug one in and switch it on; it is found by itself.")
	}
	p.name = "usb:" + path
	return path, nil
}

// serial parts PATH@BAUD; 115,200 baud unless given.
func serial(at string) (path string, baud int, ok bool) {
	path, rate, given := strings.Cut(at, "@")
	if !given {
		return path, 115_200, true
	}
	baud, err := strconv.Atoi(rate)
	return path, baud, err == nil && path != "" && baud >= 1200 && baud <= 4_000_000
}

func isPort(s string) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && n > 0
}
