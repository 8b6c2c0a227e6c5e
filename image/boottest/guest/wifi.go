package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"edgekit.internal/image/boottest"
)

const (
	stationArg    = "station" // this program's argument in the phone's network namespace
	stationJoined = "joined"  // what it says when it is in
	stationSocket = "/tmp/station.sock"
)

// phone is a process with a radio of its own, in a network namespace of its own: it reaches the kit by Wi-Fi or not at all.
type phone struct {
	mu   sync.Mutex
	told io.Writer // takes one boottest.Join; nil before there is a radio, and after that
	says *bufio.Scanner
}

// wifi makes two radios: the kit finds one as it finds any, and the phone has the other.
func (p *phone) wifi(ctx context.Context) error {
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
	text, err := os.ReadFile("/sys/class/net/wlan1/phy80211/index")
	if err != nil {
		return err
	}
	radio, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return err
	}
	c := exec.CommandContext(ctx, "/proc/self/exe", stationArg)
	c.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	c.Stderr = os.Stdout
	says, err := c.StdoutPipe()
	if err != nil {
		return err
	}
	told, err := c.StdinPipe()
	if err != nil {
		return err
	}
	if err := c.Start(); err != nil {
		return err
	}
	if err := moveRadio(radio, c.Process.Pid); err != nil {
		return fmt.Errorf("give the phone its radio: %w", err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.told, p.says = told, bufio.NewScanner(says)
	return nil
}

// ServeHTTP has the phone join the network that the request tells, and answers when it is in. From then on what connects to
// AirPort is connected to the kit's visitor page by the phone.
func (p *phone) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := p.join(http.MaxBytesReader(w, r.Body, 1<<10)); err != nil {
		http.Error(w, err.Error(), http.StatusConflict)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (p *phone) join(body io.Reader) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var j boottest.Join
	if err := json.NewDecoder(body).Decode(&j); err != nil {
		return err
	}
	if p.told == nil {
		return errors.New("the phone has no radio yet, or has joined already")
	}
	if err := json.NewEncoder(p.told).Encode(j); err != nil {
		return err
	}
	p.told = nil
	if !p.says.Scan() || p.says.Text() != stationJoined {
		return errors.New("the phone did not join the Wi-Fi")
	}
	l, err := net.Listen("tcp", fmt.Sprintf(":%d", boottest.AirPort))
	if err != nil {
		return err
	}
	go relay(l, func() (net.Conn, error) { return net.Dial("unix", stationSocket) })
	return nil
}
