package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"

	"edgekit.internal/image/boottest"
)

// The kit's side of the air, and the phone's.
const (
	apAddress      = "10.55.0.1"
	stationAddress = "10.55.0.2"
	stationArg     = "station" // this program's argument in the phone's network namespace
	stationJoined  = "joined"  // what it says when it is in
	stationSocket  = "/tmp/station.sock"
)

// hostapdConf is a WPA2 and WPA3 access point. The phone asks for WPA3.
const hostapdConf = `interface=wlan0
ssid=lab
hw_mode=g
channel=6
wpa=2
wpa_key_mgmt=WPA-PSK SAE
rsn_pairwise=CCMP
wpa_passphrase=correct horse
ieee80211w=1
sae_require_mfp=1
`

// wifi makes an access point on one radio, and a phone with another, in a network namespace of its own: it reaches the
// kit by Wi-Fi or not at all. What connects to AirPort is connected to the kit's visitor page by the phone.
func wifi(ctx context.Context) error {
	// mac80211 asks for its ciphers by name when a key is set: the kit's loader must be there by then.
	if err := until(ctx, "the kit's module loader", func() bool {
		text, err := os.ReadFile("/proc/sys/kernel/modprobe")
		return err == nil && strings.HasPrefix(string(text), "/user/")
	}); err != nil {
		return err
	}
	if err := insert("mac80211_hwsim", "radios=2"); err != nil {
		return err
	}
	if err := until(ctx, "wlan1", func() bool { _, err := net.InterfaceByName("wlan1"); return err == nil }); err != nil {
		return err
	}
	if err := os.WriteFile("/tmp/hostapd.conf", []byte(hostapdConf), 0o600); err != nil {
		return err
	}
	ap := exec.CommandContext(ctx, "/usr/sbin/hostapd", "/tmp/hostapd.conf")
	ap.Stdout, ap.Stderr = os.Stdout, os.Stdout
	if err := ap.Start(); err != nil {
		return err
	}
	if err := until(ctx, "the access point", func() bool { return running("wlan0") }); err != nil {
		return err
	}
	if err := address("wlan0", apAddress); err != nil {
		return err
	}
	text, err := os.ReadFile("/sys/class/net/wlan1/phy80211/index")
	if err != nil {
		return err
	}
	radio, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return err
	}
	phone := exec.CommandContext(ctx, "/proc/self/exe", stationArg)
	phone.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	phone.Stderr = os.Stdout
	says, err := phone.StdoutPipe()
	if err != nil {
		return err
	}
	if err := phone.Start(); err != nil {
		return err
	}
	if err := moveRadio(radio, phone.Process.Pid); err != nil {
		return fmt.Errorf("give the phone its radio: %w", err)
	}
	for line := bufio.NewScanner(says); ; {
		if !line.Scan() {
			return errors.New("the phone did not join the Wi-Fi")
		}
		if line.Text() == stationJoined {
			break
		}
	}
	l, err := net.Listen("tcp", fmt.Sprintf(":%d", boottest.AirPort))
	if err != nil {
		return err
	}
	go relay(l, func() (net.Conn, error) { return net.Dial("unix", stationSocket) })
	return nil
}
