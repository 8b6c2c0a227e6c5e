package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4/nclient4"
	"golang.org/x/sys/unix"

	"edgekit.internal/image/boottest"
)

// stationConf asks for WPA3: first the network's name, in hexadecimal, then its password. It looks on three channels only: on all
// of them an emulated machine takes minutes.
const stationConf = `network={
ssid=%x
scan_freq=2412 2437 2462
key_mgmt=SAE
sae_password=%q
ieee80211w=2
}
`

// station is the phone: it runs in a network namespace that has nothing but wlan1, joins the network that it reads of, and
// connects who comes to its socket with the kit's visitor page.
func station(ctx context.Context) error {
	var j boottest.Join
	if err := json.NewDecoder(os.Stdin).Decode(&j); err != nil {
		return err
	}
	if err := until(ctx, "wlan1", func() bool { _, err := net.InterfaceByName("wlan1"); return err == nil }); err != nil {
		return err
	}
	if err := os.WriteFile("/tmp/station.conf", fmt.Appendf(nil, stationConf, j.SSID, j.Password), 0o600); err != nil {
		return err
	}
	c := exec.CommandContext(ctx, "/usr/sbin/wpa_supplicant", "-i", "wlan1", "-c", "/tmp/station.conf")
	c.Stdout, c.Stderr = os.Stderr, os.Stderr
	if err := c.Start(); err != nil {
		return err
	}
	if err := until(ctx, "the kit's Wi-Fi", func() bool { return running("wlan1") }); err != nil {
		return err
	}
	kit, err := lease(ctx)
	if err != nil {
		return err
	}
	if err := os.Remove(stationSocket); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	l, err := net.Listen("unix", stationSocket)
	if err != nil {
		return err
	}
	fmt.Println(stationJoined)
	go relay(l, func() (net.Conn, error) { return net.Dial("tcp", kit) })
	<-ctx.Done()
	return nil
}

// lease takes an address from the network and is where the kit's visitor page is by it: at the router.
func lease(ctx context.Context) (kit string, err error) {
	c, err := nclient4.New("wlan1", nclient4.WithTimeout(5*time.Second), nclient4.WithRetry(12))
	if err != nil {
		return "", err
	}
	defer c.Close()
	l, err := c.Request(ctx)
	if err != nil {
		return "", fmt.Errorf("an address: %w", err)
	}
	if len(l.ACK.Router()) == 0 {
		return "", errors.New("an address: it came without a router")
	}
	return net.JoinHostPort(l.ACK.Router()[0].String(), "80"), address("wlan1", l.ACK.YourIPAddr.String())
}

// running tells whether an interface can carry packets: with wpa_supplicant, that it has joined.
func running(name string) bool {
	i, err := net.InterfaceByName(name)
	return err == nil && i.Flags&net.FlagRunning != 0
}

// address gives an interface an address, in a network of 256 (netdevice(7)).
func address(name, ip string) error {
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(s)
	for _, set := range []struct {
		request uint
		value   net.IP
	}{{unix.SIOCSIFADDR, net.ParseIP(ip).To4()}, {unix.SIOCSIFNETMASK, net.IP{255, 255, 255, 0}}} {
		r, err := unix.NewIfreq(name)
		if err != nil {
			return err
		}
		if err := r.SetInet4Addr(set.value); err != nil {
			return err
		}
		if err := unix.IoctlIfreq(s, set.request, r); err != nil {
			return fmt.Errorf("address of %s: %w", name, err)
		}
	}
	return nil
}
